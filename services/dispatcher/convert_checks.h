// What all conversions from kabar.dispatcher.v1 check with: every fault of a request, collected by
// field; update masks; times.
//
// Thread safety: a Faults belongs to one call; the rest are pure functions. Nothing blocks. Errors:
// Faults::status() is INVALID_ARGUMENT with a field violation for each fault, or OK.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <cstddef>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/rate.h"

namespace kabar::dispatcher {

inline constexpr std::size_t kMaxIdBytes = 128;

void SetTime(absl::Time time, google::protobuf::Timestamp* to);
absl::Time ToTime(const google::protobuf::Timestamp& from);

// Ids of callers: whatever they like that fits Redis keys and logs.
bool IsId(absl::string_view id);

// "+6281234567890"
bool IsE164(absl::string_view phone);

class Faults {
 public:
  void Add(absl::string_view field, absl::string_view what);
  void Text(absl::string_view field, absl::string_view text, std::size_t max_bytes);
  void Id(absl::string_view field, absl::string_view id);
  // `standard`: where the text is empty.
  base::Rate Rate(absl::string_view field, absl::string_view text, absl::string_view standard);
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// Whether the update's mask names the path; without a mask, or for "*", whether it is `set`.
template <typename Request>
bool Masked(const Request& request, absl::string_view path, bool set) {
  if (!request.has_update_mask() || request.update_mask().paths_size() == 0) return set;
  for (const std::string& named : request.update_mask().paths()) {
    if (named == path) return true;
    if (named == "*") return set;
  }
  return false;
}

template <typename Request>
void CheckMask(const Request& request, const std::set<std::string>& known, Faults& faults) {
  for (const std::string& path : request.update_mask().paths()) {
    if (path != "*" && known.count(path) == 0) {
      faults.Add("update_mask", absl::StrCat("\"", path, "\" cannot be updated"));
    }
  }
}

}  // namespace kabar::dispatcher
