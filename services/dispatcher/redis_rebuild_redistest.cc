#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"
#include "libs/redis/server.h"
#include "libs/testing/private_redis.h"
#include "services/dispatcher/queue_keeper.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;

// What claims go by: microseconds between two messages of the number, and the portfolio's limit.
std::int64_t IntervalInRedis(const House& h) {
  redis::Connection redis({.url = testing::TestRedis().url()});
  const std::string sender = absl::StrCat("kabar:{p1}:s:", h.sender.id);
  const auto interval = redis.Command({"HGET", sender, "iv"}, In(absl::Seconds(5)));
  REQUIRE(interval.ok());
  return std::stoll(interval->text);
}

std::string LimitInRedis() {
  redis::Connection redis({.url = testing::TestRedis().url()});
  const auto limit = redis.Command({"HGET", "kabar:{p1}:p", "limit"}, In(absl::Seconds(5)));
  REQUIRE(limit.ok());
  return limit->text;
}

TEST_CASE("ClaimNext: refuses a Redis that was not built from the ledger", "[dispatcher]") {
  House h;
  auto claim = h.queue.ClaimNext("p1", 10, absl::Milliseconds(50), absl::Milliseconds(1),
                                 In(absl::Seconds(5)));
  REQUIRE(base::GetReason(claim.status()) == "QUEUE_NOT_BUILT");
  CHECK_FALSE(*h.queue.IsBuilt("p1", In(absl::Seconds(5))));
  h.Build();
  CHECK(*h.queue.IsBuilt("p1", In(absl::Seconds(5))));
  CHECK(h.ClaimNext().entries.empty());
}

TEST_CASE("ClaimNext: refuses again after a restart with all data, and after FLUSHALL",
          "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 3);
  SECTION("restart") { testing::TestRedis().RestartWithData(); }
  SECTION("restart, after which a command without a script connects anew") {
    testing::TestRedis().RestartWithData();
    // The first finds the connection broken.
    while (!h.queue.LaneLength(lane, In(absl::Seconds(5))).ok()) continue;
  }
  SECTION("emptied") { testing::TestRedis().FlushAll(); }
  // The first command meets the broken connection; the next one the new server.
  absl::StatusOr<Claim> claim;
  for (int i = 0; i < 3 && base::GetReason(claim.status()) != "QUEUE_NOT_BUILT"; ++i) {
    claim = h.queue.ClaimNext("p1", 10, absl::Milliseconds(50), absl::Milliseconds(1),
                              In(absl::Seconds(5)));
    CHECK_FALSE(claim.ok());
  }
  CHECK(base::GetReason(claim.status()) == "QUEUE_NOT_BUILT");
  for (int i = 0; i < 3; ++i) {
    const auto built = h.queue.IsBuilt("p1", In(absl::Seconds(5)));
    if (built.ok()) CHECK_FALSE(*built);
  }
}

TEST_CASE("Rebuild: bucket and pairs are at their safest", "[dispatcher]") {
  House h(Per(10, absl::Seconds(1)), Per(1, absl::Milliseconds(300)));
  const Lane lane = h.MakeLane("l1", Per(5, absl::Seconds(1)));
  h.store.recent = {{.recipient_id = 9, .last_use = absl::Now() - absl::Seconds(1)}};
  h.store.queued["l1"] = {{.message_id = "m1", .recipient_id = 1},
                          {.message_id = "m2", .recipient_id = 2}};
  const std::int64_t before = base::SystemClock().BoottimeMicros();
  h.Build({lane});
  auto all = h.ClaimUntil(2, absl::Seconds(5));
  REQUIRE(all.size() == 2);
  // One whole interval of the lane (200 ms) and of the pair (300 ms) after the last possible start.
  CHECK(all[0].second.start_not_before_us - before >= 300000);
  CHECK(all[1].second.start_not_before_us - all[0].second.start_not_before_us >= 200000);
}

// Claims come up to 26 ms before their slots here (lead 1 ms, half of the hold).
TEST_CASE("ClaimNext: no slot lies before the end of the pairs' block", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.Build({lane});
  h.Fill(lane, 0, 3);
  h.Settle();
  redis::Connection redis({.url = testing::TestRedis().url()});
  const auto now = redis::ServerTime(redis, In(absl::Seconds(5)));
  REQUIRE(now.ok());
  const std::int64_t end = absl::ToUnixMicros(*now) + 20000;
  const std::string text = absl::StrCat(end);
  REQUIRE(redis.Command({"HSET", "kabar:{p1}:p", "pair_block", text}, In(absl::Seconds(5))).ok());
  const auto all = h.ClaimUntil(3, absl::Seconds(5));
  REQUIRE(all.size() == 3);
  for (const auto& [id, entry] : all) CHECK(entry.server_slot_us >= end);
}

// The portfolio is new: nobody has been written to, so nothing blocks the claims below.
TEST_CASE("QueueKeeper: Redis learns of a number that it was not told of", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.store.portfolios = {h.portfolio};
  h.store.lanes = {lane};
  QueueKeeper keeper({}, h.queue, h.store, base::SystemClock());
  REQUIRE(keeper.Round().ok());  // builds the portfolio before its number is there
  h.Fill(lane, 0, 3);
  CHECK(h.ClaimNext().entries.empty());

  h.store.senders = {h.sender};
  REQUIRE(keeper.Round().ok());
  CHECK(h.ClaimUntil(3, absl::Seconds(5)).size() == 3);
}

