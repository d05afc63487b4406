#include "libs/template_lang/builder.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kabar::template_lang {
namespace {

constexpr struct {
  const char* name;
  Source source;
} kCounters[] = {{"@number", Source::kNumber},
                 {"@first", Source::kFirst},
                 {"@last", Source::kLast},
                 {"@count", Source::kCount}};

}  // namespace

bool Builder::Fail(size_t offset, std::string message) {
  if (!failed_) error_ = ParseError{positions_.At(offset), std::move(message)};
  failed_ = true;
  return false;
}

bool Builder::Add(const Op& op, size_t offset) {
  if (program_->ops.size() >= kMaxInstructions) {
    return Fail(offset, absl::StrCat("the template has more than ", kMaxInstructions,
                                     " texts, variables and tests: shorten it"));
  }
  program_->ops.push_back(op);
  return true;
}

void Builder::LandHere(const std::vector<uint32_t>& ops) {
  for (const uint32_t op : ops) program_->ops[op].target = next();
}

bool Builder::FindSlot(absl::string_view name, size_t offset, bool printed, uint32_t* slot) {
  if (absl::StartsWith(name, "@")) return FindCounter(name, offset, slot);
  std::string key = SlotKey(name);
  const uint32_t variable = FindVariable(key, name, offset);
  program_->variables[variable].printed |= printed;
  const auto [at, added] = slots_.emplace(absl::StrCat(in_each_ ? "each " : "", key), 0);
  if (added) {
    at->second = AddSlot({in_each_ ? Source::kParcel : Source::kRow, variable, std::move(key)});
  }
  *slot = at->second;
  return true;
}

void Builder::Need(uint32_t slot) {
  const Slot& needed = program_->slots[slot];
  if (needed.source == Source::kRow || needed.source == Source::kParcel) {
    program_->variables[needed.variable].needed = true;
  }
}

uint32_t Builder::FindVariable(const std::string& key, absl::string_view name, size_t offset) {
  const auto [at, added] = variables_.emplace(key, program_->variables.size());
  if (!added) return at->second;
  Variable variable;
  variable.name = std::string(name);
  variable.first_use = positions_.At(offset);
  if (const std::optional<fields::Field> field = fields::Canonical(name)) {
    variable.name = std::string(field->name);
    variable.owner = field->owner;
  }
  program_->variables.push_back(std::move(variable));
  return at->second;
}

bool Builder::FindCounter(absl::string_view name, size_t offset, uint32_t* slot) {
  for (const auto& [known, source] : kCounters) {
    if (!absl::EqualsIgnoreCase(known, name)) continue;
    if (source != Source::kCount && !in_each_) {
      return Fail(offset, absl::StrCat(known, " is known only between {{#each}} and {{/each}}"));
    }
    const auto [at, added] = slots_.emplace(known, 0);
    if (added) at->second = AddSlot({source, 0, ""});
    *slot = at->second;
    return true;
  }
  return Fail(offset,
              absl::StrCat("there is no ", name, "; @number, @first, @last and @count are known"));
}

uint32_t Builder::AddSlot(Slot slot) {
  program_->slots.push_back(std::move(slot));
  return static_cast<uint32_t>(program_->slots.size() - 1);
}

uint32_t Builder::AddText(absl::string_view text) {
  program_->texts.push_back(
      Piece{static_cast<uint32_t>(program_->pool.size()), static_cast<uint32_t>(text.size())});
  absl::StrAppend(&program_->pool, text);
  return static_cast<uint32_t>(program_->texts.size() - 1);
}

uint32_t Builder::AddPipe(Pipe pipe) {
  if (pipe.empty()) return 0;
  program_->pipes.push_back(std::move(pipe));
  return static_cast<uint32_t>(program_->pipes.size() - 1);
}

bool IsReserved(absl::string_view name) {
  for (const char* word : {"if", "else", "and", "or", "not"}) {
    if (absl::EqualsIgnoreCase(name, word)) return true;
  }
  return false;
}

}  // namespace kabar::template_lang
