#include "services/dispatcher/quota_plan.h"

#include <catch2/catch.hpp>

#include "absl/time/clock.h"

namespace kabar::dispatcher {
namespace {

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 11, 22, 1, 0, 0), absl::UTCTimeZone());

std::vector<std::int64_t> Counts(const QuotaPlan& plan) {
  std::vector<std::int64_t> counts;
  for (const auto& day : plan.days) counts.push_back(day.recipients);
  return counts;
}

TEST_CASE("PlanQuota: without a limit the rate alone counts", "[dispatcher][quota]") {
  const auto plan =
      PlanQuota(std::nullopt, {}, {}, {.recipients = 900, .rate_per_s = 0.75}, {}, kNow);
  CHECK(Counts(plan) == std::vector<std::int64_t>{900});
  REQUIRE(plan.finish);
  CHECK(*plan.finish - kNow == absl::Minutes(20));
  CHECK(plan.left_over == 0);
  CHECK_FALSE(plan.waits_to);
}

TEST_CASE("PlanQuota: what does not fit goes on the following days, as the first leave",
          "[dispatcher][quota]") {
  const auto plan = PlanQuota(2000, {}, {}, {.recipients = 5000, .rate_per_s = 10}, {}, kNow);
  CHECK(plan.free == 2000);
  CHECK(Counts(plan) == std::vector<std::int64_t>{2000, 2000, 1000});
  REQUIRE(plan.finish);
  CHECK(*plan.finish > kNow + absl::Hours(48));
  CHECK(*plan.finish < kNow + absl::Hours(48) + absl::Minutes(15));
  REQUIRE(plan.waits_to);
  CHECK(*plan.waits_to - kNow == absl::Hours(24) + kQuotaStep);
}

TEST_CASE("PlanQuota: what is used now leaves in its time", "[dispatcher][quota]") {
  const std::vector<QuotaUse> uses = {{kNow + absl::Hours(5), 600}, {kNow + absl::Hours(2), 400}};
  const auto plan = PlanQuota(1000, uses, {}, {.recipients = 700, .rate_per_s = 100}, {}, kNow);
  CHECK(plan.used == 1000);
  CHECK(plan.free == 0);
  REQUIRE(plan.waits_to);
  CHECK(*plan.waits_to == kNow + absl::Hours(2));
  CHECK(Counts(plan) == std::vector<std::int64_t>{700});
  REQUIRE(plan.finish);
  CHECK(*plan.finish >= kNow + absl::Hours(5));
  CHECK(*plan.finish < kNow + absl::Hours(5) + absl::Minutes(6));
}

TEST_CASE("PlanQuota: campaigns that want the same places share them evenly",
          "[dispatcher][quota]") {
  const std::vector<QuotaClaim> others = {{.lane_id = "a", .recipients = 3000, .rate_per_s = 50},
                                          {.lane_id = "b", .recipients = 100, .rate_per_s = 50}};
  const auto plan = PlanQuota(1000, {}, others, {.recipients = 900, .rate_per_s = 50}, {}, kNow);
  CHECK(plan.others == 3100);
  CHECK(Counts(plan) == std::vector<std::int64_t>{450, 450});
}

TEST_CASE("PlanQuota: what does not go before the end is left over", "[dispatcher][quota]") {
  const QuotaClaim ours{.recipients = 3000,
                        .rate_per_s = 10,
                        .start = kNow + absl::Hours(1),
                        .end = kNow + absl::Hours(25)};
  const auto plan = PlanQuota(1000, {{kNow + absl::Minutes(30), 1000}}, {}, ours, {}, kNow);
  CHECK(Counts(plan) == std::vector<std::int64_t>{1000, 1000, 1000});
  CHECK(plan.days[0].start == kNow + absl::Hours(1));
  CHECK(plan.left_over == 2000);
  REQUIRE(plan.finish);
  CHECK(*plan.finish > kNow + absl::Hours(49));
}

TEST_CASE("PlanQuota: nothing is left to campaigns if triggers keep it all",
          "[dispatcher][quota]") {
  const auto plan = PlanQuota(0, {}, {}, {.recipients = 5, .rate_per_s = 1}, {}, kNow);
  CHECK(plan.left_over == 5);
  CHECK(plan.days.empty());
  CHECK_FALSE(plan.finish);
  CHECK_FALSE(plan.waits_to);
}

