#include "tools/cloudsim/simulator.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/testing/eventually.h"
#include "libs/testing/temp_dir.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/test_peers.h"

namespace kabar::cloudsim {
namespace {

using kabar::testing::Eventually;

constexpr char kSetup[] = R"({
 "tokens":[{"token":"token-a","wabas":["1001"]},{"token":"token-b","wabas":["1002"]}],
 "wabas":[
  {"id":"1001","name":"A","phone_numbers":[{"id":"2001","display_phone_number":"+62 811-1",
     "throughput":80}],
   "templates":[{"name":"kabar","language":"id","body":"Halo {{1}}, paket {{2}}"},
     {"name":"paused","language":"id","status":"PAUSED","body":"x"},
     {"name":"disabled","language":"id","status":"DISABLED","body":"x"},
     {"name":"tanya","language":"id","components":[{"type":"BODY","text":"Di rumah, {{1}}?"},
       {"type":"FOOTER","text":"Kurir"},
       {"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"YA"},
         {"type":"QUICK_REPLY","text":"TIDAK"}]}]}]},
  {"id":"1002","name":"B","phone_numbers":[{"id":"2002","display_phone_number":"+62 811-2"}]}],
 "customers":[{"phone":"6281500000000","on_whatsapp":false},
   {"phone":"6281500000001","user_id":"ID.42","hides_phone":true,"window_open":true}]})";
constexpr char kQuick[] =
    R"("statuses":{"sent_ms":0,"delivered_ms":1,"read_ms":1,"delivered":1,"read":1})";

class Running {
 public:
  explicit Running(const std::string& scenario = "{}", WebhookReceiver* receiver = nullptr,
                   uint64_t seed = 1) {
    SimulatorOptions options;
    options.seed = seed;
    absl::StatusOr<Setup> setup = ParseSetup(kSetup);
    absl::StatusOr<Scenario> parsed = ParseScenario(scenario);
    REQUIRE(setup.ok());
    REQUIRE(parsed.ok());
    options.setup = *setup;
    options.scenario = *parsed;
    if (receiver != nullptr) {
      options.setup.webhook.url = receiver->url();
      options.setup.webhook.app_secret = "secret";
      options.setup.webhook.verify_token = "verify me";
      options.setup.webhook.verify = true;
      options.setup.webhook.connections = 1;
      options.setup.webhook.retry_first_ms = 5;
    }
    simulator = std::make_unique<Simulator>(std::move(options));
    REQUIRE(simulator->Start().ok());
    caller = std::make_unique<TestCaller>(simulator->port());
    control = std::make_unique<TestCaller>(simulator->port());
  }

  TestReply Send(const std::string& body, const std::string& number = "2001",
                 const std::string& token = "token-a", int timeout_ms = 10000) {
    return caller->Call("POST", "/v23.0/" + number + "/messages", body, token, timeout_ms);
  }
  // The Graph code of a refusal; 0 when accepted.
  int Code(const std::string& body, const std::string& number = "2001",
           const std::string& token = "token-a") {
    const TestReply reply = Send(body, number, token);
    const Json json = Json::parse(reply.body, nullptr, false);
    INFO(reply.body);
    REQUIRE(json.is_object());
    return reply.status == 200 ? 0 : json["error"]["code"].get<int>();
  }
  Json Get(const std::string& path) {
    const TestReply reply = control->Call("GET", path);
    REQUIRE(reply.status == 200);
    return Json::parse(reply.body);
  }
  std::vector<Json> Lines(const std::string& path) {
    std::vector<Json> lines;
    for (const auto& line : absl::StrSplit(control->Call("GET", path).body, '\n')) {
      if (!line.empty()) lines.push_back(Json::parse(line.begin(), line.end()));
    }
    return lines;
  }
  int Post(const std::string& path, const std::string& body) {
    return control->Call("POST", path, body).status;
  }
  bool Quiet() {
    return Eventually([&] { return Get("/_sim/quiet")["quiet"].get<bool>(); });
  }

  std::unique_ptr<Simulator> simulator;
  std::unique_ptr<TestCaller> caller;
  std::unique_ptr<TestCaller> control;
};

