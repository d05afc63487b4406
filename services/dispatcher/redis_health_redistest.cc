// How a number fares, on a real Redis: speed after refusals, circuit, refused pairs, early starts.
#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/redis/connection.h"
#include "libs/redis/server.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;
using Probe = SenderNews::Probe;

constexpr absl::Duration kStep = absl::Milliseconds(60);
constexpr absl::Duration kCoolDown = absl::Milliseconds(150);

// Twenty times as fast as in life.
RedisQueueOptions Quick(absl::Duration step = kStep) {
  RedisQueueOptions options = House::Options();
  options.sender = {.step = step,
                    .failures = 4,
                    .cool_down = kCoolDown,
                    .longest_cool_down = absl::Milliseconds(500),
                    .probe_for = absl::Milliseconds(300)};
  return options;
}

// A portfolio's number with one lane, and a second process that works for it.
struct Number : House {
  explicit Number(base::Rate throughput = Per(1000, absl::Seconds(1)), absl::Duration step = kStep)
      : House(throughput, Per(1, absl::Milliseconds(1)), Quick(step)),
        other(Quick(step), base::SystemClock()) {
    Build({lane});
    Settle();
  }
  SenderHealth Health(const std::string& id = "s1") {
    auto health = other.GetHealth("p1", {id}, In(absl::Seconds(5)));
    REQUIRE(health.ok());
    return health->at(0);
  }
  bool Refused(std::int64_t slot) {
    auto lowered = queue.SlowSender("p1", "s1", slot, In(absl::Seconds(5)));
    REQUIRE(lowered.ok());
    return *lowered;
  }
  SenderHealth Tell(RedisQueue& by, const SenderNews& news) {
    auto health = by.TellSender("p1", "s1", news, In(absl::Seconds(5)));
    REQUIRE(health.ok());
    return *health;
  }
  SenderHealth Fail(RedisQueue& by, int times) { return Tell(by, {.failures = times}); }
  Claim ClaimBy(RedisQueue& by) {
    auto claim = by.ClaimNext("p1", 100, absl::Milliseconds(50), absl::Milliseconds(1),
                              In(absl::Seconds(5)));
    REQUIRE(claim.ok());
    return *claim;
  }
  void Await(absl::Duration d) { base::SystemClock().SleepFor(d, {}); }
  std::int64_t ServerNow() {
    redis::Connection redis({.url = testing::TestRedis().url()});
    return absl::ToUnixMicros(*redis::ServerTime(redis, In(absl::Seconds(5))));
  }

  Lane lane = MakeLane("l1");
  RedisQueue other;
};

TEST_CASE("SlowSender: all refusals of what was on its way count as one", "[dispatcher]") {
  // However slow the machine, all of this happens within a step.
  Number n(Per(1000, absl::Seconds(1)), absl::Minutes(1));
  n.Fill(n.lane, 0, 200);
  const auto first = n.ClaimUntil(100, absl::Seconds(5));
  REQUIRE(first.size() >= 100);
  CHECK(n.Health().fraction == 1);
  int lowered = 0;
  for (const auto& [lane, e] : first) lowered += n.Refused(e.server_slot_us);
  CHECK(lowered == 1);
  CHECK(n.Health().fraction == Approx(0.5));
  // Within a step after it the provider still counts what came before.
  CHECK_FALSE(n.Refused(n.ServerNow() + 1000));
  CHECK(n.Health().fraction == Approx(0.5));
}

TEST_CASE("SlowSender: refusals of later steps lower it on, down to the floor", "[dispatcher]") {
  Number n;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  double lowest = 1;
  while (lowest > 0.021 && absl::Now() < deadline) {
    n.Refused(n.ServerNow());
    lowest = std::min(lowest, n.Health().fraction);
    n.Await(kStep + absl::Milliseconds(5));
  }
  CHECK(lowest == Approx(0.02));
  n.Refused(n.ServerNow());
  CHECK(n.Health().fraction > 0.0199);
}

