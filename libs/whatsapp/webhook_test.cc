#include "libs/whatsapp/webhook.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/testing/status_matchers.h"

namespace kabar::whatsapp {
namespace {

using testing::StatusIs;

constexpr char kTime[] = "1767225600";  // 2026-01-01T00:00:00Z

// One change of the field `messages` with these members beside the metadata.
std::string Change(absl::string_view members) {
  return absl::StrCat(R"({"field":"messages","value":{"messaging_product":"whatsapp",)"
                      R"("metadata":{"display_phone_number":"62211","phone_number_id":"111"},)",
                      members, "}}");
}

std::string Payload(absl::string_view changes) {
  return absl::StrCat(R"({"object":"whatsapp_business_account","entry":[{"id":"WABA","changes":[)",
                      changes, "]}]}");
}

Webhook MustParse(absl::string_view body) {
  auto webhook = ParseWebhook(body);
  if (!webhook.ok()) throw std::runtime_error(webhook.status().ToString());
  return *std::move(webhook);
}

Inbound OneInbound(absl::string_view part) {
  const Webhook webhook = MustParse(Payload(Change(absl::StrCat(
      R"("contacts":[{"profile":{"name":"Ani"},"wa_id":"628111","user_id":"ID.9"}],"messages":[)"
      R"({"from":"628111","id":"wamid.I","timestamp":")",
      kTime, R"(",)", part, "}]"))));
  for (const WebhookError& error : webhook.errors) {
    throw std::runtime_error(error.where + " " + error.what);
  }
  if (webhook.inbound.size() != 1) throw std::runtime_error("not one inbound message");
  return webhook.inbound[0];
}

TEST_CASE("SignatureMatches: only the right secret, body and form", "[whatsapp]") {
  // RFC 4231, test case 2.
  constexpr char kHex[] = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const std::string body = "what do ya want for nothing?";
  CHECK(Sign("Jefe", body) == absl::StrCat("sha256=", kHex));
  CHECK(SignatureMatches("Jefe", absl::StrCat("sha256=", kHex), body));
  CHECK_FALSE(SignatureMatches("Jefe", kHex, body));
  CHECK_FALSE(SignatureMatches("Jefe", absl::StrCat("sha1=", kHex), body));
  CHECK_FALSE(SignatureMatches("jefe", absl::StrCat("sha256=", kHex), body));
  CHECK_FALSE(SignatureMatches("Jefe", absl::StrCat("sha256=", kHex), body + " "));
  CHECK_FALSE(SignatureMatches("Jefe", "sha256=", body));
  CHECK_FALSE(SignatureMatches("Jefe", "", body));
  CHECK_FALSE(SignatureMatches("", Sign("", body), body));
}

TEST_CASE("SubscriptionChallenge: echoed for the right token only", "[whatsapp]") {
  const std::string query = "hub.mode=subscribe&hub.challenge=115820&hub.verify_token=to%20ken";
  CHECK(SubscriptionChallenge(query, "to ken") == "115820");
  CHECK_FALSE(SubscriptionChallenge(query, "other").has_value());
  CHECK_FALSE(SubscriptionChallenge("hub.mode=subscribe&hub.challenge=1&hub.verify_token=", "")
                  .has_value());
  CHECK_FALSE(SubscriptionChallenge("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=t", "t")
                  .has_value());
  CHECK_FALSE(SubscriptionChallenge("hub.mode=subscribe&hub.verify_token=t", "t").has_value());
  CHECK_FALSE(SubscriptionChallenge("", "t").has_value());
}

TEST_CASE("ParseWebhook: a status with everything", "[whatsapp]") {
  const Webhook webhook = MustParse(Payload(Change(
      R"("statuses":[{"id":"wamid.A","status":"delivered","timestamp":"1767225600",
      "recipient_id":"628111","recipient_user_id":"ID.9","biz_opaque_callback_data":"m.1",
      "conversation":{"id":"C1","origin":{"type":"utility"}},
      "pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}}])")));
  REQUIRE(webhook.statuses.size() == 1);
  const StatusUpdate& status = webhook.statuses[0];
  CHECK(status.phone_number_id == "111");
  CHECK(status.wamid == "wamid.A");
  CHECK(status.status == MessageStatus::kDelivered);
  CHECK(status.timestamp == absl::FromUnixSeconds(1767225600));
  CHECK(status.recipient == "628111");
  CHECK(status.bsuid == "ID.9");
  CHECK(status.callback_data == "m.1");
  CHECK(status.conversation_id == "C1");
  CHECK(status.pricing.present);
  CHECK(status.pricing.billable);
  CHECK(status.pricing.model == "PMP");
  CHECK(status.pricing.type == "regular");
  CHECK(status.pricing.category == "utility");
  CHECK(status.error_code == -1);
  CHECK(webhook.errors.empty());
  CHECK(webhook.unknown.empty());
}

TEST_CASE("ParseWebhook: every status name, and a failed one's error", "[whatsapp]") {
  for (const MessageStatus wanted :
       {MessageStatus::kSent, MessageStatus::kDelivered, MessageStatus::kRead,
        MessageStatus::kPlayed, MessageStatus::kFailed}) {
    const Webhook webhook = MustParse(Payload(Change(absl::StrCat(
        R"("statuses":[{"id":"w","status":")", MessageStatusName(wanted),
        R"(","timestamp":1767225600,"errors":[{"code":131049,"title":"T","error_data":{"details":"D"}}]}])"))));
    REQUIRE(webhook.statuses.size() == 1);
    CHECK(webhook.statuses[0].status == wanted);
    CHECK(webhook.statuses[0].error_code == 131049);
    CHECK(webhook.statuses[0].error_title == "T");
    CHECK(webhook.statuses[0].error_details == "D");
    CHECK_FALSE(webhook.statuses[0].pricing.present);
  }
}

TEST_CASE("ParseWebhook: a status of a hidden phone", "[whatsapp]") {
  const Webhook webhook = MustParse(Payload(Change(
      R"("statuses":[{"id":"w","status":"sent","timestamp":"1767225600","recipient_id":"ID.77"}])")));
  REQUIRE(webhook.statuses.size() == 1);
  CHECK(webhook.statuses[0].recipient.empty());
  CHECK(webhook.statuses[0].bsuid == "ID.77");
}

TEST_CASE("ParseWebhook: every kind of inbound message", "[whatsapp]") {
  struct Row {
    const char* part;
    InboundKind kind;
    const char* text;
    const char* payload;
    const char* context;
  };
  const Row rows[] = {
      {R"("type":"text","text":{"body":"YA 👍"},"context":{"from":"62","id":"wamid.A"})",
       InboundKind::kText, "YA 👍", "", "wamid.A"},
      {R"("type":"text","text":{"body":""})", InboundKind::kText, "", "", ""},
      {R"("type":"button","button":{"payload":"YES","text":"YA"},"context":{"id":"wamid.A"})",
       InboundKind::kButton, "YA", "YES", "wamid.A"},
      {R"("type":"interactive","interactive":{"type":"button_reply","button_reply":{"id":"ya","title":"YA"}})",
       InboundKind::kButtonReply, "YA", "ya", ""},
      {R"("type":"interactive","interactive":{"type":"list_reply","list_reply":{"id":"8","title":"08:00","description":"d"}})",
       InboundKind::kListReply, "08:00", "8", ""},
      {R"("type":"interactive","interactive":{"type":"nfm_reply","nfm_reply":{}})",
       InboundKind::kUnsupported, "", "", ""},
      {R"("type":"reaction","reaction":{"message_id":"wamid.B","emoji":"👍"})",
       InboundKind::kReaction, "👍", "", "wamid.B"},
      {R"("type":"reaction","reaction":{"message_id":"wamid.B"})", InboundKind::kReaction, "", "",
       "wamid.B"},
      {R"("type":"image","image":{"id":"7","mime_type":"image/jpeg","caption":"bukti"})",
       InboundKind::kImage, "bukti", "7", ""},
      {R"("type":"document","document":{"id":"7","filename":"a.pdf"})", InboundKind::kDocument,
       "a.pdf", "7", ""},
      {R"("type":"video","video":{"id":"7"})", InboundKind::kVideo, "", "7", ""},
      {R"("type":"audio","audio":{"id":"7","voice":true})", InboundKind::kAudio, "", "7", ""},
      {R"("type":"voice","voice":{"id":"7"})", InboundKind::kAudio, "", "7", ""},
      {R"("type":"sticker","sticker":{"id":"7"})", InboundKind::kSticker, "", "7", ""},
      {R"("type":"location","location":{"latitude":-6.5,"longitude":106,"name":"Rumah"})",
       InboundKind::kLocation, "Rumah", "", ""},
      {R"("type":"contacts","contacts":[{"name":{}}])", InboundKind::kContacts, "", "", ""},
      {R"("type":"order","order":{"catalog_id":"1"})", InboundKind::kOrder, "", "", ""},
      {R"("type":"system","system":{"body":"changed","type":"user_changed_number","wa_id":"62999","user_id":"ID.2"})",
       InboundKind::kSystem, "changed", "user_changed_number", ""},
      {R"("type":"unsupported","errors":[{"code":131051}])", InboundKind::kUnsupported, "", "", ""},
      {R"("type":"poll_from_the_future","poll_from_the_future":{"a":1})", InboundKind::kUnsupported,
       "", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.part);
    const Inbound inbound = OneInbound(row.part);
    CHECK(InboundKindName(inbound.kind) == InboundKindName(row.kind));
    CHECK(inbound.text == row.text);
    CHECK(inbound.payload == row.payload);
    CHECK(inbound.context_wamid == row.context);
    CHECK(inbound.phone_number_id == "111");
    CHECK(inbound.wamid == "wamid.I");
    CHECK(inbound.from == "628111");
    CHECK(inbound.bsuid == "ID.9");
    CHECK(inbound.profile_name == "Ani");
    CHECK(inbound.timestamp == absl::FromUnixSeconds(1767225600));
    CHECK(inbound.raw.find("\"wamid.I\"") != std::string::npos);
  }
  const Inbound place =
      OneInbound(R"("type":"location","location":{"latitude":-6.5,"longitude":106})");
  CHECK(place.latitude == -6.5);
  CHECK(place.longitude == 106);
  const Inbound moved = OneInbound(
      R"("type":"system","system":{"type":"user_changed_number","wa_id":"62999","user_id":"ID.2"})");
  CHECK(moved.new_wa_id == "62999");
  CHECK(moved.new_bsuid == "ID.2");
}

TEST_CASE("ParseWebhook: who wrote, with and without phone", "[whatsapp]") {
  const auto inbound = [](absl::string_view contacts, absl::string_view sender) {
    const Webhook webhook = MustParse(Payload(Change(absl::StrCat(
        R"("contacts":)", contacts, R"(,"messages":[{"id":"w","timestamp":"1767225600",)", sender,
        R"("type":"text","text":{"body":"x"}}])"))));
    if (webhook.inbound.size() != 1) throw std::runtime_error("not one inbound message");
    return webhook.inbound[0];
  };
  const Inbound hidden =
      inbound(R"([{"profile":{"name":"B","username":"budi.s"},"user_id":"ID.5"}])", "");
  CHECK(hidden.username == "budi.s");
  CHECK(hidden.from.empty());
  CHECK(hidden.bsuid == "ID.5");
  CHECK(hidden.profile_name == "B");
  const Inbound direct = inbound("[]", R"("from_user_id":"ID.6",)");
  CHECK(direct.bsuid == "ID.6");
  const Inbound second = inbound(
      R"([{"wa_id":"621","profile":{"name":"A"}},{"wa_id":"622","user_id":"ID.2","profile":{"name":"B"}}])",
      R"("from":"622",)");
  CHECK(second.bsuid == "ID.2");
  CHECK(second.profile_name == "B");
  const Inbound stranger =
      inbound(R"([{"wa_id":"621","profile":{"name":"A"}}])", R"("from":"629",)");
  CHECK(stranger.profile_name.empty());
}

TEST_CASE("ParseWebhook: several entries and changes, unknown ones kept raw", "[whatsapp]") {
  const std::string status = Change(
      R"("statuses":[{"id":"a","status":"sent","timestamp":"1767225600"},{"id":"b","status":"read","timestamp":"1767225601"}])");
  const std::string message = Change(
      R"("messages":[{"from":"628","id":"c","timestamp":"1767225600","type":"text","text":{"body":"x"}}])");
  const std::string quality =
      R"({"field":"phone_number_quality_update","value":{"event":"FLAGGED"}})";
  const Webhook webhook = MustParse(absl::StrCat(
      R"({"entry":[{"id":"W1","changes":[)", status, ",", quality, R"(]},{"id":"W2","changes":[)",
      message, ",", Change(R"("errors":[{"code":130501}])"), ",", Change(R"("hello":1)"), "]}]}"));
  REQUIRE(webhook.statuses.size() == 2);
  CHECK(webhook.statuses[1].wamid == "b");
  REQUIRE(webhook.inbound.size() == 1);
  REQUIRE(webhook.unknown.size() == 3);
  CHECK(webhook.unknown[0].field == "phone_number_quality_update");
  CHECK(webhook.unknown[0].account == "W1");
  CHECK(webhook.unknown[0].phone_number_id.empty());
  CHECK(webhook.unknown[0].raw == quality);
  CHECK(webhook.unknown[1].field == "messages.errors");
  CHECK(webhook.unknown[1].account == "W2");
  CHECK(webhook.unknown[1].phone_number_id == "111");
  CHECK(webhook.unknown[2].field == "messages");
  CHECK(webhook.errors.empty());
}

TEST_CASE("ParseWebhook: a status without a name of ours is kept, not lost", "[whatsapp]") {
  const Webhook webhook = MustParse(
      Payload(Change(R"("statuses":[{"id":"w","status":"warning","timestamp":"1767225600"}])")));
  REQUIRE(webhook.unknown.size() == 1);
  CHECK(webhook.unknown[0].field == "messages.statuses:warning");
  CHECK(webhook.unknown[0].raw == R"({"id":"w","status":"warning","timestamp":"1767225600"})");
}

TEST_CASE("ParseWebhook: a fault names its place and loses nothing else", "[whatsapp]") {
  struct Row {
    const char* bad;    // among the changes
    const char* where;  // relative to the change
  };
  const Row rows[] = {
      {R"(7)", ""},
      {R"({"value":{}})", ".field"},
      {R"({"field":"messages"})", ".value"},
      {R"({"field":"messages","value":[]})", ".value"},
      {R"({"field":"messages","value":{"statuses":[]}})", ".value.metadata.phone_number_id"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":{}}})",
       ".value.statuses"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":3}})",
       ".value.messages"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":["x"]}})",
       ".value.statuses[0]"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":[{"status":"sent"}]}})",
       ".value.statuses[0].id"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":[{"id":"a"}]}})",
       ".value.statuses[0].status"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":[{"id":"a","status":"sent"}]}})",
       ".value.statuses[0].timestamp"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":[{"id":"a","status":"sent","timestamp":"soon"}]}})",
       ".value.statuses[0].timestamp"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"statuses":[{"id":"a","status":"sent","timestamp":"1767225600000"}]}})",
       ".value.statuses[0].timestamp"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[null]}})",
       ".value.messages[0]"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"from":"628"}]}})",
       ".value.messages[0].id"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"m","from":"628"}]}})",
       ".value.messages[0].timestamp"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"m","timestamp":"1767225600","type":"text"}]}})",
       ".value.messages[0].from"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"m","from":"628","timestamp":"1767225600","type":"text"}]}})",
       ".value.messages[0].text"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"m","from":"628","timestamp":"1767225600","type":"text","text":{}}]}})",
       ".value.messages[0].text"},
      {R"({"field":"messages","value":{"metadata":{"phone_number_id":"1"},"messages":[{"id":"m","from":"628","timestamp":"1767225600","type":"interactive","interactive":{"type":"button_reply"}}]}})",
       ".value.messages[0].interactive"},
  };
  const std::string good =
      Change(R"("statuses":[{"id":"ok","status":"sent","timestamp":"1767225600"}])");
  for (const Row& row : rows) {
    CAPTURE(row.bad);
    const Webhook webhook = MustParse(Payload(absl::StrCat(good, ",", row.bad, ",", good)));
    REQUIRE(webhook.errors.size() == 1);
    CHECK(webhook.errors[0].where == absl::StrCat("entry[0].changes[1]", row.where));
    CHECK_FALSE(webhook.errors[0].what.empty());
    CHECK_FALSE(webhook.errors[0].raw.empty());
    CHECK(webhook.statuses.size() == 2);
    CHECK(webhook.inbound.empty());
  }
}

