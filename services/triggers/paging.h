// Pages by keyset: a token names the last row shown, by time and id, so that nothing is shown twice
// or skipped when rows are added meanwhile.
//
// Thread safety: free functions. Blocks: never. Errors: INVALID_ARGUMENT naming page_size or
// page_token.
#ifndef KABAR_SERVICES_TRIGGERS_PAGING_H_
#define KABAR_SERVICES_TRIGGERS_PAGING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/triggers/store.h"

namespace kabar::triggers {

// 0: 50; above 100: 100.
absl::StatusOr<int> PageSize(std::int32_t requested);

// `list` says what is paged and how it is filtered: a token works only for the same.
std::string MakePageToken(absl::string_view list, const PageStart& last);
// The beginning for an empty token.
absl::StatusOr<PageStart> StartOfPage(absl::string_view list, absl::string_view token);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_PAGING_H_
