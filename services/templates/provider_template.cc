#include "services/templates/provider_template.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

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
constexpr std::initializer_list<absl::string_view> kButtons = {"QUICK_REPLY", "URL", "PHONE_NUMBER",
                                                               "VOICE_CALL"};
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

namespace {

// What stands between {{ and }}, each once, in order of first use.
absl::StatusOr<std::vector<std::string>> Holes(absl::string_view text) {
  std::vector<std::string> holes;
  for (size_t at = text.find("{{"); at != absl::string_view::npos; at = text.find("{{", at)) {
    const size_t end = text.find("}}", at);
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError("has a {{ without }}: parameters are written {{1}}");
    }
    std::string inside(absl::StripAsciiWhitespace(text.substr(at + 2, end - at - 2)));
    if (std::find(holes.begin(), holes.end(), inside) == holes.end()) {
      holes.push_back(std::move(inside));
    }
    at = end + 2;
  }
  return holes;
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

absl::StatusOr<BodyParameters> Numbered(const std::vector<std::string>& holes) {
  int32_t largest = 0;
  std::set<int32_t> numbers;
  for (const std::string& hole : holes) {
    int32_t number = 0;
    if (!absl::SimpleAtoi(hole, &number) || number < 1 ||
        number > static_cast<int32_t>(template_lang::kMaxProviderParameters)) {
      return absl::InvalidArgumentError(
          absl::StrCat("has {{", absl::string_view(hole).substr(0, 40),
                       "}}: parameters are numbers from {{1}} to {{",
                       template_lang::kMaxProviderParameters, "}}, or all of them have names"));
    }
    largest = std::max(largest, number);
    numbers.insert(number);
  }
  const auto count = static_cast<int32_t>(numbers.size());
  if (largest != count) {
    return absl::InvalidArgumentError(absl::StrCat("uses {{", largest, "}} but only ", count,
                                                   " different numbers: number the "
                                                   "parameters 1, 2, ... without a gap"));
  }
  return BodyParameters{.count = count};
}

// "{{nama}} and {{resi}}"
std::string Listed(const std::vector<std::string>& names) {
  return absl::StrJoin(names, " and ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, "{{", name, "}}");
  });
}

std::vector<std::string> LabelsOf(const template_lang::ProviderMapping& mapping, bool special) {
  std::vector<std::string> labels;
  for (const std::string& label : mapping.labels) {
    if ((!label.empty() && label[0] == '@') == special) labels.push_back(label);
  }
  return labels;
}

std::vector<std::string> Without(const std::vector<std::string>& all,
                                 const std::vector<std::string>& some) {
  std::vector<std::string> rest;
  for (const std::string& one : all) {
    if (std::find(some.begin(), some.end(), one) == some.end()) rest.push_back(one);
  }
  return rest;
}

std::string BodyMisfit(const template_lang::ProviderMapping& mapping,
                       const ProviderTemplate& known) {
  const std::vector<std::string> given = LabelsOf(mapping, /*special=*/false);
  if (known.parameter_names.empty()) {
    if (mapping.named()) return "takes its parameters in order, {{1}}, {{2}}, and names are given";
    if (static_cast<size_t>(known.parameters) == given.size()) return "";
    return absl::StrCat("takes ", known.parameters, " parameters, and ", given.size(),
                        " are given");
  }
  if (!mapping.named()) {
    return absl::StrCat("takes named parameters, ", Listed(known.parameter_names), ": write ",
                        known.parameter_names[0], "=...");
  }
  const std::vector<std::string> missing = Without(known.parameter_names, given);
  if (!missing.empty()) return absl::StrCat("takes ", Listed(missing), " too, which has no value");
  const std::vector<std::string> unknown = Without(given, known.parameter_names);
  if (!unknown.empty()) return absl::StrCat("has no parameter ", Listed(unknown));
  return "";
}

// Of header and links.
std::string SurroundingsMisfit(const template_lang::ProviderMapping& mapping,
                               const ProviderTemplate& known) {
  std::vector<std::string> wanted;
  if (known.header_format == "TEXT" && known.header.find("{{") != std::string::npos) {
    wanted.push_back("@header");
  }
  int links = 0;
  for (const ProviderButton& button : known.buttons) {
    if (std::find(kButtons.begin(), kButtons.end(), button.type) == kButtons.end()) {
      return absl::StrCat("has a button of kind ", button.type,
                          ", which takes what the suite cannot give it");
    }
    if (button.takes_parameter()) wanted.push_back(absl::StrCat("@link", ++links));
  }
  const std::vector<std::string> given = LabelsOf(mapping, /*special=*/true);
  const std::vector<std::string> missing = Without(wanted, given);
  if (!missing.empty()) {
    return absl::StrCat("takes a value for ", missing[0] == "@header" ? "its header" : "a link",
                        ": write ", missing[0], "=...");
  }
  const std::vector<std::string> unknown = Without(given, wanted);
  if (!unknown.empty()) return absl::StrCat("has nothing that takes ", unknown[0], "=");
  return "";
}

}  // namespace

