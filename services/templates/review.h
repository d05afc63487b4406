// Looks a message over before it is saved: everything that will not work (errors) and everything
// that its author should know (warnings), each with its place and what to do.
//
// Thread safety: free functions of their arguments. Blocks: never. Errors: none, faults are the
// result; ErrorsAsStatus makes them one INVALID_ARGUMENT.
#ifndef KABAR_SERVICES_TEMPLATES_REVIEW_H_
#define KABAR_SERVICES_TEMPLATES_REVIEW_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "libs/template_lang/template.h"
#include "services/templates/provider_template.h"

namespace kabar::templates {

enum class Severity { kWarning, kError };

struct Problem {
  Severity severity = Severity::kWarning;
  template_lang::Position position = {};
  // PARSE_ERROR, EMPTY_MESSAGE, TEXT_TOO_LONG, PROVIDER_PARAMETERS (errors);
  // UNKNOWN_VARIABLE, BRACES_AS_TEXT, LONGER_THAN_PROVIDER_BODY, NO_PROVIDER_TEMPLATE,
  // PROVIDER_TEMPLATE_UNKNOWN and what TroubleOf says (warnings).
  std::string reason = {};
  std::string message = {};
};

struct Review {
  std::optional<template_lang::Template> compiled = {};  // nullopt: PARSE_ERROR
  std::vector<Problem> problems = {};

  bool valid() const;
};

// What can be said of the message alone.
Review ReviewMessage(absl::string_view message);

// The provider templates that the message names.
std::vector<ProviderKey> ProvidersNamed(const Review& review);

// Adds what the provider templates known (of those that the message names) say to it.
// `header`: of the template's parts; nullopt: not known.
void ReviewProviders(absl::Span<const ProviderTemplate> known, std::optional<HeaderKind> header,
                     Review* review);

// OK if valid; else one violation of `field` per error ("line 2, column 5: ...").
absl::Status ErrorsAsStatus(const Review& review, absl::string_view field);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_REVIEW_H_
