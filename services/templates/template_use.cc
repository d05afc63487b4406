#include "services/templates/template_use.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status.h"

namespace kabar::templates {
namespace {

constexpr size_t kMaxUserBytes = 128;
constexpr size_t kMaxWhatBytes = 1000;
constexpr size_t kMaxVariables = 200;

}  // namespace

absl::Status CheckUse(const TemplateUse& use) {
  absl::Status faults;
  if (use.user.empty() || use.user.size() > kMaxUserBytes) {
    base::AddFieldViolation(faults, "user", "must have 1 to 128 bytes: the id of who sends");
  }
  if (use.template_id.empty()) {
    base::AddFieldViolation(faults, "template_id", "is required: the template's id");
  }
  if (use.what.size() > kMaxWhatBytes) {
    base::AddFieldViolation(faults, "what", "has more than 1,000 bytes");
  }
  if (use.variables.size() > kMaxVariables) {
    base::AddFieldViolation(faults, "variables", "has more than 200 names");
  }
  return faults;
}

std::string WhatIsLacking(const TemplateUse& use, const template_lang::Template& compiled,
                          const CompiledParts& parts) {
  std::vector<std::string> lacking;
  for (const template_lang::Variable& variable : compiled.NeededBeyond(use.variables)) {
    lacking.push_back(absl::StrCat(variable.name, " (line ", variable.first_use.line, ", column ",
                                   variable.first_use.column, ")"));
  }
  for (const template_lang::Template& text : parts.texts()) {
    for (const template_lang::Variable& variable : text.NeededBeyond(use.variables)) {
      lacking.push_back(absl::StrCat(variable.name, " (in header or buttons)"));
    }
  }
  if (lacking.empty()) return "";
  return absl::StrCat(use.what, " has no ", absl::StrJoin(lacking, ", no "),
                      ": take it out of the template, give it a default, such as | \"-\", or, if "
                      "its events bring it, name it in the automation's extra_variables "
                      "(--extra-variable)");
}

}  // namespace kabar::templates
