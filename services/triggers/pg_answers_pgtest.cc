// The contract of store.h about answers, and the sink of the dispatcher's events, against
// PostgreSQL.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/dispatcher_events.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::InboundFrom;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::Soon;
using testing::StatusIs;

struct Fixture : testing::Database {
  kabar::testing::FakeClock clock;
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink(clock, absl::Hours(24));
  std::int64_t number = 0;

  absl::Status Apply(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const auto& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    return sink->Apply(batches, Soon());
  }
  std::vector<PendingAnswer> Pending(absl::Time now) {
    auto taken = store.TakePendingAnswers(now, now + absl::Seconds(15), 100, Soon());
    REQUIRE_THAT(taken, IsOk());
    return *std::move(taken);
  }
};

TEST_CASE_METHOD(Fixture, "sink: position and effects are one, each batch once", "[triggers][pg]") {
  CHECK(*sink->Position(Soon()) == 0);
  REQUIRE_THAT(Apply({InboundFrom(kA, "wamid.1", "+6281", "ya", At(0))}), IsOk());
  CHECK(*sink->Position(Soon()) == 1);
  number = 0;  // once more
  CHECK_THAT(Apply({InboundFrom(kA, "wamid.2", "+6281", "ya", At(0))}),
             StatusIs(absl::StatusCode::kAborted));
  number = 5;  // one is missing
  CHECK_THAT(Apply({InboundFrom(kA, "wamid.3", "+6281", "ya", At(0))}),
             StatusIs(absl::StatusCode::kAborted));
  CHECK(Pending(clock.Now()).size() == 1);
}

TEST_CASE_METHOD(Fixture, "sink: keeps customers' messages as they came", "[triggers][pg]") {
  events::v1::Event event = InboundFrom(kA, "wamid.1", "+6281", "ya\n😀 \\ {\"", At(7));
  auto* inbound = event.mutable_inbound_received();
  inbound->set_bsuid("ID.1");
  inbound->set_kind("button");
  inbound->set_payload("YA");
  inbound->set_context_message_id("m1");
  inbound->set_context_run_id("run-1");
  inbound->set_context_contact_id("con_1");
  events::v1::Event hostile = InboundFrom(kB, "wamid.1", "+6282", std::string("y\0a", 3), At(8));
  events::v1::Event notice = InboundFrom(kA, "wamid.9", "+6281", "new number", At(9));
  notice.mutable_inbound_received()->set_kind("system");
  // The same inbound twice in one batch, and again in the next.
  REQUIRE_THAT(Apply({event, event, hostile, notice}), IsOk());
  REQUIRE_THAT(Apply({event}), IsOk());
  std::vector<PendingAnswer> pending = Pending(clock.Now());
  REQUIRE(pending.size() == 2);
  if (pending[0].outlet_id == kB) std::swap(pending[0], pending[1]);
  CHECK(pending[0].inbound_id == "wamid.1");
  CHECK(pending[0].sender_id == "wa-1");
  CHECK(pending[0].phone == "+6281");
  CHECK(pending[0].bsuid == "ID.1");
  CHECK(pending[0].kind == "button");
  CHECK(pending[0].text == "ya\n😀 \\ {\"");
  CHECK(pending[0].payload == "YA");
  CHECK(pending[0].received_at == At(7));
  CHECK(pending[0].message_id == "m1");
  CHECK(pending[0].run_id == "run-1");
  CHECK(pending[0].contact_id == "con_1");
  CHECK(pending[1].outlet_id == kB);
  CHECK(pending[1].text == "ya");
  CHECK_FALSE(pending[1].is_matched());
}

TEST_CASE_METHOD(Fixture, "sink: the newest message within the window, where no context names one",
                 "[triggers][pg]") {
  const auto event = [](const std::string& id, int sent, int received) {
    events::v1::Event written = InboundFrom(kA, id, "+6281", "ya", At(received));
    auto* inbound = written.mutable_inbound_received();
    inbound->set_last_message_id("m1");
    inbound->set_last_run_id("run-1");
    inbound->set_last_contact_id("con_1");
    inbound->mutable_last_claim_time()->set_seconds(absl::ToUnixSeconds(At(sent)));
    return written;
  };
  constexpr int kDay = 24 * 3600;
  events::v1::Event by_context = event("wamid.5", 0, 10);
  by_context.mutable_inbound_received()->set_context_message_id("m0");
  by_context.mutable_inbound_received()->set_context_run_id("run-0");
  by_context.mutable_inbound_received()->set_context_contact_id("con_0");
  REQUIRE_THAT(Apply({event("wamid.1", 0, 10), event("wamid.2", 10, 7),  // clocks differ a little
                      event("wamid.3", 0, kDay), event("wamid.4", 0, kDay + 1), by_context}),
               IsOk());
  std::map<std::string, std::string> matched;
  for (const PendingAnswer& p : Pending(clock.Now())) {
    matched[p.inbound_id] = absl::StrCat(p.message_id, " ", p.run_id, " ", p.contact_id);
  }
  CHECK(matched == std::map<std::string, std::string>{{"wamid.1", "m1 run-1 con_1"},
                                                      {"wamid.2", "m1 run-1 con_1"},
                                                      {"wamid.3", "m1 run-1 con_1"},
                                                      {"wamid.4", "  "},
                                                      {"wamid.5", "m0 run-0 con_0"}});
}