absl::StatusOr<BodyParameters> ParametersOf(absl::string_view body) {
  const absl::StatusOr<std::vector<std::string>> holes = Holes(body);
  if (!holes.ok()) return holes.status();
  const auto is_name = [](const std::string& hole) {
    return template_lang::IsProviderName(hole) && !IsNumber(hole);
  };
  if (holes->empty() || !std::all_of(holes->begin(), holes->end(), is_name)) {
    return Numbered(*holes);
  }
  return BodyParameters{.count = static_cast<int32_t>(holes->size()), .names = *holes};
}

namespace {

Trouble OtherCategory(const ProviderTemplate& known) {
  if (known.agreed_category.empty() || known.category == known.agreed_category) return {};
  return {"PROVIDER_TEMPLATE_RECATEGORISED",
          absl::StrCat("WhatsApp has moved provider template ", known.name, " (", known.language,
                       ") from ", known.agreed_category, " to ", known.category,
                       ", which changes its price: if it shall be sent all the same, kabarctl "
                       "provider-templates accept ",
                       known.name, " ", known.language)};
}

Trouble NotSendable(const ProviderTemplate& known) {
  const std::string name =
      absl::StrCat("provider template ", known.name, " (", known.language, ")");
  const std::string why = known.reason.empty() ? "" : absl::StrCat("; it says: ", known.reason);
  if (known.status == "PAUSED") {
    return {"PROVIDER_TEMPLATE_PAUSED",
            absl::StrCat("WhatsApp has paused ", name,
                         ": wait until it lifts the pause, or use another template", why)};
  }
  if (known.status == "DISABLED") {
    return {"PROVIDER_TEMPLATE_DISABLED",
            absl::StrCat("WhatsApp has disabled ", name, ": use another template", why)};
  }
  if (known.status != "APPROVED") {
    return {"PROVIDER_TEMPLATE_NOT_APPROVED",
            absl::StrCat(name, " is ", known.status,
                         ": it cannot be sent until WhatsApp has approved it", why)};
  }
  return {};
}

}  // namespace

Trouble TroubleOf(const ProviderTemplate& known) {
  const Trouble trouble = NotSendable(known);
  return trouble.none() ? OtherCategory(known) : trouble;
}

std::string MisfitOf(const template_lang::ProviderMapping& mapping,
                     std::optional<HeaderKind> header, const ProviderTemplate& known) {
  std::string misfit = BodyMisfit(mapping, known);
  if (misfit.empty()) misfit = SurroundingsMisfit(mapping, known);
  if (misfit.empty() && header.has_value() && TakesHeaderOfParts(known) &&
      known.header_format != HeaderFormat(*header)) {
    misfit = absl::StrCat("takes a header of kind ", known.header_format,
                          ", and the template's parts have none");
  }
  return misfit;
}

bool TakesHeaderOfParts(const ProviderTemplate& known) {
  return !known.header_format.empty() && known.header_format != "TEXT";
}

Trouble TroubleOf(const template_lang::ProviderMapping& mapping, HeaderKind header,
                  const ProviderTemplate& known) {
  const Trouble trouble = NotSendable(known);
  if (!trouble.none()) return trouble;
  const std::string misfit = MisfitOf(mapping, header, known);
  // Whoever agrees to the category must not have agreed to what is refused.
  if (misfit.empty()) return OtherCategory(known);
  return {"PROVIDER_TEMPLATE_CHANGED",
          absl::StrCat("provider template ", known.name, " (", known.language, ") ", misfit,
                       ": WhatsApp would refuse every message; save the template with what it "
                       "takes now")};
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
  if (const auto found = ParametersOf(provider_template->body); found.ok()) {
    provider_template->parameters = found->count;
    provider_template->parameter_names = found->names;
  } else {
    base::AddFieldViolation(status, "provider_template.body", found.status().message());
  }
  return status;
}

}  // namespace kabar::templates
