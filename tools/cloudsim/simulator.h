// The whole simulator: the Graph API, its rules, its record, its webhooks and the control API.
//
// One thread serves all HTTP and owns all state; webhooks are delivered by another (webhooks.h).
// Start() and Stop() from any one thread. Blocks: Stop() until both threads have ended. Errors:
// Start() says what of port, set-up, scenario or record file is wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tools/cloudsim/scenario.h"
#include "tools/cloudsim/setup.h"

namespace kabar::cloudsim {

struct SimulatorOptions {
  uint16_t port = 0;  // on 127.0.0.1; 0: a free one
  uint64_t seed = 1;
  bool summary_record = false;
  std::string record_file;
  Setup setup;
  Scenario scenario;
};

class Simulator {
 public:
  explicit Simulator(SimulatorOptions options);
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  absl::Status Start();
  void Stop();
  uint16_t port() const;

 private:
  class Engine;
  std::unique_ptr<Engine> engine_;
};

}  // namespace kabar::cloudsim
