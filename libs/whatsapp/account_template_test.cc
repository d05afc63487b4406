#include "libs/whatsapp/account_template.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "libs/testing/status_matchers.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/webhook.h"

namespace kabar::whatsapp {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

const ErrorPolicy& Policy() { return ErrorPolicy::BuiltIn(); }

constexpr char kPage[] = R"({"data":[
  {"id":"77","name":"paket_keluar","language":"id","status":"APPROVED","category":"UTILITY",
   "parameter_format":"NAMED","quality_score":{"score":"YELLOW","date":1},
   "components":[{"type":"HEADER","format":"IMAGE","example":{"header_handle":["x"]}},
     {"type":"BODY","text":"Halo {{nama}}, paket {{resi}}."},
     {"type":"FOOTER","text":"Toko Kita"},
     {"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"YA"},
       {"type":"URL","text":"Lacak","url":"https://toko.id/{{1}}"}]}]},
  {"id":"78","name":"tolak","language":"en_US","status":"REJECTED","category":"MARKETING",
   "rejected_reason":"INVALID_FORMAT","components":[{"type":"body","text":"Hi"}]},
  {"id":"79","name":"without_parts","language":"id","status":"APPROVED"}],
  "paging":{"cursors":{"before":"a","after":"zz9"},"next":"https://graph/next"}})";

TEST_CASE("ParseTemplatePage: all that is known of a template, and where the next page is",
          "[whatsapp]") {
  const auto page = ParseTemplatePage(200, kPage, Policy());
  REQUIRE_THAT(page, IsOk());
  REQUIRE(page->templates.size() == 3);
  const AccountTemplate expected{
      .id = "77",
      .name = "paket_keluar",
      .language = "id",
      .status = "APPROVED",
      .category = "UTILITY",
      .quality = "YELLOW",
      .named = true,
      .header_format = "IMAGE",
      .body = "Halo {{nama}}, paket {{resi}}.",
      .footer = "Toko Kita",
      .buttons = {{.type = "QUICK_REPLY", .text = "YA"},
                  {.type = "URL", .text = "Lacak", .url = "https://toko.id/{{1}}"}}};
  CHECK(page->templates[0] == expected);
  CHECK(page->templates[1].reason == "INVALID_FORMAT");
  CHECK(page->templates[1].body == "Hi");
  // It is there, and what it is like nobody knows.
  CHECK(page->templates[2] == AccountTemplate{.name = "without_parts", .language = "id"});
  CHECK(page->next == "zz9");

  // The last page names a cursor too, but nothing that follows.
  const auto last =
      ParseTemplatePage(200, R"({"data":[],"paging":{"cursors":{"after":"q"}}})", Policy());
  REQUIRE_THAT(last, IsOk());
  CHECK(last->next.empty());
}

TEST_CASE("ParseTemplatePage: a refusal is final, trouble may pass", "[whatsapp]") {
  const std::string refused = R"({"error":{"message":"(#100) Invalid","type":"OAuthException",)"
                              R"("code":100,"error_user_msg":"There is already id content"}})";
  const auto answer = ParseTemplatePage(400, refused, Policy());
  CHECK_THAT(answer.status(), ReasonIs("PROVIDER_REFUSED"));
  CHECK_THAT(std::string(answer.status().message()),
             Catch::Contains("There is already id content"));
  CHECK_THAT(ParseTemplatePage(400, R"({"error":{"message":"busy","code":4}})", Policy()).status(),
             ReasonIs("PROVIDER_BUSY"));
  // Half a list would have the rest taken for deleted.
  CHECK_THAT(ParseTemplatePage(200, R"({"data":[{"id":"1","name":"a"}]})", Policy()).status(),
             ReasonIs("PROVIDER_UNREADABLE"));
  CHECK_THAT(ParseTemplatePage(502, "<html>", Policy()).status(),
             StatusIs(absl::StatusCode::kUnavailable));
  CHECK_THAT(ParseTemplatePage(200, R"({"data":1})", Policy()).status(),
             StatusIs(absl::StatusCode::kUnavailable));
}

TEST_CASE("ParseTemplatePage: no refusal quotes an access token", "[whatsapp]") {
  const std::string token = "EAAGm0PX4ZCpsBAKZC5ZAexample0123456789";
  const auto refusal = [&](int code) {
    const std::string body = R"({"error":{"message":"Malformed access token )" + token +
                             R"( here","type":"OAuthException","code":)" + std::to_string(code) +
                             R"(,"error_data":{"details":"it was )" + token + R"("}}})";
    return std::string(ParseTemplatePage(401, body, Policy()).status().message());
  };
  for (const int code : {190, 100, 0}) {
    INFO(refusal(code));
    CHECK_THAT(refusal(code), !Catch::Contains("EAAG"));
  }
  CHECK_THAT(refusal(190), Catch::Contains("give the sender a valid one"));
  CHECK_THAT(refusal(100), Catch::Contains("Malformed access token (a token) here"));
  const auto plain = ParseTemplatePage(
      400, R"({"error":{"message":"EAA is short, EAAs too","code":100}})", Policy());
  CHECK_THAT(std::string(plain.status().message()), Catch::Contains("EAA is short, EAAs too"));
}

