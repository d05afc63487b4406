#include "libs/whatsapp/media.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/whatsapp/management_answer.h"

namespace kabar::whatsapp {
namespace {

constexpr std::size_t kMebi = 1 << 20;
constexpr int kInvalidParameter = 100;

struct Type {
  absl::string_view mime_type;
  Media::Kind kind;
};
// Meta, "Supported media types"; stickers are nothing that a template sends.
constexpr Type kTypes[] = {
    {"image/jpeg", Media::Kind::kImage},
    {"image/png", Media::Kind::kImage},
    {"video/mp4", Media::Kind::kVideo},
    {"video/3gpp", Media::Kind::kVideo},
    {"audio/aac", Media::Kind::kAudio},
    {"audio/amr", Media::Kind::kAudio},
    {"audio/mpeg", Media::Kind::kAudio},
    {"audio/mp4", Media::Kind::kAudio},
    {"audio/ogg", Media::Kind::kAudio},
    {"text/plain", Media::Kind::kDocument},
    {"application/pdf", Media::Kind::kDocument},
    {"application/msword", Media::Kind::kDocument},
    {"application/vnd.ms-excel", Media::Kind::kDocument},
    {"application/vnd.ms-powerpoint", Media::Kind::kDocument},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
     Media::Kind::kDocument},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Media::Kind::kDocument},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation",
     Media::Kind::kDocument},
};

// How files of a type begin, from an offset. Types that are not here have no one beginning.
struct Beginning {
  absl::string_view mime_type;
  std::size_t offset;
  absl::string_view bytes;
};
constexpr Beginning kBeginnings[] = {
    {"image/jpeg", 0, "\xFF\xD8\xFF"}, {"image/png", 0, "\x89PNG"},     {"video/mp4", 4, "ftyp"},
    {"video/3gpp", 4, "ftyp"},         {"application/pdf", 0, "%PDF-"},
};

std::string OneLine(absl::string_view filename) {
  std::string out(filename);
  for (char& c : out) {
    if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' ' || c == '\x7F') c = ' ';
  }
  return out.empty() ? "medium" : out;
}

}  // namespace

std::optional<Media::Kind> MediaKindOf(absl::string_view mime_type) {
  for (const Type& type : kTypes) {
    if (type.mime_type == mime_type) return type.kind;
  }
  return std::nullopt;
}

std::size_t MaxMediaBytes(Media::Kind kind) {
  switch (kind) {
    case Media::Kind::kImage:
      return 5 * kMebi;
    case Media::Kind::kVideo:
    case Media::Kind::kAudio:
      return 16 * kMebi;
    case Media::Kind::kDocument:
      return 100 * kMebi;
  }
  return 0;
}

absl::Status CheckMedium(absl::string_view mime_type, std::size_t bytes) {
  const std::optional<Media::Kind> kind = MediaKindOf(mime_type);
  if (!kind) {
    return base::InvalidField(
        "mime_type", absl::StrCat("WhatsApp does not take \"", mime_type,
                                  "\"; it takes image/jpeg, image/png, video/mp4, video/3gpp, "
                                  "audio files, application/pdf, text/plain and Office documents"));
  }
  if (bytes == 0) return base::InvalidField("content", "is empty");
  if (bytes > MaxMediaBytes(*kind)) {
    return base::InvalidField("content",
                              absl::StrCat("has ", bytes, " bytes; WhatsApp takes at most ",
                                           MaxMediaBytes(*kind) / kMebi, " MiB of ", mime_type));
  }
  return absl::OkStatus();
}

absl::Status CheckMediumContent(absl::string_view mime_type, absl::string_view content) {
  KABAR_RETURN_IF_ERROR(CheckMedium(mime_type, content.size()));
  for (const Beginning& beginning : kBeginnings) {
    if (beginning.mime_type != mime_type ||
        absl::StartsWith(absl::ClippedSubstr(content, beginning.offset), beginning.bytes)) {
      continue;
    }
    return base::InvalidField(
        "content", absl::StrCat("is no ", mime_type,
                                ": its first bytes are another kind's. WhatsApp would refuse each "
                                "message with it; name its real type, or convert the file"));
  }
  return absl::OkStatus();
}

MediaUpload BuildMediaUpload(absl::string_view mime_type, absl::string_view filename,
                             absl::string_view content) {
  std::string boundary;
  do {
    boundary = base::NewId("kabar");
  } while (absl::StrContains(content, boundary));
  const std::string part =
      absl::StrCat("--", boundary, "\r\nContent-Disposition: form-data; name=");
  MediaUpload upload;
  upload.content_type = absl::StrCat("multipart/form-data; boundary=", boundary);
  upload.body.reserve(content.size() + 1024);
  absl::StrAppend(&upload.body, part, "\"messaging_product\"\r\n\r\nwhatsapp\r\n");
  absl::StrAppend(&upload.body, part, "\"type\"\r\n\r\n", mime_type, "\r\n");
  absl::StrAppend(&upload.body, part, "\"file\"; filename=\"", OneLine(filename),
                  "\"\r\nContent-Type: ", mime_type, "\r\n\r\n", content, "\r\n--", boundary,
                  "--\r\n");
  return upload;
}

absl::StatusOr<std::string> ParseMediaUploaded(int http_status, absl::string_view body,
                                               const ErrorPolicy& policy) {
  KABAR_ASSIGN_OR_RETURN(const JsonObject root, ReadAnswer(http_status, body, policy));
  std::string id = TextOf(root, "id");
  if (id.empty()) {
    return base::Error(absl::StatusCode::kUnavailable, "PROVIDER_UNREADABLE",
                       "WhatsApp took the medium but named no id: try again later");
  }
  return id;
}

// Meta has no code of its own for it: what is seen is 100 with these words.
bool IsUnknownMedium(const GraphError& error) {
  constexpr absl::string_view kWords = "media attachment ID";
  return error.code == kInvalidParameter &&
         (absl::StrContains(error.message, kWords) || absl::StrContains(error.details, kWords));
}

}  // namespace kabar::whatsapp
