// What becomes of an accepted message: its statuses and, perhaps, the customer's answer.
//
// Everything is decided when the message is accepted, from seed, recipient and the how-manieth
// message to him this is. Thread-safe (no state), never blocks, no errors.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/record.h"
#include "tools/cloudsim/scenario.h"
#include "tools/cloudsim/webhook_payloads.h"

namespace kabar::cloudsim {

struct PlannedStatus {
  StatusKind kind = StatusKind::kSent;
  int64_t at_us = 0;    // when it happens
  int64_t told_us = 0;  // when the webhook comes
  int code = 0;
  bool duplicate = false;
};

struct PlannedAnswer {
  AnswerKind kind = AnswerKind::kNone;
  std::string type;  // text, button, interactive
  std::string content_json;
  bool with_context = false;
  bool duplicate = false;  // told twice
  int64_t at_us = 0;
};

struct Fate {
  std::array<PlannedStatus, 8> statuses;
  size_t status_count = 0;
  FinalStatus told = FinalStatus::kNone;  // what the caller will know in the end
  PlannedAnswer answer;
};

// A button the customer could tap.
struct TapButton {
  absl::string_view id;  // payload of a template's quick reply, id of a session button or row
  absl::string_view title;
};

struct FateInput {
  uint64_t seed = 0;
  absl::string_view recipient;
  uint32_t nth = 0;  // accepted messages to him before this one
  int64_t accepted_us = 0;
  int late_error = 0;  // fails with this code, whatever the dice say
  bool may_answer = true;
  enum class Buttons : uint8_t { kNone, kTemplate, kReply, kList } buttons_kind = Buttons::kNone;
  std::vector<TapButton> buttons;
};

void PlanFate(const FateInput& input, const StatusPlan& plan, const CustomerPlan& customers,
              Fate* fate);

}  // namespace kabar::cloudsim
