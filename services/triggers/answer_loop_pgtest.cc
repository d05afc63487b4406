// Customers' words on their way to the record: sink, loop, PostgreSQL, and gRPC fakes.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/events/consumer.h"
#include "libs/testing/eventually.h"
#include "libs/testing/private_postgres.h"
#include "services/triggers/answer_loop.h"
#include "services/triggers/sweep.h"
#include "services/triggers/testing/dispatcher_events.h"
#include "services/triggers/testing/loop_fixture.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::InboundFrom;
using testing::IsOk;
using testing::kA;
using testing::kB;
using testing::Soon;
using testing::StatusIs;

struct AnswerFixture : testing::LoopFixture {
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink(clock, absl::Hours(24));
  std::int64_t number = 0;
  std::string budi = fakes.contacts.Add(kA, "+6281200000001", "Budi");

  void Apply(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const auto& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  static events::v1::Event AnswerTo(const std::string& message, const std::string& contact,
                                    const std::string& id, const std::string& text,
                                    absl::Time time) {
    events::v1::Event event = InboundFrom(kA, id, "+6281200000001", text, time);
    auto* inbound = event.mutable_inbound_received();
    inbound->set_context_message_id(message);
    inbound->set_context_run_id("run-" + message);
    inbound->set_context_contact_id(contact);
    return event;
  }
  std::vector<CustomerAnswer> Recorded(const std::string& outlet = kA) {
    return *store.ListAnswers(outlet, "", {}, 100, Soon());
  }
};

TEST_CASE_METHOD(AnswerFixture, "answers: to the message that the event names, nobody is asked",
                 "[triggers][pg]") {
  fakes.contacts.faults.Fail(absl::UnavailableError("away"), 1);
  Apply({AnswerTo("m2", budi, "wamid.1", "Yaa 👍", At(20)),
         AnswerTo("m1", budi, "wamid.2", "Tidak", At(21))});
  CHECK(*answers.RunOnce() == 2);
  const std::vector<CustomerAnswer> recorded = Recorded();
  REQUIRE(recorded.size() == 2);
  CHECK(recorded[0].message_id == "m2");
  CHECK(recorded[0].run_id == "run-m2");
  CHECK(recorded[0].contact_id == budi);
  CHECK(recorded[0].answer == Answer::kYes);
  CHECK(recorded[1].message_id == "m1");
  CHECK(recorded[1].answer == Answer::kNo);
}

TEST_CASE_METHOD(AnswerFixture, "answers: to nothing of ours, from nobody we know",
                 "[triggers][pg]") {
  fakes.contacts.Add(kB, "+6281299999999", "Adi");
  Apply({InboundFrom(kA, "wamid.1", "+6281299999999", "halo", At(1)),
         InboundFrom(kA, "wamid.2", "+0", "ya", At(2)),
         InboundFrom(kB, "wamid.3", "+6281299999999", "ya", At(3)),
         InboundFrom(kA, "wamid.4", "+6281200000001", "ya", At(4))});
  CHECK(*answers.RunOnce() == 4);  // the one that contacts refuses holds up no other
  REQUIRE(Recorded().size() == 3);
  CHECK(Recorded()[0].message_id.empty());
  CHECK(Recorded()[0].contact_id.empty());
  CHECK(Recorded()[0].answer == Answer::kOther);
  CHECK(Recorded()[1].answer == Answer::kYes);
  CHECK(Recorded()[2].inbound_id == "wamid.4");
  CHECK(Recorded()[2].message_id.empty());
  CHECK(Recorded()[2].contact_id == budi);
  REQUIRE(Recorded(kB).size() == 1);
  CHECK(Recorded(kB)[0].contact_id == "con_toko-b_1");
  CHECK(Recorded(kB)[0].message_id.empty());
}

TEST_CASE_METHOD(AnswerFixture, "answers: contacts is waited for", "[triggers][pg]") {
  Apply({InboundFrom(kA, "wamid.1", "+6281200000001", "ya", At(4))});
  fakes.contacts.faults.Fail(absl::UnavailableError("away"), 1);
  CHECK_THAT(answers.RunOnce(), StatusIs(absl::StatusCode::kUnavailable));
  clock.Advance(absl::Hours(1));  // however long
  CHECK(*answers.RunOnce() == 1);
  REQUIRE(Recorded().size() == 1);
  CHECK(Recorded()[0].contact_id == budi);
}

TEST_CASE_METHOD(AnswerFixture, "sweep: forgets each hour what nobody asks for", "[triggers][pg]") {
  const auto sql = [&](const std::string& text) {
    return kabar::testing::TestPostgres().Sql(pool.options().connection, text);
  };
  const auto kept = [&] { return sql("SELECT count(*) FROM triggers.request_log"); };
  sql(absl::StrCat(
      "INSERT INTO triggers.request_log (outlet_id, request_id, method, fingerprint, created_at) "
      "VALUES ('toko-a', 'r1', 'PublishEvent', '', to_timestamp(",
      absl::ToUnixSeconds(clock.Now()), "))"));
  // One that is recorded, one that is not yet.
  const auto answers_kept = [&] {
    return sql("SELECT string_agg(inbound_id, ' ' ORDER BY inbound_id) FROM triggers.answers");
  };
  sql(absl::StrCat(
      "INSERT INTO triggers.answers (outlet_id, inbound_id, sender_id, phone, bsuid, kind, body, "
      "payload, received_at, stored_at, message_id, run_id, contact_id, ready_at, recorded_at) "
      "SELECT 'toko-a', 'in.' || n, 's', '', '', 'text', '', '', t, t, '', '', '', t, "
      "CASE WHEN n = 1 THEN t END FROM generate_series(1, 2) n, to_timestamp(",
      absl::ToUnixSeconds(clock.Now()), ") t"));
  clock.Advance(absl::Hours(24));
  {
    Sweep sweep(store, absl::Hours(72), clock);
    REQUIRE(clock.WaitForSleepers(1));
    CHECK(kept() == "1");  // 24 h old exactly: it stays
    clock.Advance(absl::Hours(1));
    REQUIRE(clock.WaitForSleepers(1));
    CHECK(kept() == "0");
    CHECK(answers_kept() == "in.1 in.2");
    clock.Advance(absl::Hours(72));
    REQUIRE(clock.WaitForSleepers(1));
  }
  CHECK(answers_kept() == "in.2");
}

TEST_CASE_METHOD(AnswerFixture, "answers: from the stream of events to the record",
                 "[triggers][pg]") {
  const rpc::Caller caller("service");
  WakingSink waking(store.MakeDispatcherSink(clock, absl::Hours(24)), answers);
  events::Consumer consumer(
      {.source = "dispatcher", .consumer = "triggers"}, rpc::MakeChannel(fakes.server.address()),
      [&](grpc::ClientContext& context) {
        caller.Prepare(context, {.timeout = absl::InfiniteDuration()});
      },
      waking);
  answers.Start();
  consumer.Start();
  for (int i = 0; i < 20; ++i) {
    events::v1::EventBatch batch;
    *batch.add_events() =
        AnswerTo(absl::StrCat("m", i), budi, absl::StrCat("wamid.", i), "ya", At(i));
    fakes.events.Append(batch);
  }
  REQUIRE(kabar::testing::Eventually([&] { return Recorded().size() == 20; }));
  consumer.Stop();
  answers.Stop();
  for (const CustomerAnswer& answer : Recorded()) {
    CHECK(absl::StartsWith(answer.message_id, "m"));
    CHECK(answer.answer == Answer::kYes);
  }
  CHECK(*sink->Position(Soon()) == 20);
}

}  // namespace
}  // namespace kabar::triggers
