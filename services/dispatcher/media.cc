#include "services/dispatcher/media.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "libs/whatsapp/media.h"

namespace kabar::dispatcher {
namespace {

constexpr std::size_t kMaxName = 64;

}  // namespace

bool IsMediumName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' || c == '_' ||
                  c == '.';
         });
}

std::string MediumOf(const Parts& parts) {
  absl::string_view link = parts.media_link;
  if (!absl::ConsumePrefix(&link, "medium:")) return "";
  return IsMediumName(link) ? std::string(link) : kNobodysMedium;
}

bool FitsHeader(absl::string_view mime_type, HeaderKind kind) {
  using Kind = whatsapp::Media::Kind;
  const std::optional<Kind> is = whatsapp::MediaKindOf(mime_type);
  switch (kind) {
    case HeaderKind::kImage:
      return is == Kind::kImage;
    case HeaderKind::kVideo:
      return is == Kind::kVideo;
    case HeaderKind::kDocument:
      return is.has_value();
    default:
      return false;
  }
}

}  // namespace kabar::dispatcher
