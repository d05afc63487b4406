#include "services/templates/paging.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace kabar::templates {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 100;

}  // namespace

absl::StatusOr<int> PageSize(int32_t requested) {
  if (requested < 0) return base::InvalidField("page_size", "must not be negative");
  return requested == 0 ? kDefaultPageSize : std::min(requested, kMaxPageSize);
}

std::string MakePageToken(absl::string_view list, absl::string_view last) {
  return absl::WebSafeBase64Escape(absl::StrCat(list, "\n", last));
}

absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token) {
  if (token.empty()) return std::string();
  std::string plain;
  absl::string_view last;
  if (absl::WebSafeBase64Unescape(token, &plain)) {
    last = plain;
    if (absl::ConsumePrefix(&last, absl::StrCat(list, "\n")) &&
        last.find('\0') == absl::string_view::npos) {
      return std::string(last);
    }
  }
  return base::InvalidField("page_token",
                            "is not one of this list: pass next_page_token of the page before, "
                            "with the same filters, or nothing for the first page");
}

}  // namespace kabar::templates
