// Everything the simulated WhatsApp knows, in one place for its handlers.
//
// Owned by the loop's thread; only `webhooks` may be used from elsewhere. Plain aggregation, no
// behaviour but the few steps that more than one handler takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/accounts.h"
#include "tools/cloudsim/customers.h"
#include "tools/cloudsim/faults.h"
#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/limits.h"
#include "tools/cloudsim/media.h"
#include "tools/cloudsim/recipients.h"
#include "tools/cloudsim/record.h"
#include "tools/cloudsim/scenario.h"
#include "tools/cloudsim/setup.h"
#include "tools/cloudsim/webhooks.h"

namespace kabar::cloudsim {

struct AnswerCounts {
  uint64_t yes = 0;
  uint64_t no = 0;
  uint64_t other = 0;
  uint64_t stop = 0;
};

struct World {
  World(uint64_t the_seed, bool summary_record)
      : seed(the_seed), faults(the_seed), record(summary_record) {}

  const uint64_t seed;
  Setup setup;
  Scenario scenario;
  Accounts accounts;
  Recipients recipients;
  Limits limits;
  Media media;
  Faults faults;
  Record record;
  Webhooks webhooks;
  HttpLoop* loop = nullptr;
  uint64_t inbound_serial = 0;
  AnswerCounts answers;
  uint64_t traces = 0;
};

// A customer writes to a number at a moment: his window opens and, unless `tell` is false, the
// webhook goes out. Returns the inbound message's id.
struct InboundRequest {
  uint32_t number = 0;
  uint32_t recipient = 0;
  std::string name;  // empty: a name made from the phone
  std::string type = "text";
  std::string content_json;
  std::string context_id;
  int64_t at_us = 0;
  bool tell = true;
  bool duplicate = false;
};
std::string CustomerWrites(World* world, const InboundRequest& request);

// Puts set-up and scenario into force. Errors leave the world as it was.
absl::Status ApplySetup(World* world, const Setup& setup);
void ApplyScenario(World* world, Scenario scenario);

// One line of GET /_sim/record and of the record file, without a line break.
void AppendRecordLine(const World& world, uint64_t number, std::string* out);
void AppendRefusedLine(const World& world, const Refused& refused, std::string* out);

}  // namespace kabar::cloudsim