TEST_CASE("Rebuild: whoever was claimed last of the lost Redis counts for the 24 hours",
          "[dispatcher]") {
  // A claim's right to send is written when the last of its slots comes, at the latest.
  struct InFlight : testing_store::StoreOfLists {
    std::int64_t written_us = 0;
    absl::StatusOr<std::vector<Store::RecipientUse>> ListRecentRecipients(
        const std::string& portfolio, absl::Time deadline) override {
      if (base::SystemClock().BoottimeMicros() < written_us)
        return std::vector<Store::RecipientUse>{};
      return testing_store::StoreOfLists::ListRecentRecipients(portfolio, deadline);
    }
  };
  House h;
  InFlight store;
  store.recent = {{.recipient_id = 1, .last_use = absl::Now()}};
  h.portfolio.messaging_limit = 1;
  const RedisQueueOptions options = House::Options();
  store.written_us = base::SystemClock().BoottimeMicros() +
                     absl::ToInt64Microseconds(options.longest_lead + options.max_hold);
  const Lane lane = h.MakeLane("l1");
  REQUIRE(h.queue.Rebuild(h.portfolio, {h.sender}, {lane}, store, In(absl::Seconds(5))).ok());
  redis::Connection redis({.url = testing::TestRedis().url()});
  const auto counted = redis.Command({"ZCARD", "kabar:{p1}:uniq"}, In(absl::Seconds(5)));
  REQUIRE(counted.ok());
  CHECK(counted->integer == 1);
}

TEST_CASE("QueueKeeper: limits that are changed while a Redis is built are in force at once",
          "[dispatcher]") {
  // Who changes them then is told that this Redis is not built yet, and leaves it to the keeper.
  struct ChangedMeanwhile : testing_store::StoreOfLists {
    absl::StatusOr<std::vector<Store::RecipientUse>> ListRecentRecipients(
        const std::string& portfolio, absl::Time deadline) override {
      senders[0].throughput = Per(10, absl::Seconds(1));
      portfolios[0].messaging_limit = 7;
      return testing_store::StoreOfLists::ListRecentRecipients(portfolio, deadline);
    }
  };
  House h;
  ChangedMeanwhile store;
  store.portfolios = {h.portfolio};
  store.senders = {h.sender};
  QueueKeeper keeper({}, h.queue, store, base::SystemClock());
  REQUIRE(keeper.Round().ok());
  CHECK(IntervalInRedis(h) >= 100000);
  CHECK(LimitInRedis() == "7");
}

TEST_CASE("QueueKeeper: Redis follows a number's state and a portfolio's limit", "[dispatcher]") {
  House h;
  const Lane lane = h.MakeLane("l1");
  h.store.portfolios = {h.portfolio};
  h.store.lanes = {lane};
  h.store.senders = {h.sender};
  QueueKeeper keeper({}, h.queue, h.store, base::SystemClock());
  REQUIRE(keeper.Round().ok());
  h.store.senders[0].state = SenderState::kPaused;  // by the error table: the ledger alone knows
  h.store.portfolios[0].messaging_limit = 2;
  REQUIRE(keeper.Round().ok());
  h.Fill(lane, 0, 3);
  CHECK(h.ClaimNext().entries.empty());

  h.store.senders[0].state = SenderState::kActive;
  REQUIRE(keeper.Round().ok());
  CHECK(h.ClaimUntil(3, absl::Milliseconds(300)).size() == 2);
}

TEST_CASE("PutSender, PutPortfolio: what is older than what Redis was told changes nothing",
          "[dispatcher]") {
  House h;
  h.Build({});
  Sender old = h.sender;
  h.sender.throughput = Per(10, absl::Seconds(1));
  h.sender.version = old.version + 1;
  Portfolio before = h.portfolio;
  h.portfolio.messaging_limit = 7;
  h.portfolio.version = before.version + 1;
  REQUIRE(h.queue.PutSender(h.sender, In(absl::Seconds(5))).ok());
  REQUIRE(h.queue.PutPortfolio(h.portfolio, In(absl::Seconds(5))).ok());
  REQUIRE(h.queue.PutSender(old, In(absl::Seconds(5))).ok());
  REQUIRE(h.queue.PutPortfolio(before, In(absl::Seconds(5))).ok());
  CHECK(IntervalInRedis(h) >= 100000);
  CHECK(LimitInRedis() == "7");
  h.sender.throughput = old.throughput;  // a newer one does
  ++h.sender.version;
  REQUIRE(h.queue.PutSender(h.sender, In(absl::Seconds(5))).ok());
  CHECK(IntervalInRedis(h) < 100000);
}

TEST_CASE("QueueKeeper: what others told Redis wrongly is put right", "[dispatcher]") {
  House h;
  Lane lane = h.MakeLane("l1");
  h.store.portfolios = {h.portfolio};
  h.store.lanes = {lane};
  h.store.senders = {h.sender};
  QueueKeeper keeper({.sweep = absl::ZeroDuration()}, h.queue, h.store, base::SystemClock());
  REQUIRE(keeper.Round().ok());
  h.Fill(lane, 0, 1);
  lane.state = LaneState::kPaused;  // a pause's word that came after its resume's
  REQUIRE(h.queue.PutLane(lane, In(absl::Seconds(5))).ok());
  CHECK(h.ClaimNext().entries.empty());
  REQUIRE(keeper.Round().ok());
  CHECK(h.ClaimUntil(1, absl::Seconds(5)).size() == 1);
}

}  // namespace
}  // namespace kabar::dispatcher
