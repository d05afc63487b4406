#include "services/dispatcher/pg_recipients.h"

#include <map>
#include <optional>
#include <pqxx/result>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kKey{"dispatcher.recipient_key", "SELECT key FROM recipient_key"};
// Of those with a user id: the identities that have a row under it.
constexpr pg::Query kFind{
    "dispatcher.find_recipients",
    "SELECT i.n, r.id, r.phone FROM unnest($2::text[]) WITH ORDINALITY i(bsuid, n)"
    " JOIN recipients r ON r.outlet_id = $1 AND r.bsuid = i.bsuid"};
constexpr pg::Query kLockTwo{
    "dispatcher.lock_recipients",
    "SELECT id, phone, bsuid FROM recipients WHERE outlet_id = $1 AND (phone = $2 OR bsuid = $3)"
    " ORDER BY id FOR UPDATE"};
constexpr pg::Query kSuppressed{
    "dispatcher.recipient_suppressed",
    "SELECT 1 FROM suppressions WHERE recipient_id = $1 AND until > clock_timestamp() LIMIT 1"};
constexpr pg::Query kLink{
    "dispatcher.link_recipient",
    "INSERT INTO recipients (id, outlet_id, phone, bsuid) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT DO NOTHING"};
constexpr pg::Query kGiveUp{"dispatcher.merge_recipient",
                            "INSERT INTO recipients (id, outlet_id, merged_into)"
                            " VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"};
// What holds for one of the two holds for both from now on.
constexpr pg::Query kMergeWindows{
    "dispatcher.merge_windows",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT w.sender_id, r.id, max(w.last_inbound_at)"
    " FROM windows w, unnest(ARRAY[$1::bigint, $2::bigint]) AS r(id)"
    " WHERE w.recipient_id IN ($1, $2) GROUP BY 1, 2 ORDER BY 1, 2"
    " ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kMergeSuppressions{
    "dispatcher.merge_suppressions",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT s.outlet_id, r.id, s.purpose, s.source, max(s.reason), max(s.until)"
    " FROM suppressions s, unnest(ARRAY[$1::bigint, $2::bigint]) AS r(id)"
    " WHERE s.recipient_id IN ($1, $2) GROUP BY 1, 2, 3, 4 ORDER BY 2, 3, 4"
    " ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   until = GREATEST(suppressions.until, excluded.until)"};

constexpr pg::Query kOpenWindow{
    "dispatcher.open_window",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT $1, r.id, $3::timestamptz FROM " KABAR_SAME_PERSON("$2") " r"
    " ORDER BY r.id ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kCloseWindow{"dispatcher.close_window",
                                 "DELETE FROM windows WHERE sender_id = $1 AND recipient_id IN "
                                 "(SELECT r.id FROM " KABAR_SAME_PERSON("$2") " r)"};
constexpr pg::Query kSuppress{
    "dispatcher.suppress",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT $6, r.id, $1, $3, $4, $5::timestamptz FROM " KABAR_SAME_PERSON("$2") " r"
    " ORDER BY r.id ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   reason = CASE WHEN suppressions.until > excluded.until THEN suppressions.reason"
    "            ELSE excluded.reason END,"
    "   until = GREATEST(suppressions.until, excluded.until)"};
constexpr pg::Query kUnsuppress{"dispatcher.unsuppress",
                                "DELETE FROM suppressions WHERE purpose = $1 AND source = $3 AND "
                                "recipient_id IN (SELECT r.id FROM " KABAR_SAME_PERSON("$2") " r)"};
constexpr pg::Query kRecipientOf{"dispatcher.recipient_of",
                                 "SELECT recipient_id, outlet_id FROM messages"
                                 " WHERE day = $1::date AND id = $2 AND recipient_id <> 0"};
constexpr pg::Query kOpenWindows{
    "dispatcher.list_open_windows",
    "SELECT w.sender_id, w.recipient_id, w.last_inbound_at FROM senders s"
    " JOIN windows w ON w.sender_id = s.id"
    " WHERE s.portfolio_id = $1 AND w.last_inbound_at > now() - interval '24 hours'"};

