#include "libs/whatsapp/webhook_templates.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace kabar::whatsapp {
namespace {

constexpr char kStatus[] = "message_template_status_update";
constexpr char kCategory[] = "template_category_update";
constexpr char kQuality[] = "message_template_quality_update";
constexpr char kComponents[] = "message_template_components_update";

std::string Upper(std::string text) {
  absl::AsciiStrToUpper(&text);
  return text;
}

// The status that an event leaves behind; empty where it leaves the status alone.
std::string StatusAfter(const std::string& event) {
  if (event == "REINSTATED" || event == "UNPAUSED") return "APPROVED";
  if (event == "PENDING_DELETION") return "DELETED";
  if (event == "FLAGGED" || event == "LOCKED" || event == "UNLOCKED") return "";
  return event;
}

std::string ReasonOf(const JsonObject& value) {
  JsonObject info;
  std::string reason = TextOf(value, "reason");
  if (reason == "NONE") reason.clear();
  if (Find(value, "other_info", &info)) {
    const std::string words = TextOf(info, "description");
    if (!words.empty()) absl::StrAppend(&reason, reason.empty() ? "" : ": ", words);
  }
  if (Find(value, "rejection_info", &info)) {
    const std::string words = TextOf(info, "reason");
    if (!words.empty()) absl::StrAppend(&reason, reason.empty() ? "" : ": ", words);
  }
  return reason;
}

}  // namespace

bool IsTemplateField(absl::string_view field) {
  return field == kStatus || field == kCategory || field == kQuality || field == kComponents;
}

TemplateChange ReadTemplateChange(absl::string_view field, const JsonObject& value) {
  TemplateChange change{.name = TextOf(value, "message_template_name"),
                        .language = TextOf(value, "message_template_language")};
  if (field == kStatus) {
    change.status = StatusAfter(Upper(TextOf(value, "event")));
    change.reason = ReasonOf(value);
  } else if (field == kCategory) {
    // Told a day ahead (correct_category is what it will be), this is still the present one.
    change.category = Upper(TextOf(value, "new_category"));
  } else if (field == kQuality) {
    change.quality = Upper(TextOf(value, "new_quality_score"));
  }
  return change;
}

}  // namespace kabar::whatsapp