TEST_CASE("SlowSender: a quarter faster each step without a refusal, up to the full rate",
          "[dispatcher]") {
  Number n;
  REQUIRE(n.Refused(n.ServerNow()));
  const absl::Time cut = absl::Now();
  double last = n.Health().fraction;
  CHECK(last == Approx(0.5));
  std::set<int> seen;
  while (last < 1 && absl::Now() < cut + absl::Seconds(5)) {
    const double now = n.Health().fraction;
    CHECK(now >= last);
    last = now;
    seen.insert(static_cast<int>(1000 * now));
  }
  CHECK(last == 1);
  CHECK(absl::Now() - cut >= 3.9 * kStep);  // 0.5 * 1.25^4 > 1
  for (const int thousandths : seen) {
    CHECK(std::set<int>{500, 625, 781, 976, 977, 1000}.contains(thousandths));
  }
}

// The provider allows less than is set: it refuses what a sliding window of its own does not hold.
TEST_CASE(
    "SlowSender: two workers find a hidden limit, stay under it, and recover when it is lifted",
    "[dispatcher]") {
  Number n(Per(1000, absl::Seconds(1)));
  n.Fill(n.lane, 0, 6000);
  const std::int64_t window = absl::ToInt64Microseconds(kStep);
  std::size_t hidden = 12;  // per window: 200/s of 1,000/s
  std::deque<std::int64_t> accepted;
  std::vector<std::int64_t> slots, taken;
  std::set<std::string> ids;
  int claims = 0, refused = 0;
  const auto run = [&](absl::Duration how_long) {
    slots.clear();
    taken.clear();
    refused = 0;
    const absl::Time end = In(how_long);
    while (absl::Now() < end) {
      RedisQueue& by = ++claims % 2 == 0 ? n.queue : n.other;
      const Claim claim = n.ClaimBy(by);
      for (const ClaimedEntry& e : claim.entries) {
        CHECK(ids.insert(e.entry.message_id).second);
        slots.push_back(e.server_slot_us);
        while (!accepted.empty() && accepted.front() <= e.server_slot_us - window) {
          accepted.pop_front();
        }
        if (accepted.size() < hidden) {
          accepted.push_back(e.server_slot_us);
          taken.push_back(e.server_slot_us);
        } else {
          ++refused;
          REQUIRE(by.SlowSender("p1", "s1", e.server_slot_us, In(absl::Seconds(5))).ok());
        }
      }
      const auto wait =
          absl::Microseconds(claim.next_claim_us - base::SystemClock().BoottimeMicros());
      n.Await(std::clamp(wait, absl::ZeroDuration(), absl::Milliseconds(20)));
    }
  };
  run(absl::Milliseconds(600));  // finds it
  run(absl::Milliseconds(1500));
  const double rate = static_cast<double>(taken.size()) / 1.5;
  CHECK(rate <= 200);
  CHECK(rate >= 0.5 * 200);
  CHECK(refused < 0.4 * static_cast<double>(slots.size()));
  hidden = 1000;
  run(absl::Milliseconds(1200));  // from the floor at the worst: 18 steps
  run(absl::Milliseconds(500));
  CHECK(refused == 0);
  CHECK(n.Health().fraction == 1);
  CHECK(static_cast<double>(taken.size()) / 0.5 >= 0.8 * 1000);
}

TEST_CASE("Circuit: opens after failures in a row, whoever sees them, and delays no other number",
          "[dispatcher]") {
  Number n;
  Sender second = n.sender;
  second.id = "s2";
  REQUIRE(n.queue.PutSender(second, In(absl::Seconds(5))).ok());
  Lane its = n.MakeLane("l2");
  its.sender_id = "s2";
  REQUIRE(n.queue.PutLane(its, In(absl::Seconds(5))).ok());
  n.Fill(n.lane, 0, 50);

  CHECK_FALSE(n.Fail(n.queue, 2).open);
  CHECK(n.ClaimBy(n.queue).suspect);
  SECTION("one that went well ends the row") {
    CHECK(n.Tell(n.other, {.went_well = true}).failures == 0);
    CHECK_FALSE(n.Fail(n.other, 3).open);
    CHECK(n.Health().fraction < 1);  // slower first
    CHECK(n.Fail(n.queue, 1).open);
  }
  SECTION("seen by two workers") { CHECK(n.Fail(n.other, 2).open); }
  SECTION("well, and then failures, told at once") {
    CHECK(n.Tell(n.queue, {.went_well = true, .failures = 4}).open);
  }
  CHECK(n.Health().open);
  CHECK(n.Health().open_until > absl::Now());
  n.Fill(n.lane, 100, 110);  // a push does not wake it
  n.Fill(its, 200, 220);
  const auto meanwhile = n.ClaimUntil(20, absl::Seconds(5));
  REQUIRE(meanwhile.size() == 20);
  for (const auto& [lane, e] : meanwhile) CHECK(lane == "l2");
  // What started before it opened changes nothing.
  CHECK(n.Tell(n.other, {.went_well = true}).open);
  CHECK(n.queue
            .Reslot("p1", "l1", {{.entry = {.message_id = "l1-0", .recipient_id = 1}}},
                    In(absl::Seconds(5)))
            ->empty());
}

