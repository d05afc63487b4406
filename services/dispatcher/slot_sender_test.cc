#include "services/dispatcher/slot_sender.h"

#include <catch2/catch.hpp>
#include <optional>

#include "absl/time/clock.h"
#include "libs/testing/eventually.h"
#include "services/dispatcher/testing/worker_fakes.h"

namespace kabar::dispatcher {
namespace {

struct Sending {
  Sending() {
    sender.emplace(Options(), queue, outcomes, turns, provider.Function(),
                   whatsapp::ErrorPolicy::BuiltIn(), clock);
  }
  static SlotSender::Options Options() { return {.retry = {.initial = absl::Seconds(2)}}; }

  // Its slot begins in `wait` and is 10 ms long; the hold is 500 ms.
  std::unique_ptr<SendJob> Job(const std::string& id, absl::Duration wait) {
    auto job = std::make_unique<SendJob>();
    job->portfolio_id = "pf";
    job->lane_id = "lane";
    job->sender_id = "snd";
    job->sender = std::make_shared<SenderCredentials>();
    job->message_id = id;
    job->attempt = 1;
    job->slot = Slot(id, wait);
    job->start_until_us = clock.BoottimeMicros() + 500000;
    return job;
  }
  ClaimedEntry Slot(const std::string& id, absl::Duration wait) {
    ClaimedEntry slot;
    slot.entry.message_id = id;
    slot.start_not_before_us = clock.BoottimeMicros() + absl::ToInt64Microseconds(wait);
    slot.start_not_after_us = slot.start_not_before_us + 10000;
    return slot;
  }
  void Enter(const std::string& id, absl::Duration wait = absl::ZeroDuration()) {
    turns.Claimed("snd", "lane", 1);
    sender->Enter(Job(id, wait));
  }
  // In the provider's hands.
  void EnterAndSend(const std::string& id) {
    Enter(id);
    REQUIRE(provider.WaitForRequests(1));
  }
  Outcome One() {
    REQUIRE(store.WaitForOutcomes(1));
    CHECK(turns.WaitUntilEmpty(absl::Now() + absl::Seconds(10)));
    REQUIRE(store.Outcomes().size() == 1);
    return store.Outcomes()[0];
  }

