// ForeseeMessages says what Enqueue and StartAttempts then do.
#include <catch2/catch.hpp>
#include <memory>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

struct Foretold : Api {
  void OptOut(const std::string& phone, const std::string& bsuid) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id("toko-a");
    event.mutable_consent_changed()->set_phone(phone);
    event.mutable_consent_changed()->set_bsuid(bsuid);
    event.mutable_consent_changed()->set_purpose("DELIVERY_UPDATES");
    event.mutable_consent_changed()->set_opted_out(true);
    const events::v1::NumberedBatch* const batches[] = {&batch};
    REQUIRE_THAT(consents->Apply(batches, Deadline()), IsOk());
  }
  void Writes(int n) {
    Apply({}, {{.phone_number_id = "1001",
                .provider_id = absl::StrCat("in.", n),
                .phone = Message(n).phone,
                .kind = "text",
                .time = absl::Now()}});
  }
  v1::ForeseeMessagesRequest Ask(const v1::EnqueueRequest& batch) const {
    v1::ForeseeMessagesRequest request;
    request.set_sender_id("snd");
    request.set_purpose("DELIVERY_UPDATES");
    *request.mutable_messages() = batch.messages();
    return request;
  }

  std::int64_t number = 0;
  const std::unique_ptr<events::Sink> consents = MakeConsentSink(pool);
};

TEST_CASE("ForeseeMessages: foretells what the enqueueing and the claim then do",
          "[dispatcher][foresee]") {
  Foretold f;
  v1::EnqueueRequest batch = f.Batch(1, 6);
  f.OptOut(batch.messages(0).phone(), "");
  // Known by his user id alone; the campaign writes to his phone as well.
  f.OptOut("", "ID.77");
  batch.mutable_messages(1)->set_bsuid("ID.77");
  f.Writes(3);
  batch.mutable_messages(4)->mutable_provider_form()->set_name("paket");
  batch.mutable_messages(4)->mutable_provider_form()->set_language("id");
  batch.mutable_messages(5)->mutable_refusal()->set_state(events::v1::FAILED);
  batch.mutable_messages(5)->mutable_refusal()->set_reason("MISSING_VARIABLE");

  const std::string known = f.Sql("SELECT count(*) FROM recipients");
  const auto told = f.Call(&Stub::ForeseeMessages, f.Ask(batch));
  REQUIRE_THAT(told, IsOk());
  REQUIRE(told->messages_size() == 6);
  CHECK(f.Sql("SELECT count(*) FROM messages") == "0");
  CHECK(f.Sql("SELECT count(*) FROM recipients") == known);
  CHECK(told->messages(0).reason() == "OPTED_OUT");
  CHECK(told->messages(1).reason() == "OPTED_OUT");
  CHECK(told->messages(2).state() == events::v1::SENT);
  CHECK(told->messages(2).window_open());
  CHECK(told->messages(3).reason() == "WINDOW_CLOSED_NO_TEMPLATE");
  CHECK(told->messages(4).state() == events::v1::SENT);
  CHECK_FALSE(told->messages(4).window_open());
  CHECK(told->messages(5).reason() == "MISSING_VARIABLE");

  REQUIRE_THAT(f.Call(&Stub::Enqueue, batch), IsOk());
  const StartResult started = f.Start(f.Ids(1, 6));
  std::map<std::string, const StartedMessage*> sent;
  for (const StartedMessage& message : started.started) sent[message.id] = &message;
  for (int i = 0; i < 6; ++i) {
    INFO(i);
    const v1::ForeseenMessage& one = told->messages(i);
    const LedgerMessage message = f.Get(i + 1);
    if (one.state() == events::v1::SENT || one.reason() == "WINDOW_CLOSED_NO_TEMPLATE") {
      REQUIRE(sent.count(message.id) == 1);
      CHECK(sent[message.id]->window_open == one.window_open());
    } else {
      CHECK(static_cast<int>(message.state) == static_cast<int>(one.state()));
      CHECK(message.reason == one.reason());
    }
  }
}

TEST_CASE("ForeseeMessages: refuses what Enqueue would refuse, and an unknown number",
          "[dispatcher][foresee]") {
  Foretold f;
  v1::EnqueueRequest batch = f.Batch(1, 1);
  v1::ForeseeMessagesRequest request = f.Ask(batch);
  request.set_sender_id("nobody");
  CHECK_THAT(f.Call(&Stub::ForeseeMessages, request), ReasonIs("SENDER_NOT_FOUND"));
  batch.mutable_messages(0)->set_phone("0812");
  CHECK_THAT(f.Call(&Stub::ForeseeMessages, f.Ask(batch)), HasFieldViolation("messages[0].phone"));
  CHECK_THAT(f.Call(&Stub::ForeseeMessages, f.Ask(f.Batch(1, 1)), "operator-a"),
             ReasonIs("ROLE_TOO_LOW"));
}

}  // namespace
}  // namespace kabar::dispatcher
