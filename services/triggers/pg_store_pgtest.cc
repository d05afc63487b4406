// The contract of store.h about events and steps, against PostgreSQL.
#include "services/triggers/pg_store.h"

#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "services/triggers/testing/database.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::ReasonIs;
using testing::Soon;

struct Fixture : testing::Database {
  std::vector<StepWork> Take(absl::Time now, const std::string& lease, int limit = 100) {
    auto taken = store.TakeDueSteps(now, now + absl::Seconds(15), lease, limit, Soon());
    REQUIRE_THAT(taken, IsOk());
    return *std::move(taken);
  }
  std::int64_t Change(const StepWork& step, const StepResult& result, absl::Time now) {
    const auto changed = store.ChangeSteps({Conclude(step, result, now)}, now, Soon());
    REQUIRE_THAT(changed, IsOk());
    return *changed;
  }
  std::vector<DueStep> Steps(const std::string& outlet, const std::string& event_id = "") {
    return *store.ListSteps(outlet, event_id, {}, 100, Soon());
  }
};

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

const StepResult kHandedOver{.kind = StepResult::Kind::kHandedOver};
const StepResult kRetry{.kind = StepResult::Kind::kRetry, .reason = "UNAVAILABLE"};

TEST_CASE_METHOD(Fixture, "Publish: one step for each enabled automation of the type",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_now", EventType::kOrderPaid, absl::ZeroDuration());
  AddAutomation(kA, "aut_later", EventType::kOrderPaid, absl::Hours(24));
  AddAutomation(kA, "aut_other", EventType::kOrderCreated, absl::ZeroDuration());
  AddAutomation(kA, "aut_off", EventType::kOrderPaid, absl::ZeroDuration(), false);
  AddAutomation(kB, "aut_now", EventType::kOrderPaid, absl::ZeroDuration());
  BusinessEvent event = Event("e1");
  event.time = At(-60);
  const auto published = store.Publish(kA, event, At(0), Soon());
  REQUIRE_THAT(published, IsOk());
  CHECK_FALSE(published->duplicate);
  CHECK(published->steps == 2);
  const std::vector<DueStep> steps = Steps(kA, "e1");
  REQUIRE(steps.size() == 2);
  CHECK(steps[0].id == StepId(kA, "e1", "aut_now"));
  CHECK(steps[0].due_time == At(-60));
  CHECK(steps[0].state == StepState::kWaiting);
  CHECK(steps[1].automation_id == "aut_later");
  CHECK(steps[1].due_time == At(-60) + absl::Hours(24));
  CHECK(Steps(kB).empty());

  event.time.reset();
  event.id = "e2";
  REQUIRE_THAT(store.Publish(kA, event, At(0), Soon()), IsOk());
  CHECK(Steps(kA, "e2")[0].due_time == At(0));
}

TEST_CASE_METHOD(Fixture, "Publish: the same id again changes nothing and says so",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  AddAutomation(kA, "aut_2", EventType::kOrderPaid, absl::ZeroDuration());
  BusinessEvent other = Event("e1");
  other.type = EventType::kOrderCreated;
  other.phone = "+6289999";
  for (const BusinessEvent& again : {Event("e1"), other}) {
    const auto published = store.Publish(kA, again, At(5), Soon());
    REQUIRE_THAT(published, IsOk());
    CHECK(published->duplicate);
    CHECK(published->steps == 1);
  }
  CHECK(Steps(kA).size() == 1);
  CHECK(Take(At(9), "lea_1")[0].phone == "+6281234567890");
  // Another outlet's ids are its own.
  CHECK_FALSE(store.Publish(kB, Event("e1"), At(0), Soon())->duplicate);
}

