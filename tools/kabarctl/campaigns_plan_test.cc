#include "tools/kabarctl/campaigns_plan.h"

#include <catch2/catch.hpp>
#include <string>

#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using Catch::Contains;
using testing::Services;

campaigns::v1::PlanCampaignResponse BigPlan() {
  campaigns::v1::PlanCampaignResponse plan;
  plan.set_messages(600);
  plan.set_messaging_limit(250);
  plan.set_trigger_reserve(25);
  plan.set_used(100);
  plan.set_others(40);
  plan.set_fits_now(125);
  for (const int messages : {225, 225, 150}) plan.add_days()->set_messages(messages);
  plan.mutable_start_time()->set_seconds(1800000000);
  plan.mutable_end_time()->set_seconds(1800086400);
  plan.mutable_next_place_time()->set_seconds(1800003600);
  plan.mutable_finish_time()->set_seconds(1800200000);
  plan.set_left_over(375);
  plan.add_other_numbers()->set_sender_id("snd_2");
  plan.mutable_other_numbers(0)->set_display_phone("+62811");
  plan.mutable_other_numbers(0)->set_free(200);
  return plan;
}

TEST_CASE("campaigns plan: what fits now, when the rest goes, what never will", "[kabarctl]") {
  Services services;
  services.world.plan = BigPlan();
  const auto told = services.Run({"campaigns", "plan", "cmp_1"});
  REQUIRE(told.code == 0);
  CHECK_THAT(told.out, Contains("250 recipients in 24 h, 25 of them kept for triggers; 100 are"));
  CHECK_THAT(told.out, Contains("Other campaigns still want 40 of it."));
  CHECK_THAT(told.out, Contains("600 messages to be sent from 2027-01-15"));
  CHECK_THAT(told.out, Contains("; 125 fit now."));
  CHECK_THAT(told.out, Contains("The next places come free at 2027-01-15"));
  CHECK_THAT(told.out, Contains(": 150 messages\n"));
  CHECK_THAT(told.out, Contains("375 messages will NOT be sent: the campaign ends before, at"));
  CHECK_THAT(told.out, Contains("Other numbers with free places now: snd_2 (+62811): 200."));
}

TEST_CASE("campaigns plan: all fits", "[kabarctl]") {
  Services services;
  services.world.plan.set_messages(1);
  services.world.plan.mutable_finish_time()->set_seconds(1800000000);
  const auto told = services.Run({"campaigns", "plan", "cmp_1"});
  CHECK_THAT(told.out, Contains("has no messaging limit"));
  CHECK_THAT(told.out, Contains("1 message to be sent from ; all fit now."));
  CHECK_THAT(told.out, Contains("All are sent about 2027-01-15"));
  CHECK_THAT(told.out, !Contains("NOT"));
}

TEST_CASE("campaigns start: warns before it of what will not go", "[kabarctl]") {
  Services services;
  services.world.plan = BigPlan();
  auto started = services.Run({"campaigns", "start", "cmp_1"});
  CHECK(started.code == 0);
  CHECK_THAT(started.error, Contains("375 messages will NOT be sent"));
  CHECK_THAT(started.out, Contains("RUNNING"));
  services.world.plan.Clear();
  started = services.Run({"campaigns", "start", "cmp_1"});
  CHECK(started.error.empty());
}

}  // namespace
}  // namespace kabar::kabarctl
