// What publishers tell: something happened to a customer's order, and it may deserve a message.
//
// Thread safety: plain values and free functions. Blocks: never (the first phone loads
// libphonenumber's tables). Errors: INVALID_ARGUMENT with a violation for each fault, paths as in
// the request ("event.phone").
#ifndef KABAR_SERVICES_TRIGGERS_BUSINESS_EVENT_H_
#define KABAR_SERVICES_TRIGGERS_BUSINESS_EVENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::triggers {

// The numbers are stored: never renumber. Equal to kabar.triggers.v1.EventType.
enum class EventType : std::int16_t {
  kUnspecified = 0,
  kContactCreated = 1,
  kOrderCreated = 2,
  kOrderPaid = 3,
  kOrderDelivery = 4,
  kOrderFollowupDelivery = 5,
  kOrderReceived = 6,
};
bool IsEventType(EventType type);

// A named value of a message.
struct Variable {
  std::string name = {};
  std::string value = {};

  bool operator==(const Variable&) const = default;
};

struct BusinessEvent {
  std::string id = {};  // the publisher's own
  EventType type = EventType::kUnspecified;
  std::optional<absl::Time> time = {};  // unset: when it was published
  std::string contact_id = {};
  std::string phone = {};
  std::string name = {};
  std::vector<Variable> variables = {};  // by name
  std::string order_id = {};             // "": OrderOf
  std::int64_t amount = 0;               // of the order, rupiah; 0: not said

  bool operator==(const BusinessEvent&) const = default;
};

inline constexpr std::size_t kMaxVariables = 100;
inline constexpr std::size_t kMaxVariableNameBytes = 64;
inline constexpr std::size_t kMaxVariableBytes = 32 * 1024;  // names and values of one event

// Checks everything and brings the phone into its one form.
absl::Status NormalizeEvent(BusinessEvent* event, absl::Time now);

// The canonical name where the suite knows the field ("nama" -> "name"), else the name as it is.
std::string VariableName(absl::string_view written);

// The order that the event is about: its order_id, or the documentnumber where it is the sales
// code, or "".
std::string OrderOf(const BusinessEvent& event);

// The order or shipment that a message of the event is about: its documentnumber, or "".
std::string SubjectOf(const std::vector<Variable>& variables);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_BUSINESS_EVENT_H_
