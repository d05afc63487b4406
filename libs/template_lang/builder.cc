#include "libs/template_lang/builder.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kabar::template_lang {

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

uint32_t Builder::Slot(absl::string_view name, size_t offset, bool printed) {
  std::string key = SlotKey(name);
  const auto [at, added] = slots_.emplace(key, program_->variables.size());
  if (added) {
    Variable variable{std::string(name), std::nullopt, positions_.At(offset), false};
    if (const std::optional<fields::Field> field = fields::Canonical(name)) {
      variable.name = std::string(field->name);
      variable.owner = field->owner;
    }
    program_->variables.push_back(std::move(variable));
    program_->slot_keys.push_back(std::move(key));
  }
  program_->variables[at->second].printed |= printed;
  return at->second;
}

uint32_t Builder::AddText(absl::string_view text) {
  program_->texts.push_back(
      Piece{static_cast<uint32_t>(program_->pool.size()), static_cast<uint32_t>(text.size())});
  absl::StrAppend(&program_->pool, text);
  return static_cast<uint32_t>(program_->texts.size() - 1);
}

bool IsReserved(absl::string_view name) {
  for (const char* word : {"if", "else", "and", "or", "not"}) {
    if (absl::EqualsIgnoreCase(name, word)) return true;
  }
  return false;
}

}  // namespace kabar::template_lang
