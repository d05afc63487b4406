// Message templates of a WhatsApp business account, as its management API tells of them: a page of
// a listing, what a creation asks and answers, what webhooks say of a change.
//
// Thread safety: values and free functions; parsing uses one parser a thread. Nothing blocks.
// Errors: INVALID_ARGUMENT for what is not understood; a refusal of the provider comes as
// FAILED_PRECONDITION (PROVIDER_REFUSED) with its words, or UNAVAILABLE where asking again later
// may help.
#ifndef KABAR_LIBS_WHATSAPP_ACCOUNT_TEMPLATE_H_
#define KABAR_LIBS_WHATSAPP_ACCOUNT_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::whatsapp {

class ErrorPolicy;

struct AccountTemplate {
  struct Button {
    std::string type = {};  // QUICK_REPLY, URL, PHONE_NUMBER, ...
    std::string text = {};
    std::string url = {};  // may end in {{1}}

    bool operator==(const Button&) const = default;
  };
  std::string id = {};
  std::string name = {};
  std::string language = {};
  std::string status = {};         // APPROVED, PENDING, REJECTED, PAUSED, DISABLED, ...
  std::string category = {};       // MARKETING, UTILITY, AUTHENTICATION
  std::string quality = {};        // GREEN, YELLOW, RED, UNKNOWN; empty: not said
  std::string reason = {};         // why it was rejected; empty: not said
  bool named = false;              // its parameters are {{nama}}, not {{1}}
  std::string header_format = {};  // empty: no header; TEXT, IMAGE, DOCUMENT, VIDEO, LOCATION
  std::string header = {};         // TEXT
  std::string body = {};
  std::string footer = {};
  std::vector<Button> buttons = {};

  bool operator==(const AccountTemplate&) const = default;
};

struct AccountTemplatePage {
  std::vector<AccountTemplate> templates = {};
  std::string next = {};  // the cursor of the next page; empty: there is none
};

// The path and query behind {base}/{version} of one page.
std::string TemplatesTarget(absl::string_view account, absl::string_view after);

// What GET or POST {account}/message_templates answered. A template whose parts are not understood
// is left out of the page: what is not known of it is not judged by it.
absl::StatusOr<AccountTemplatePage> ParseTemplatePage(int http_status, absl::string_view body,
                                                      const ErrorPolicy& policy);
// id, status and category are filled in.
absl::StatusOr<AccountTemplate> ParseTemplateCreated(int http_status, absl::string_view body,
                                                     const ErrorPolicy& policy);

// A value for each parameter, as the provider's reviewers want to see them.
struct TemplateSamples {
  std::vector<std::string> body = {};  // in order of first use
  std::string header = {};
  std::vector<std::string> links = {};  // whole addresses, one for each link with a {{1}}
};

// The names between {{ and }} in order of first use: "1", "2", or "nama".
std::vector<std::string> ParameterNames(absl::string_view text);

// The JSON of a creation. INVALID_ARGUMENT if a sample is missing or the header is a medium, which
// the provider wants uploaded by hand.
absl::StatusOr<std::string> BuildCreateBody(const AccountTemplate& wanted,
                                            const TemplateSamples& samples);

// A webhook about one template. What is empty did not change or was not said.
struct TemplateChange {
  std::string account = {};
  std::string name = {};
  std::string language = {};
  std::string status = {};  // as AccountTemplate::status
  std::string category = {};
  std::string quality = {};
  std::string reason = {};
};

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_ACCOUNT_TEMPLATE_H_
