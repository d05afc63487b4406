#include "tools/cloudsim/faults.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kStart = 1000 * kMicrosPerSecond;

Scenario Parse(const std::string& json) {
  absl::StatusOr<Scenario> scenario = ParseScenario(json);
  REQUIRE(scenario.ok());
  return *scenario;
}

std::string ParseError(const std::string& json) {
  const absl::StatusOr<Scenario> scenario = ParseScenario(json);
  return scenario.ok() ? "" : std::string(scenario.status().message());
}

Faults Loaded(const std::string& faults, uint64_t seed = 1) {
  Faults result(seed);
  const Scenario scenario = Parse(R"({"faults":[)" + faults + "]}");
  result.Load(scenario.faults, scenario.latency, kStart);
  return result;
}

FaultContext For(absl::string_view recipient, uint32_t attempt = 1) {
  FaultContext context;
  context.number = "2001";
  context.recipient = recipient;
  context.message_kind = "template";
  context.attempt = attempt;
  context.now_us = kStart;
  return context;
}

bool Plays(Faults& faults, const FaultContext& context) {
  return faults.Decide(context) != nullptr;
}

TEST_CASE("Faults: the same messages meet the same faults in any order", "[cloudsim]") {
  std::vector<std::string> recipients;
  for (int i = 0; i < 1000; ++i) recipients.push_back("62812" + std::to_string(1000000 + i));
  const auto hit = [&](uint64_t seed) {
    Faults faults = Loaded(R"({"do":"error","code":131000,"probability":0.1})", seed);
    std::vector<std::string> hits;
    for (const std::string& recipient : recipients) {
      if (Plays(faults, For(recipient))) hits.push_back(recipient);
    }
    std::sort(hits.begin(), hits.end());
    return hits;
  };
  const std::vector<std::string> forward = hit(1);
  std::reverse(recipients.begin(), recipients.end());
  CHECK(hit(1) == forward);
  CHECK(hit(2) != forward);
  CHECK(forward.size() > 70);
  CHECK(forward.size() < 130);
}

TEST_CASE("Faults: each attempt draws anew", "[cloudsim]") {
  Faults faults = Loaded(R"({"do":"error","code":131000,"probability":0.5})");
  int hits = 0;
  for (uint32_t attempt = 1; attempt <= 100; ++attempt) {
    hits += Plays(faults, For("628120000001", attempt)) ? 1 : 0;
  }
  CHECK(hits > 30);
  CHECK(hits < 70);
}

TEST_CASE("Faults: the first rule that matches is played", "[cloudsim]") {
  Faults faults =
      Loaded(R"({"do":"error","code":131026,"recipients":["6281"]},{"do":"close_after_accept"})");
  CHECK(faults.Decide(For("6281"))->code == 131026);
  CHECK(faults.Decide(For("6282"))->kind == FaultKind::kCloseAfter);
}

TEST_CASE("Faults: conditions", "[cloudsim]") {
  Faults attempts = Loaded(R"({"do":"error","code":1,"first_attempts":2})");
  CHECK(Plays(attempts, For("1", 2)));
  CHECK_FALSE(Plays(attempts, For("1", 3)));

  Faults reused = Loaded(R"({"do":"close_after_accept","only_reused":true})");
  FaultContext context = For("1");
  CHECK_FALSE(Plays(reused, context));
  context.reused = true;
  CHECK(Plays(reused, context));

  Faults number = Loaded(R"({"do":"error","code":1,"phone_number_ids":["2002"]})");
  CHECK_FALSE(Plays(number, For("1")));
  Faults kinds = Loaded(R"({"do":"error","code":1,"kinds":["text"]})");
  CHECK_FALSE(Plays(kinds, For("1")));
  Faults prefix = Loaded(R"({"do":"error","code":1,"callback_prefix":"run1"})");
  context.callback = "run2.1";
  CHECK_FALSE(Plays(prefix, context));
  context.callback = "run1.1";
  CHECK(Plays(prefix, context));
}

