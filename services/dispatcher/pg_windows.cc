#include "services/dispatcher/pg_windows.h"

#include "libs/base/status.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kOpenWindow{
    "dispatcher.open_window",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT $1, r.id, $3::timestamptz FROM " KABAR_SAME_PERSON("$2") " r"
    " ORDER BY r.id ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kCloseWindow{
    "dispatcher.close_window",
    "DELETE FROM windows WHERE sender_id = $1 AND recipient_id IN "
    "(SELECT r.id FROM " KABAR_SAME_PERSON("$2") " r) AND last_inbound_at <= $3"};
constexpr pg::Query kSuppress{
    "dispatcher.suppress",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT $6, r.id, $1, $3, $4, $5::timestamptz FROM " KABAR_SAME_PERSON("$2") " r"
    " ORDER BY r.id ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   reason = CASE WHEN suppressions.until > excluded.until THEN suppressions.reason"
    "            ELSE excluded.reason END,"
    "   until = GREATEST(suppressions.until, excluded.until)"};
// Before the deletion, which has a newer look then: somebody may just be linking him to another id.
constexpr pg::Query kLockSuppressions{
    "dispatcher.lock_suppressions",
    "SELECT 1 FROM suppressions WHERE purpose = $1 AND source = $3 AND recipient_id IN"
    " (SELECT r.id FROM " KABAR_SAME_PERSON("$2") " r) ORDER BY recipient_id FOR UPDATE"};
constexpr pg::Query kUnsuppress{"dispatcher.unsuppress",
                                "DELETE FROM suppressions WHERE purpose = $1 AND source = $3 AND "
                                "recipient_id IN (SELECT r.id FROM " KABAR_SAME_PERSON("$2") " r)"};
constexpr pg::Query kOpenWindows{
    "dispatcher.list_open_windows",
    "SELECT w.sender_id, COALESCE(p.id, w.recipient_id), max(w.last_inbound_at) FROM senders s"
    " JOIN windows w ON w.sender_id = s.id"
    " LEFT JOIN recipients p ON p.given_up_id = w.recipient_id"
    " WHERE s.portfolio_id = $1 AND w.last_inbound_at > now() - interval '24 hours'"
    " GROUP BY 1, 2"};

}  // namespace

void OpenWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                   absl::Time last_inbound) {
  tx.Exec(kOpenWindow, sender_id, recipient_id, last_inbound);
}

void CloseWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                    absl::Time before) {
  tx.Exec(kCloseWindow, sender_id, recipient_id, before);
}

void Suppress(pg::Transaction& tx, const std::string& outlet, std::int64_t recipient_id,
              const std::string& purpose, const std::string& source, const std::string& reason,
              absl::Time until) {
  tx.Exec(kSuppress, purpose, recipient_id, source, reason, until, outlet);
}

void Unsuppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
                const std::string& source) {
  tx.Exec(kLockSuppressions, purpose, recipient_id, source);
  tx.Exec(kUnsuppress, purpose, recipient_id, source);
}

absl::StatusOr<std::vector<Store::OpenWindow>> PgStore::ListOpenWindows(
    const std::string& portfolio_id, absl::Time deadline) {
  std::vector<OpenWindow> windows;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListOpenWindows", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     windows.clear();
                     for (const pqxx::row& row : tx.Exec(kOpenWindows, portfolio_id)) {
                       windows.push_back({.sender_id = pg::TextField(row[0]),
                                          .recipient_id = row[1].as<std::int64_t>(),
                                          .last_inbound = pg::TimeField(row[2])});
                     }
                     return absl::OkStatus();
                   }));
  return windows;
}

}  // namespace kabar::dispatcher
