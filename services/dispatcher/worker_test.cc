#include "services/dispatcher/worker.h"

#include <catch2/catch.hpp>
#include <optional>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"
#include "libs/testing/eventually.h"
#include "services/dispatcher/testing/worker_fakes.h"

namespace kabar::dispatcher {
namespace {

struct Working {
  Working() {
    Portfolio portfolio;
    portfolio.id = "pf";
    store.portfolios.push_back(portfolio);
    worker.emplace(
        WorkerOptions{.name = "w", .claimers = 2, .max_claim = 10, .max_in_flight = 100}, queue,
        store, [this](const std::string&) { return credentials; }, provider.Function(),
        whatsapp::ErrorPolicy::BuiltIn(), clock);
  }
  // Messages of one lane, whose slots begin in `wait`.
  Claim MakeClaim(const std::vector<std::string>& ids, absl::Duration wait = absl::ZeroDuration()) {
    Claim claim;
    claim.lane_id = "lane";
    claim.sender_id = "snd";
    claim.next_claim_us = 0;
    for (const auto& id : ids) {
      ClaimedEntry entry;
      entry.entry.message_id = id;
      entry.entry.recipient_id = 1;
      entry.start_not_before_us = clock.BoottimeMicros() + absl::ToInt64Microseconds(wait);
      entry.start_not_after_us = entry.start_not_before_us + 10000;
      claim.entries.push_back(entry);
    }
    return claim;
  }
  static absl::Time Soon() { return absl::Now() + absl::Seconds(10); }