TEST_CASE_METHOD(Fixture, "RecordAnswers: each once, with its event, whoever comes second",
                 "[triggers][pg]") {
  std::vector<events::v1::Event> inbound;
  std::vector<CustomerAnswer> answers;
  constexpr int kAnswers = 60;
  for (int i = 0; i < kAnswers; ++i) {
    const std::string id = absl::StrCat("wamid.", i);
    inbound.push_back(InboundFrom(kA, id, "+6281", "ya", At(i)));
    answers.push_back({.outlet_id = kA,
                       .inbound_id = id,
                       .message_id = absl::StrCat("m", i),
                       .run_id = i % 2 == 0 ? "run-even" : "run-odd",
                       .contact_id = "con_1",
                       .answer = i % 3 == 0 ? Answer::kNo : Answer::kYes});
  }
  REQUIRE_THAT(Apply(inbound), IsOk());
  std::atomic<std::int64_t> recorded = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 2; ++thread) {
    threads.emplace_back([&, thread] {
      // In opposite orders and overlapping batches, as two replicas might.
      for (int batch = 0; batch < 6; ++batch) {
        const int begin = (thread == 0 ? batch : 5 - batch) * 10;
        std::vector<CustomerAnswer> mine(answers.begin() + begin, answers.begin() + begin + 10);
        if (thread == 1) std::reverse(mine.begin(), mine.end());
        recorded += store.RecordAnswers(mine, At(100), Soon()).value_or(-1000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(recorded == kAnswers);
  CHECK(Pending(At(1000)).empty());

  std::map<std::string, int> events;
  for (const events::v1::Event& event : Published()) {
    REQUIRE(event.has_answer_recorded());
    CHECK(event.outlet_id() == kA);
    ++events[event.answer_recorded().inbound_id()];
    CHECK(event.answer_recorded().contact_id() == "con_1");
    CHECK(event.answer_recorded().message_id().substr(0, 1) == "m");
  }
  CHECK(events.size() == kAnswers);
  for (const auto& [id, count] : events) CHECK(count == 1);

  // A repeat, and one that was never received: nothing.
  CHECK(*store.RecordAnswers(answers, At(101), Soon()) == 0);
  CHECK(*store.RecordAnswers({{.outlet_id = kB, .inbound_id = "wamid.0"}}, At(101), Soon()) == 0);
  CHECK(Published().size() == kAnswers);

  CHECK(store.ListAnswers(kA, "", {}, 100, Soon())->size() == kAnswers);
  const auto even = store.ListAnswers(kA, "run-even", {}, 100, Soon());
  REQUIRE(even->size() == kAnswers / 2);
  CHECK(even->at(1).inbound_id == "wamid.2");
  CHECK(even->at(1).answer == Answer::kYes);
  CHECK(even->at(1).text == "ya");
  CHECK(even->at(1).time == At(2));
  const auto next =
      store.ListAnswers(kA, "run-even", {even->at(1).time, even->at(1).inbound_id}, 1, Soon());
  CHECK(next->at(0).inbound_id == "wamid.4");
  CHECK(store.ListAnswers(kB, "", {}, 100, Soon())->empty());
}

TEST_CASE_METHOD(Fixture, "TakePendingAnswers: leased, postponed, taken again", "[triggers][pg]") {
  REQUIRE_THAT(Apply({InboundFrom(kA, "wamid.1", "+6281", "ya", At(0))}), IsOk());
  const absl::Time now = clock.Now();
  const std::vector<PendingAnswer> taken = Pending(now);
  REQUIRE(taken.size() == 1);
  CHECK(Pending(now + absl::Seconds(14)).empty());
  REQUIRE_THAT(store.PostponeAnswers(taken, now + absl::Seconds(3), Soon()), IsOk());
  CHECK(Pending(now + absl::Seconds(2)).empty());
  CHECK(Pending(now + absl::Seconds(3)).size() == 1);
  CHECK(Pending(now + absl::Seconds(18)).size() == 1);
  CHECK(store.ListAnswers(kA, "", {}, 10, Soon())->empty());  // not before it is recorded
}

}  // namespace
}  // namespace kabar::triggers
