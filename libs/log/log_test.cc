#include "libs/log/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "libs/base/status.h"
#include "libs/log/capture.h"
#include "libs/log/line.h"
#include "libs/testing/temp_dir.h"

namespace kabar::log {
namespace {

using Json = nlohmann::ordered_json;

// The only line of the capture, parsed strictly.
Json OnlyLine(const Capture& capture) {
  std::vector<std::string> lines = capture.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find('\n') == std::string::npos);
  return Json::parse(lines[0]);
}

TEST_CASE("RenderLine: time, level, service, message, fields", "[log]") {
  std::vector<Field> fields = {{"campaign", "cmp_1"}, {"count", 5}};
  absl::Time time = absl::FromUnixMicros(1795222800000042);
  CHECK(RenderLine(time, Level::kInfo, "contacts", "started", {}, fields.data(), fields.size()) ==
        R"({"ts":"2026-11-21T01:00:00.000042Z","level":"info","service":"contacts",)"
        R"("msg":"started","campaign":"cmp_1","count":5})");
}

TEST_CASE("Info: writes one JSON object with the service's name", "[log]") {
  Init({.service = "contacts"});
  Capture capture;
  Info("started", {{"count", 5}});
  Json line = OnlyLine(capture);
  CHECK(line["service"] == "contacts");
  CHECK(line["level"] == "info");
  CHECK(line["msg"] == "started");
  CHECK(line["count"] == 5);
  CHECK(line.size() == 5);
  Init({});
}

TEST_CASE("Info: goes to stderr, one line each", "[log]") {
  testing::TempDir dir;
  int real_stderr = dup(STDERR_FILENO);
  int file = open(dir.File("stderr").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  REQUIRE(real_stderr >= 0);
  REQUIRE(file >= 0);
  dup2(file, STDERR_FILENO);
  Info("first");
  Debug("not at this level");
  Warn("second", {{"percent", "100% {}"}});
  dup2(real_stderr, STDERR_FILENO);
  close(real_stderr);
  close(file);
  std::ifstream in(dir.File("stderr"));
  std::string line;
  REQUIRE(std::getline(in, line));
  CHECK(Json::parse(line)["msg"] == "first");
  REQUIRE(std::getline(in, line));
  CHECK(Json::parse(line)["percent"] == "100% {}");
  CHECK_FALSE(std::getline(in, line));
}

TEST_CASE("Value: each type in its JSON form", "[log]") {
  Capture capture;
  std::string text = "t";
  Info("m", {{"yes", true},
             {"signed", -3},
             {"large", std::numeric_limits<std::uint64_t>::max()},
             {"real", 0.1},
             {"nan", std::numeric_limits<double>::quiet_NaN()},
             {"view", absl::string_view("v")},
             {"string", text},
             {"literal", "l"},
             {"took", absl::Milliseconds(1500)},
             {"at", absl::FromUnixSeconds(0)},
             {"error", base::Error(absl::StatusCode::kNotFound, "NO_RUN", "no run")}});
  Json line = OnlyLine(capture);
  CHECK(line["yes"] == true);
  CHECK(line["signed"] == -3);
  CHECK(line["large"] == std::numeric_limits<std::uint64_t>::max());
  CHECK(capture.lines()[0].find("\"real\":0.1,") != std::string::npos);
  CHECK(line["nan"].is_null());
  CHECK(line["view"] == "v");
  CHECK(line["string"] == "t");
  CHECK(line["literal"] == "l");
  CHECK(line["took"] == "1.5s");
  CHECK(line["at"] == "1970-01-01T00:00:00.000000Z");
  CHECK(line["error"] == "NOT_FOUND: no run [NO_RUN]");
}

TEST_CASE("Info: any bytes come out as valid JSON on one line", "[log]") {
  std::string every_byte;
  for (int byte = 1; byte < 128; ++byte) every_byte.push_back(static_cast<char>(byte));
  every_byte.push_back('\0');
  Capture capture;
  Info(every_byte, {{"a\"b\n", every_byte}, {"emoji", "📦"}, {"broken", "x\xff\xc3y"}});
  Json line = OnlyLine(capture);
  CHECK(line["msg"] == every_byte);
  CHECK(line["a\"b\n"] == every_byte);
  CHECK(line["emoji"] == "📦");
  CHECK(line["broken"] == "x\ufffd\ufffdy");
}

TEST_CASE("Info: private values are never written", "[log]") {
  const std::string secret = "62812SECRET";
  for (const char* key :
       {"token", "access_token", "secret", "app.secret", "phone", "Phone", "phone_number", "text",
        "message_text", "key", "api-key", "master_key", "password", "body", "name", "contact_name",
        "address", "recipient", "phones"}) {
    CAPTURE(key);
    CHECK(IsRedactedKey(key));
    Capture capture;
    {
      Scope scope({{key, secret}});
      Info("m");
      Info("m", {{key, secret}});
    }
    for (const std::string& line : capture.lines()) {
      CHECK(line.find(secret) == std::string::npos);
      CHECK(Json::parse(line)[key] == "[redacted]");
    }
    CHECK(capture.lines().size() == 2);
  }
}

TEST_CASE("IsRedactedKey: words count, not letters; harmless endings pass", "[log]") {
  for (const char* key :
       {"campaign", "monkey", "context", "keyboard", "phone_number_id", "text_bytes", "token_count",
        "master_key_file", "request_id", "message"}) {
    CAPTURE(key);
    CHECK_FALSE(IsRedactedKey(key));
  }
}

TEST_CASE("Scope: fields stand on every line of the thread until it ends", "[log]") {
  Capture capture;
  {
    Scope outer({{"request_id", "r1"}, {"outlet", "o1"}});
    {
      Scope inner({{"outlet", "o2"}});
      Info("inner", {{"request_id", "mine"}});
    }
    Info("outer");
    std::jthread([] { Info("other thread"); });
  }
  Info("after");
  std::vector<std::string> lines = capture.lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].find(R"("msg":"inner","outlet":"o2","request_id":"mine"})") != std::string::npos);
  CHECK(lines[1].find(R"("msg":"outer","request_id":"r1","outlet":"o1"})") != std::string::npos);
  CHECK(lines[2].find("request_id") == std::string::npos);
  CHECK(lines[3].find("request_id") == std::string::npos);
}

