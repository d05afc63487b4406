#include "services/dispatcher/convert.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/testing/status_matchers.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;

v1::OutgoingMessage Message(int n) {
  v1::OutgoingMessage message;
  message.set_id(
      base::MakeMessageId(absl::CivilDay(2026, 11, 21), "run", n, "1", absl::StrCat(n), ""));
  message.set_contact_id(absl::StrCat("c", n));
  message.set_phone("+6281234567890");
  message.set_text("halo");
  message.mutable_render_time()->set_seconds(1795222800);
  return message;
}

TEST_CASE("Enqueue request: complete messages pass", "[dispatcher]") {
  v1::EnqueueRequest request;
  *request.add_messages() = Message(1);
  v1::OutgoingMessage& form = *request.add_messages();
  form = Message(2);
  form.clear_text();
  form.clear_phone();
  form.set_bsuid("ID.1");
  form.mutable_provider_form()->set_name("paket");
  form.mutable_provider_form()->add_parameters("Sari");
  v1::OutgoingMessage& refused = *request.add_messages();
  refused.set_id(Message(3).id());
  refused.set_phone("0812 tidak ada");
  refused.mutable_refusal()->set_state(events::v1::FAILED);
  refused.mutable_refusal()->set_reason("PHONE_INVALID");
  const auto messages = FromProto(request);
  REQUIRE_THAT(messages, IsOk());
  CHECK(messages->at(0).rendered_at == absl::FromUnixSeconds(1795222800));
  CHECK(messages->at(1).form.parameters == std::vector<std::string>{"Sari"});
  CHECK(messages->at(2).refusal == MessageState::kFailed);
  CHECK(messages->at(2).phone.empty());
}

TEST_CASE("Enqueue request: each fault is named", "[dispatcher]") {
  const auto fault = [](auto change) {
    v1::EnqueueRequest request;
    *request.add_messages() = Message(1);
    *request.add_messages() = Message(2);
    change(*request.mutable_messages(1));
    return FromProto(request);
  };
  using M = v1::OutgoingMessage;
  CHECK_THAT(fault([](M& m) { m.set_id("20261121-x"); }), HasFieldViolation("messages[1].id"));
  CHECK_THAT(fault([](M& m) { m.set_id(Message(1).id()); }), HasFieldViolation("messages[1].id"));
  CHECK_THAT(fault([](M& m) { m.set_phone("0812"); }), HasFieldViolation("messages[1].phone"));
  CHECK_THAT(fault([](M& m) { m.clear_phone(); }), HasFieldViolation("messages[1].phone"));
  CHECK_THAT(fault([](M& m) { m.clear_text(); }), HasFieldViolation("messages[1].text"));
  CHECK_THAT(fault([](M& m) { m.set_text("\0halo", 5); }), HasFieldViolation("messages[1].text"));
  CHECK_THAT(fault([](M& m) { m.set_text(std::string(20000, 'a')); }),
             HasFieldViolation("messages[1].text"));
  CHECK_THAT(fault([](M& m) { m.clear_render_time(); }),
             HasFieldViolation("messages[1].render_time"));
  CHECK_THAT(fault([](M& m) { m.mutable_refusal()->set_state(events::v1::SENT); }),
             HasFieldViolation("messages[1].refusal.state"));
}

TEST_CASE("Lane: defaults, and each fault is named", "[dispatcher]") {
  v1::Lane lane;
  lane.set_id("run-1");
  lane.set_sender_id("snd");
  const auto made = FromProto(lane, "toko-a");
  REQUIRE_THAT(made, IsOk());
  CHECK(made->fresh_for == absl::Minutes(10));
  CHECK(made->max_attempts == 3);
  CHECK(made->unknown_policy == UnknownPolicy::kResend);
  CHECK(made->purpose == "DELIVERY_UPDATES");
  CHECK_FALSE(made->rate.has_value());
  lane.set_id("has {braces}");
  lane.set_rate("45/mim");
  lane.set_priority(-1);
  lane.set_purpose("SPAM");
  const auto wrong = FromProto(lane, "toko-a");
  for (const char* field : {"lane.id", "lane.rate", "lane.priority", "lane.purpose"}) {
    CHECK_THAT(wrong, HasFieldViolation(field));
  }
}

TEST_CASE("UpdateSender: the mask decides, else what is set", "[dispatcher]") {
  v1::UpdateSenderRequest request;
  request.mutable_sender()->set_throughput("20/s");
  request.mutable_sender()->set_access_token("t");
  auto change = ChangeFromProto(request);
  REQUIRE_THAT(change, IsOk());
  CHECK(change->throughput->limit == 20);
  CHECK_FALSE(change->pair_rate.has_value());
  CHECK(ChangesToken(request));
  request.mutable_update_mask()->add_paths("display_phone");
  change = ChangeFromProto(request);
  CHECK_FALSE(change->throughput.has_value());
  CHECK(change->display_phone == "");
  CHECK_FALSE(ChangesToken(request));
  request.mutable_update_mask()->add_paths("phone_number_id");
  CHECK_THAT(ChangeFromProto(request), HasFieldViolation("update_mask"));
}

TEST_CASE("Page tokens: work for the list they came from", "[dispatcher]") {
  const std::string token = MakePageToken("messages/l/1", "2026-11-21/7");
  CHECK(*LastOfPageToken("messages/l/1", token) == "2026-11-21/7");
  CHECK_THAT(LastOfPageToken("messages/l/2", token), HasFieldViolation("page_token"));
  CHECK_THAT(LastOfPageToken("messages/l/1", "xx"), HasFieldViolation("page_token"));
  CHECK(*LastOfPageToken("messages/l/1", "") == "");
  CHECK(*PageSize(0, 50, 100) == 50);
  CHECK(*PageSize(5000, 50, 100) == 100);
  CHECK_THAT(PageSize(-1, 50, 100), HasFieldViolation("page_size"));
}

}  // namespace
}  // namespace kabar::dispatcher
