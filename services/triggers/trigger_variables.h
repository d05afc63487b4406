// The table of the variables of automatic messages: what each trigger's events say, and what it
// means there. Every field of the contact stands beside them in every message.
//
// Thread safety: immutable. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_TRIGGER_VARIABLES_H_
#define KABAR_SERVICES_TRIGGERS_TRIGGER_VARIABLES_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "services/triggers/automation.h"
#include "services/triggers/business_event.h"

namespace kabar::triggers {

struct TriggerVariable {
  EventType event_type = EventType::kUnspecified;
  const char* name = "";
  const char* meaning = "";
};

// By event type.
absl::Span<const TriggerVariable> TriggerVariables();

// "ORDER_PAID"
const char* EventTypeName(EventType type);

// All that a message of the automation can say: the table's, the contact's fields, and its own.
std::vector<std::string> VariablesOf(const Automation& automation);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_TRIGGER_VARIABLES_H_
