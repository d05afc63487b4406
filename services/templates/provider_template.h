// What the suite knows of a template at the provider (WhatsApp): enough to refuse a mapping that
// the provider would refuse later, and to stop sending one before the provider does.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: INVALID_ARGUMENT with one
// field violation per fault (paths under `provider_template`).
#ifndef KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_
#define KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/template_lang/template.h"
#include "services/templates/parts.h"

namespace kabar::templates {

struct ProviderButton {
  std::string type = {};  // QUICK_REPLY, URL, ...
  std::string text = {};
  std::string url = {};  // may end in {{1}}

  // A link whose end each message gives.
  bool takes_parameter() const { return url.find("{{") != std::string::npos; }
  bool operator==(const ProviderButton&) const = default;
};

struct ProviderTemplate {
  std::string name = {};
  std::string language = {};
  std::string body = {};  // with {{1}}, {{2}}, ... or {{nama}}, ...
  std::string category = {};
  std::string status = {};
  int32_t parameters = 0;                         // how many the body takes
  std::vector<std::string> parameter_names = {};  // if they are named, in order of first use
  std::string header_format = {};  // empty: no header; TEXT, IMAGE, DOCUMENT, VIDEO, LOCATION
  std::string header = {};         // TEXT
  std::string footer = {};
  std::vector<ProviderButton> buttons = {};
  std::string quality = {};          // GREEN, YELLOW, RED, UNKNOWN; empty: not told
  std::string reason = {};           // the provider's words on its status
  std::string account_id = {};       // whose it is; empty: registered by hand
  std::string agreed_category = {};  // under which the outlet has agreed to send it
  absl::Time sync_time = absl::InfinitePast();

  bool operator==(const ProviderTemplate&) const = default;
};

// Name and language, which together name a provider template.
using ProviderKey = std::pair<std::string, std::string>;

struct BodyParameters {
  int32_t count = 0;
  std::vector<std::string> names = {};  // empty: they are numbers
};

// A body's {{n}} must be 1, 2, ... without a gap, in any order, each as often as it likes; or all
// of its parameters have names.
absl::StatusOr<BodyParameters> ParametersOf(absl::string_view body);

// Checks everything and fills in the parameters.
absl::Status Complete(ProviderTemplate* provider_template);

// Why a provider template is not sent now.
struct Trouble {
  std::string code = {};  // PROVIDER_TEMPLATE_PAUSED, ...; empty: nothing is known against it
  std::string text = {};  // the same in a sentence, with what to do

  bool none() const { return code.empty(); }
};

// Its status, or a category that nobody has agreed to.
Trouble TroubleOf(const ProviderTemplate& known);

// What the provider would refuse of this mapping, in a sentence; empty: it fits. `header`: of the
// template's parts; nullopt: not known, so nothing is said of it.
std::string MisfitOf(const template_lang::ProviderMapping& mapping,
                     std::optional<HeaderKind> header, const ProviderTemplate& known);

// Its header is a medium or a location, which each message gives.
bool TakesHeaderOfParts(const ProviderTemplate& known);

// Both: PROVIDER_TEMPLATE_CHANGED where the mapping does not fit any more, whatever its category.
Trouble TroubleOf(const template_lang::ProviderMapping& mapping, HeaderKind header,
                  const ProviderTemplate& known);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PROVIDER_TEMPLATE_H_