std::string Template(const std::string& to, const std::string& callback = "m.1",
                     const std::string& name = "kabar", const std::string& last = "JX1") {
  std::string parameters = R"({"type":"text","text":"Budi"})";
  if (name == "kabar") parameters += R"(,{"type":"text","text":")" + last + "\"}";
  return R"({"messaging_product":"whatsapp","to":")" + to +
         R"(","type":"template","biz_opaque_callback_data":")" + callback +
         R"(","template":{"name":")" + name +
         R"(","language":{"code":"id"},"components":[{"type":"body","parameters":[)" + parameters +
         "]}]}}";
}

std::string Text(const std::string& to) {
  return R"({"messaging_product":"whatsapp","to":")" + to +
         R"(","type":"text","text":{"body":"halo"}})";
}

std::string Phone(int n) { return std::to_string(6281200000000 + n); }

TEST_CASE("Simulator: accepts, records and tells by signed webhooks", "[cloudsim]") {
  WebhookReceiver receiver("secret", "verify me");
  Running running(absl::StrCat("{", kQuick, "}"), &receiver);
  const TestReply reply = running.Send(Template(Phone(1), "run.1", "kabar", "Bü 😀"));
  REQUIRE(reply.status == 200);
  const Json answer = Json::parse(reply.body);
  CHECK(answer["messaging_product"] == "whatsapp");
  CHECK(answer["contacts"][0] == Json({{"input", Phone(1)}, {"wa_id", Phone(1)}}));
  const std::string id = answer["messages"][0]["id"];

  REQUIRE(receiver.WaitFor(3));
  CHECK(receiver.bad_signatures() == 0);
  CHECK(Eventually([&] { return receiver.verified(); }));
  std::vector<std::string> told;
  for (const std::string& body : receiver.bodies()) {
    const Json status = Json::parse(body)["entry"][0]["changes"][0]["value"]["statuses"][0];
    CHECK(status["id"] == id);
    CHECK(status["biz_opaque_callback_data"] == "run.1");
    told.push_back(status["status"]);
  }
  CHECK(told == std::vector<std::string>{"sent", "delivered", "read"});

  REQUIRE(running.Quiet());
  const std::vector<Json> lines = running.Lines("/_sim/record");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["id"] == id);
  CHECK(lines[0]["body"] == "Halo Budi, paket Bü 😀");
  CHECK(lines[0]["to"] == Phone(1));
  CHECK(lines[0]["callback"] == "run.1");
  CHECK(lines[0]["seen"] == true);
  CHECK(lines[0]["told"] == "read");
  const Json summary = running.Get("/_sim/summary");
  CHECK(summary["accepted"] == 1);
  CHECK(summary["statuses"] == Json({{"sent", 1}, {"delivered", 1}, {"read", 1}, {"failed", 0}}));
  CHECK(summary["webhooks"]["verified"] == true);
}

TEST_CASE("Simulator: a webhook is delivered again until the receiver says 200", "[cloudsim]") {
  WebhookReceiver receiver("secret", "verify me");
  receiver.Script({500, 0, 404});
  Running running(absl::StrCat("{", kQuick, "}"), &receiver);
  REQUIRE(running.Send(Template(Phone(1))).status == 200);
  REQUIRE(receiver.WaitFor(3));
  REQUIRE(running.Quiet());
  CHECK(receiver.attempts() == 6);
  CHECK(running.Get("/_sim/summary")["webhooks"]["retries"] == 3);
}

TEST_CASE("Simulator: refuses with the real codes", "[cloudsim]") {
  Running running;
  CHECK(running.Code(Template(Phone(1)), "2001", "nobody") == 190);
  CHECK(running.Code(Template(Phone(1)), "9999") == 100);
  CHECK(running.Code(Template(Phone(1)), "2002", "token-a") == 100);  // another outlet's number
  CHECK(running.Code(Template(Phone(1)), "2002", "token-b") == 132001);
  CHECK(running.Code(Text(Phone(1))) == 131047);
  CHECK(running.Code(Template(Phone(1), "m.1", "paused")) == 132015);
  CHECK(running.Code(Template(Phone(1), "m.1", "disabled")) == 132016);
  CHECK(running.Code(Template("6281500000000")) == 131026);
  CHECK(running.Code(Template("081234567")) == 131026);
  CHECK(running.Code(Template("ID.99")) == 131026);
  CHECK(running.Code(Template(Phone(1))) == 0);
  CHECK(running.Code(Template(Phone(1))) == 131056);
  const Json summary = running.Get("/_sim/summary");
  CHECK(summary["accepted"] == 1);
  CHECK(summary["refused"]["131026"] == 3);
  CHECK(summary["refused"]["190"] == 1);
  CHECK(running.Lines("/_sim/refused?to=" + Phone(1)).size() == 5);
  CHECK(running.caller->Call("POST", "/nonsense", "{}", "token-a").status == 400);
}

