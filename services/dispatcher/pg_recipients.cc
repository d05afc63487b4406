#include "services/dispatcher/pg_recipients.h"

#include <map>
#include <optional>
#include <pqxx/result>
#include <utility>

#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kFind{
    "dispatcher.find_recipients",
    "SELECT i.n, p.id, b.id FROM unnest($2::text[], $3::text[]) WITH ORDINALITY i(phone, bsuid, n)"
    " LEFT JOIN recipients p ON p.outlet_id = $1 AND p.phone = i.phone"
    " LEFT JOIN recipients b ON b.outlet_id = $1 AND b.bsuid = i.bsuid"};
// In order, so that two of these never wait for each other in a circle.
constexpr pg::Query kInsert{
    "dispatcher.insert_recipients",
    "INSERT INTO recipients (outlet_id, phone, bsuid)"
    " SELECT $1, i.phone, i.bsuid FROM unnest($2::text[], $3::text[]) AS i(phone, bsuid)"
    " ORDER BY i.phone, i.bsuid ON CONFLICT DO NOTHING"};
constexpr pg::Query kLockTwo{
    "dispatcher.lock_recipients",
    "SELECT id, phone, bsuid FROM recipients WHERE outlet_id = $1 AND (phone = $2 OR bsuid = $3)"
    " ORDER BY id FOR UPDATE"};
constexpr pg::Query kSetBsuid{"dispatcher.set_recipient_bsuid",
                              "UPDATE recipients SET bsuid = $2 WHERE id = $1"};
constexpr pg::Query kSetPhone{"dispatcher.set_recipient_phone",
                              "UPDATE recipients SET phone = $2 WHERE id = $1"};
constexpr pg::Query kGiveUp{"dispatcher.merge_recipient",
                            "UPDATE recipients SET phone = NULL, bsuid = NULL, merged_into = $2 "
                            "WHERE id = $1 OR merged_into = $1"};
// What holds for one of the two holds for both from now on.
constexpr pg::Query kMergeWindows{
    "dispatcher.merge_windows",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT w.sender_id, r.id, max(w.last_inbound_at) FROM windows w, recipients r"
    " WHERE w.recipient_id IN ($1, $2) AND (r.id = $2 OR r.merged_into = $2) GROUP BY 1, 2"
    " ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kMergeSuppressions{
    "dispatcher.merge_suppressions",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT s.outlet_id, r.id, s.purpose, s.source, max(s.reason), max(s.until)"
    " FROM suppressions s, recipients r"
    " WHERE s.recipient_id IN ($1, $2) AND (r.id = $2 OR r.merged_into = $2) GROUP BY 1, 2, 3, 4"
    " ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   until = GREATEST(suppressions.until, excluded.until)"};

// $2 and all that share its identity.
#define KABAR_ALL_OF_RECIPIENT_2                                                                \
  " FROM recipients r, (SELECT COALESCE(merged_into, id) AS id FROM recipients WHERE id = $2) " \
  "root"                                                                                        \
  " WHERE (r.id = root.id OR r.merged_into = root.id)"

constexpr pg::Query kOpenWindow{
    "dispatcher.open_window",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT $1, r.id, $3::timestamptz" KABAR_ALL_OF_RECIPIENT_2
    " ORDER BY r.id ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kCloseWindow{"dispatcher.close_window",
                                 "DELETE FROM windows WHERE sender_id = $1 AND recipient_id IN "
                                 "(SELECT r.id" KABAR_ALL_OF_RECIPIENT_2 ")"};
constexpr pg::Query kSuppress{
    "dispatcher.suppress",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT r.outlet_id, r.id, $1, $3, $4, $5::timestamptz" KABAR_ALL_OF_RECIPIENT_2
    " ORDER BY r.id ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   reason = CASE WHEN suppressions.until > excluded.until THEN suppressions.reason"
    "            ELSE excluded.reason END,"
    "   until = GREATEST(suppressions.until, excluded.until)"};
constexpr pg::Query kUnsuppress{"dispatcher.unsuppress",
                                "DELETE FROM suppressions WHERE purpose = $1 AND source = $3 AND "
                                "recipient_id IN (SELECT r.id" KABAR_ALL_OF_RECIPIENT_2 ")"};
constexpr pg::Query kRecipientOf{
    "dispatcher.recipient_of",
    "SELECT recipient_id FROM messages WHERE day = $1::date AND id = $2 AND recipient_id <> 0"};
constexpr pg::Query kOpenWindows{
    "dispatcher.list_open_windows",
    "SELECT w.sender_id, w.recipient_id, w.last_inbound_at FROM senders s"
    " JOIN windows w ON w.sender_id = s.id"
    " WHERE s.portfolio_id = $1 AND w.last_inbound_at > now() - interval '24 hours'"};