TEST_CASE_METHOD(Fixture, "Publish: reports the event's order once, as it stands then",
                 "[triggers][pg]") {
  BusinessEvent created = Event("e1");
  created.type = EventType::kOrderCreated;
  created.variables = {{"documentnumber", "SO-7"}};
  created.amount = 250'000;
  created.time = At(-60);
  BusinessEvent paid = Event("e2");  // its documentnumber is an invoice's
  paid.variables = {{"documentnumber", "INV-7"}};
  BusinessEvent named = Event("e3");
  named.order_id = "SO-8";
  named.contact_id = "con_1";
  BusinessEvent received = created;
  received.id = "e4";
  received.type = EventType::kOrderReceived;
  received.time = At(3600);  // its messages are to go in an hour
  for (const BusinessEvent& event : {created, created, paid, named, received}) {
    REQUIRE_THAT(store.Publish(kA, event, At(0), Soon()), IsOk());
  }
  const std::vector<events::v1::Event> told = Published();
  REQUIRE(told.size() == 3);
  CHECK(told[0].outlet_id() == kA);
  CHECK(TimeOf(told[0].time()) == At(0));
  const events::v1::OrderReported& first = told[0].order_reported();
  CHECK(first.order_id() == "SO-7");
  CHECK(first.phone() == "+6281234567890");
  CHECK(first.name() == "Budi");
  CHECK(first.open());
  CHECK(first.amount() == 250'000);
  CHECK(TimeOf(first.report_time()) == At(-60));
  CHECK(told[1].order_reported().order_id() == "SO-8");
  CHECK(told[1].order_reported().contact_id() == "con_1");
  const events::v1::OrderReported& last = told[2].order_reported();
  CHECK(last.order_id() == "SO-7");
  CHECK_FALSE(last.open());
  CHECK(TimeOf(last.report_time()) == At(0));
}

TEST_CASE_METHOD(Fixture, "Publish: twins at the same time become one", "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  std::mutex mutex;
  int fresh = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto published = store.Publish(kA, Event(absl::StrCat("e", i)), At(0), Soon());
        const std::lock_guard lock(mutex);
        if (published.ok() && !published->duplicate && published->steps == 1) ++fresh;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(fresh == 25);
  CHECK(Steps(kA).size() == 25);
}

TEST_CASE_METHOD(Fixture, "TakeDueSteps: what is due, with all that belongs to it",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::Seconds(10));
  BusinessEvent event = Event("e1");
  event.contact_id = "con_1";
  event.variables = {{"documentnumber", "INV-1"}, {"odd {\"name\"}", "a, \"b\" \\ {c}"}};
  REQUIRE_THAT(store.Publish(kA, event, At(0), Soon()), IsOk());
  CHECK(Take(At(9), "lea_1").empty());
  const std::vector<StepWork> taken = Take(At(10), "lea_1");
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].outlet_id == kA);
  CHECK(taken[0].id == StepId(kA, "e1", "aut_1"));
  CHECK(taken[0].lease == "lea_1");
  CHECK(taken[0].tries == 1);
  CHECK(taken[0].due_time == At(10));
  CHECK(taken[0].event_id == "e1");
  CHECK(taken[0].published_at == At(0));
  CHECK(taken[0].event_contact_id == "con_1");
  CHECK(taken[0].phone == event.phone);
  CHECK(taken[0].name == event.name);
  CHECK(taken[0].variables == event.variables);
  CHECK(taken[0].automation_id == "aut_1");
  CHECK(taken[0].template_id == "tpl_1");
  CHECK(taken[0].sender_id == "wa-1");
  CHECK(taken[0].automation_active);
  CHECK(taken[0].message_id.empty());
}

TEST_CASE_METHOD(Fixture, "TakeDueSteps: a lease holds, and comes free when it is over",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  const StepWork first = Take(At(0), "lea_1").at(0);
  CHECK(Take(At(14), "lea_2").empty());
  const StepWork second = Take(At(15), "lea_2").at(0);
  CHECK(second.tries == 2);
  // Whoever lost it changes nothing any more.
  CHECK(Change(first, {.kind = StepResult::Kind::kRefused, .reason = "LATE"}, At(16)) == 0);
  CHECK(Steps(kA)[0].state == StepState::kWaiting);
  CHECK(store
            .AssignMessages({{.outlet_id = kA,
                              .step_id = first.id,
                              .lease = "lea_1",
                              .contact_id = "con_1",
                              .message_id = "m1"}},
                            Soon())
            ->empty());
  CHECK(Change(second, kHandedOver, At(16)) == 1);
  CHECK(Steps(kA)[0].state == StepState::kHandedOver);
  CHECK(Take(At(99), "lea_3").empty());
}

TEST_CASE_METHOD(Fixture, "TakeDueSteps: two loops share the work, nothing twice",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  AddAutomation(kA, "aut_2", EventType::kOrderPaid, absl::ZeroDuration());
  constexpr int kEvents = 100;
  for (int i = 0; i < kEvents; ++i) {
    REQUIRE_THAT(store.Publish(kA, Event(absl::StrCat("e", i)), At(0), Soon()), IsOk());
  }
  std::mutex mutex;
  std::multiset<std::string> seen;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 1000; ++round) {
        const auto taken =
            store.TakeDueSteps(At(1), At(99), absl::StrCat("lea_", thread), 7, Soon());
        if (!taken.ok() || taken->empty()) return;
        std::vector<StepChange> changes;
        for (const StepWork& step : *taken) changes.push_back(Conclude(step, kHandedOver, At(1)));
        const auto changed = store.ChangeSteps(changes, At(1), Soon());
        const std::lock_guard lock(mutex);
        for (const StepWork& step : *taken) seen.insert(step.id);
        if (!changed.ok() || *changed != static_cast<std::int64_t>(taken->size())) seen.insert("x");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(seen.size() == 2 * kEvents);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 2 * kEvents);
  CHECK_FALSE(seen.contains("x"));
}

TEST_CASE_METHOD(Fixture, "ChangeSteps: a retry waits for its time", "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  const StepWork step = Take(At(0), "lea_1").at(0);
  StepChange change = Conclude(step, kRetry, At(1));
  change.ready_at = At(5);
  REQUIRE_THAT(store.ChangeSteps({change}, At(1), Soon()), IsOk());
  CHECK(Steps(kA)[0].state == StepState::kWaiting);
  CHECK(Steps(kA)[0].reason == "UNAVAILABLE");
  CHECK(Take(At(4), "lea_2").empty());
  CHECK(Take(At(5), "lea_2").size() == 1);
}

