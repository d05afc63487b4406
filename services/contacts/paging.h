// Pages by keyset: a token names the last row shown, so that nothing is shown twice or skipped when
// rows are added meanwhile.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming page_size or
// page_token.
#ifndef KABAR_SERVICES_CONTACTS_PAGING_H_
#define KABAR_SERVICES_CONTACTS_PAGING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::contacts {

// 0: `otherwise`; above `max`: max.
absl::StatusOr<int> PageSize(int32_t requested, int otherwise, int max);

// `list` says what is paged and by what filter: a token works only for the same.
std::string MakePageToken(absl::string_view list, absl::string_view last_id);
// "" for an empty token.
absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token);
// The same of lists by number, newest first; 0 for an empty token.
absl::StatusOr<int64_t> NumberOfPageToken(absl::string_view list, absl::string_view token);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PAGING_H_
