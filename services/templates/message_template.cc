#include "services/templates/message_template.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::templates {
namespace {

constexpr size_t kMaxCodeBytes = 64;

bool IsCodeCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

}  // namespace

absl::Status CheckCode(absl::string_view code) {
  if (code.empty()) {
    return base::InvalidField("template.code", "is required, such as morning-update");
  }
  if (code.size() > kMaxCodeBytes || !std::all_of(code.begin(), code.end(), IsCodeCharacter)) {
    return base::InvalidField("template.code",
                              absl::StrCat("must have 1 to ", kMaxCodeBytes,
                                           " letters, digits, '.', '_' or '-', such as "
                                           "morning-update"));
  }
  return absl::OkStatus();
}

absl::Status CheckActive(const MessageTemplate& found) {
  if (found.state == State::kActive) return absl::OkStatus();
  return base::Error(
      absl::StatusCode::kFailedPrecondition, "TEMPLATE_ARCHIVED",
      absl::StrCat("template ", found.code, " is archived: create a new one under another code"));
}

std::vector<std::string> VariableNames(const template_lang::Template& compiled,
                                       const CompiledParts& parts) {
  std::vector<std::string> names;
  const auto add = [&](const template_lang::Template& text) {
    for (const template_lang::Variable& variable : text.variables()) {
      if (std::find(names.begin(), names.end(), variable.name) == names.end()) {
        names.push_back(variable.name);
      }
    }
  };
  add(compiled);
  for (const template_lang::Template& text : parts.texts()) add(text);
  return names;
}

absl::string_view StateName(State state) { return state == State::kActive ? "ACTIVE" : "ARCHIVED"; }

State StateOfName(absl::string_view name) {
  return name == "ACTIVE" ? State::kActive : State::kArchived;
}

absl::string_view KindName(Kind kind) {
  return kind == Kind::kQuickReply ? "QUICK_REPLY" : "MESSAGE";
}

Kind KindOfName(absl::string_view name) {
  return name == "QUICK_REPLY" ? Kind::kQuickReply : Kind::kMessage;
}

absl::string_view MissingDataName(template_lang::Mode mode) {
  return mode == template_lang::Mode::kStrict ? "STRICT" : "LENIENT";
}

template_lang::Mode MissingDataOfName(absl::string_view name) {
  return name == "LENIENT" ? template_lang::Mode::kLenient : template_lang::Mode::kStrict;
}

}  // namespace kabar::templates
