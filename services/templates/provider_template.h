// What the suite knows of a template at the provider (WhatsApp): enough to refuse a mapping that
// the provider would refuse later, campaign and all.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: INVALID_ARGUMENT with one
// field violation per fault (paths under `provider_template`).
#ifndef KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_
#define KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::templates {

struct ProviderTemplate {
  std::string name = {};
  std::string language = {};
  std::string body = {};  // with {{1}}, {{2}}, ...
  std::string category = {};
  std::string status = {};
  int32_t parameters = 0;  // how many the body takes

  bool operator==(const ProviderTemplate&) const = default;
};

// Name and language, which together name a provider template.
using ProviderKey = std::pair<std::string, std::string>;

// How many parameters a body takes: its {{n}} must be 1, 2, ... without a gap, in any order, each
// as often as it likes. Named parameters are refused: mappings give theirs in order.
absl::StatusOr<int32_t> CountParameters(absl::string_view body);

// Checks everything and fills in `parameters`.
absl::Status Complete(ProviderTemplate* provider_template);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_
