// An automation: each event of a type becomes a message from a template, through a sender, after a
// delay.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: INVALID_ARGUMENT with a
// violation for each fault, paths as in the request ("automation.name").
#ifndef KABAR_SERVICES_TRIGGERS_AUTOMATION_H_
#define KABAR_SERVICES_TRIGGERS_AUTOMATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/triggers/business_event.h"

namespace kabar::triggers {

struct Automation {
  std::string id = {};
  std::string name = {};
  EventType event_type = EventType::kUnspecified;
  std::string template_id = {};
  std::string sender_id = {};
  absl::Duration delay = absl::ZeroDuration();  // whole seconds
  bool enabled = false;
  std::vector<std::string> extra_variables = {};  // what its events say besides the table
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();

  bool operator==(const Automation&) const = default;
};

inline constexpr absl::Duration kMaxDelay = absl::Hours(24 * 366);

absl::Status CheckAutomation(const Automation& automation);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_AUTOMATION_H_