TEST_CASE("Faults: phases by time, by count and at most so many times", "[cloudsim]") {
  Faults phase = Loaded(R"({"do":"http","status":503,"from_s":10,"to_s":20})");
  FaultContext context = For("1");
  CHECK_FALSE(Plays(phase, context));
  context.now_us = kStart + 10 * kMicrosPerSecond;
  CHECK(Plays(phase, context));
  context.now_us = kStart + 20 * kMicrosPerSecond;
  CHECK_FALSE(Plays(phase, context));

  Faults count = Loaded(R"({"do":"http","from_request":1,"to_request":3})");
  CHECK_FALSE(Plays(count, For("1")));
  CHECK(Plays(count, For("1")));
  CHECK(Plays(count, For("1")));
  CHECK_FALSE(Plays(count, For("1")));

  Faults limited = Loaded(R"({"do":"http","max_times":1})");
  CHECK(limited.Decide(For("1"))->status == 503);
  CHECK_FALSE(Plays(limited, For("1")));
}

TEST_CASE("Faults: resets at connect are drawn by connection", "[cloudsim]") {
  Faults faults = Loaded(R"({"do":"reset_on_connect","probability":0.3})");
  int resets = 0;
  for (uint64_t id = 1; id <= 1000; ++id) resets += faults.ResetsConnection(id, kStart) ? 1 : 0;
  CHECK(resets > 230);
  CHECK(resets < 370);
  CHECK_FALSE(Plays(faults, For("1")));
}

TEST_CASE("Faults: latency follows its distribution and is the same every time", "[cloudsim]") {
  const auto latencies = [](const std::string& json) {
    Faults faults(1);
    faults.Load({}, Parse(R"({"latency":)" + json + "}").latency, kStart);
    std::vector<int64_t> all;
    for (int i = 0; i < 2001; ++i) all.push_back(faults.LatencyUs(std::to_string(i), 1));
    CHECK(all[7] == faults.LatencyUs("7", 1));
    std::sort(all.begin(), all.end());
    return all;
  };
  CHECK(latencies(R"({"ms":5})")[1000] == 5000);
  const std::vector<int64_t> uniform = latencies(R"({"kind":"uniform","min_ms":10,"max_ms":20})");
  CHECK(uniform.front() >= 10000);
  CHECK(uniform.back() <= 20000);
  CHECK(uniform[1000] == Approx(15000).epsilon(0.1));
  const std::vector<int64_t> normal = latencies(R"({"kind":"lognormal","ms":80,"max_ms":300})");
  CHECK(normal[1000] == Approx(80000).epsilon(0.1));
  CHECK(normal.back() <= 300000);
  const std::vector<int64_t> waits = latencies(R"({"kind":"exponential","ms":50})");
  CHECK(waits[1000] == Approx(50000 * 0.693).epsilon(0.15));
}

TEST_CASE("ParseScenario: a wrong document is refused with the place of the fault", "[cloudsim]") {
  CHECK(ParseError("{") == "the text is not valid JSON");
  CHECK(ParseError(R"({"latencies":{}})") == "scenario: latencies is not a known field");
  CHECK(ParseError(R"({"faults":[{"do":"error","code":1},{"do":"error","kod":1,"code":2}]})") ==
        "scenario: faults[1].kod is not a known field");
  CHECK(ParseError(R"({"faults":[{"do":"error"}]})") == "scenario: faults[0].code is required");
  CHECK(ParseError(R"({"faults":[{"do":"http","probability":2}]})") ==
        "scenario: faults[0].probability must be from 0 to 1");
  CHECK(ParseError(R"({"statuses":{"sent_ms":[5,1]}})") ==
        "scenario: statuses.sent_ms must be 0 <= low <= high");
  CHECK(ParseError(R"({"customers":{"yes":0.8,"no":0.8}})") != "");
  CHECK_FALSE(ParseError(R"({"faults":[{"do":"explode"}]})").empty());
  CHECK(ParseError("{}").empty());
}

}  // namespace
}  // namespace kabar::cloudsim