TEST_CASE("Simulator: throughput by arrival time, and the largest window of the record",
          "[cloudsim]") {
  Running running;
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += TestCaller::Request("POST", "/v23.0/2001/messages", Template(Phone(i)), "token-a");
  }
  // Pipelined in one write: they arrive within one second.
  REQUIRE(running.caller->SendBytes(all));
  int accepted = 0;
  for (int i = 0; i < 100; ++i) accepted += running.caller->Receive().status == 200 ? 1 : 0;
  CHECK(accepted == 80);
  CHECK(running.Get("/_sim/max_in_window?window_us=1000000")["max"] == 100);
  CHECK(running.Get("/_sim/max_in_window?window_us=1000000&accepted=1")["max"] == 80);
  CHECK(running.Get("/_sim/max_in_window?window_us=1000000&per=pair")["max"] == 1);
  const Json starts = running.Get("/_sim/max_in_window?window_us=1000000");
  CHECK(starts["first_us"].get<int64_t>() == starts["at_us"].get<int64_t>());
  CHECK(starts["last_us"].get<int64_t>() > starts["first_us"].get<int64_t>());
  CHECK(running.Get("/_sim/summary")["refused"]["130429"] == 20);
}

TEST_CASE("Simulator: an inbound message opens the window, by phone and by BSUID", "[cloudsim]") {
  WebhookReceiver receiver("secret", "verify me");
  Running running(R"({"statuses":{"enabled":false}})", &receiver);
  CHECK(running.Code(Text(Phone(1))) == 131047);
  REQUIRE(running.Post("/_sim/inbound",
                       R"({"phone":")" + Phone(1) + R"(","text":"YA","name":"Budi"})") == 200);
  CHECK(running.Code(Text(Phone(1))) == 0);
  // Whoever hides his phone is reached by his BSUID, and webhooks show nothing else.
  CHECK(running.Code(R"({"messaging_product":"whatsapp","recipient":"ID.42","type":"text",)"
                     R"("text":{"body":"halo"}})") == 0);
  REQUIRE(running.Post("/_sim/inbound", R"({"user_id":"ID.42","text":"TIDAK","context":"last"})") ==
          200);
  REQUIRE(receiver.WaitFor(2));
  const auto value = [&](size_t i) {
    return Json::parse(receiver.bodies()[i])["entry"][0]["changes"][0]["value"];
  };
  CHECK(value(0)["messages"][0]["text"]["body"] == "YA");
  CHECK(value(0)["contacts"][0]["profile"]["name"] == "Budi");
  CHECK_FALSE(value(1)["messages"][0].contains("from"));
  CHECK(value(1)["messages"][0]["from_user_id"] == "ID.42");
  CHECK(value(1)["messages"][0]["context"]["id"] == running.Lines("/_sim/record")[1]["id"]);
  CHECK(running.Post("/_sim/inbound", R"({"text":"x"})") == 400);
}

