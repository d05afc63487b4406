#include "services/contacts/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

// A filter may be 4 KiB; what it is has to be recognised, not kept.
std::string ListKey(absl::string_view list) {
  return absl::StrCat(base::DerivedBase32({list}).substr(0, 10), ".");
}

}  // namespace

absl::StatusOr<int> PageSize(int32_t requested, int otherwise, int max) {
  if (requested < 0) return base::InvalidField("page_size", "must not be negative");
  return requested == 0 ? otherwise : std::min(requested, max);
}

std::string MakePageToken(absl::string_view list, absl::string_view last_id) {
  return absl::WebSafeBase64Escape(absl::StrCat(ListKey(list), last_id));
}

absl::StatusOr<int64_t> NumberOfPageToken(absl::string_view list, absl::string_view token) {
  KABAR_ASSIGN_OR_RETURN(const std::string last, LastOfPageToken(list, token));
  int64_t number = 0;
  if (last.empty() || absl::SimpleAtoi(last, &number)) return number;
  return base::InvalidField("page_token", "is not one of this list");
}

absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token) {
  if (token.empty()) return std::string();
  std::string plain;
  if (absl::WebSafeBase64Unescape(token, &plain)) {
    absl::string_view last = plain;
    if (absl::ConsumePrefix(&last, ListKey(list)) && base::IsValidUtf8(last) &&
        last.find('\0') == absl::string_view::npos) {
      return std::string(last);
    }
  }
  return base::InvalidField("page_token",
                            "is not one of this list: pass next_page_token of the page before, "
                            "with the same filter, or nothing for the first page");
}

}  // namespace kabar::contacts
