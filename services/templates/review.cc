#include "services/templates/review.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::templates {
namespace {

using template_lang::Position;

class Findings {
 public:
  explicit Findings(Review* review) : review_(review) {}

  void Error(const Position& position, absl::string_view reason, std::string message) {
    Add(Severity::kError, position, reason, std::move(message));
  }
  void Warning(const Position& position, absl::string_view reason, std::string message) {
    Add(Severity::kWarning, position, reason, std::move(message));
  }

 private:
  void Add(Severity severity, const Position& position, absl::string_view reason,
           std::string message) {
    review_->problems.push_back({severity, position, std::string(reason), std::move(message)});
  }

  Review* review_;
};

void ReviewLength(const template_lang::Template& compiled, Findings* findings) {
  const size_t longest = compiled.longest_fixed_text();
  if (longest > template_lang::kMaxTextCharacters) {
    findings->Error({}, "TEXT_TOO_LONG",
                    absl::StrCat("the longest path has ", longest,
                                 " characters of fixed text, and WhatsApp takes ",
                                 template_lang::kMaxTextCharacters, ": shorten it"));
  } else if (longest > template_lang::kMaxProviderBodyCharacters) {
    findings->Warning({}, "LONGER_THAN_PROVIDER_BODY",
                      absl::StrCat("the longest path has ", longest,
                                   " characters of fixed text; a provider template's body holds ",
                                   template_lang::kMaxProviderBodyCharacters,
                                   ", so the template form cannot say the same"));
  }
}

void ReviewProvider(const template_lang::ProviderMapping& mapping,
                    absl::Span<const ProviderTemplate> known, std::optional<HeaderKind> header,
                    Findings* findings) {
  const auto found = std::find_if(known.begin(), known.end(), [&](const ProviderTemplate& one) {
    return one.name == mapping.name && one.language == mapping.language;
  });
  const std::string name = absl::StrCat(mapping.name, " (", mapping.language, ")");
  if (found == known.end()) {
    findings->Warning(mapping.position, "PROVIDER_TEMPLATE_UNKNOWN",
                      absl::StrCat("provider template ", name,
                                   " is not registered, so its parameters cannot be checked: "
                                   "register it"));
    return;
  }
  if (const std::string misfit = MisfitOf(mapping, header, *found); !misfit.empty()) {
    findings->Error(mapping.position, "PROVIDER_PARAMETERS",
                    absl::StrCat("provider template ", name, " ", misfit,
                                 ": WhatsApp would refuse every message"));
  }
  if (const Trouble trouble = TroubleOf(*found); !trouble.none()) {
    findings->Warning(mapping.position, trouble.code, trouble.text);
  }
}

}  // namespace

bool Review::valid() const {
  return std::none_of(problems.begin(), problems.end(),
                      [](const Problem& problem) { return problem.severity == Severity::kError; });
}

Review ReviewMessage(absl::string_view message) {
  Review review;
  Findings findings(&review);
  template_lang::ParseError error;
  absl::StatusOr<template_lang::Template> compiled = template_lang::Compile(message, &error);
  if (!compiled.ok()) {
    findings.Error(error.position, "PARSE_ERROR", error.message);
    return review;
  }
  review.compiled = *std::move(compiled);
  const template_lang::Template& text = *review.compiled;
  if (absl::StripAsciiWhitespace(message).empty()) {
    findings.Error({}, "EMPTY_MESSAGE", "the message is empty: write what shall be sent");
  }
  ReviewLength(text, &findings);
  for (const template_lang::Note& note : text.warnings()) {
    findings.Warning(note.position, "BRACES_AS_TEXT", note.message);
  }
  for (const template_lang::Variable& variable : text.variables()) {
    if (variable.owner.has_value()) continue;
    findings.Warning(variable.first_use, "UNKNOWN_VARIABLE",
                     absl::StrCat(variable.name,
                                  " is no field of contacts or shipments: it is "
                                  "filled only if contacts have an attribute of "
                                  "this name"));
  }
  for (const template_lang::Note& note : text.paths_without_provider()) {
    findings.Warning(note.position, "NO_PROVIDER_TEMPLATE",
                     absl::StrCat(note.message,
                                  ": without one it reaches only customers who wrote "
                                  "within the last 24 hours"));
  }
  return review;
}

std::vector<ProviderKey> ProvidersNamed(const Review& review) {
  std::vector<ProviderKey> keys;
  if (!review.compiled.has_value()) return keys;
  for (const template_lang::ProviderMapping& mapping : review.compiled->providers()) {
    keys.emplace_back(mapping.name, mapping.language);
  }
  return keys;
}

void ReviewProviders(absl::Span<const ProviderTemplate> known, std::optional<HeaderKind> header,
                     Review* review) {
  if (!review->compiled.has_value()) return;
  Findings findings(review);
  for (const template_lang::ProviderMapping& mapping : review->compiled->providers()) {
    ReviewProvider(mapping, known, header, &findings);
  }
}

absl::Status ErrorsAsStatus(const Review& review, absl::string_view field) {
  absl::Status status;
  for (const Problem& problem : review.problems) {
    if (problem.severity != Severity::kError) continue;
    base::AddFieldViolation(status, field,
                            absl::StrCat("line ", problem.position.line, ", column ",
                                         problem.position.column, ": ", problem.message));
  }
  return status;
}

}  // namespace kabar::templates
