#include "libs/template_lang/template.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
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
    case FailureReason::kInvalidValue:
      return "INVALID_VALUE";
    case FailureReason::kInvalidParameter:
      return "INVALID_PARAMETER";
    case FailureReason::kTextTooLong:
      return "TEXT_TOO_LONG";
    case FailureReason::kTooManySteps:
      return "TOO_MANY_STEPS";
  }
  return "";
}

namespace {

struct ColumnOfKey {
  absl::flat_hash_map<std::string, uint32_t> columns;

  // kNoColumn: a variable without a column is missing in every row.
  uint32_t Find(const std::string& key) const {
    const auto found = columns.find(key);
    return found == columns.end() ? kNoColumn : found->second;
  }
};

absl::StatusOr<ColumnOfKey> ColumnsByKey(absl::Span<const std::string> names,
                                         absl::string_view what) {
  ColumnOfKey by_key;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto [at, added] = by_key.columns.emplace(SlotKey(names[i]), static_cast<uint32_t>(i));
    if (added) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        what, " ", at->second + 1, " (\"", names[at->second], "\") and ", i + 1, " (\"", names[i],
        "\") mean the same variable: give each variable one column"));
  }
  return by_key;
}

}  // namespace

Template::Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}

const std::vector<Variable>& Template::variables() const { return program_->variables; }
std::vector<Variable> Template::NeededBeyond(absl::Span<const std::string> available) const {
  absl::flat_hash_set<std::string> keys;
  for (const std::string& name : available) keys.insert(SlotKey(name));
  std::vector<Variable> beyond;
  for (const Variable& variable : variables()) {
    if (variable.needed && !keys.contains(SlotKey(variable.name))) beyond.push_back(variable);
  }
  return beyond;
}
const std::vector<ProviderMapping>& Template::providers() const { return program_->providers; }
const std::vector<Note>& Template::paths_without_provider() const {
  return program_->paths_without_provider;
}
bool Template::merges_parcels() const {
  bool loops = false;
  for (const Op& op : program_->ops) loops |= op.code == Code::kEach;
  if (!loops) return false;
  for (const Slot& slot : program_->slots) {
    if (slot.source != Source::kRow) continue;
    if (program_->variables[slot.variable].owner == fields::Owner::kShipment) return false;
  }
  return true;
}
const std::vector<Note>& Template::warnings() const { return program_->warnings; }
size_t Template::shortest_fixed_text() const { return program_->shortest_fixed_text; }
size_t Template::longest_fixed_text() const { return program_->longest_fixed_text; }

absl::TimeZone WesternIndonesia() { return absl::FixedTimeZone(7 * 60 * 60); }

absl::StatusOr<Binding> Template::Bind(const Columns& columns, absl::TimeZone zone) const {
  absl::StatusOr<ColumnOfKey> row = ColumnsByKey(columns.row, "columns");
  if (!row.ok()) return row.status();
  absl::StatusOr<ColumnOfKey> parcel = ColumnsByKey(columns.parcel, "columns of parcels");
  if (!parcel.ok()) return parcel.status();
  Binding binding;
  binding.program_ = program_;
  binding.zone_ = zone;
  const std::vector<Slot>& slots = program_->slots;
  binding.columns_.reserve(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    const uint32_t column = row->Find(slots[i].key);
    if (slots[i].source == Source::kRow) {
      binding.columns_.push_back(column);
      continue;
    }
    binding.columns_.push_back(kInParcel + static_cast<uint32_t>(i));
    binding.parcel_slots_.resize(slots.size());
    binding.parcel_slots_[i] = {parcel->Find(slots[i].key), column};
  }
  return binding;
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
