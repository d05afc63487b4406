#include "tools/cloudsim/webhook_payloads.h"

#include <catch2/catch.hpp>
#include <string>

#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

std::shared_ptr<MessageFacts> Facts() {
  auto facts = std::make_shared<MessageFacts>();
  facts->number = std::make_shared<NumberFacts>(NumberFacts{"1001", "2001", "62811"});
  facts->id = "wamid.x";
  facts->phone = "6281";
  facts->user_id = "ID.1";
  facts->callback = "m1.1";
  facts->category = "utility";
  facts->billable = true;
  return facts;
}

Json Value(const std::string& body) { return Json::parse(body)["entry"][0]["changes"][0]["value"]; }

TEST_CASE("StatusBody: as Meta writes it", "[cloudsim]") {
  const std::string body =
      StatusBody({{Facts(), StatusKind::kDelivered, 1700000000123456, 0, true}});
  const Json document = Json::parse(body);
  CHECK(document["object"] == "whatsapp_business_account");
  CHECK(document["entry"][0]["id"] == "1001");
  CHECK(document["entry"][0]["changes"][0]["field"] == "messages");
  const Json value = Value(body);
  CHECK(value["messaging_product"] == "whatsapp");
  CHECK(value["metadata"]["phone_number_id"] == "2001");
  CHECK(value["metadata"]["display_phone_number"] == "62811");
  const Json status = value["statuses"][0];
  CHECK(status["id"] == "wamid.x");
  CHECK(status["status"] == "delivered");
  CHECK(status["timestamp"] == "1700000000");
  CHECK(status["recipient_id"] == "6281");
  CHECK(status["recipient_user_id"] == "ID.1");
  CHECK(status["biz_opaque_callback_data"] == "m1.1");
  CHECK(status["pricing"] == Json::parse(R"({"billable":true,"pricing_model":"PMP",
      "category":"utility","type":"regular"})"));
  CHECK(status["conversation"]["origin"]["type"] == "utility");
  CHECK_FALSE(status.contains("errors"));
}

TEST_CASE("StatusBody: a failure, and several statuses in one", "[cloudsim]") {
  const Json value = Value(StatusBody({{Facts(), StatusKind::kFailed, 1000000, 131049, true},
                                       {Facts(), StatusKind::kRead, 2000000, 0, false}}));
  REQUIRE(value["statuses"].size() == 2);
  const Json error = value["statuses"][0]["errors"][0];
  CHECK(error["code"] == 131049);
  CHECK(error["title"].is_string());
  CHECK(error["error_data"]["details"].is_string());
  CHECK_FALSE(value["statuses"][0].contains("pricing"));
  CHECK(value["statuses"][1]["status"] == "read");
}

TEST_CASE("InboundBody: forms, context, and a hidden phone", "[cloudsim]") {
  InboundMessage message;
  message.number = Facts()->number;
  message.id = "wamid.in";
  message.phone = "6281";
  message.user_id = "ID.1";
  message.name = "Büdi 😀";
  message.context_id = "wamid.x";
  message.type = "button";
  message.content_json = ButtonContent("p", "YA");
  message.at_us = 5000000;
  const std::string body = InboundBody(message);
  // Escaped, as Meta signs it.
  CHECK(body.find("B\\u00fcdi \\ud83d\\ude00") != std::string::npos);
  Json value = Value(body);
  CHECK(value["contacts"][0]["profile"]["name"] == "Büdi 😀");
  CHECK(value["contacts"][0]["wa_id"] == "6281");
  CHECK(value["contacts"][0]["user_id"] == "ID.1");
  Json one = value["messages"][0];
  CHECK(one["from"] == "6281");
  CHECK(one["from_user_id"] == "ID.1");
  CHECK(one["timestamp"] == "5");
  CHECK(one["type"] == "button");
  CHECK(one["button"] == Json::parse(R"({"payload":"p","text":"YA"})"));
  CHECK(one["context"] == Json::parse(R"({"from":"62811","id":"wamid.x"})"));

  message.phone.clear();
  message.context_id.clear();
  message.type = "text";
  message.content_json = TextContent("halo \"x\"");
  value = Value(InboundBody(message));
  CHECK_FALSE(value["contacts"][0].contains("wa_id"));
  one = value["messages"][0];
  CHECK_FALSE(one.contains("from"));
  CHECK_FALSE(one.contains("context"));
  CHECK(one["text"]["body"] == "halo \"x\"");
}

TEST_CASE("AppendJsonString: control characters and broken UTF-8", "[cloudsim]") {
  std::string out;
  AppendJsonString(absl::string_view("a\x01\n\"\\\xff\xc3", 7), &out, Unicode::kEscape);
  CHECK(out == "\"a\\u0001\\n\\\"\\\\\\ufffd\\ufffd\"");
  CHECK(CountCodePoints("aé😀") == 3);
}

}  // namespace
}  // namespace kabar::cloudsim