TEST_CASE("Circuit: one probe after the cool-down, across all workers; then closed, or longer open",
          "[dispatcher]") {
  Number n;
  n.Fill(n.lane, 0, 400);
  const absl::Time opened = absl::Now();
  REQUIRE(n.Fail(n.queue, 4).open);
  const auto await_probe = [&] {
    std::vector<Claim> brought;
    const absl::Time end = In(absl::Seconds(5));
    while (brought.empty() && absl::Now() < end) {
      for (RedisQueue* by : {&n.queue, &n.other}) {
        Claim claim = n.ClaimBy(*by);
        if (!claim.entries.empty()) brought.push_back(std::move(claim));
      }
    }
    REQUIRE(brought.size() == 1);
    CHECK(brought[0].probe);
    CHECK(brought[0].entries.size() == 1);
    // Nobody gets another while it is out.
    CHECK(n.ClaimBy(n.queue).entries.empty());
    CHECK(n.ClaimBy(n.other).entries.empty());
    return brought[0];
  };
  await_probe();
  CHECK(absl::Now() - opened >= 0.8 * kCoolDown);

  SECTION("it goes well: closed, slowly at first") {
    const SenderHealth health = n.Tell(n.queue, {.probe = Probe::kWell});
    CHECK_FALSE(health.open);
    CHECK(health.failures == 0);
    CHECK(health.fraction == Approx(0.125));
    const auto all = n.ClaimUntil(200, absl::Seconds(10));
    CHECK(all.size() >= 200);
    CHECK(n.Health().fraction > 0.125);
  }
  SECTION("it fails, again and again: each time longer, up to the longest") {
    absl::Duration waited = kCoolDown;
    for (const absl::Duration least :
         {2 * kCoolDown, absl::Milliseconds(500), absl::Milliseconds(500)}) {
      const absl::Time failed = absl::Now();
      const SenderHealth health = n.Tell(n.other, {.probe = Probe::kFailed});
      CHECK(health.open);
      CHECK(health.open_until - failed <= absl::Milliseconds(510));
      await_probe();
      waited = absl::Now() - failed;
      CHECK(waited >= 0.8 * least);
    }
  }
  SECTION("it was not sent after all: another goes at once") {
    n.Tell(n.queue, {.probe = Probe::kUnused});
    const absl::Time told = absl::Now();
    await_probe();
    CHECK(absl::Now() - told < absl::Milliseconds(250));
  }
  SECTION("its worker died: another goes when it cannot be on its way any more") {
    const absl::Time out = absl::Now();
    await_probe();
    CHECK(absl::Now() - out >= absl::Milliseconds(250));
  }
  SECTION("a rebuilt Redis knows of nothing: closed, and the failures open it anew") {
    n.Build({n.lane});
    CHECK_FALSE(n.Health().open);
    CHECK(n.Health().fraction == 1);
    CHECK(n.Fail(n.queue, 4).open);
  }
}

