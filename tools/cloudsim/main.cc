// cloudsim: the WhatsApp Cloud API, simulated. `cloudsim --help` says it all.

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/cloudsim/json_text.h"
#include "tools/cloudsim/simulator.h"

namespace kabar::cloudsim {
namespace {

constexpr char kHelp[] =
    R"(cloudsim: the WhatsApp Business Cloud API, simulated, on 127.0.0.1 only.

  cloudsim [--listen 127.0.0.1:PORT] [--setup FILE] [--scenario FILE] [--seed N] ...

  --listen ADDRESS       127.0.0.1:PORT; port 0 (default) takes a free one
  --setup FILE           JSON: tokens, wabas (phone_numbers, templates), webhook, limits, customers
                         (see README.md); without it: one number, one token, one template
  --scenario FILE        JSON: latency, faults, statuses, customers; also POST /_sim/scenario
  --seed N               of every draw (default 1)
  --record full|summary  summary keeps counters, hashes and start times only (default full)
  --record-file FILE     appends every entry as a JSON line before it is answered
  --webhook-url URL      http://...; the next three override the set-up file
  --app-secret SECRET    signs webhooks
  --verify-token TOKEN   for the GET handshake
  --verify               performs that handshake at start, trying for a minute
  --time-scale X         multiplies the pair and throughput windows (default 1)
  --help

Prints one JSON line when ready: {"ready":true,"port":...,"url":"http://127.0.0.1:..."}
SIGTERM or SIGINT ends it. The record and the controls are under /_sim/ (see README.md).
)";

struct Arguments {
  SimulatorOptions options;
  std::string setup_file;
  std::string scenario_file;
  std::string webhook_url, app_secret, verify_token;
  double time_scale = 0;
  bool verify = false;
  bool help = false;
};

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", strerror(errno)));
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::Status Wrong(const std::string& name, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat(name, " ", what, "; see --help"));
}

absl::Status SetOption(const std::string& name, const std::string& value, Arguments* arguments) {
  if (name == "--listen") {
    int port = 0;
    absl::string_view rest = value;
    if (!absl::ConsumePrefix(&rest, "127.0.0.1:") || !absl::SimpleAtoi(rest, &port) || port < 0 ||
        port > 65535) {
      return Wrong(name, "must be 127.0.0.1:PORT");
    }
    arguments->options.port = static_cast<uint16_t>(port);
  } else if (name == "--setup") {
    arguments->setup_file = value;
  } else if (name == "--scenario") {
    arguments->scenario_file = value;
  } else if (name == "--seed") {
    if (!absl::SimpleAtoi(value, &arguments->options.seed)) return Wrong(name, "must be a number");
  } else if (name == "--record") {
    if (value != "full" && value != "summary") return Wrong(name, "must be full or summary");
    arguments->options.summary_record = value == "summary";
  } else if (name == "--record-file") {
    arguments->options.record_file = value;
  } else if (name == "--webhook-url") {
    arguments->webhook_url = value;
  } else if (name == "--app-secret") {
    arguments->app_secret = value;
  } else if (name == "--verify-token") {
    arguments->verify_token = value;
  } else if (name == "--time-scale") {
    if (!absl::SimpleAtod(value, &arguments->time_scale) || arguments->time_scale <= 0) {
      return Wrong(name, "must be above 0");
    }
  } else {
    return Wrong(name, "is not an option");
  }
  return absl::OkStatus();
}

absl::StatusOr<Arguments> ParseArguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (name == "--verify") {
      arguments.verify = true;
      continue;
    }
    std::string value;
    const size_t equals = name.find('=');
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    } else {
      return Wrong(name, "needs a value (or is not an option)");
    }
    const absl::Status set = SetOption(name, value, &arguments);
    if (!set.ok()) return set;
  }
  return arguments;
}

absl::Status Load(Arguments* arguments) {
  SimulatorOptions& options = arguments->options;
  options.setup = DefaultSetup();
  if (!arguments->setup_file.empty()) {
    const absl::StatusOr<std::string> text = ReadWhole(arguments->setup_file);
    if (!text.ok()) return text.status();
    absl::StatusOr<Setup> setup = ParseSetup(*text);
    if (!setup.ok()) return setup.status();
    options.setup = *std::move(setup);
  }
  if (!arguments->scenario_file.empty()) {
    const absl::StatusOr<std::string> text = ReadWhole(arguments->scenario_file);
    if (!text.ok()) return text.status();
    absl::StatusOr<Scenario> scenario = ParseScenario(*text);
    if (!scenario.ok()) return scenario.status();
    options.scenario = *std::move(scenario);
  }
  WebhookSetup& webhook = options.setup.webhook;
  if (!arguments->webhook_url.empty()) webhook.url = arguments->webhook_url;
  if (!arguments->app_secret.empty()) webhook.app_secret = arguments->app_secret;
  if (!arguments->verify_token.empty()) webhook.verify_token = arguments->verify_token;
  if (arguments->verify) webhook.verify = true;
  if (arguments->time_scale > 0) options.setup.limits.time_scale = arguments->time_scale;
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  fprintf(stderr, "cloudsim: %s\n", std::string(status.message()).c_str());
  return 2;
}

void PrintReady(const Simulator& simulator, const Setup& setup) {
  std::string line = absl::StrCat("{\"ready\":true,\"port\":", simulator.port(),
                                  ",\"url\":\"http://127.0.0.1:", simulator.port(), "\"");
  // Without a set-up file nobody knows the ids yet.
  if (!setup.tokens.empty() && !setup.accounts.empty() && !setup.accounts[0].numbers.empty()) {
    line.push_back(',');
    AppendJsonField("waba_id", setup.accounts[0].id, &line);
    line.push_back(',');
    AppendJsonField("phone_number_id", setup.accounts[0].numbers[0].id, &line);
  }
  printf("%s}\n", line.c_str());
  fflush(stdout);
}

int Run(int argc, char** argv) {
  absl::StatusOr<Arguments> arguments = ParseArguments(argc, argv);
  if (!arguments.ok()) return Fail(arguments.status());
  if (arguments->help) {
    fputs(kHelp, stdout);
    return 0;
  }
  const absl::Status loaded = Load(&*arguments);
  if (!loaded.ok()) return Fail(loaded);
  // Before the first thread, so that every thread leaves the signals to this one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const Setup setup = arguments->options.setup;
  Simulator simulator(std::move(arguments->options));
  const absl::Status started = simulator.Start();
  if (!started.ok()) return Fail(started);
  PrintReady(simulator, setup);
  int signal = 0;
  sigwait(&signals, &signal);
  simulator.Stop();
  return 0;
}

}  // namespace
}  // namespace kabar::cloudsim

int main(int argc, char** argv) { return kabar::cloudsim::Run(argc, argv); }
