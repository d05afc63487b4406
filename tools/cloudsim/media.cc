#include "tools/cloudsim/media.h"

#include <openssl/evp.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

constexpr uint64_t kFirstId = 1'000'000'000'000'000;
constexpr int64_t kLifeUs = 30 * 86'400 * kMicrosPerSecond;
constexpr size_t kMebi = 1 << 20;

struct Type {
  absl::string_view name;
  size_t max_bytes;
};
constexpr Type kTypes[] = {
    {"audio/aac", 16 * kMebi},
    {"audio/mp4", 16 * kMebi},
    {"audio/mpeg", 16 * kMebi},
    {"audio/amr", 16 * kMebi},
    {"audio/ogg", 16 * kMebi},
    {"audio/opus", 16 * kMebi},
    {"application/vnd.ms-powerpoint", 100 * kMebi},
    {"application/msword", 100 * kMebi},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", 100 * kMebi},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation", 100 * kMebi},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 100 * kMebi},
    {"application/pdf", 100 * kMebi},
    {"text/plain", 100 * kMebi},
    {"application/vnd.ms-excel", 100 * kMebi},
    {"image/jpeg", 5 * kMebi},
    {"image/png", 5 * kMebi},
    {"image/webp", 500 * 1024},
    {"video/mp4", 16 * kMebi},
    {"video/3gpp", 16 * kMebi},
};

bool Refuse(GraphError* error, std::string message) {
  *error = {100, 0, "", absl::StrCat("(#100) ", message)};
  return false;
}

// `name` or "name" behind `key=` in the parameters of a header.
absl::string_view ParameterOf(absl::string_view header, absl::string_view key) {
  const std::string mark = absl::StrCat("; ", key, "=");
  size_t at = header.find(mark);
  if (at == absl::string_view::npos) return {};
  header.remove_prefix(at + mark.size());
  if (!absl::StartsWith(header, "\"")) return header.substr(0, header.find_first_of("; \r\n"));
  header.remove_prefix(1);
  return header.substr(0, header.find('"'));
}

struct Part {
  absl::string_view filename;
  absl::string_view content_type;
  absl::string_view content;
};

// The parts by their names; false: the body is not what its content type says.
bool ReadParts(absl::string_view boundary, absl::string_view body,
               std::map<absl::string_view, Part>* parts) {
  const std::string opening = absl::StrCat("--", boundary, "\r\n");
  const std::string mark = absl::StrCat("\r\n--", boundary);
  if (boundary.empty() || !absl::StartsWith(body, opening)) return false;
  body.remove_prefix(opening.size());
  while (true) {
    const size_t head = body.find("\r\n\r\n");
    const size_t end = body.find(mark, head == absl::string_view::npos ? 0 : head + 2);
    if (head == absl::string_view::npos || end == absl::string_view::npos) return false;
    Part part;
    absl::string_view name;
    absl::string_view lines = body.substr(0, head);
    while (!lines.empty()) {
      const absl::string_view line = lines.substr(0, lines.find("\r\n"));
      lines.remove_prefix(std::min(lines.size(), line.size() + 2));
      if (absl::StartsWithIgnoreCase(line, "content-disposition:")) {
        name = ParameterOf(line, "name");
        part.filename = ParameterOf(line, "filename");
      } else if (absl::StartsWithIgnoreCase(line, "content-type:")) {
        part.content_type = absl::StripAsciiWhitespace(line.substr(line.find(':') + 1));
      }
    }
    part.content = body.substr(head + 4, end < head + 4 ? 0 : end - head - 4);
    (*parts)[name] = part;
    body.remove_prefix(end + mark.size());
    if (absl::StartsWith(body, "--")) return true;
    if (!absl::StartsWith(body, "\r\n")) return false;
    body.remove_prefix(2);
  }
}

std::string Sha256(absl::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

const Type* FindType(absl::string_view name) {
  for (const Type& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace

bool Media::Upload(uint32_t number, absl::string_view content_type, absl::string_view body,
                   int64_t now_us, std::string* id, GraphError* error) {
  std::map<absl::string_view, Part> parts;
  if (!absl::StartsWithIgnoreCase(content_type, "multipart/form-data;") ||
      !ReadParts(ParameterOf(content_type, "boundary"), body, &parts)) {
    return Refuse(error, "The parameter messaging_product is required.");
  }
  if (parts["messaging_product"].content != "whatsapp") {
    return Refuse(error, "The parameter messaging_product is required.");
  }
  const auto file = parts.find("file");
  if (file == parts.end()) return Refuse(error, "The parameter file is required.");
  const Type* const type = FindType(file->second.content_type);
  if (type == nullptr) {
    return Refuse(error,
                  "Param file must be a file with one of the following types: image/jpeg, "
                  "image/png, ... ");
  }
  const absl::string_view content = file->second.content;
  if (content.empty() || content.size() > type->max_bytes) {
    return Refuse(error, "Param file is empty or larger than its type allows.");
  }
  *id = absl::StrCat(kFirstId + ++serial_);
  media_[*id] = {.number = number,
                 .mime_type = std::string(type->name),
                 .filename = std::string(file->second.filename),
                 .sha256 = Sha256(content),
                 .bytes = content.size(),
                 .until_us = now_us + kLifeUs,
                 .sends = 0};
  return true;
}

Medium* Media::Find(absl::string_view id, int64_t now_us) {
  const auto found = media_.find(std::string(id));
  return found == media_.end() || found->second.until_us <= now_us ? nullptr : &found->second;
}

}  // namespace kabar::cloudsim