std::optional<std::string> OrNull(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string>(text);
}

struct Arrays {
  std::string phones;
  std::string bsuids;
};

Arrays MakeArrays(const std::vector<RecipientAddress>& addresses) {
  pg::ArrayBuilder phones, bsuids;
  for (const RecipientAddress& address : addresses) {
    phones.Add(OrNull(address.phone));
    bsuids.Add(OrNull(address.bsuid));
  }
  return {std::move(phones).Finish(), std::move(bsuids).Finish()};
}

// 0: unknown, or its two addresses are not one identity yet.
std::vector<std::int64_t> Find(pg::Transaction& tx, const std::string& outlet,
                               const std::vector<RecipientAddress>& addresses) {
  std::vector<std::int64_t> ids(addresses.size());
  const Arrays arrays = MakeArrays(addresses);
  for (const pqxx::row& row : tx.Exec(kFind, outlet, arrays.phones, arrays.bsuids)) {
    const auto n = static_cast<std::size_t>(row[0].as<std::int64_t>() - 1);
    const std::int64_t by_phone = pg::OptIntField(row[1]).value_or(0);
    const std::int64_t by_bsuid = pg::OptIntField(row[2]).value_or(0);
    if (addresses[n].bsuid.empty() || by_phone == by_bsuid) {
      ids[n] = by_phone;
    } else if (addresses[n].phone.empty()) {
      ids[n] = by_bsuid;
    }
  }
  return ids;
}

void Merge(pg::Transaction& tx, std::int64_t loser, std::int64_t survivor) {
  tx.Exec(kGiveUp, loser, survivor);
  tx.Exec(kMergeWindows, loser, survivor);
  tx.Exec(kMergeSuppressions, loser, survivor);
}

// Both addresses are given and at least one of them is known. The phone's row stays.
std::int64_t Link(pg::Transaction& tx, const std::string& outlet, const RecipientAddress& address) {
  std::int64_t by_phone = 0;
  std::int64_t by_bsuid = 0;
  bool phone_has_bsuid = false;
  bool bsuid_has_phone = false;
  for (const pqxx::row& row : tx.Exec(kLockTwo, outlet, address.phone, address.bsuid)) {
    const std::string phone = pg::OptTextField(row[1]).value_or("");
    const std::string bsuid = pg::OptTextField(row[2]).value_or("");
    if (phone == address.phone) {
      by_phone = row[0].as<std::int64_t>();
      phone_has_bsuid = !bsuid.empty();
    }
    if (bsuid == address.bsuid) {
      by_bsuid = row[0].as<std::int64_t>();
      bsuid_has_phone = !phone.empty();
    }
  }
  if (by_phone == by_bsuid) return by_phone;
  if (by_phone == 0) {
    // A phone that changed keeps nothing of the old one; the identity stays with the user id.
    if (!bsuid_has_phone) tx.Exec(kSetPhone, by_bsuid, address.phone);
    return by_bsuid;
  }
  if (phone_has_bsuid) return by_phone;  // another user id: nothing is sure enough to merge
  if (by_bsuid != 0) {
    if (bsuid_has_phone) return by_phone;
    Merge(tx, by_bsuid, by_phone);
  }
  tx.Exec(kSetBsuid, by_phone, address.bsuid);
  return by_phone;
}

}  // namespace

std::vector<std::int64_t> ResolveRecipients(pg::Transaction& tx, const std::string& outlet,
                                            const std::vector<RecipientAddress>& addresses) {
  const auto empty = [](const RecipientAddress& a) { return a.phone.empty() && a.bsuid.empty(); };
  std::vector<std::int64_t> ids = Find(tx, outlet, addresses);
  std::vector<RecipientAddress> missing;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == 0 && !empty(addresses[i])) missing.push_back(addresses[i]);
  }
  if (missing.empty()) return ids;
  const Arrays arrays = MakeArrays(missing);
  tx.Exec(kInsert, outlet, arrays.phones, arrays.bsuids);
  ids = Find(tx, outlet, addresses);
  // What is left has two addresses of which only one was known, or of two identities.
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> to_link;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == 0 && !empty(addresses[i])) {
      to_link[{addresses[i].phone, addresses[i].bsuid}].push_back(i);
    }
  }
  for (const auto& [pair, places] : to_link) {
    const std::int64_t id = Link(tx, outlet, addresses[places.front()]);
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

void Suppress(pg::Transaction& tx, std::int64_t recipient_id, const std::string& purpose,
              const std::string& source, const std::string& reason, absl::Time until) {
  tx.Exec(kSuppress, purpose, recipient_id, source, reason, until);
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
                        Suppress(tx, (*row)[0].as<std::int64_t>(), purpose, "provider", reason,
                                 until);
                        return absl::OkStatus();
                      });
}

}  // namespace kabar::dispatcher
