// Pages by keyset: a token names the last row shown, so that nothing is shown twice or skipped when
// rows are added meanwhile.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming page_size or
// page_token.
#ifndef KABAR_SERVICES_TEMPLATES_PAGING_H_
#define KABAR_SERVICES_TEMPLATES_PAGING_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::templates {

// A page ends early when its messages reach this, far below what a client of any kind receives.
inline constexpr size_t kMaxPageBytes = 2 * 1024 * 1024;

// 0: 50; above 100: 100.
absl::StatusOr<int> PageSize(int32_t requested);

// `list` says what is paged and how it is filtered: a token works only for the same.
std::string MakePageToken(absl::string_view list, absl::string_view last);
// "" for an empty token.
absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token);

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PAGING_H_
