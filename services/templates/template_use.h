// Who sends the newest version of a template by itself (automations), and which variables it can
// fill: saving a version that needs another one would fail every message, so it is refused.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: INVALID_ARGUMENT.
#ifndef KABAR_SERVICES_TEMPLATES_TEMPLATE_USE_H_
#define KABAR_SERVICES_TEMPLATES_TEMPLATE_USE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "libs/template_lang/template.h"
#include "services/templates/parts.h"

namespace kabar::templates {

struct TemplateUse {
  std::string user = {};  // its id
  std::string template_id = {};
  std::string what = {};  // automation "Lunas" of ORDER_PAID
  std::vector<std::string> variables = {};

  bool operator==(const TemplateUse&) const = default;
};

// Violations name the request's fields.
absl::Status CheckUse(const TemplateUse& use);

// Which variables the template prints without a default that the use lacks, as a sentence; empty if
// none.
std::string WhatIsLacking(const TemplateUse& use, const template_lang::Template& compiled,
                          const CompiledParts& parts);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_TEMPLATE_USE_H_
