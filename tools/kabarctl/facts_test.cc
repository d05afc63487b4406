#include <catch2/catch.hpp>
#include <string>

#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using testing::Outcome;
using testing::Services;

TEST_CASE("facts record: tells it and says how it stands then", "[kabarctl]") {
  Services services;
  const Outcome told =
      services.Run({"facts", "record", "con_1", "overdue_cod", "R-17", "--amount", "150000",
                    "--source", "sales", "--time", "2026-11-22T08:00:00+07:00"});
  CHECK(told.code == 0);
  const auto& fact = services.world.fact.fact();
  CHECK(fact.contact_id() == "con_1");
  CHECK(fact.kind() == contacts::v1::OVERDUE_COD);
  CHECK(fact.reference() == "R-17");
  CHECK(fact.source() == "sales");
  CHECK(fact.amount() == 150000);
  CHECK(fact.state() == contacts::v1::Fact::OPEN);
  CHECK(fact.time().seconds() == 1795309200);
  CHECK_FALSE(services.world.fact.request_id().empty());
  CHECK_THAT(told.out, Catch::StartsWith("con_1: OVERDUE_COD R-17 OPEN since "));
  CHECK_THAT(told.out, !Catch::Contains("later"));

  // A later word than this one stays, which must not look as if it were done.
  auto* newer = services.world.facts.add_facts();
  *newer = fact;
  newer->mutable_time()->set_seconds(1795309300);
  const Outcome late = services.Run({"facts", "record", "con_1", "OVERDUE_COD", "R-17", "--closed",
                                     "--time", "2026-11-22T08:00:00+07:00"});
  CHECK(services.world.fact.fact().state() == contacts::v1::Fact::CLOSED);
  CHECK(services.world.fact.fact().source() == "operator");
  CHECK(late.code == 0);
  CHECK_THAT(late.out, Catch::Contains("OPEN"));
  CHECK_THAT(late.out, Catch::Contains("later"));

  CHECK(services.Run({"facts", "record", "con_1", "DEBT", "R-17"}).code == 2);
  CHECK(services.Run({"facts", "record", "con_1", "ORDER", "R-17", "--amount", "5k"}).code == 2);
  CHECK(services.Run({"facts", "record", "con_1", "ORDER", "R-17", "--time", "kemarin"}).code == 2);
}

TEST_CASE("facts list, suppressions: what is known, and what it keeps away", "[kabarctl]") {
  Services services;
  auto* fact = services.world.facts.add_facts();
  fact->set_kind(contacts::v1::COMPLAINT);
  fact->set_reference("T-1");
  fact->set_state(contacts::v1::Fact::OPEN);
  fact->set_source("sales");
  const Outcome list = services.Run({"facts", "list", "con_1"});
  CHECK(list.code == 0);
  CHECK_THAT(list.out, Catch::Contains("COMPLAINT  T-1        OPEN"));
  services.world.suppressions.add_on(contacts::v1::COMPLAINT);
  services.world.suppressions.add_switched_off(contacts::v1::OVERDUE_COD);
  const Outcome shown = services.Run({"suppressions", "show"});
  CHECK(shown.code == 0);
  CHECK_THAT(shown.out, Catch::Contains("COMPLAINT"));
  CHECK_THAT(shown.out, Catch::Contains("OVERDUE_COD"));
  // What is off stays off beside it.
  CHECK(services.Run({"suppressions", "switch-off", "overdue_invoice"}).code == 0);
  REQUIRE(services.world.switched.switched_off_size() == 2);
  CHECK(services.world.switched.switched_off(0) == contacts::v1::OVERDUE_COD);
  CHECK(services.world.switched.switched_off(1) == contacts::v1::OVERDUE_INVOICE);
  CHECK(services.Run({"suppressions", "switch-on", "COMPLAINT"}).code == 0);
  CHECK(services.world.switched.switched_off_size() == 1);
  CHECK(services.Run({"suppressions", "switch-on", "OVERDUE_COD"}).code == 0);
  CHECK(services.world.switched.switched_off_size() == 0);
  CHECK(services.Run({"suppressions", "switch-on"}).code == 0);
  CHECK(services.world.switched.switched_off_size() == 0);
  CHECK(services.Run({"suppressions", "switch-off"}).code == 2);
}

}  // namespace
}  // namespace kabar::kabarctl