TEST_CASE("Simulator: customers answer, with the message they answer", "[cloudsim]") {
  WebhookReceiver receiver("secret", "verify me");
  Running running(
      absl::StrCat(
          "{", kQuick,
          R"(,"customers":{"answer":1,"yes":1,"no":0,"forms":{"button":1},"delay_ms":1}})"),
      &receiver);
  REQUIRE(running.Send(Template(Phone(1), "m.1", "tanya")).status == 200);
  REQUIRE(receiver.WaitFor(4));
  REQUIRE(running.Quiet());
  const std::vector<Json> lines = running.Lines("/_sim/record");
  CHECK(lines[0]["footer"] == "Kurir");
  CHECK(lines[0]["buttons"][0]["title"] == "YA");
  CHECK(lines[0]["answer"] == "yes");
  int answers = 0;
  for (const std::string& body : receiver.bodies()) {
    const Json value = Json::parse(body)["entry"][0]["changes"][0]["value"];
    if (!value.contains("messages")) continue;
    ++answers;
    CHECK(value["messages"][0]["type"] == "button");
    CHECK(value["messages"][0]["button"]["text"] == "YA");
    CHECK(value["messages"][0]["context"]["id"] == lines[0]["id"]);
  }
  CHECK(answers == 1);
  CHECK(running.Get("/_sim/summary")["answers"]["yes"] == 1);
  CHECK(running.Code(Text(Phone(1))) == 131056);  // the window is open, the pair is not
}

TEST_CASE("Simulator: faults after acceptance leave the caller in the dark", "[cloudsim]") {
  Running running(R"({"faults":[
      {"do":"timeout_after_accept","callback_prefix":"timeout"},
      {"do":"close_after_accept","callback_prefix":"close","only_reused":true},
      {"do":"bad_gateway_after_accept","callback_prefix":"gateway"},
      {"do":"reset_after_accept","callback_prefix":"reset"},
      {"do":"reset_before_accept","callback_prefix":"early"},
      {"do":"http","status":500,"callback_prefix":"phase"},
      {"do":"error","code":131000,"callback_prefix":"error"}]})");
  CHECK(running.Send(Template(Phone(1), "close.1")).status == 200);  // the first on its connection
  const TestReply closed = running.Send(Template(Phone(2), "close.2"));
  CHECK(closed.status == 0);
  CHECK(closed.closed);
  CHECK(closed.body.empty());
  CHECK(running.Send(Template(Phone(3), "gateway.1")).status == 502);
  const TestReply reset = running.Send(Template(Phone(4), "reset.1"));
  CHECK(reset.status == 0);
  CHECK(reset.reset);
  CHECK(running.Send(Template(Phone(5), "early.1")).reset);
  CHECK(running.Send(Template(Phone(6), "phase.1")).status == 500);
  const TestReply error = running.Send(Template(Phone(7), "error.1"));
  CHECK(error.status == 500);
  CHECK(Json::parse(error.body)["error"]["code"] == 131000);
  CHECK(running.Send(Template(Phone(8), "timeout.1"), "2001", "token-a", 100).body == "timed out");

  const std::vector<Json> lines = running.Lines("/_sim/record");
  std::vector<std::string> accepted;
  for (const Json& line : lines) {
    accepted.push_back(line["callback"].get<std::string>() + ":" +
                       line["fault"].get<std::string>() + (line["seen"] ? ":seen" : ""));
  }
  CHECK(accepted == std::vector<std::string>{"close.1:none:seen", "close.2:close_after_accept",
                                             "gateway.1:bad_gateway_after_accept",
                                             "reset.1:reset_after_accept",
                                             "timeout.1:timeout_after_accept"});
  const Json summary = running.Get("/_sim/summary");
  CHECK(summary["faults"]["close_after_accept"] == 1);
  CHECK(summary["faults"]["reset_before_accept"] == 1);
  CHECK(summary["refused"]["no_answer"] == 1);
  CHECK(summary["refused"]["http_500"] == 1);
  CHECK(summary["refused"]["131000"] == 1);
}

TEST_CASE("Simulator: a connection may be reset before anything is read", "[cloudsim]") {
  Running running(R"({"faults":[{"do":"reset_on_connect","max_times":1}]})");
  CHECK(running.Send(Template(Phone(1))).status == 0);
  running.caller->Close();
  CHECK(running.Send(Template(Phone(1))).status == 200);
}