TEST_CASE("Info: a field cannot pose as the line's own", "[log]") {
  Capture capture;
  Info("m", {{"level", "error"}, {"twice", 1}, {"twice", 2}});
  CHECK(capture.lines()[0].find(R"("msg":"m","field_level":"error","twice":2})") !=
        std::string::npos);
}

TEST_CASE("SetLevel: lower levels are not written", "[log]") {
  Capture capture(Level::kWarn);
  Debug("d");
  Info("i");
  Warn("w");
  Error("e");
  REQUIRE(capture.lines().size() == 2);
  CHECK(Json::parse(capture.lines()[0])["level"] == "warn");
  CHECK(Json::parse(capture.lines()[1])["level"] == "error");
  CHECK_FALSE(Enabled(Level::kInfo));
}

TEST_CASE("ParseLevel: four names", "[log]") {
  Level level = Level::kInfo;
  CHECK(ParseLevel("error", &level));
  CHECK(level == Level::kError);
  CHECK_FALSE(ParseLevel("ERROR", &level));
  CHECK_FALSE(ParseLevel("", &level));
}

TEST_CASE("Throttle: one line an interval, the rest are counted", "[log]") {
  Throttle throttle(absl::Seconds(10));
  std::int64_t suppressed = -1;
  CHECK(throttle.Admit(5'000'000, &suppressed));
  CHECK(suppressed == 0);
  CHECK_FALSE(throttle.Admit(5'000'001, &suppressed));
  CHECK_FALSE(throttle.Admit(14'999'999, &suppressed));
  CHECK(throttle.Admit(15'000'000, &suppressed));
  CHECK(suppressed == 2);
  CHECK(throttle.Admit(25'000'000, &suppressed));
  CHECK(suppressed == 0);
}

TEST_CASE("Warn: through a throttle it writes once and keeps its fields", "[log]") {
  Throttle throttle(absl::Hours(1));
  Capture capture;
  for (int i = 0; i < 5; ++i) Warn(throttle, "redis unreachable", {{"try", i}});
  Json line = OnlyLine(capture);
  CHECK(line["level"] == "warn");
  CHECK(line["try"] == 0);
  Throttle open(absl::ZeroDuration());
  Warn(open, "again");
  CHECK(capture.lines().size() == 2);
}

}  // namespace
}  // namespace kabar::log