TEST_CASE("ParseWebhook: bad neighbours in one array and bad entries", "[whatsapp]") {
  const Webhook webhook = MustParse(Payload(Change(
      R"("statuses":[{"id":"a","status":"sent","timestamp":"1767225600"},{},{"id":"b","status":"sent","timestamp":"1767225600"}])")));
  CHECK(webhook.statuses.size() == 2);
  REQUIRE(webhook.errors.size() == 1);
  CHECK(webhook.errors[0].where == "entry[0].changes[0].value.statuses[1].id");
  CHECK(webhook.errors[0].raw == "{}");

  const Webhook entries = MustParse(absl::StrCat(
      R"({"entry":[null,{"id":"x"},{"id":"y","changes":[)",
      Change(R"("statuses":[{"id":"a","status":"sent","timestamp":"1767225600"}])"), "]}]}"));
  CHECK(entries.statuses.size() == 1);
  REQUIRE(entries.errors.size() == 2);
  CHECK(entries.errors[0].where == "entry[0]");
  CHECK(entries.errors[1].where == "entry[1]");
}

TEST_CASE("ParseWebhook: what is no webhook is refused whole", "[whatsapp]") {
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const char* body : {"", " ", "{", "nope", "{\"entry\":[}", "\xff\xfe", "{\"a\":\"\xff\"}"}) {
    CAPTURE(body);
    CHECK_THAT(ParseWebhook(body), StatusIs(kInvalid, "body: not JSON"));
  }
  for (const char* body : {"[]", "3", "null", "\"entry\""}) {
    CAPTURE(body);
    CHECK_THAT(ParseWebhook(body), StatusIs(kInvalid, "body: is no JSON object"));
  }
  for (const char* body : {"{}", "{\"entry\":{}}", "{\"entry\":null}"}) {
    CAPTURE(body);
    CHECK_THAT(ParseWebhook(body), StatusIs(kInvalid, "entry: is missing"));
  }
}

TEST_CASE("ParseWebhook: a payload cut or changed anywhere never crashes and never invents",
          "[whatsapp]") {
  const std::string whole = Payload(Change(
      R"("contacts":[{"profile":{"name":"A"},"wa_id":"628"}],)"
      R"("statuses":[{"id":"a","status":"failed","timestamp":"1767225600","errors":[{"code":1}]}],)"
      R"("messages":[{"from":"628","id":"c","timestamp":"1767225600","type":"button","button":{"text":"YA","payload":"y"}}])"));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    CAPTURE(cut);
    CHECK_FALSE(ParseWebhook(absl::string_view(whole).substr(0, cut)).ok());
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'0', '"', '{', ']', ',', 'x', '\0'}) {
      std::string changed = whole;
      changed[at] = c;
      const auto webhook = ParseWebhook(changed);
      if (!webhook.ok()) continue;
      REQUIRE(webhook->statuses.size() <= 1);
      REQUIRE(webhook->inbound.size() <= 1);
      for (const StatusUpdate& status : webhook->statuses) REQUIRE_FALSE(status.wamid.empty());
    }
  }
}

}  // namespace
}  // namespace kabar::whatsapp
