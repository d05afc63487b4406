#include "services/dispatcher/sender_watch.h"

#include <catch2/catch.hpp>
#include <optional>

#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "services/dispatcher/testing/worker_fakes.h"

namespace kabar::dispatcher {
namespace {

struct Watching {
  SendJob Job(std::int64_t asked_us, bool probe = false) const {
    SendJob job;
    job.portfolio_id = "pf";
    job.sender_id = "snd";
    job.asked_us = asked_us;
    job.claimed_us = asked_us + 1000000;  // the ledger's answer may come late
    job.probe = probe;
    job.slot.server_slot_us = asked_us + 1;
    return job;
  }
  Claim ClaimOf(bool suspect, bool probe = false) const {
    Claim claim;
    claim.sender_id = "snd";
    claim.suspect = suspect;
    claim.probe = probe;
    return claim;
  }
  // All that was told so far has been told.
  std::vector<SenderNews> News() {
    errands.reset();
    errands.emplace(absl::Seconds(1), clock);
    return queue.News();
  }
  SenderHealth Open() const {
    return {.failures = 10, .open_until = clock.Now() + absl::Seconds(5), .open = true};
  }

  testing::FakeClock clock;
  QueueOfSlots queue;
  std::optional<Errands> errands = std::optional<Errands>(std::in_place, absl::Seconds(1), clock);
  SenderWatch watch{queue, *errands, clock};
};

TEST_CASE("SenderWatch: a number that fares well costs no word", "[dispatcher]") {
  Watching w;
  w.watch.Claimed("pf", w.ClaimOf(false), 0);
  for (int i = 0; i < 100; ++i) w.watch.Ended(w.Job(i), SenderWord::kWell);
  w.watch.Ended(w.Job(100), SenderWord::kNone);
  CHECK(w.News().empty());
}

TEST_CASE(
    "SenderWatch: failures are told; after them, or when others have seen some, the first that "
    "goes well",
    "[dispatcher]") {
  Watching w;
  SECTION("failures of its own") {
    w.watch.Ended(w.Job(1), SenderWord::kFailed);
    REQUIRE(w.queue.WaitForNews(1));
    w.watch.Ended(w.Job(2), SenderWord::kWell);
    w.watch.Ended(w.Job(3), SenderWord::kWell);
    const auto news = w.News();
    REQUIRE(news.size() == 2);
    CHECK(news[0].failures == 1);
    CHECK(news[0].failed_slot_us == 2);
    CHECK_FALSE(news[0].went_well);
    CHECK(news[1].went_well);
    CHECK(news[1].failures == 0);
  }
  SECTION("others have seen some") {
    w.watch.Claimed("pf", w.ClaimOf(true), 0);
    w.watch.Ended(w.Job(1), SenderWord::kWell);
    w.watch.Ended(w.Job(2), SenderWord::kWell);
    const auto news = w.News();
    REQUIRE(news.size() == 1);
    CHECK(news[0].went_well);
  }
}

TEST_CASE(
    "SenderWatch: once the circuit is open nothing of before may start, and its end is not told",
    "[dispatcher]") {
  Watching w;
  w.clock.Advance(absl::Seconds(10));
  const std::int64_t now = w.clock.BoottimeMicros();
  w.queue.SetHealth(w.Open());
  w.watch.Ended(w.Job(now), SenderWord::kFailed);
  REQUIRE(w.News().size() == 1);
  CHECK(w.watch.Refuses(w.Job(now)));
  CHECK(w.watch.Refuses(w.Job(now - 100)));
  CHECK_FALSE(w.watch.Refuses(w.Job(now - 100, true)));
  CHECK_FALSE(w.watch.Refuses(w.Job(now + 1)));  // claimed when it was closed again
  SendJob other = w.Job(now);
  other.sender_id = "another";
  CHECK_FALSE(w.watch.Refuses(other));
}

TEST_CASE("SenderWatch: a claim of before the circuit opened does not close it", "[dispatcher]") {
  const auto alerts = [] {
    return metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                               {{"action", "CIRCUIT_OPEN"}})
        .Value();
  };
  Watching w;
  w.clock.Advance(absl::Seconds(10));
  const std::int64_t now = w.clock.BoottimeMicros();
  const double before = alerts();
  w.queue.SetHealth(w.Open());
  w.watch.Ended(w.Job(now), SenderWord::kFailed);
  REQUIRE(w.News().size() == 1);
  w.watch.Claimed("pf", w.ClaimOf(false), now - 1);
  // Still open for others, as this one hears.
  w.watch.Ended(w.Job(now + 1), SenderWord::kFailed);
  REQUIRE(w.News().size() == 2);
  CHECK(alerts() - before == 1);
  // One of after it is: opens it again, that is new.
  w.watch.Claimed("pf", w.ClaimOf(false), now + 1);
  w.watch.Ended(w.Job(now + 2), SenderWord::kFailed);
  REQUIRE(w.News().size() == 3);
  CHECK(alerts() - before == 2);
}

TEST_CASE("SenderWatch: whatever comes of a probe is told, once", "[dispatcher]") {
  Watching w;
  const auto [word, told] = GENERATE(
      table<SenderWord, SenderNews::Probe>({{SenderWord::kWell, SenderNews::Probe::kWell},
                                            {SenderWord::kFailed, SenderNews::Probe::kFailed},
                                            {SenderWord::kNone, SenderNews::Probe::kUnused}}));
  w.watch.Claimed("pf", w.ClaimOf(false, true), 0);
  w.watch.Ended(w.Job(1, true), word);
  const auto news = w.News();
  REQUIRE(news.size() == 1);
  CHECK(news[0].probe == told);
  CHECK(news[0].failures == 0);
}

}  // namespace
}  // namespace kabar::dispatcher
