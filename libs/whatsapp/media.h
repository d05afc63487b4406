// Media that are uploaded once and sent by their id: what WhatsApp takes, what an upload asks and
// answers, and how a send says that an id is no good any more.
//
// An id belongs to the number that uploaded it and lasts 30 days (Meta, "Media", December 2025).
//
// Thread safety: values and free functions. Nothing blocks. Errors: INVALID_ARGUMENT for what
// WhatsApp would not take; FAILED_PRECONDITION (PROVIDER_REFUSED), UNAVAILABLE (PROVIDER_BUSY,
// PROVIDER_UNREADABLE) as the provider answered.
#ifndef KABAR_LIBS_WHATSAPP_MEDIA_H_
#define KABAR_LIBS_WHATSAPP_MEDIA_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/whatsapp/payload.h"
#include "libs/whatsapp/send_result.h"

namespace kabar::whatsapp {

class ErrorPolicy;

inline constexpr absl::Duration kMediaIdLife = absl::Hours(30 * 24);

// What an "image/png" is sent as; nullopt: WhatsApp does not take it.
std::optional<Media::Kind> MediaKindOf(absl::string_view mime_type);

// The most bytes of a medium of this kind.
std::size_t MaxMediaBytes(Media::Kind kind);

// Names the field at fault: mime_type or content.
absl::Status CheckMedium(absl::string_view mime_type, std::size_t bytes);

// And that the bytes begin as those of their type do, where a type tells.
absl::Status CheckMediumContent(absl::string_view mime_type, absl::string_view content);

struct MediaUpload {
  std::string content_type = {};  // of the request, with its boundary
  std::string body = {};
};

// What POST {base}/{version}/{phone_number_id}/media takes. `filename` is what recipients of a
// document may see; quotes and line breaks in it become blanks.
MediaUpload BuildMediaUpload(absl::string_view mime_type, absl::string_view filename,
                             absl::string_view content);

// The id in its answer.
absl::StatusOr<std::string> ParseMediaUploaded(int http_status, absl::string_view body,
                                               const ErrorPolicy& policy);

// The refusal of a send that names an id which ended, was deleted or is another number's.
bool IsUnknownMedium(const GraphError& error);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_MEDIA_H_
