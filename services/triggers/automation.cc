#include "services/triggers/automation.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::triggers {
namespace {

constexpr std::size_t kMaxNameCharacters = 200;
constexpr std::size_t kMaxIdBytes = 128;

void CheckReference(const std::string& id, absl::string_view field, absl::string_view what,
                    absl::Status* faults) {
  if (id.empty()) {
    base::AddFieldViolation(*faults, field, absl::StrCat("is required: the id of a ", what));
  } else if (id.size() > kMaxIdBytes || id.find('\0') != std::string::npos) {
    base::AddFieldViolation(*faults, field, absl::StrCat("is no id of a ", what));
  }
}

void CheckExtraVariables(const std::vector<std::string>& names, absl::Status* faults) {
  constexpr char kField[] = "automation.extra_variables";
  if (names.size() > kMaxVariables) {
    base::AddFieldViolation(*faults, kField,
                            absl::StrCat("has more than ", kMaxVariables, " names"));
  }
  for (const std::string& name : names) {
    if (!name.empty() && name.size() <= kMaxVariableNameBytes && base::IsValidUtf8(name) &&
        name.find('\0') == std::string::npos) {
      continue;
    }
    base::AddFieldViolation(
        *faults, kField, absl::StrCat("a name must have 1 to ", kMaxVariableNameBytes, " bytes"));
    return;
  }
}

}  // namespace

absl::Status CheckAutomation(const Automation& automation) {
  absl::Status faults;
  if (base::Trim(automation.name).empty()) {
    base::AddFieldViolation(faults, "automation.name", "is required");
  } else if (base::CountCodepoints(automation.name) > kMaxNameCharacters ||
             automation.name.find('\0') != std::string::npos) {
    base::AddFieldViolation(
        faults, "automation.name",
        absl::StrCat("must have at most ", kMaxNameCharacters, " characters and no zero byte"));
  }
  if (!IsEventType(automation.event_type)) {
    base::AddFieldViolation(faults, "automation.event_type",
                            "must be CONTACT_CREATED, ORDER_CREATED, ORDER_PAID, ORDER_DELIVERY, "
                            "ORDER_FOLLOWUP_DELIVERY or ORDER_RECEIVED");
  }
  CheckReference(automation.template_id, "automation.template_id", "template", &faults);
  CheckReference(automation.sender_id, "automation.sender_id", "sender", &faults);
  if (automation.delay < absl::ZeroDuration() || automation.delay > kMaxDelay) {
    base::AddFieldViolation(
        faults, "automation.delay_seconds",
        absl::StrCat("must be between 0 and ", absl::ToInt64Seconds(kMaxDelay), " (366 days)"));
  }
  CheckExtraVariables(automation.extra_variables, &faults);
  return faults;
}

}  // namespace kabar::triggers
