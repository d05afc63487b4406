// What a template of an outlet is: a code, and versions of a message. Every save is a version and
// no version ever changes, so that a running campaign keeps the text it started with.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: INVALID_ARGUMENT with a
// field violation, FAILED_PRECONDITION (TEMPLATE_ARCHIVED).
#ifndef KABAR_SERVICES_TEMPLATES_MESSAGE_TEMPLATE_H_
#define KABAR_SERVICES_TEMPLATES_MESSAGE_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/template_lang/template.h"
#include "services/templates/parts.h"

namespace kabar::templates {

enum class State { kActive, kArchived };
// A quick reply is a canned text that people answer customers with.
enum class Kind { kMessage, kQuickReply };

// One version of a template, with what belongs to the template as a whole.
struct MessageTemplate {
  std::string id = {};
  std::string code = {};  // immutable, unique per outlet, also among archived ones
  std::string message = {};
  template_lang::Mode missing_data = template_lang::Mode::kStrict;
  int32_t version = 0;  // from 1
  State state = State::kActive;
  std::vector<std::string> variables = {};  // in order of first use
  Kind kind = Kind::kMessage;               // of the template; immutable
  Parts parts = {};
  absl::Time create_time = absl::InfinitePast();
  absl::Time update_time = absl::InfinitePast();

  bool operator==(const MessageTemplate&) const = default;
};

// 1 to 64 letters, digits, '.', '_' and '-'. The violation names `template.code`.
absl::Status CheckCode(absl::string_view code);

// An archived template is never changed again.
absl::Status CheckActive(const MessageTemplate& found);

// Of the message and its parts, each once.
std::vector<std::string> VariableNames(const template_lang::Template& compiled,
                                       const CompiledParts& parts);

// The words of the database and of messages.
absl::string_view StateName(State state);
State StateOfName(absl::string_view name);
absl::string_view KindName(Kind kind);
Kind KindOfName(absl::string_view name);
absl::string_view MissingDataName(template_lang::Mode mode);
template_lang::Mode MissingDataOfName(absl::string_view name);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_MESSAGE_TEMPLATE_H_
