#include <catch2/catch.hpp>
#include <string>

#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using testing::Outcome;
using testing::Services;

TEST_CASE("templates diff: what is no version is named as it was written", "[kabarctl]") {
  Services services;
  services.world.templates_by_code["pagi"].set_message("Halo");
  const Outcome wrong = services.Run({"templates", "diff", "pagi", "x"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.error, Catch::Contains("VERSION: \"x\" is not a whole number"));
  CHECK_THAT(wrong.error, !Catch::Contains("--VERSION"));
  const Outcome large = services.Run({"templates", "diff", "pagi", "4294967297"});
  CHECK(large.code == 2);
  CHECK_THAT(large.error, Catch::Contains("4294967297 is no version"));
  CHECK(services.Run({"templates", "preview", "pagi", "--version", "4294967297"}).code == 2);
  using Line = templates::v1::DiffTemplateVersionsResponse::Line;
  const auto add = [&](Line::Change change, const std::string& text) {
    auto* line = services.world.diff.add_lines();
    line->set_change(change);
    line->set_text(text);
  };
  add(Line::SAME, "Halo");
  add(Line::REMOVED, "lama");
  add(Line::ADDED, "baru");
  services.world.diff.add_others("footer: nothing -> Toko");
  const Outcome shown = services.Run({"templates", "diff", "pagi", "2", "3"});
  CHECK(shown.code == 0);
  CHECK(shown.out ==
        "- version 2\n+ version 3\nfooter: nothing -> Toko\n\n  Halo\n- lama\n+ baru\n");
}

TEST_CASE("templates library: one is shown whole", "[kabarctl]") {
  Services services;
  for (const std::string code : {"satu", "dua"}) {
    auto* one = services.world.library.add_templates();
    one->set_code(code);
    one->set_title("Judul " + code);
    one->set_message("Halo {nama},\npaket " + code);
    (*one->mutable_sample())["nama"] = "Budi";
    (*one->add_sample_parcels()->mutable_variables())["no_resi"] = "JKT1";
    one->set_sample_text("Halo Budi,\npaket " + code);
  }
  CHECK_THAT(services.Run({"templates", "library"}).out,
             Catch::Contains("satu") && Catch::Contains("dua"));
  const Outcome one = services.Run({"templates", "library", "dua"});
  CHECK(one.code == 0);
  CHECK(one.out ==
        "Judul dua\n\nHalo {nama},\npaket dua\n\nwith\n  nama = Budi\n  a parcel\n"
        "    no_resi = JKT1\nthe customer reads\n\nHalo Budi,\npaket dua\n");
  CHECK_THAT(services.Run({"templates", "library", "dua", "--json"}).out,
             Catch::Contains("Judul dua") && !Catch::Contains("Judul satu"));
  const Outcome none = services.Run({"templates", "library", "tiga"});
  CHECK(none.code == 2);
  CHECK_THAT(none.error, Catch::Contains("no template \"tiga\""));
  CHECK_THAT(services.Run({"templates", "install-library"}).out,
             Catch::Contains("none names a provider template yet"));
}

}  // namespace
}  // namespace kabar::kabarctl
