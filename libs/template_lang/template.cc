#include "libs/template_lang/template.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "libs/template_lang/compiler.h"
#include "libs/template_lang/program.h"

namespace kabar::template_lang {

std::string SlotKey(absl::string_view name) {
  if (const std::optional<fields::Field> field = fields::Canonical(name)) {
    return std::string(field->name);
  }
  // The dot keeps unknown names apart from canonical ones; "_" alone has no key.
  const std::string key = fields::Key(name);
  return absl::StrCat(".", key.empty() ? name : absl::string_view(key));
}

absl::string_view FailureReasonName(FailureReason reason) {
  switch (reason) {
    case FailureReason::kNone:
      return "";
    case FailureReason::kMissingVariable:
      return "MISSING_VARIABLE";
    case FailureReason::kInvalidParameter:
      return "INVALID_PARAMETER";
    case FailureReason::kTextTooLong:
      return "TEXT_TOO_LONG";
  }
  return "";
}

Template::Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

const std::vector<Variable>& Template::variables() const { return program_->variables; }
const std::vector<ProviderMapping>& Template::providers() const { return program_->providers; }
const std::vector<Note>& Template::paths_without_provider() const {
  return program_->paths_without_provider;
}
const std::vector<Note>& Template::warnings() const { return program_->warnings; }
size_t Template::shortest_fixed_text() const { return program_->shortest_fixed_text; }
size_t Template::longest_fixed_text() const { return program_->longest_fixed_text; }

absl::StatusOr<Binding> Template::Bind(absl::Span<const std::string> columns) const {
  absl::flat_hash_map<std::string, uint32_t> column_of_key;
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto [at, added] = column_of_key.emplace(SlotKey(columns[i]), static_cast<uint32_t>(i));
    if (!added) {
      return absl::InvalidArgumentError(absl::StrCat(
          "columns ", at->second + 1, " (\"", columns[at->second], "\") and ", i + 1, " (\"",
          columns[i], "\") mean the same variable: give each variable one column"));
    }
  }
  std::vector<uint32_t> column_of_slot;
  column_of_slot.reserve(program_->slot_keys.size());
  for (const std::string& key : program_->slot_keys) {
    const auto found = column_of_key.find(key);
    // No row is this long, so that a variable without a column is missing without a special case.
    column_of_slot.push_back(found == column_of_key.end() ? UINT32_MAX : found->second);
  }
  return Binding(program_, std::move(column_of_slot));
}

absl::StatusOr<Template> Compile(absl::string_view text, ParseError* error) {
  ParseError found;
  if (text.size() > kMaxTemplateBytes) {
    found.message = absl::StrCat("the template has ", text.size(), " bytes, more than ",
                                 kMaxTemplateBytes, ": shorten it");
  } else {
    auto program = std::make_shared<Program>();
    Compiler compiler(text, program.get());
    if (compiler.Run()) return Template(std::move(program));
    found = compiler.error();
  }
  if (error != nullptr) *error = found;
  return absl::InvalidArgumentError(absl::StrCat("line ", found.position.line, ", column ",
                                                 found.position.column, ": ", found.message));
}

}  // namespace kabar::template_lang
