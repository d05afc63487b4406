// A tracking API that is pulled: where it is, how its pages follow each other, what its values
// mean, when its time comes.
//
// Thread safety: plain values; the functions are pure. Nothing blocks. Errors: INVALID_ARGUMENT
// with a violation per field.
#ifndef KABAR_SERVICES_CONTACTS_SOURCE_H_
#define KABAR_SERVICES_CONTACTS_SOURCE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/contacts/import_state.h"
#include "services/contacts/source_url.h"

namespace kabar::contacts {

enum class Paging { kNone, kPageNumber, kCursor, kNextLink };

// What is pulled, and how. Another one of these begins anew.
struct SourceSettings {
  std::string url = {};
  std::string auth_header = {};
  std::string auth_secret = {};  // the name of its file
  Paging paging = Paging::kNone;
  std::string page_parameter = {};
  int first_page = 0;
  std::string next_path = {};
  std::string items_path = {};
  std::map<std::string, std::string> mapping = {};  // place in an item -> field
  std::string since_parameter = {};
  std::string since_path = {};

  bool operator==(const SourceSettings&) const = default;
};

struct Source {
  std::string name = {};
  SourceSettings settings = {};
  std::string schedule = {};  // "07:00"
  std::string time_zone = {};
  bool paused = false;

  std::string since = {};
  absl::Time next_at = {};
  absl::Time leased_until = {};  // it is pulled, if that is still ahead
  std::optional<absl::Time> last_attempt_at = {};
  std::optional<absl::Time> last_success_at = {};
  int failures = 0;  // since the last success
  std::string error = {};
  std::string import_id = {};
  int64_t last_rows = 0;  // of the last success
  int64_t last_refused = 0;
  std::vector<std::string> missing_places = {};  // of the mapping, that none of its items had
};

// As many refused rows are kept of a source, and of one pull.
inline constexpr int kMaxRefused = 1000;

// Rows of a source that were refused and did not come in order since.
struct RefusedReason {
  std::string field = {};
  std::string reason = {};
  int64_t rows = 0;
};
struct SourceState {
  Source source = {};
  int64_t open_refused = 0;
  std::vector<RefusedReason> reasons = {};  // the most frequent first
};
struct RefusedRow {
  std::string key = {};    // what tells the row in its source
  std::string phone = {};  // E.164, if it has one
  absl::Time at = {};
  std::string field = {};
  std::string reason = {};
  std::string message = {};
  std::map<std::string, std::string> values = {};  // field -> what was said, shortened
};

// A source whose time has come, and the right to pull it.
struct DueSource {
  std::string outlet = {};
  Source source = {};
  int64_t lease = 0;
};

// A chunk that was taken: which rows came in order, by their keys, and which did not.
struct PulledRows {
  std::vector<std::string> accepted = {};
  std::vector<RefusedRow> refused = {};
};

// How a pull ended.
struct PullEnd {
  enum class Kind { kDone, kFailed, kStopped };  // kStopped: with the service; it is due still
  Kind kind = Kind::kFailed;
  std::string since = {};  // kDone: where the next one begins
  std::string error = {};  // kFailed
  absl::Time now = {};
  absl::Time next_at = {};
  ImportTurn turn = {};  // without an id: it came to no rows
  int64_t rows = 0;
  int64_t refused = 0;
  std::vector<std::string> missing_places = {};
};

struct SourceRules {
  SourceHosts hosts = {};
  std::string secrets = {};  // folder of <outlet>/<auth_secret>; empty: there are none
  std::string zone = {};     // of schedules without one
};

// Fills in what is usual, and refuses what cannot be pulled.
absl::Status CheckSource(const SourceRules& rules, Source& source);

// The next time of its schedule behind `now`.
absl::StatusOr<absl::Time> NextPull(const Source& source, absl::Time now);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SOURCE_H_