TEST_CASE_METHOD(Fixture, "AssignMessages: contact and message stay through repeats",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  const StepWork step = Take(At(0), "lea_1").at(0);
  const auto kept = store.AssignMessages({{.outlet_id = kA,
                                           .step_id = step.id,
                                           .lease = "lea_1",
                                           .contact_id = "con_1",
                                           .message_id = "20261121-m"}},
                                         Soon());
  REQUIRE_THAT(kept, IsOk());
  CHECK(*kept == std::vector<std::string>{step.id});
  const StepWork again = Take(At(20), "lea_2").at(0);
  CHECK(again.contact_id == "con_1");
  CHECK(again.message_id == "20261121-m");

  const std::vector<std::string> ids = {"20261121-m", "20261121-none", ""};
  const auto found = store.StepsOfMessages(kA, ids, Soon());
  REQUIRE(found->size() == 1);
  CHECK(found->at(0).id == step.id);
  CHECK(store.StepsOfMessages(kB, ids, Soon())->empty());
}

TEST_CASE_METHOD(Fixture, "automations: deleted ones are gone but for their steps",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_1", EventType::kOrderPaid, absl::ZeroDuration());
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  REQUIRE_THAT(Do(kB, [](Store::Unit& u) { return u.Delete("aut_1", At(1)); }), IsOk());
  REQUIRE_THAT(store.GetAutomation(kA, "aut_1", Soon()), IsOk());
  REQUIRE_THAT(Do(kA, [](Store::Unit& u) { return u.Delete("aut_1", At(1)); }), IsOk());
  CHECK_THAT(store.GetAutomation(kA, "aut_1", Soon()), ReasonIs("AUTOMATION_NOT_FOUND"));
  CHECK_THAT(Do(kA, [](Store::Unit& u) { return u.Lock("aut_1").status(); }),
             ReasonIs("AUTOMATION_NOT_FOUND"));
  CHECK(store.ListAutomations(kA, {}, 10, Soon())->empty());
  CHECK(store.Publish(kA, Event("e2"), At(2), Soon())->steps == 0);
  CHECK_FALSE(Take(At(3), "lea_1").at(0).automation_active);
}

TEST_CASE_METHOD(Fixture, "lanes: remembered once", "[triggers][pg]") {
  for (int i = 0; i < 2; ++i) REQUIRE_THAT(store.RememberLane({kA, "wa-1"}, Soon()), IsOk());
  REQUIRE_THAT(store.RememberLane({kB, "wa-2"}, Soon()), IsOk());
  CHECK(*store.ListLanes(Soon()) == std::vector<Lane>{{kA, "wa-1"}, {kB, "wa-2"}});
}

TEST_CASE_METHOD(Fixture, "ForgetRequests: what is old, a few at a time", "[triggers][pg]") {
  const rpc::RequestRecord mine{"Create", "print", ""};
  for (const std::string id : {"r1", "r2"}) {
    REQUIRE_THAT(Do(kA, [&](Store::Unit& u) { return u.ReserveRequest(id, mine).status(); }),
                 IsOk());
  }
  CHECK(*store.ForgetRequests(absl::Now() - absl::Hours(1), 10, Soon()) == 0);
  CHECK(*store.ForgetRequests(absl::Now() + absl::Hours(1), 1, Soon()) == 1);
  CHECK(*store.ForgetRequests(absl::Now() + absl::Hours(1), 10, Soon()) == 1);
}

TEST_CASE_METHOD(Fixture, "ForgetEvents: with their steps, when none of these waits or is young",
                 "[triggers][pg]") {
  AddAutomation(kA, "aut_now", EventType::kOrderPaid, absl::ZeroDuration());
  AddAutomation(kA, "aut_later", EventType::kOrderPaid, absl::Seconds(100));
  REQUIRE_THAT(store.Publish(kA, Event("e1"), At(0), Soon()), IsOk());
  REQUIRE_THAT(store.Publish(kB, Event("e1"), At(50), Soon()), IsOk());  // without a step
  for (const StepWork& step : Take(At(1), "lea_1")) Change(step, kHandedOver, At(1));
  CHECK(*store.ForgetEvents(At(40), 10, Soon()) == 0);  // one of its steps waits
  for (const StepWork& step : Take(At(200), "lea_2")) Change(step, kHandedOver, At(200));
  CHECK(*store.ForgetEvents(At(40), 10, Soon()) == 0);  // and was finished only now
  CHECK(Steps(kA).size() == 2);
  CHECK(*store.ForgetEvents(At(300), 1, Soon()) == 1);
  CHECK(*store.ForgetEvents(At(300), 10, Soon()) == 1);
  CHECK(Steps(kA).empty());
  CHECK_FALSE(store.Publish(kA, Event("e1"), At(300), Soon())->duplicate);
}

}  // namespace
}  // namespace kabar::triggers
