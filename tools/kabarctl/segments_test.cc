#include <catch2/catch.hpp>
#include <string>

#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using testing::Outcome;
using testing::Services;

TEST_CASE("segments explain: clause by clause, then the first of them", "[kabarctl]") {
  Services services;
  auto& found = services.world.explanation;
  found.set_everyone(1000);
  found.set_contacts(12);
  auto* first = found.add_clauses();
  first->set_text("city = \"Jakarta\"");
  first->set_alone(120);
  first->set_together(120);
  auto* second = found.add_clauses();
  second->set_text("segment(\"VIP\")");
  second->set_alone(40);
  second->set_together(12);
  auto* ani = found.add_sample();
  ani->set_name("Ani\nwati");
  ani->set_phone("+628111");
  ani->set_city("Jakarta");
  const Outcome shown =
      services.Run({"segments", "explain", "--filter", "city = Jakarta AND segment(\"VIP\")"});
  CHECK(shown.code == 0);
  CHECK(services.world.explained.filter() == "city = Jakarta AND segment(\"VIP\")");
  CHECK(shown.out ==
        "12 of 1000 contacts\n\n"
        "CLAUSE              ALONE  TOGETHER\n"
        "city = \"Jakarta\"      120       120\n"
        "AND segment(\"VIP\")     40        12\n"
        "\n"
        "NAME      PHONE    CITY\n"
        "Ani wati  +628111  Jakarta\n");
  found.set_any_of(true);
  CHECK_THAT(services.Run({"segments", "explain", "--filter", "x"}).out,
             Catch::Contains("OR segment"));
  auto& saved = services.world.segments.emplace_back();
  saved.set_id("seg_1");
  saved.set_name("VIP");
  CHECK(services.Run({"segments", "explain", "VIP"}).code == 0);
  CHECK(services.world.explained.segment_id() == "seg_1");
  CHECK(services.Run({"segments", "explain"}).code == 2);
  CHECK(services.Run({"segments", "explain", "VIP", "--filter", "x"}).code == 2);
}

TEST_CASE("segments install-library: says what was made and what stayed", "[kabarctl]") {
  Services services;
  auto* made = services.world.installation.add_installed();
  made->set_id("seg_7");
  made->set_name("Pelanggan VIP");
  services.world.installation.add_present("kota-medan");
  const Outcome done = services.Run({"segments", "install-library", "vip", "kota-medan"});
  CHECK(done.code == 0);
  CHECK(services.world.installed.codes_size() == 2);
  CHECK(done.out ==
        "segment \"Pelanggan VIP\" created: seg_7\n"
        "1 segment installed, 1 left as they are: kota-medan\n");
}

}  // namespace
}  // namespace kabar::kabarctl
