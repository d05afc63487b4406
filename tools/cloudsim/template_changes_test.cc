// Templates that WhatsApp changes by itself: what sends, the list and the webhooks then say.
#include "tools/cloudsim/template_changes.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/simulator.h"
#include "tools/cloudsim/test_peers.h"

namespace kabar::cloudsim {
namespace {

constexpr char kSetup[] = R"({
 "tokens":[{"token":"token-a","wabas":["1001"]}],
 "wabas":[{"id":"1001","name":"A","phone_numbers":[{"id":"2001","display_phone_number":"+62 811-1"}],
   "templates":[{"name":"kabar","language":"id","body":"Halo {{1}}"}]}]})";

struct Changing {
  Changing() {
    SimulatorOptions options;
    auto setup = ParseSetup(kSetup);
    REQUIRE(setup.ok());
    options.setup = *setup;
    options.setup.webhook.url = receiver.url();
    options.setup.webhook.app_secret = "secret";
    options.setup.webhook.connections = 1;
    simulator = std::make_unique<Simulator>(std::move(options));
    REQUIRE(simulator->Start().ok());
    caller = std::make_unique<TestCaller>(simulator->port());
  }
  int Change(const std::string& fields) {
    return caller
        ->Call("POST", "/_sim/template", R"({"waba_id":"1001","name":"kabar",)" + fields + "}")
        .status;
  }
  // The value of the webhook that came as the nth, from 1.
  Json Told(size_t n, const std::string& field) {
    REQUIRE(receiver.WaitFor(n));
    const Json webhook = Json::parse(receiver.bodies()[n - 1]);
    CHECK(webhook["entry"][0]["id"] == "1001");
    CHECK(webhook["entry"][0]["changes"][0]["field"] == field);
    const Json value = webhook["entry"][0]["changes"][0]["value"];
    CHECK(value["message_template_name"] == "kabar");
    CHECK(value["message_template_language"] == "id");
    return value;
  }
  Json Listed() {
    const auto page =
        caller->Call("GET", "/v23.0/1001/message_templates?name=kabar", "", "token-a");
    return Json::parse(page.body)["data"][0];
  }
  int Send() {
    const auto reply =
        caller->Call("POST", "/v23.0/2001/messages",
                     R"({"messaging_product":"whatsapp","to":"6281200000001","type":"template",)"
                     R"("template":{"name":"kabar","language":{"code":"id"},"components":[)"
                     R"({"type":"body","parameters":[{"type":"text","text":"Budi"}]}]}})",
                     "token-a");
    const Json answer = Json::parse(reply.body);
    return reply.status == 200 ? 0 : answer["error"]["code"].get<int>();
  }

  WebhookReceiver receiver{"secret", "verify me"};
  std::unique_ptr<Simulator> simulator;
  std::unique_ptr<TestCaller> caller;
};

TEST_CASE("Simulator: a template that WhatsApp pauses is refused, listed and told", "[cloudsim]") {
  Changing f;
  const std::string id = f.Listed()["id"];
  REQUIRE(f.Change(R"("status":"PAUSED","reason":"low quality")") == 200);
  const Json told = f.Told(1, "message_template_status_update");
  CHECK(told["event"] == "PAUSED");
  CHECK(told["other_info"]["description"] == "low quality");
  CHECK(f.Listed()["status"] == "PAUSED");
  CHECK(f.Listed()["id"] == id);
  CHECK(f.Send() == 132015);
}

TEST_CASE("Simulator: category, quality and parts of a template change", "[cloudsim]") {
  Changing f;
  REQUIRE(f.Change(R"("category":"MARKETING")") == 200);
  Json told = f.Told(1, "template_category_update");
  CHECK(told["previous_category"] == "UTILITY");
  CHECK(told["new_category"] == "MARKETING");
  REQUIRE(f.Change(R"("quality":"RED")") == 200);
  told = f.Told(2, "message_template_quality_update");
  CHECK(told["previous_quality_score"] == "GREEN");
  CHECK(told["new_quality_score"] == "RED");
  CHECK(f.Listed()["quality_score"]["score"] == "RED");
  REQUIRE(f.Change(R"("components":[{"type":"BODY","text":"Halo {{1}} dan {{2}}"}])") == 200);
  told = f.Told(3, "message_template_components_update");
  CHECK(told["message_template_element"] == "Halo {{1}} dan {{2}}");
  CHECK(f.Send() == 132000);  // it takes two parameters now
}

TEST_CASE("Simulator: a change of nothing or of nobody's template", "[cloudsim]") {
  Changing f;
  CHECK(f.Change(R"("staus":"PAUSED")") == 400);
  CHECK(f.Change(R"("components":[{"type":"BODY","text":"{{2}}"}])") == 400);
  CHECK(f.caller->Call("POST", "/_sim/template", R"({"waba_id":"1001","name":"lain"})").status ==
        404);
  REQUIRE(f.Change(R"("status":"PAUSED","tell":false)") == 200);
  CHECK(f.Listed()["status"] == "PAUSED");
  CHECK(f.receiver.bodies().empty());
}

}  // namespace
}  // namespace kabar::cloudsim
