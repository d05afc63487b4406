#include "services/triggers/paging.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace kabar::triggers {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 100;

}  // namespace

absl::StatusOr<int> PageSize(std::int32_t requested) {
  if (requested < 0) return base::InvalidField("page_size", "must not be negative");
  return requested == 0 ? kDefaultPageSize : std::min(requested, kMaxPageSize);
}

std::string MakePageToken(absl::string_view list, const PageStart& last) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(list, "\n", absl::ToUnixMicros(last.time), " ", last.id));
}

absl::StatusOr<PageStart> StartOfPage(absl::string_view list, absl::string_view token) {
  if (token.empty()) return PageStart();
  std::string plain;
  if (absl::WebSafeBase64Unescape(token, &plain)) {
    absl::string_view last = plain;
    std::int64_t micros = 0;
    if (absl::ConsumePrefix(&last, absl::StrCat(list, "\n")) &&
        last.find('\0') == absl::string_view::npos) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(last, absl::MaxSplits(' ', 1));
      if (absl::SimpleAtoi(parts.first, &micros) && !parts.second.empty()) {
        return PageStart{.time = absl::FromUnixMicros(micros), .id = std::string(parts.second)};
      }
    }
  }
  return base::InvalidField("page_token",
                            "is not one of this list: pass next_page_token of the page before, "
                            "with the same filters, or nothing for the first page");
}

}  // namespace kabar::triggers