TEST_CASE("Simulator: latency delays the answer, not the acceptance", "[cloudsim]") {
  Running running(R"({"latency":{"ms":150}})");
  const auto now_us = [&] { return running.Lines("/_sim/record").size(); };
  REQUIRE(running.caller->SendBytes(
      TestCaller::Request("POST", "/v23.0/2001/messages", Template(Phone(1)), "token-a")));
  REQUIRE(Eventually([&] { return now_us() == 1; }));
  CHECK(running.Lines("/_sim/record")[0]["seen"] == false);
  CHECK(running.caller->Receive().status == 200);
  CHECK(running.Lines("/_sim/record")[0]["seen"] == true);
  // Whoever goes before the answer comes cannot have seen it.
  REQUIRE(running.caller->SendBytes(
      TestCaller::Request("POST", "/v23.0/2001/messages", Template(Phone(2)), "token-a")));
  REQUIRE(Eventually([&] { return now_us() == 2; }));
  running.caller->Close();
  REQUIRE(running.Quiet());
  CHECK(running.Lines("/_sim/record")[1]["seen"] == false);
}

TEST_CASE("Simulator: refusals that life tells by webhook", "[cloudsim]") {
  WebhookReceiver receiver("secret", "verify me");
  Running running(absl::StrCat("{", kQuick, R"(,"late_errors":[131047,131026]})"), &receiver);
  CHECK(running.Code(Text(Phone(1))) == 0);
  REQUIRE(receiver.WaitFor(1));
  const Json status =
      Json::parse(receiver.bodies()[0])["entry"][0]["changes"][0]["value"]["statuses"][0];
  CHECK(status["status"] == "failed");
  CHECK(status["errors"][0]["code"] == 131047);
  CHECK(running.Lines("/_sim/record")[0]["told"] == "failed");
}

TEST_CASE("Simulator: the same seed plays the same, another seed does not", "[cloudsim]") {
  const auto play = [](uint64_t seed) {
    WebhookReceiver receiver("secret", "verify me");
    Running running(absl::StrCat(R"({"faults":[{"do":"error","code":131000,"probability":0.3}],)",
                                 R"("customers":{"answer":0.5,"delay_ms":0},)",
                                 R"("statuses":{"failed":0.2,"missing":0.2,"sent_ms":0,)",
                                 R"("delivered_ms":0,"read_ms":0}})"),
                    &receiver, seed);
    std::string story;
    for (int i = 0; i < 60; ++i) story += absl::StrCat(running.Code(Template(Phone(i))), " ");
    for (const Json& line : running.Lines("/_sim/record")) {
      story += absl::StrCat(line["told"].get<std::string>(), "/", line["answer"].get<std::string>(),
                            " ");
    }
    return story;
  };
  const std::string first = play(1);
  CHECK(first == play(1));
  CHECK(first != play(2));
}

TEST_CASE("Simulator: templates and numbers are managed as on the Graph API", "[cloudsim]") {
  Running running;
  TestCaller& caller = *running.caller;
  Json number = Json::parse(caller.Call("GET", "/v23.0/2001", "", "token-a").body);
  CHECK(number["display_phone_number"] == "+62 811-1");
  CHECK(number["throughput"]["level"] == "STANDARD");
  number = Json::parse(caller.Call("GET", "/v23.0/2001?fields=quality_rating", "", "token-a").body);
  CHECK(number == Json({{"id", "2001"}, {"quality_rating", "GREEN"}}));
  CHECK(caller.Call("GET", "/v23.0/2002", "", "token-a").status == 400);
  CHECK(Json::parse(caller.Call("GET", "/v23.0/1001/phone_numbers", "", "token-a").body)["data"]
            .size() == 1);

  const std::string path = "/v23.0/1001/message_templates";
  const std::string create = R"({"name":"baru","language":"id","category":"UTILITY",)"
                             R"("components":[{"type":"BODY","text":"Halo {{1}}"}]})";
  const TestReply created = caller.Call("POST", path, create, "token-a");
  REQUIRE(created.status == 200);
  CHECK(Json::parse(created.body)["status"] == "APPROVED");
  CHECK(caller.Call("POST", path, create, "token-a").status == 400);  // it exists
  CHECK(caller.Call("POST", path, R"({"name":"Bad Name"})", "token-a").status == 400);
  CHECK(running.Code(Template(Phone(1), "m.1", "baru")) == 0);

  const Json page = Json::parse(caller.Call("GET", path + "?limit=2", "", "token-a").body);
  CHECK(page["data"].size() == 2);
  CHECK(page["paging"].contains("next"));
  const std::string after = page["paging"]["cursors"]["after"];
  const Json rest =
      Json::parse(caller.Call("GET", path + "?limit=9&after=" + after, "", "token-a").body);
  CHECK(rest["data"].size() == 3);
  CHECK_FALSE(rest["paging"].contains("next"));
  const std::string id = Json::parse(created.body)["id"];
  CHECK(Json::parse(caller.Call("GET", "/v23.0/" + id, "", "token-a").body)["name"] == "baru");

  CHECK(caller.Call("DELETE", path + "?name=baru", "", "token-a").status == 200);
  CHECK(caller.Call("DELETE", path + "?name=baru", "", "token-a").status == 400);
  CHECK(running.Code(Template(Phone(2), "m.1", "baru")) == 132001);
}