  absl::StatusOr<std::shared_ptr<const SenderCredentials>> credentials =
      std::make_shared<const SenderCredentials>();
  testing::FakeClock clock;
  GrantingStore store;
  QueueOfSlots queue;
  HeldProvider provider;
  std::optional<Worker> worker;
};

TEST_CASE("Worker: sends what the ledger gives the right to, and nothing else", "[dispatcher]") {
  Working w;
  w.store.Refuse("b");
  w.queue.Offer(w.MakeClaim({"a", "b", "c", "c"}));
  w.worker->Start();
  REQUIRE(w.provider.WaitForRequests(2));
  w.provider.Accept();
  w.provider.Accept();
  CHECK(w.worker->Stop(w.Soon()));  // so all are counted out, the refused too
  CHECK(w.provider.Requests() == 2);
  CHECK(w.store.Outcomes().size() == 2);
  CHECK(w.queue.GivenBack() == std::vector<std::string>{"b"});
}

TEST_CASE("Worker: what was claimed under another of the person's ids goes back unsent",
          "[dispatcher]") {
  Working w;
  Claim claim = w.MakeClaim({"a", "b"});
  claim.entries[0].entry.recipient_id = 2;  // the ledger says 1
  w.queue.Offer(claim);
  w.worker->Start();
  REQUIRE(w.provider.WaitForRequests(1));
  CHECK(w.provider.Accept());
  REQUIRE(w.store.WaitForOutcomes(2));
  CHECK(w.worker->Stop(w.Soon()));
  CHECK(w.provider.Requests() == 1);
  CHECK(w.queue.GivenBack() == std::vector<std::string>{"a"});
  for (const Outcome& outcome : w.store.Outcomes()) {
    CHECK((outcome.message_id == "a") == (outcome.reason == "RECIPIENT_CHANGED"));
  }
}

TEST_CASE("Worker: without the ledger nothing is sent; the ids come again", "[dispatcher]") {
  Working w;
  w.store.SetDown(true);  // its rights and outcomes; portfolios are still told
  w.queue.Offer(w.MakeClaim({"a", "b"}));
  w.worker->Start();
  REQUIRE(w.queue.WaitForPushed(2));
  for (const auto& [portfolio, entry] : w.queue.PushedEntries()) {
    CHECK(portfolio == "pf");
    CHECK(entry.not_before > w.clock.Now());
  }
  CHECK(w.worker->Stop(w.Soon()));
  CHECK(w.provider.Requests() == 0);
  CHECK(w.queue.GivenBack().size() == 2);
}

TEST_CASE("Worker: a claim whose commit is in doubt goes back unsent, by its name",
          "[dispatcher]") {
  Working w;
  w.store.SetInDoubt();
  w.queue.Offer(w.MakeClaim({"a", "b"}));
  w.worker->Start();
  REQUIRE(w.store.WaitForOutcomes(2));
  CHECK(w.worker->Stop(w.Soon()));
  CHECK(w.provider.Requests() == 0);
  const std::vector<Outcome> outcomes = w.store.Outcomes();
  CHECK(outcomes[0].message_id == "a");
  CHECK(outcomes[0].state == AttemptState::kReturned);
  CHECK(outcomes[0].attempt == 0);
  CHECK(outcomes[0].claim.starts_with("w/clm_"));
  CHECK(outcomes[1].claim == outcomes[0].claim);
}

TEST_CASE("Worker: a stop ends with an outcome for everything that was claimed", "[dispatcher]") {
  Working w;
  w.queue.Offer(w.MakeClaim({"a", "b", "c"}));
  w.worker->Start();
  REQUIRE(w.provider.WaitForRequests(3));
  SECTION("answered in time") {
    CHECK_FALSE(w.worker->Stop(absl::Now()));
    CHECK(w.provider.Accept());
    w.provider.FailToConnect();
    w.clock.Advance(absl::Seconds(1));
    CHECK_FALSE(w.provider.Accept());  // too late
    CHECK(w.worker->Stop(w.Soon()));
    CHECK(w.store.Outcomes().size() == 3);
    REQUIRE(w.queue.PushedEntries().size() == 2);
    CHECK(w.queue.PushedEntries()[0].first == "pf");
  }
  SECTION("as late as at its end") {
    CHECK_FALSE(w.worker->Stop(absl::Now()));
    for (int i = 0; i < 3; ++i) w.provider.FailToConnect();  // as a stopped client does
    w.worker.reset();
    CHECK(w.store.Outcomes().size() == 3);
    CHECK(w.queue.GivenBack().size() == 3);
  }
}

TEST_CASE("Worker: what has no slot yet goes back unsent when the worker ends", "[dispatcher]") {
  Working w;
  w.queue.Offer(w.MakeClaim({"a", "b"}, absl::Minutes(1)));
  w.queue.Offer(w.MakeClaim({"now"}));
  w.worker->Start();
  REQUIRE(w.provider.WaitForRequests(1));
  w.provider.Accept();
  CHECK_FALSE(w.worker->Stop(absl::Now()));
  w.worker.reset();
  CHECK(w.provider.Requests() == 1);
  CHECK(w.store.Outcomes().size() == 3);
  CHECK(w.queue.GivenBack().size() == 2);
}

TEST_CASE("Worker: what Redis gave before the circuit opened is not sent", "[dispatcher]") {
  Working w;
  w.queue.Offer(w.MakeClaim({"a", "b"}));
  w.worker->Start();
  REQUIRE(w.provider.WaitForRequests(2));
  w.queue.SetHealth({.failures = 10, .open_until = w.clock.Now() + absl::Seconds(5), .open = true});
  const metrics::Counter& opened = metrics::GetCounter(
      "kabar_dispatcher_alerts_total", "What a person must look at.", {{"action", "CIRCUIT_OPEN"}});
  const double before = opened.Value();
  bool told = false;
  w.queue.Meanwhile([&] {
    w.provider.FailToConnect();
    // The worker has the answer to its news, not only asked for it.
    told = kabar::testing::Eventually([&] { return opened.Value() > before; });
    w.clock.Advance(absl::Milliseconds(1));
  });
  w.queue.Offer(w.MakeClaim({"c"}));
  // It is refused when its slot comes or, handed over already, before its first byte; and so is b.
  const bool handed_over = w.provider.WaitForRequests(3);
  CHECK(told);
  CHECK_FALSE(w.provider.Accept());
  if (handed_over) CHECK_FALSE(w.provider.Accept());
  CHECK(w.worker->Stop(w.Soon()));
  bool refused = false;
  for (const Outcome& outcome : w.store.Outcomes()) {
    if (outcome.message_id == "c") refused = outcome.reason == "CIRCUIT_OPEN";
  }
  CHECK(refused);
}

TEST_CASE("Worker: a number whose token cannot be used sends nothing for a while", "[dispatcher]") {
  Working w;
  w.credentials = base::Error(absl::StatusCode::kFailedPrecondition, "SECRET_UNREADABLE", "x");
  w.queue.Offer(w.MakeClaim({"a"}));
  w.worker->Start();
  REQUIRE(w.store.WaitForOutcomes(1));
  CHECK(w.worker->Stop(w.Soon()));
  CHECK(w.store.Outcomes()[0].reason == "SENDER_CREDENTIALS");
  CHECK(w.store.Outcomes()[0].not_before == w.clock.Now() + absl::Seconds(10));
  CHECK(w.provider.Requests() == 0);
  CHECK(w.queue.GivenBack().size() == 1);
}

}  // namespace
}  // namespace kabar::dispatcher