TEST_CASE("RefusePair: the recipient alone waits 4^n s, the others go on", "[dispatcher]") {
  Number n;
  const auto refuse = [&] {
    auto wait = n.queue.RefusePair("p1", "s1", 7, In(absl::Seconds(5)));
    REQUIRE(wait.ok());
    return *wait;
  };
  CHECK(refuse() == absl::Seconds(4));
  REQUIRE(n.queue
              .Push(n.lane,
                    {{.message_id = "his", .recipient_id = 7},
                     {.message_id = "other", .recipient_id = 8}},
                    In(absl::Seconds(5)))
              .ok());
  const auto all = n.ClaimUntil(2, absl::Milliseconds(300));
  REQUIRE(all.size() == 1);
  CHECK(all[0].second.entry.message_id == "other");
  CHECK(refuse() == absl::Seconds(16));
  CHECK(refuse() == absl::Seconds(64));
  for (int i = 0; i < 6; ++i) refuse();
  CHECK(refuse() == absl::Hours(1));
  // Not in a row any more: the time for it has passed.
  redis::Connection redis({.url = testing::TestRedis().url()});
  REQUIRE(redis.Command({"PEXPIRE", "kabar:{p1}:refused:s1:7", "0"}, In(absl::Seconds(5))).ok());
  CHECK(refuse() == absl::Seconds(4));
}

TEST_CASE(
    "ClaimNext: where the limits have been free a message may start at once, in no window more",
    "[dispatcher]") {
  House h(Per(40, absl::Milliseconds(200)));
  h.lead = absl::Milliseconds(20);
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Settle();
  std::vector<std::pair<std::string, ClaimedEntry>> all;
  int at_once = 0, from = 0;
  // Bursts of any length after pauses of any length, so that claims come at every distance.
  for (int burst = 0; burst < 40; ++burst) {
    h.Fill(lane, from, from + 1 + burst % 7);
    from += 1 + burst % 7;
    const Claim claim = h.ClaimNext();
    const std::int64_t now = base::SystemClock().BoottimeMicros();
    for (const auto& e : claim.entries) {
      all.emplace_back(claim.lane_id, e);
      at_once += e.start_not_before_us <= now;
    }
    base::SystemClock().SleepFor(absl::Milliseconds((burst * 13) % 83), {});
  }
  h.Fill(lane, from, from + 150);  // and then without a pause
  from += 150;
  for (auto& e : h.ClaimUntil(static_cast<std::size_t>(from) - all.size(), absl::Seconds(5))) {
    all.push_back(e);
  }
  REQUIRE(all.size() == static_cast<std::size_t>(from));
  CHECK(at_once > 5);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.second.server_slot_us < b.second.server_slot_us;
  });
  // Whichever of them start as early as they may and which as late.
  for (std::size_t i = 0; i + 40 < all.size(); ++i) {
    CHECK(all[i + 40].second.start_not_before_us - all[i].second.start_not_after_us >= 200000);
  }
}

TEST_CASE("ClaimNext: a longer lead is kept, and those who push go by it", "[dispatcher]") {
  RedisQueueOptions options = Quick();
  options.longest_lead = absl::Milliseconds(60);
  House h(Per(50, absl::Seconds(1)), Per(1, absl::Milliseconds(1)), options);
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Settle();
  h.lead = absl::Milliseconds(200);  // cut to the longest
  h.Fill(lane, 0, 1);
  h.ClaimUntil(1, absl::Seconds(5));
  auto& clock = base::SystemClock();
  h.Fill(lane, 1, 30);
  std::vector<std::int64_t> slots;
  const absl::Time end = In(absl::Seconds(5));
  for (int pushed = 30; slots.size() < 29 && absl::Now() < end; ++pushed) {
    const Claim claim = h.ClaimNext();
    for (const ClaimedEntry& e : claim.entries) slots.push_back(e.server_slot_us);
    h.Fill(lane, pushed,
           pushed + 1);  // as the api does all the time, with its own idea of the lead
    const auto wait = absl::Microseconds(claim.next_claim_us - clock.BoottimeMicros());
    clock.SleepFor(std::clamp(wait, absl::ZeroDuration(), end - absl::Now()), {});
  }
  REQUIRE(slots.size() >= 29);
  // 20.16 ms apart: nothing of the limit is lost to the lead.
  CHECK((slots.back() - slots.front()) / static_cast<std::int64_t>(slots.size() - 1) < 22000);
}

}  // namespace
}  // namespace kabar::dispatcher