// An address's own id; kind: 'p' phone, 'b' business-scoped user id.
std::int64_t IdOf(const std::string& key, const std::string& outlet, char kind,
                  const std::string& address) {
  const base::Sha256Digest digest =
      base::Sha256(absl::StrCat(key, outlet, "\n", absl::string_view(&kind, 1), address));
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | digest[i];
  const auto id = static_cast<std::int64_t>(number & 0x7fff'ffff'ffff'ffffU);
  return id == 0 ? 1 : id;  // 0 is nobody
}

struct Known {
  std::int64_t id = 0;  // 0: no row
  std::string phone = {};
};

std::vector<Known> Find(pg::Transaction& tx, const std::string& outlet,
                        const std::vector<RecipientAddress>& addresses) {
  std::vector<Known> known(addresses.size());
  pg::ArrayBuilder bsuids;
  bool any = false;
  for (const RecipientAddress& address : addresses) {
    any |= !address.bsuid.empty();
    address.bsuid.empty() ? bsuids.AddNull() : bsuids.Add(address.bsuid);
  }
  if (!any) return known;
  for (const pqxx::row& row : tx.Exec(kFind, outlet, std::move(bsuids).Finish())) {
    known[static_cast<std::size_t>(row[0].as<std::int64_t>() - 1)] = {row[1].as<std::int64_t>(),
                                                                      pg::TextField(row[2])};
  }
  return known;
}

// Both addresses are given and are not one identity yet. The phone's id stays.
std::int64_t Link(pg::Transaction& tx, const std::string& outlet, const RecipientAddress& address,
                  std::int64_t by_phone, std::int64_t by_bsuid) {
  bool phone_known = false;
  std::int64_t of_bsuid = 0;
  for (const pqxx::row& row : tx.Exec(kLockTwo, outlet, address.phone, address.bsuid)) {
    phone_known |= pg::TextField(row[1]) == address.phone;
    if (pg::TextField(row[2]) == address.bsuid) of_bsuid = row[0].as<std::int64_t>();
  }
  if (phone_known) return by_phone;  // this user id's already, or another's: not sure enough
  if (of_bsuid != 0) {
    // A phone that changed: the identity stays with the user id, unless the phone has refused.
    return tx.ExecMaybe(kSuppressed, by_phone) ? by_phone : of_bsuid;
  }
  // Whoever linked one of the two a moment ago has the word.
  if (tx.Exec(kLink, by_phone, outlet, address.phone, address.bsuid).affected_rows() == 0) {
    return by_phone;
  }
  tx.Exec(kGiveUp, by_bsuid, outlet, by_phone);
  tx.Exec(kMergeWindows, by_bsuid, by_phone);
  tx.Exec(kMergeSuppressions, by_bsuid, by_phone);
  return by_phone;
}

}  // namespace

std::vector<std::int64_t> ResolveRecipients(pg::Transaction& tx, const std::string& outlet,
                                            const std::vector<RecipientAddress>& addresses) {
  std::vector<std::int64_t> ids(addresses.size());
  if (addresses.empty()) return ids;
  const std::string key = pg::BytesField(tx.ExecOne(kKey)[0]);
  const std::vector<Known> known = Find(tx, outlet, addresses);
  // In one order, so that two of these never wait for each other in a circle.
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> to_link;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const RecipientAddress& address = addresses[i];
    if (address.phone.empty() && address.bsuid.empty()) continue;
    if (address.bsuid.empty()) {
      ids[i] = IdOf(key, outlet, 'p', address.phone);
    } else if (known[i].id != 0 && (address.phone.empty() || address.phone == known[i].phone)) {
      ids[i] = known[i].id;
    } else if (address.phone.empty()) {
      ids[i] = IdOf(key, outlet, 'b', address.bsuid);
    } else {
      to_link[{address.phone, address.bsuid}].push_back(i);
    }
  }
  for (const auto& [pair, places] : to_link) {
    const std::int64_t id =
        Link(tx, outlet, addresses[places.front()], IdOf(key, outlet, 'p', pair.first),
             IdOf(key, outlet, 'b', pair.second));
    for (const std::size_t place : places) ids[place] = id;
  }
  return ids;
}

void OpenWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id,
                   absl::Time last_inbound) {
  tx.Exec(kOpenWindow, sender_id, recipient_id, last_inbound);
}

void CloseWindowFor(pg::Transaction& tx, const std::string& sender_id, std::int64_t recipient_id) {
  tx.Exec(kCloseWindow, sender_id, recipient_id);
}

void Suppress(pg::Transaction& tx, const std::string& outlet, std::int64_t recipient_id,
              const std::string& purpose, const std::string& source, const std::string& reason,
              absl::Time until) {
  tx.Exec(kSuppress, purpose, recipient_id, source, reason, until, outlet);
}

void Unsuppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
                const std::string& source) {
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

absl::Status PgStore::SuppressRecipient(const std::string& message_id, const std::string& purpose,
                                        const std::string& reason, absl::Time deadline) {
  return SuppressRecipientUntil(message_id, purpose, reason, absl::InfiniteFuture(), deadline);
}

absl::Status PgStore::SuppressRecipientUntil(const std::string& message_id,
                                             const std::string& purpose, const std::string& reason,
                                             absl::Time until, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const absl::CivilDay day, base::ParseMessageDay(message_id));
  return pg::Transact(pool_, "SuppressRecipient", {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        const auto row = tx.ExecMaybe(kRecipientOf, DayText(day), message_id);
                        if (!row) {
                          return base::Error(absl::StatusCode::kNotFound, "MESSAGE_NOT_FOUND",
                                             "no such message, or it has no recipient");
                        }
                        Suppress(tx, pg::TextField((*row)[1]), (*row)[0].as<std::int64_t>(),
                                 purpose, "provider", reason, until);
                        return absl::OkStatus();
                      });
}

}  // namespace kabar::dispatcher
