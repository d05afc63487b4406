#include "services/templates/provider_template.h"

#include <initializer_list>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/template_lang/template.h"

namespace kabar::templates {
namespace {

constexpr std::initializer_list<const char*> kCategories = {"MARKETING", "UTILITY",
                                                            "AUTHENTICATION"};
constexpr std::initializer_list<const char*> kStatuses = {"APPROVED", "PENDING",  "REJECTED",
                                                          "PAUSED",   "DISABLED", "ARCHIVED"};

void CheckOneOf(absl::string_view field, absl::string_view value,
                std::initializer_list<const char*> allowed, absl::Status* status) {
  for (const char* one : allowed) {
    if (value == one) return;
  }
  base::AddFieldViolation(*status, field,
                          absl::StrCat("must be one of ", absl::StrJoin(allowed, ", ")));
}

}  // namespace

absl::StatusOr<int32_t> CountParameters(absl::string_view body) {
  std::set<int32_t> numbers;
  for (size_t at = body.find("{{"); at != absl::string_view::npos; at = body.find("{{", at)) {
    const size_t end = body.find("}}", at);
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError("has a {{ without }}: parameters are written {{1}}");
    }
    const absl::string_view inside = absl::StripAsciiWhitespace(body.substr(at + 2, end - at - 2));
    int32_t number = 0;
    if (!absl::SimpleAtoi(inside, &number) || number < 1 ||
        number > static_cast<int32_t>(template_lang::kMaxProviderParameters)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "has {{", inside.substr(0, 40), "}}: parameters are numbers from {{1}} to {{",
          template_lang::kMaxProviderParameters, "}}; named ones are not supported"));
    }
    numbers.insert(number);
    at = end + 2;
  }
  const auto count = static_cast<int32_t>(numbers.size());
  if (count > 0 && *numbers.rbegin() != count) {
    return absl::InvalidArgumentError(absl::StrCat("uses {{", *numbers.rbegin(), "}} but only ",
                                                   count,
                                                   " different numbers: number the "
                                                   "parameters 1, 2, ... without a gap"));
  }
  return count;
}

absl::Status Complete(ProviderTemplate* provider_template) {
  absl::Status status;
  if (!template_lang::IsProviderName(provider_template->name)) {
    base::AddFieldViolation(status, "provider_template.name",
                            "must have 1 to 512 small letters, digits and _");
  }
  if (!template_lang::IsLanguage(provider_template->language)) {
    base::AddFieldViolation(status, "provider_template.language", "must be like id or en_US");
  }
  CheckOneOf("provider_template.category", provider_template->category, kCategories, &status);
  CheckOneOf("provider_template.status", provider_template->status, kStatuses, &status);
  const size_t characters = base::CountCodepoints(provider_template->body);
  if (characters == 0 || characters > template_lang::kMaxProviderBodyCharacters ||
      provider_template->body.find('\0') != std::string::npos) {
    base::AddFieldViolation(
        status, "provider_template.body",
        absl::StrCat("must have 1 to ", template_lang::kMaxProviderBodyCharacters,
                     " characters, none of them NUL"));
  }
  if (const absl::StatusOr<int32_t> count = CountParameters(provider_template->body); count.ok()) {
    provider_template->parameters = *count;
  } else {
    base::AddFieldViolation(status, "provider_template.body", count.status().message());
  }
  return status;
}

}  // namespace kabar::templates
