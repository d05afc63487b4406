// Private to libs/whatsapp: what the provider's management API (templates, media) answered.
//
// Thread safety: a free function; the document lives until its thread parses the next one. Nothing
// blocks. Errors: FAILED_PRECONDITION (PROVIDER_REFUSED) with the provider's words, without what
// looks like an access token; UNAVAILABLE (PROVIDER_BUSY, PROVIDER_UNREADABLE) where asking again
// later may help.
#ifndef KABAR_LIBS_WHATSAPP_MANAGEMENT_ANSWER_H_
#define KABAR_LIBS_WHATSAPP_MANAGEMENT_ANSWER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/whatsapp/json_reader.h"

namespace kabar::whatsapp {

class ErrorPolicy;

// The document of a 2xx, or what the provider says instead.
absl::StatusOr<JsonObject> ReadAnswer(int http_status, absl::string_view body,
                                      const ErrorPolicy& policy);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_MANAGEMENT_ANSWER_H_
