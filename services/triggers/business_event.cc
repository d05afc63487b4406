#include "services/triggers/business_event.h"

#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/fields/fields.h"
#include "libs/phone/phone.h"

namespace kabar::triggers {
namespace {

constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxNameCharacters = 200;  // as contacts takes them
constexpr std::size_t kMaxValueCharacters = 4000;
constexpr std::size_t kMaxSubjectBytes = 128;
constexpr char kSubjectVariable[] = "documentnumber";
// Milliseconds taken for seconds give a year beyond 50000: refuse rather than wait for it.
constexpr absl::Duration kFarthest = absl::Hours(24 * 366);
const absl::Time kEarliest = absl::FromUnixSeconds(946684800);  // 2000-01-01

bool HasControl(absl::string_view text) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) return true;
  }
  return false;
}

void CheckId(const std::string& id, absl::string_view field, bool required, absl::Status* faults) {
  if (id.empty()) {
    if (required) base::AddFieldViolation(*faults, field, "is required: your own id of the event");
  } else if (id.size() > kMaxIdBytes) {
    base::AddFieldViolation(
        *faults, field, absl::StrCat("has ", id.size(), " bytes, at most ", kMaxIdBytes, " fit"));
  } else if (HasControl(id)) {
    base::AddFieldViolation(*faults, field, "holds control characters: letters, digits and signs");
  }
}

void CheckWho(BusinessEvent* event, absl::Status* faults) {
  CheckId(event->contact_id, "event.contact_id", false, faults);
  if (event->phone.empty() && event->contact_id.empty()) {
    base::AddFieldViolation(*faults, "event.phone", "is required where there is no contact_id");
  } else if (!event->phone.empty()) {
    absl::StatusOr<std::string> normal = phone::NormalizePhone(event->phone);
    if (normal.ok()) {
      event->phone = *std::move(normal);
    } else {
      base::AddFieldViolation(*faults, "event.phone", normal.status().message());
    }
  }
  if (const std::size_t length = base::CountCodepoints(event->name); length > kMaxNameCharacters) {
    base::AddFieldViolation(
        *faults, "event.name",
        absl::StrCat("has ", length, " characters, at most ", kMaxNameCharacters, " fit"));
  } else if (HasControl(event->name)) {
    base::AddFieldViolation(*faults, "event.name", "holds control characters or line breaks");
  }
}

void CheckTime(const BusinessEvent& event, absl::Time now, absl::Status* faults) {
  if (!event.time) return;
  if (*event.time < kEarliest || *event.time > now + kFarthest) {
    base::AddFieldViolation(*faults, "event.time",
                            "is not between the year 2000 and a year from now: give seconds and "
                            "nanoseconds since 1970, or nothing for now");
  }
}

// One variable alone; false if it cannot be compared with the others.
bool CheckVariable(const Variable& variable, absl::Status* faults) {
  if (variable.name.empty() || variable.name.size() > kMaxVariableNameBytes ||
      HasControl(variable.name)) {
    base::AddFieldViolation(
        *faults, "event.variables",
        absl::StrCat("a name must have 1 to ", kMaxVariableNameBytes, " bytes, on one line"));
    return false;
  }
  const std::string field = absl::StrCat("event.variables[\"", variable.name, "\"]");
  if (base::CountCodepoints(variable.value) > kMaxValueCharacters) {
    base::AddFieldViolation(*faults, field,
                            absl::StrCat("has more than ", kMaxValueCharacters, " characters"));
  } else if (variable.value.find('\0') != std::string::npos) {
    base::AddFieldViolation(*faults, field, "holds a zero byte: remove it");
  } else if (VariableName(variable.name) == kSubjectVariable &&
             (variable.value.size() > kMaxSubjectBytes || HasControl(variable.value))) {
    base::AddFieldViolation(*faults, field,
                            absl::StrCat("names what the message is about: at most ",
                                         kMaxSubjectBytes, " bytes, on one line"));
  }
  return true;
}

void CheckVariables(const std::vector<Variable>& variables, absl::Status* faults) {
  if (variables.size() > kMaxVariables) {
    base::AddFieldViolation(
        *faults, "event.variables",
        absl::StrCat("has ", variables.size(), ", at most ", kMaxVariables, " fit"));
    return;
  }
  std::size_t bytes = 0;
  std::map<std::string, std::string> written;  // what two spellings have in common -> the first
  for (const Variable& variable : variables) {
    bytes += variable.name.size() + variable.value.size();
    if (!CheckVariable(variable, faults)) continue;
    const auto [other, added] =
        written.emplace(fields::Key(VariableName(variable.name)), variable.name);
    if (!added) {
      base::AddFieldViolation(*faults, absl::StrCat("event.variables[\"", variable.name, "\"]"),
                              absl::StrCat("means the same as \"", other->second, "\": give one"));
    }
  }
  if (bytes > kMaxVariableBytes) {
    base::AddFieldViolation(
        *faults, "event.variables",
        absl::StrCat("have ", bytes, " bytes together, at most ", kMaxVariableBytes, " fit"));
  }
}

void CheckOrder(BusinessEvent* event, absl::Status* faults) {
  event->order_id = base::CollapseSpaces(event->order_id);
  CheckId(event->order_id, "event.order_id", false, faults);
  if (event->amount < 0) {
    base::AddFieldViolation(*faults, "event.amount", "must not be negative: rupiah, or 0");
  }
  if (event->type == EventType::kContactCreated &&
      (!event->order_id.empty() || event->amount != 0)) {
    base::AddFieldViolation(*faults, "event.order_id",
                            "is of an order, and a CONTACT_CREATED is about none");
  }
}

}  // namespace

bool IsEventType(EventType type) {
  return type >= EventType::kContactCreated && type <= EventType::kOrderReceived;
}

absl::Status NormalizeEvent(BusinessEvent* event, absl::Time now) {
  absl::Status faults;
  CheckId(event->id, "event.id", true, &faults);
  if (!IsEventType(event->type)) {
    base::AddFieldViolation(faults, "event.type",
                            "must be CONTACT_CREATED, ORDER_CREATED, ORDER_PAID, ORDER_DELIVERY, "
                            "ORDER_FOLLOWUP_DELIVERY or ORDER_RECEIVED");
  }
  CheckTime(*event, now, &faults);
  CheckWho(event, &faults);
  CheckVariables(event->variables, &faults);
  CheckOrder(event, &faults);
  return faults;
}

std::string VariableName(absl::string_view written) {
  const std::optional<fields::Field> field = fields::Canonical(written);
  return std::string(field ? field->name : written);
}

std::string OrderOf(const BusinessEvent& event) {
  if (!event.order_id.empty()) return event.order_id;
  const bool sales_code =
      event.type == EventType::kOrderCreated || event.type == EventType::kOrderReceived;
  return sales_code ? base::CollapseSpaces(SubjectOf(event.variables)) : "";
}

std::string SubjectOf(const std::vector<Variable>& variables) {
  for (const Variable& variable : variables) {
    if (VariableName(variable.name) == kSubjectVariable) return variable.value;
  }
  return "";
}

}  // namespace kabar::triggers