TEST_CASE("Simulator: scenario, set-up and reset at run time", "[cloudsim]") {
  Running running;
  CHECK(running.Send(Template(Phone(1))).status == 200);
  CHECK(running.Post("/_sim/scenario", R"({"faults":[{"do":"http","status":503}]})") == 200);
  CHECK(running.Send(Template(Phone(2))).status == 503);
  CHECK(running.Post("/_sim/scenario", R"({"nonsense":1})") == 400);
  CHECK(running.Send(Template(Phone(3))).status == 503);  // the old one stays
  CHECK(running.Post("/_sim/scenario", "{}") == 200);
  // Setting a template's status, as a drifting provider would.
  CHECK(running.Post("/_sim/setup", R"({"wabas":[{"id":"1001","name":"A","templates":[
      {"name":"kabar","language":"id","status":"PAUSED","body":"Halo {{1}}, paket {{2}}"}]}]})") ==
        200);
  CHECK(running.Code(Template(Phone(4))) == 132015);
  CHECK(running.Post("/_sim/setup", R"({"webhook":{"url":"https://x"}})") == 400);
  CHECK(running.Post("/_sim/reset", "") == 200);
  CHECK(running.Get("/_sim/summary")["accepted"] == 0);
  CHECK(running.Lines("/_sim/record").empty());
  CHECK(running.control->Call("GET", "/healthz").status == 200);
  CHECK(running.control->Call("GET", "/_sim/nothing").status == 404);
}

TEST_CASE("Simulator: the record file holds a message before its answer goes out", "[cloudsim]") {
  kabar::testing::TempDir directory;
  const std::string path = directory.File("record.jsonl");
  const auto lines = [&] {
    std::ifstream file(path);
    std::vector<Json> all;
    for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
    return all;
  };
  std::string first_id;
  for (int run = 0; run < 2; ++run) {
    SimulatorOptions options;
    options.setup = *ParseSetup(kSetup);
    options.record_file = path;
    Simulator simulator(std::move(options));
    REQUIRE(simulator.Start().ok());
    TestCaller caller(simulator.port());
    REQUIRE(caller.Call("POST", "/v23.0/2001/messages", Template(Phone(1)), "token-a").status ==
            200);
    // The simulator still runs: what stands here survives a kill.
    REQUIRE(lines().size() == static_cast<size_t>(2 * run + 1));
    CHECK(lines().back()["n"] == run);
    CHECK(lines().back()["body"] == "Halo Budi, paket JX1");
    if (run == 0) first_id = lines().back()["id"];
    CHECK((lines().back()["id"] == first_id) == (run == 0));
    REQUIRE(caller.Call("POST", "/v23.0/2001/messages", Text(Phone(2)), "token-a").status == 400);
    CHECK(lines().back()["code"] == 131047);
  }
}

TEST_CASE("Simulator: a request in single bytes, and a hopeless one", "[cloudsim]") {
  Running running;
  const std::string request =
      TestCaller::Request("POST", "/v23.0/2001/messages", Template(Phone(1)), "token-a");
  for (const char byte : request) REQUIRE(running.caller->SendBytes(std::string(1, byte)));
  CHECK(running.caller->Receive().status == 200);
  const TestReply bad = running.caller->Exchange("nonsense\r\n\r\n");
  CHECK(bad.status == 400);
}

}  // namespace
}  // namespace kabar::cloudsim
