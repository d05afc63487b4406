#include "services/dispatcher/parts.h"

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"

namespace kabar::dispatcher {

std::string ButtonPayload(absl::string_view answer, absl::string_view message_id) {
  return absl::StrCat(answer, "@", message_id);
}

TappedButton ParseButtonPayload(absl::string_view payload) {
  const std::size_t at = payload.rfind('@');
  if (at == absl::string_view::npos || !base::ParseMessageDay(payload.substr(at + 1)).ok()) {
    return {.answer = std::string(payload)};
  }
  return {.answer = std::string(payload.substr(0, at)),
          .message_id = std::string(payload.substr(at + 1))};
}

}  // namespace kabar::dispatcher