TEST_CASE("PlanQuota: a slow rate goes by it, whole recipients", "[dispatcher][quota]") {
  const auto plan = PlanQuota(1000, {}, {}, {.recipients = 10, .rate_per_s = 1.0 / 600}, {}, kNow);
  REQUIRE(plan.finish);
  CHECK(*plan.finish - kNow > absl::Minutes(90));
  CHECK(*plan.finish - kNow <= absl::Minutes(105));
}

TEST_CASE("PlanQuota: a start far ahead costs no more than what happens until then",
          "[dispatcher][quota]") {
  const absl::Time start = kNow + absl::Hours(24 * 365 * 2000) + absl::Minutes(2);
  const std::vector<QuotaClaim> others = {{.lane_id = "a", .recipients = 3000, .rate_per_s = 50}};
  const absl::Time began = absl::Now();
  const auto plan = PlanQuota(1000, {{kNow + absl::Hours(2), 400}}, others,
                              {.recipients = 1500, .rate_per_s = 10, .start = start}, {}, kNow);
  CHECK(absl::Now() - began < absl::Seconds(1));  // 210 million steps would take many times that
  CHECK(Counts(plan) == std::vector<std::int64_t>{1000, 500});
  CHECK(plan.days[0].start == start);
  REQUIRE(plan.waits_to);
  CHECK(*plan.waits_to > start + absl::Hours(24));
}

TEST_CASE("PlanQuota: a wait for places is one jump, also for those of others",
          "[dispatcher][quota]") {
  // Nothing leaves before hour 20; the other has its half then.
  const std::vector<QuotaClaim> others = {{.lane_id = "a", .recipients = 500, .rate_per_s = 50}};
  const QuotaClaim ours{.recipients = 500, .rate_per_s = 50, .start = kNow + absl::Hours(3)};
  const auto plan = PlanQuota(600, {{kNow + absl::Hours(20), 600}}, others, ours, {}, kNow);
  REQUIRE(plan.waits_to);
  CHECK(*plan.waits_to == kNow + absl::Hours(20));
  CHECK(Counts(plan) == std::vector<std::int64_t>{300, 200});
  CHECK(plan.days[0].start == kNow + absl::Hours(3));
}

TEST_CASE("PlanQuota: campaigns of one number share its throughput", "[dispatcher][quota]") {
  const Throughputs numbers = {{"s1", 10}, {"s2", 80}};
  const QuotaClaim ours{.recipients = 6000, .rate_per_s = 10, .sender_id = "s1"};
  const auto minutes = [&](const std::vector<QuotaClaim>& others) {
    const auto plan = PlanQuota(std::nullopt, {}, others, ours, numbers, kNow);
    REQUIRE(plan.finish);
    CHECK(Counts(plan) == std::vector<std::int64_t>{6000});
    return absl::ToDoubleMinutes(*plan.finish - kNow);
  };
  const QuotaClaim other{.lane_id = "a", .recipients = 60000, .rate_per_s = 10, .sender_id = "s1"};
  CHECK(minutes({}) == Approx(10));
  CHECK(minutes({other}) == Approx(20));
  CHECK(minutes({other, other}) == Approx(30));
  SECTION("one that is done sooner leaves it the rest") {
    QuotaClaim small = other;
    small.recipients = 1500;
    CHECK(minutes({small}) == Approx(12.5));
  }
  SECTION("a slow one takes no more than its rate") {
    QuotaClaim slow = other;
    slow.rate_per_s = 1;
    const double took = minutes({slow});
    CHECK(took > 11);
    CHECK(took < 12);
  }
  SECTION("of another number, or paused: it takes nothing") {
    QuotaClaim elsewhere = other, paused = other;
    elsewhere.sender_id = "s2";
    paused.sender_id.clear();
    CHECK(minutes({elsewhere, paused}) == Approx(10));
  }
}

TEST_CASE("PlanQuota: a number that is slower than a message in a step still sends",
          "[dispatcher][quota]") {
  const QuotaClaim ours{.recipients = 3, .rate_per_s = 1, .sender_id = "s1"};
  const auto plan = PlanQuota(std::nullopt, {}, {}, ours, {{"s1", 1.0 / 600}}, kNow);
  REQUIRE(plan.finish);
  CHECK(*plan.finish - kNow > absl::Minutes(20));
  CHECK(*plan.finish - kNow <= absl::Minutes(40));
}

}  // namespace
}  // namespace kabar::dispatcher