  testing::FakeClock clock;
  GrantingStore store;
  QueueOfSlots queue;
  HeldProvider provider;
  ClaimTurns turns{100, 1000, clock};
  OutcomeWriter outcomes{{.linger = absl::ZeroDuration(), .writers = 1},
                         store,
                         [](std::vector<Store::Requeued>) {},
                         clock};
  std::optional<SlotSender> sender;
};

TEST_CASE("SlotSender: hands a request over when its slot begins, not before", "[dispatcher]") {
  Sending s;
  s.Enter("m", absl::Milliseconds(50));
  REQUIRE(s.clock.WaitForSleepers(2));  // pacer and chores
  s.clock.Advance(absl::Milliseconds(49));
  REQUIRE(s.clock.WaitForSleepers(2));
  CHECK(s.provider.Requests() == 0);
  s.clock.Advance(absl::Milliseconds(1));
  REQUIRE(s.provider.WaitForRequests(1));
  CHECK(s.provider.Accept());
  CHECK(s.One().state == AttemptState::kAccepted);
  CHECK(s.queue.GivenBack().empty());
}

TEST_CASE("SlotSender: nothing starts after its slot; without another it goes back unsent",
          "[dispatcher]") {
  Sending s;
  s.EnterAndSend("m");
  SECTION("the slot's last moment") {
    s.clock.Advance(absl::Milliseconds(10));
    CHECK(s.provider.Accept());
    CHECK(s.One().state == AttemptState::kAccepted);
  }
  SECTION("a microsecond later") {
    s.clock.Advance(absl::Milliseconds(10) + absl::Microseconds(1));
    CHECK_FALSE(s.provider.Accept());
    CHECK(s.One().state == AttemptState::kReturned);
    CHECK(s.One().reason == "TOO_LATE_FOR_SLOT");
    CHECK(s.queue.GivenBack() == std::vector<std::string>{"m"});
  }
  SECTION("past the hold no other slot is asked for") {
    s.queue.OfferSlots({s.Slot("m", absl::Seconds(1))});
    s.clock.Advance(absl::Milliseconds(476));
    CHECK_FALSE(s.provider.Accept());
    CHECK(s.One().state == AttemptState::kReturned);
    CHECK(s.provider.Requests() == 1);
  }
}

TEST_CASE("SlotSender: who missed his slot starts in a new one, once", "[dispatcher]") {
  Sending s;
  s.EnterAndSend("m");
  s.clock.Advance(absl::Milliseconds(20));
  s.queue.OfferSlots({s.Slot("m", absl::ZeroDuration())});
  CHECK_FALSE(s.provider.Accept());
  REQUIRE(s.provider.WaitForRequests(2));
  CHECK(s.provider.Accept());
  CHECK(s.One().state == AttemptState::kAccepted);
  CHECK(s.queue.GivenBack().empty());
}

TEST_CASE("SlotSender: what was never written is given back, what was is not", "[dispatcher]") {
  Sending s;
  s.EnterAndSend("m");
  SECTION("no connection") {
    s.provider.FailToConnect();
    CHECK(s.One().reason == "NOT_CONNECTED");
    CHECK(s.queue.GivenBack() == std::vector<std::string>{"m"});
  }
  SECTION("refused by the provider, which counts as a start") {
    CHECK(s.provider.Reject(131048));
    CHECK(s.One().state == AttemptState::kReturned);
    CHECK(s.One().action == OutcomeAction::kPauseSender);
    CHECK(s.queue.GivenBack().empty());
  }
  SECTION("too fast for the number: it slows down") {
    CHECK(s.provider.Reject(130429));
    CHECK(s.One().state == AttemptState::kReturned);
    CHECK(s.queue.WaitForSlowed());
    CHECK(s.queue.GivenBack().empty());
  }
}

TEST_CASE("SlotSender: a window that the provider calls closed is closed in Redis first",
          "[dispatcher]") {
  Sending s;
  auto job = s.Job("m", absl::ZeroDuration());
  job->free_text = true;
  job->has_form = true;
  s.turns.Claimed("snd", "lane", 1);
  s.sender->Enter(std::move(job));
  REQUIRE(s.provider.WaitForRequests(1));
  CHECK(s.provider.Reject(131047));
  const Outcome outcome = s.One();
  CHECK(outcome.action == OutcomeAction::kCloseWindow);
  CHECK(outcome.retry);
  CHECK(s.queue.Windows() == -1);
}

TEST_CASE("SlotSender: when the circuit opens what is held goes back unsent", "[dispatcher]") {
  Sending s;
  s.EnterAndSend("failing");
  s.Enter("held");
  REQUIRE(s.provider.WaitForRequests(2));
  s.queue.SetHealth({.failures = 10, .open_until = s.clock.Now(), .open = true});
  CHECK(s.provider.SayNothing());
  REQUIRE(s.queue.WaitForNews(1));
  REQUIRE(testing::Eventually([&] { return s.sender->watch().Refuses(*s.Job("x", {})); }));
  s.queue.OfferSlots({s.Slot("held", absl::ZeroDuration())});  // no new slot is asked for
  CHECK_FALSE(s.provider.Accept());
  REQUIRE(s.store.WaitForOutcomes(2));
  CHECK(s.store.Outcomes()[0].state == AttemptState::kAmbiguous);
  CHECK(s.store.Outcomes()[1].state == AttemptState::kReturned);
  CHECK(s.store.Outcomes()[1].reason == "CIRCUIT_OPEN");
  CHECK(s.queue.GivenBack() == std::vector<std::string>{"held"});
  CHECK(s.turns.WaitUntilEmpty(absl::Now() + absl::Seconds(10)));
}

TEST_CASE("SlotSender: a pair that was refused waits as long as the queue says", "[dispatcher]") {
  Sending s;
  s.EnterAndSend("m");
  CHECK(s.provider.Reject(131056));
  CHECK(s.One().state == AttemptState::kReturned);
  CHECK(s.One().not_before == s.clock.Now() + absl::Seconds(4));
}

TEST_CASE("SlotSender: at its end what has not started goes back unsent", "[dispatcher]") {
  Sending s;
  for (int i = 0; i < 5; ++i) s.Enter("m" + std::to_string(i), absl::Seconds(1));
  s.sender.reset();
  REQUIRE(s.store.WaitForOutcomes(5));
  CHECK(s.provider.Requests() == 0);
  CHECK(s.turns.in_flight() == 0);
  CHECK(s.queue.GivenBack().size() == 5);
  std::set<std::string> ids;
  for (const Outcome& outcome : s.store.Outcomes()) {
    CHECK(outcome.state == AttemptState::kReturned);
    CHECK(outcome.reason == "STOPPED");
    ids.insert(outcome.message_id);
  }
  CHECK(ids.size() == 5);
}

TEST_CASE("SlotSender: what cannot be sent is given back too", "[dispatcher]") {
  Sending s;
  s.turns.Claimed("snd", "lane", 1);
  s.sender->Fail(s.Job("m", absl::ZeroDuration()), "WINDOW_CLOSED_NO_TEMPLATE");
  CHECK(s.One().state == AttemptState::kFailed);
  CHECK(s.One().reason == "WINDOW_CLOSED_NO_TEMPLATE");
  CHECK(s.queue.GivenBack() == std::vector<std::string>{"m"});
}

}  // namespace
}  // namespace kabar::dispatcher