TEST_CASE("BuildCreateBody: what the provider's reviewers want to see", "[whatsapp]") {
  AccountTemplate wanted{
      .name = "tanya",
      .language = "id",
      .category = "UTILITY",
      .header_format = "TEXT",
      .header = "Paket {{1}}",
      .body = "Halo {{1}}, {{2}}?",
      .footer = "Toko",
      .buttons = {{.type = "QUICK_REPLY", .text = "YA"},
                  {.type = "URL", .text = "Lacak", .url = "https://t.id/{{1}}"}}};
  TemplateSamples samples{
      .body = {"Budi", "di rumah"}, .header = "JP1", .links = {"https://t.id/JP1"}};
  const auto body = BuildCreateBody(wanted, samples);
  REQUIRE_THAT(body, IsOk());
  const auto expected = nlohmann::json::parse(R"({"name":"tanya","language":"id",
    "category":"UTILITY","parameter_format":"POSITIONAL","components":[
    {"type":"HEADER","format":"TEXT","text":"Paket {{1}}","example":{"header_text":["JP1"]}},
    {"type":"BODY","text":"Halo {{1}}, {{2}}?","example":{"body_text":[["Budi","di rumah"]]}},
    {"type":"FOOTER","text":"Toko"},
    {"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"YA"},
      {"type":"URL","text":"Lacak","url":"https://t.id/{{1}}","example":["https://t.id/JP1"]}]}]})");
  CHECK(nlohmann::json::parse(*body) == expected);

  wanted.named = true;
  wanted.header = "Paket {{resi}}";
  wanted.body = "Halo {{nama}}, {{kabar}}?";
  const auto named = BuildCreateBody(wanted, samples);
  REQUIRE_THAT(named, IsOk());
  CHECK(nlohmann::json::parse(*named)["components"][1]["example"] ==
        nlohmann::json::parse(R"({"body_text_named_params":[
          {"param_name":"nama","example":"Budi"},{"param_name":"kabar","example":"di rumah"}]})"));

  samples.body.pop_back();
  CHECK_THAT(BuildCreateBody(wanted, samples).status(),
             StatusIs(absl::StatusCode::kInvalidArgument));
  wanted.header_format = "IMAGE";
  CHECK_THAT(BuildCreateBody(wanted, samples).status(),
             StatusIs(absl::StatusCode::kInvalidArgument));
}

// What the webhooks of one field make of a template.
TemplateChange Change(const std::string& field, const std::string& value) {
  const auto webhook =
      ParseWebhook(R"({"entry":[{"id":"10","changes":[{"field":")" + field +
                   R"(","value":{"message_template_id":77,"message_template_name":"a",)" +
                   R"("message_template_language":"id",)" + value + "}}]}]}");
  REQUIRE_THAT(webhook, IsOk());
  REQUIRE(webhook->errors.empty());
  REQUIRE(webhook->unknown.empty());
  REQUIRE(webhook->templates.size() == 1);
  CHECK(webhook->templates[0].account == "10");
  CHECK(webhook->templates[0].name == "a");
  CHECK(webhook->templates[0].language == "id");
  return webhook->templates[0];
}

TEST_CASE("ParseWebhook: changes of templates", "[whatsapp]") {
  const auto paused = Change("message_template_status_update",
                             R"("event":"PAUSED","reason":"NONE","other_info":)"
                             R"({"title":"FIRST_PAUSE","description":"for 3 hours"})");
  CHECK(paused.status == "PAUSED");
  CHECK(paused.reason == "for 3 hours");
  CHECK(Change("message_template_status_update", R"("event":"REINSTATED")").status == "APPROVED");
  CHECK(Change("message_template_status_update", R"("event":"FLAGGED")").status.empty());
  CHECK(Change("message_template_status_update", R"("event":"PENDING_DELETION")").status ==
        "DELETED");
  CHECK(Change("template_category_update",
               R"("previous_category":"UTILITY","new_category":"MARKETING")")
            .category == "MARKETING");
  // A day ahead: the category in force is still the old one.
  CHECK(Change("template_category_update",
               R"("correct_category":"MARKETING","new_category":"UTILITY")")
            .category == "UTILITY");
  CHECK(Change("message_template_quality_update", R"("new_quality_score":"RED")").quality == "RED");
  CHECK(Change("message_template_components_update", R"("message_template_element":"x")")
            .status.empty());
}

TEST_CASE("ParseWebhook: a template that is not named is an error, not a change", "[whatsapp]") {
  const auto webhook =
      ParseWebhook(R"({"entry":[{"id":"10","changes":[{"field":"message_template_status_update",)"
                   R"("value":{"event":"PAUSED"}}]}]})");
  REQUIRE_THAT(webhook, IsOk());
  CHECK(webhook->templates.empty());
  CHECK(webhook->errors.size() == 1);
}

}  // namespace
}  // namespace kabar::whatsapp
