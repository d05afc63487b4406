#include "services/dispatcher/webhook_reader.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"
#include "libs/whatsapp/error_policy.h"

namespace kabar::dispatcher {
namespace {

std::string Payload(const std::string& value) {
  return absl::StrCat(R"({"object":"whatsapp_business_account","entry":[{"id":"77","changes":[{)",
                      R"("field":"messages","value":{"messaging_product":"whatsapp","metadata":)",
                      R"({"display_phone_number":"62811","phone_number_id":"1001"},)", value,
                      "}}]}]}");
}

WebhookBatch Read(const std::string& body) {
  return ReadWebhooks({{.id = 5, .received_at = absl::FromUnixSeconds(1000), .body = body}},
                      whatsapp::ErrorPolicy::BuiltIn());
}

std::string Failed(int code) {
  return Payload(absl::StrCat(
      R"("statuses":[{"id":"wamid.1","status":"failed","timestamp":"1700000900","recipient_id":"62812",)",
      R"("biz_opaque_callback_data":"tag","errors":[{"code":)", code, R"(,"title":"x"}]}])"));
}

TEST_CASE("ReadWebhooks: a status becomes an attempt's state", "[dispatcher]") {
  const WebhookBatch batch = Read(Payload(
      R"("statuses":[{"id":"wamid.1","status":"delivered","timestamp":"1700000900","recipient_id":"62812",)"
      R"("biz_opaque_callback_data":"tag","pricing":{"billable":true,"pricing_model":"PMP",)"
      R"("type":"regular","category":"utility"}}])"));
  CHECK(batch.journal == std::vector<JournalPart>{{5, 0, 1}});
  REQUIRE(batch.statuses.size() == 1);
  CHECK(batch.statuses[0].phone_number_id == "1001");
  CHECK(batch.statuses[0].provider_id == "wamid.1");
  CHECK(batch.statuses[0].tag == "tag");
  CHECK(batch.statuses[0].state == AttemptState::kDelivered);
  CHECK(batch.statuses[0].pricing_category == "utility");
  CHECK(batch.statuses[0].billable);
}

TEST_CASE("ReadWebhooks: a failure without a named error is final and stops nobody",
          "[dispatcher]") {
  const WebhookBatch batch = Read(Payload(
      R"("statuses":[{"id":"wamid.1","status":"failed","timestamp":"1700000900","recipient_id":"62812"}])"));
  REQUIRE(batch.statuses.size() == 1);
  CHECK(batch.statuses[0].state == AttemptState::kFailed);
  CHECK(batch.statuses[0].decision.action ==
        whatsapp::ErrorAction::kFinal);  // code 0 is the provider's AuthException
  CHECK(batch.statuses[0].reason == "FAILED_UNNAMED");
  CHECK(batch.statuses[0].decision.alert);
}

TEST_CASE("ReadWebhooks: a failure carries what the error table says of its code", "[dispatcher]") {
  for (const int code : {131026, 130429, 131047, 190, 2, 999999}) {
    CAPTURE(code);
    const StatusChange failed = Read(Failed(code)).statuses.at(0);
    const whatsapp::ErrorDecision said = whatsapp::ErrorPolicy::BuiltIn().For(code);
    CHECK(failed.reason == absl::StrCat("GRAPH_", code));
    CHECK(failed.decision.action == said.action);
    CHECK(failed.decision.alert == said.alert);
    CHECK(failed.decision.costs_try == said.costs_try);
    CHECK(failed.decision.first_wait == said.first_wait);
    CHECK(failed.decision.longest_wait == said.longest_wait);
  }
}

TEST_CASE("ReadWebhooks: a changed number, a username", "[dispatcher]") {
  const WebhookBatch batch = Read(Payload(
      R"("contacts":[{"profile":{"name":"Sari","username":"sari.w"},"wa_id":"62812"}],"messages":[)"
      R"({"from":"62812","id":"wamid.in","timestamp":"1700000900","type":"system","system":)"
      R"({"body":"x","type":"user_changed_number","wa_id":"62899","user_id":"ID.9"}}])"));
  REQUIRE(batch.inbound.size() == 1);
  CHECK(batch.inbound[0].kind == "system");
  CHECK(batch.inbound[0].payload_id == "user_changed_number");
  CHECK(batch.inbound[0].username == "sari.w");
  CHECK(batch.inbound[0].new_phone == "+62899");
  CHECK(batch.inbound[0].new_bsuid == "ID.9");
  CHECK_FALSE(batch.inbound[0].opens_window);
}

TEST_CASE("ReadWebhooks: an answer keeps what it answers", "[dispatcher]") {
  const WebhookBatch batch = Read(Payload(
      R"("contacts":[{"profile":{"name":"Sari"},"wa_id":"62812"}],"messages":[{"from":"62812",)"
      R"("id":"wamid.in","timestamp":"1700000900","type":"button","button":{"payload":"Y","text":"YA"},)"
      R"("context":{"from":"62811","id":"wamid.out"}}])"));
  REQUIRE(batch.inbound.size() == 1);
  CHECK(batch.inbound[0].phone == "+62812");
  CHECK(batch.inbound[0].profile_name == "Sari");
  CHECK(batch.inbound[0].text == "YA");
  CHECK(batch.inbound[0].payload_id == "Y");
  CHECK(batch.inbound[0].context_id == "wamid.out");
  CHECK(batch.inbound[0].time == absl::FromUnixSeconds(1700000900));
  CHECK(batch.inbound[0].opens_window);
}

TEST_CASE("ReadWebhooks: what cannot be read is kept as it came", "[dispatcher]") {
  const WebhookBatch garbage = Read("not json");
  REQUIRE(garbage.dead_letters.size() == 1);
  CHECK(garbage.dead_letters[0].kind == "WEBHOOK_MALFORMED");
  CHECK(garbage.dead_letters[0].payload == "not json");
  CHECK(garbage.journal.size() == 1);

  const WebhookBatch other =
      Read(R"({"object":"whatsapp_business_account","entry":[{"id":"77","changes":[{"field":)"
           R"("account_update","value":{"event":"X"}}]}]})");
  REQUIRE(other.dead_letters.size() == 1);
  CHECK(other.dead_letters[0].kind == "WEBHOOK_NOT_HANDLED");
  CHECK(other.dead_letters[0].reason == "account_update");
}

TEST_CASE("ReadWebhooks: a change of a template goes on with its webhook", "[dispatcher]") {
  JournalEntry entry;
  entry.body = R"({"entry":[{"id":"777","changes":[{"field":"message_template_status_update",)"
               R"("value":{"event":"PAUSED","message_template_name":"antar",)"
               R"("message_template_language":"id"}}]}]})";
  const WebhookBatch batch = ReadWebhooks({entry}, whatsapp::ErrorPolicy::BuiltIn());
  CHECK(batch.dead_letters.empty());
  REQUIRE(batch.templates.size() == 1);
  CHECK(batch.templates[0].change.account == "777");
  CHECK(batch.templates[0].change.status == "PAUSED");
  CHECK(batch.templates[0].payload == entry.body);
}

}  // namespace
}  // namespace kabar::dispatcher
