#include "libs/events/position.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"

namespace kabar::events {
namespace {

constexpr pg::Query kLoad{"events.load_position",
                          "SELECT number FROM event_positions WHERE source = $1 FOR UPDATE"};
constexpr pg::Query kBegin{"events.begin_position",
                           "INSERT INTO event_positions (source, number) VALUES ($1, 0) "
                           "ON CONFLICT (source) DO NOTHING"};
constexpr pg::Query kBeginAt{"events.begin_position_at",
                             "UPDATE event_positions SET number = $2 WHERE source = $1"};
constexpr pg::Query kStore{"events.store_position",
                           "UPDATE event_positions SET number = $3, updated_at = now() "
                           "WHERE source = $1 AND number = $2 - 1"};

}  // namespace

int64_t LoadPosition(pg::Transaction& tx, absl::string_view source) {
  auto row = tx.ExecMaybe(kLoad, source);
  if (!row) {
    tx.Exec(kBegin, source);
    row = tx.ExecOne(kLoad, source);
  }
  return (*row)[0].as<int64_t>();
}

void BeginPositionAt(pg::Transaction& tx, absl::string_view source, int64_t number) {
  if (LoadPosition(tx, source) == 0) tx.Exec(kBeginAt, source, number);
}

absl::Status StorePosition(pg::Transaction& tx, absl::string_view source, int64_t first,
                           int64_t last) {
  if (first >= 1 && last >= first) {
    if (first == 1) tx.Exec(kBegin, source);
    if (tx.Exec(kStore, source, first, last).affected_rows() == 1) return absl::OkStatus();
  }
  return base::Error(absl::StatusCode::kAborted, "EVENT_POSITION_MOVED",
                     absl::StrCat("events ", first, " to ", last, " of ", source,
                                  " do not follow the stored position; load it anew"));
}

}  // namespace kabar::events
