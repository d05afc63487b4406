// Reading the ledger.
#include <algorithm>
#include <pqxx/result>
#include <set>
#include <utility>

#include "absl/time/civil_time.h"
#include "libs/audit/audit.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/stored_parts.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kOpenDays{
    "dispatcher.open_days",
    "SELECT day, low_seq FROM lane_days WHERE lane_id = $1 AND open ORDER BY day"};
constexpr pg::Query kLaneFreshness{"dispatcher.lane_freshness",
                                   "SELECT fresh_for_s, outlet_id FROM lanes WHERE id = $1"};

#define KABAR_IS_STALE(seconds) \
  "(m.rendered_at IS NULL OR m.rendered_at < now() - " seconds "::bigint * interval '1 second')"

constexpr pg::Query kQueuedOfDay{
    "dispatcher.queued_of_day",
    "SELECT m.id, COALESCE(p.id, m.recipient_id), m.not_before FROM messages m"
    " LEFT JOIN recipients p ON p.given_up_id = m.recipient_id WHERE m.day = $1::date"
    " AND m.lane_id = $2 AND m.seq >= $3::bigint AND m.state = 1 AND NOT " KABAR_IS_STALE(
        "$4") " ORDER BY m.seq"};
constexpr pg::Query kRequeuedOfLane{
    "dispatcher.requeued_of_lane",
    "SELECT m.id, COALESCE(p.id, m.recipient_id), m.not_before FROM requeued r"
    " JOIN messages m ON m.day = r.day AND m.id = r.message_id"
    " LEFT JOIN recipients p ON p.given_up_id = m.recipient_id"
    " WHERE r.lane_id = $1 AND m.state = 1 AND NOT " KABAR_IS_STALE("$2") " ORDER BY m.seq"};
#define KABAR_IS_DUE "(m.not_before IS NULL OR m.not_before <= clock_timestamp())"
constexpr pg::Query kStaleOfDay{
    "dispatcher.stale_of_day",
    "SELECT m.id, m.ordinal, m.contact_id, m.subject, m.seq FROM messages m WHERE m.day = $1::date"
    " AND m.lane_id = $2 AND m.seq >= $3::bigint AND m.state = 1 AND " KABAR_IS_STALE(
        "$4") " AND " KABAR_IS_DUE " ORDER BY m.seq LIMIT $5::bigint"};
constexpr pg::Query kStaleRequeued{
    "dispatcher.stale_requeued",
    "SELECT m.id, m.ordinal, m.contact_id, m.subject, m.seq FROM requeued r"
    " JOIN messages m ON m.day = r.day AND m.id = r.message_id WHERE r.lane_id = $1"
    " AND (m.day, m.seq) > ($4::date, $5::bigint) AND m.state = 1 AND " KABAR_IS_STALE(
        "$2") " AND " KABAR_IS_DUE " ORDER BY m.day, m.seq LIMIT $3::bigint"};

// Locked in the order of their ids, which begin with their days, as claims do; whatever day they
// are of and however they came to wait, in one statement.
constexpr pg::Query kForgetTexts{
    "dispatcher.forget_texts",
    "WITH w AS (SELECT m.day, m.id FROM lane_days d JOIN messages m ON m.day = d.day"
    "   AND m.lane_id = d.lane_id AND m.seq >= d.low_seq WHERE d.lane_id = $1 AND d.open"
    "   AND m.state = 1"
    "  UNION SELECT r.day, r.message_id FROM requeued r WHERE r.lane_id = $1),"
    " l AS MATERIALIZED (SELECT m.day, m.id FROM w JOIN messages m ON m.day = w.day"
    "   AND m.id = w.id WHERE m.state = 1 ORDER BY m.id FOR UPDATE OF m)"
    " UPDATE messages m SET rendered_at = NULL FROM l WHERE m.day = l.day AND m.id = l.id"};

#define KABAR_MESSAGE_QUERY                                                                  \
  "SELECT m.id, m.lane_id, l.run_id, m.contact_id, m.subject, m.ordinal, m.state, m.reason," \
  " m.attempt, m.revision, m.body, m.form_name, m.form_language, m.form_parameters,"         \
  " m.provider_id, m.created_at, m.updated_at, m.seq, m.parts, m.phone, m.bsuid"             \
  " FROM messages m JOIN lanes l ON l.id = m.lane_id "

constexpr pg::Query kGetMessage{"dispatcher.get_message", KABAR_MESSAGE_QUERY
                                "WHERE m.day = $1::date AND m.id = $2 AND m.outlet_id = $3"};
constexpr pg::Query kDaysFrom{
    "dispatcher.days_from",
    "SELECT d.day FROM lane_days d JOIN lanes l ON l.id = d.lane_id"
    " WHERE d.lane_id = $1 AND l.outlet_id = $2 AND d.day >= $3::date ORDER BY d.day"};
constexpr pg::Query kMessagesOfDay{
    "dispatcher.messages_of_day", KABAR_MESSAGE_QUERY
    "WHERE m.day = $1::date AND m.lane_id = $2 AND m.seq > $3::bigint"
    " AND ($4::smallint = 0 OR m.state = $4::smallint) ORDER BY m.seq LIMIT $5::bigint"};
constexpr pg::Query kMessagesTo{
    "dispatcher.messages_to", KABAR_MESSAGE_QUERY
    "WHERE m.recipient_id IN (SELECT r.id FROM unnest($1::bigint[]) AS who(id)"
    " CROSS JOIN LATERAL " KABAR_SAME_PERSON("who.id") " r) AND m.outlet_id = $2"
    " AND m.seq > $3::bigint AND ($4::smallint = 0 OR m.state = $4::smallint)"
    " ORDER BY m.seq LIMIT $5::bigint"};

// Of an export. So many rows of the ledger are looked at in one transaction, found or not.
constexpr std::int64_t kExportRows = 2000;
constexpr int kExportLanes = 200;

// The days of lanes in order, and whether one can have messages that were made between $3 and $4: a
// message's day is its run's or its event's, and says nothing of when it was made. Those of a day
// and lane were made in the order of their seq, but for what two transactions overlap.
#define KABAR_MADE_AT(order)                                                  \
  "(SELECT m.created_at FROM messages m WHERE m.day = d.day AND m.lane_id = " \
  "d.lane_id ORDER BY m.seq " order " LIMIT 1)"
constexpr pg::Query kLaneDays{
    "dispatcher.export_lane_days",
    "SELECT d.day, d.lane_id, coalesce(" KABAR_MADE_AT("DESC")
    " >= $3::timestamptz - interval '1 hour' AND " KABAR_MADE_AT("ASC")
    " < $4::timestamptz + interval '1 hour', false) FROM (SELECT d.day, d.lane_id FROM lane_days d"
    " JOIN lanes l ON l.id = d.lane_id WHERE l.outlet_id = $1"
    " AND ($2 = '' OR l.id = $2 OR l.run_id = $2) AND (d.day, d.lane_id) >= ($5::date, $6)"
    " ORDER BY d.day, d.lane_id LIMIT $7::bigint) d ORDER BY d.day, d.lane_id"};
constexpr pg::Query kKnowsRun{
    "dispatcher.knows_run",
    "SELECT 1 FROM lanes WHERE outlet_id = $1 AND (id = $2 OR run_id = $2)"
    " LIMIT 1"};
constexpr pg::Query kNextRows{
    "dispatcher.export_next_rows",
    "SELECT count(*), coalesce(max(p.seq), 0) FROM (SELECT m.seq FROM messages m"
    " WHERE m.day = $1::date AND m.lane_id = $2 AND m.seq > $3::bigint"
    " ORDER BY m.seq LIMIT $4::bigint) p"};
#define KABAR_EXPORTED(state, contact, from, to)                                  \
  " AND (" state "::smallint = 0 OR m.state = " state "::smallint) AND (" contact \
  " = '' OR m.contact_id = " contact ") AND m.created_at >= " from                \
  "::timestamptz AND m.created_at < " to "::timestamptz ORDER BY m.seq"
constexpr pg::Query kExportOfDay{"dispatcher.export_of_day", KABAR_MESSAGE_QUERY
                                 "WHERE m.day = $1::date AND m.lane_id = $2 AND m.seq > $3::bigint "
                                 "AND m.seq <= $4::bigint" KABAR_EXPORTED("$5", "$6", "$7", "$8")};
constexpr pg::Query kExportTo{
    "dispatcher.export_to", KABAR_MESSAGE_QUERY
    "WHERE m.recipient_id IN (SELECT r.id FROM unnest($1::bigint[]) AS who(id)"
    " CROSS JOIN LATERAL " KABAR_SAME_PERSON("who.id") " r) AND m.outlet_id = $2"
    " AND m.seq > $3::bigint AND ($4 = '' OR l.id = $4 OR l.run_id = $4)"
    KABAR_EXPORTED("$5", "$6", "$7", "$8") " LIMIT $9::bigint"};

LedgerMessage ReadMessage(const pqxx::row& row) {
  LedgerMessage message{.id = pg::TextField(row[0]),
                        .lane_id = pg::TextField(row[1]),
                        .run_id = pg::TextField(row[2]),
                        .contact_id = pg::TextField(row[3]),
                        .phone = pg::TextField(row[19]),
                        .bsuid = pg::TextField(row[20]),
                        .subject = pg::TextField(row[4]),
                        .ordinal = row[5].as<std::int64_t>(),
                        .state = static_cast<MessageState>(row[6].as<int>()),
                        .reason = pg::TextField(row[7]),
                        .attempt = row[8].as<std::int32_t>(),
                        .revision = row[9].as<std::int64_t>(),
                        .text = pg::TextField(row[10]),
                        .form = {.name = pg::TextField(row[11]),
                                 .language = pg::TextField(row[12]),
                                 .parameters = pg::TextArrayField(row[13])},
                        .provider_id = pg::TextField(row[14]),
                        .create_time = pg::TimeField(row[15]),
                        .update_time = pg::TimeField(row[16]),
                        .seq = row[17].as<std::int64_t>()};
  DecodeParts(pg::BytesField(row[18]), &message.parts, &message.form);
  return message;
}

void AddQueued(const pqxx::result& rows, std::set<std::string>& seen,
               std::vector<QueueEntry>& entries) {
  for (const pqxx::row& row : rows) {
    std::string id = pg::TextField(row[0]);
    if (!seen.insert(id).second) continue;
    entries.push_back({.message_id = std::move(id),
                       .recipient_id = row[1].as<std::int64_t>(),
                       .not_before = pg::OptTimeField(row[2]).value_or(absl::InfinitePast())});
  }
}

// Where a message stands in its lane: an id begins with its day.
std::pair<std::string, std::int64_t> PlaceOf(const StaleMessage& message) {
  return {message.id.substr(0, 8), message.seq};
}

void AddStale(const pqxx::result& rows, std::vector<StaleMessage>& stale) {
  for (const pqxx::row& row : rows) {
    stale.push_back({.id = pg::TextField(row[0]),
                     .ordinal = row[1].as<std::int64_t>(),
                     .contact_id = pg::TextField(row[2]),
                     .subject = pg::TextField(row[3]),
                     .seq = row[4].as<std::int64_t>()});
  }
}

void ExportOfLanes(pg::Transaction& tx, const std::string& outlet, const MessageFilter& filter,
                   MessagePlace* place, std::vector<LedgerMessage>& out) {
  const pqxx::result days = tx.Exec(kLaneDays, outlet, filter.run_id, filter.from, filter.to,
                                    place->day.empty() ? std::string("-infinity") : place->day,
                                    place->lane_id, kExportLanes);
  std::int64_t left = kExportRows;
  for (const pqxx::row& row : days) {
    const std::string day = pg::TextField(row[0]);
    const std::string lane = pg::TextField(row[1]);
    const std::int64_t behind = day == place->day && lane == place->lane_id ? place->seq : 0;
    *place = {.day = day, .lane_id = lane, .seq = behind};
    if (!row[2].as<bool>()) continue;
    const pqxx::row next = tx.ExecOne(kNextRows, day, lane, behind, left);
    const auto looked_at = next[0].as<std::int64_t>();
    if (looked_at == 0) continue;
    place->seq = next[1].as<std::int64_t>();
    for (const pqxx::row& message :
         tx.Exec(kExportOfDay, day, lane, behind, place->seq, static_cast<int>(filter.state),
                 filter.contact_id, filter.from, filter.to)) {
      out.push_back(ReadMessage(message));
    }
    left -= looked_at;
    if (left <= 0) return;
  }
  // The first of them was the place itself, which is passed for good only with one behind it.
  place->end = static_cast<int>(days.size()) < kExportLanes;
}

// Found twice: in its day, and as one that is QUEUED again.
void KeepFirst(std::size_t limit, std::vector<StaleMessage>& stale) {
  std::sort(stale.begin(), stale.end(),
            [](const StaleMessage& a, const StaleMessage& b) { return PlaceOf(a) < PlaceOf(b); });
  stale.erase(
      std::unique(stale.begin(), stale.end(),
                  [](const StaleMessage& a, const StaleMessage& b) { return a.id == b.id; }),
      stale.end());
  if (stale.size() > limit) stale.resize(limit);
}

absl::Status MessageNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "MESSAGE_NOT_FOUND", "there is no such message");
}

}  // namespace

absl::StatusOr<std::vector<QueueEntry>> PgStore::ListQueued(const std::string& lane_id,
                                                            absl::Time deadline) {
  std::vector<QueueEntry> entries;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListQueued", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     entries.clear();
                     const auto lane = tx.ExecMaybe(kLaneFreshness, lane_id);
                     if (!lane) return LaneNotFound(lane_id);
                     const auto fresh_for = (*lane)[0].as<std::int64_t>();
                     std::set<std::string> seen;
                     AddQueued(tx.Exec(kRequeuedOfLane, lane_id, fresh_for), seen, entries);
                     for (const pqxx::row& day : tx.Exec(kOpenDays, lane_id)) {
                       AddQueued(tx.Exec(kQueuedOfDay, pg::TextField(day[0]), lane_id,
                                         day[1].as<std::int64_t>(), fresh_for),
                                 seen, entries);
                     }
                     return absl::OkStatus();
                   }));
  return entries;
}

absl::StatusOr<std::vector<StaleMessage>> PgStore::ListStale(const std::string& outlet,
                                                             const std::string& lane_id,
                                                             const LanePlace& after, int limit,
                                                             absl::Time deadline) {
  std::vector<StaleMessage> stale;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListStale", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        stale.clear();
        const auto lane = tx.ExecMaybe(kLaneFreshness, lane_id);
        if (!lane || pg::TextField((*lane)[1]) != outlet) return LaneNotFound(lane_id);
        const auto fresh_for = (*lane)[0].as<std::int64_t>();
        AddStale(tx.Exec(kStaleRequeued, lane_id, fresh_for, limit,
                         after.day.empty() ? "-infinity" : after.day, after.seq),
                 stale);
        int of_days = 0;
        for (const pqxx::row& open : tx.Exec(kOpenDays, lane_id)) {
          const std::string day = pg::TextField(open[0]);
          if (of_days >= limit) break;
          if (day < after.day) continue;
          const auto low = open[1].as<std::int64_t>();
          const pqxx::result rows =
              tx.Exec(kStaleOfDay, day, lane_id,
                      day == after.day ? std::max(low, after.seq + 1) : low, fresh_for, limit);
          of_days += static_cast<int>(rows.size());
          AddStale(rows, stale);
        }
        KeepFirst(static_cast<std::size_t>(limit), stale);
        return absl::OkStatus();
      }));
  return stale;
}

absl::Status PgStore::ForgetTexts(const std::string& outlet, const std::string& lane_id,
                                  absl::Time deadline) {
  return pg::Transact(pool_, "ForgetTexts", {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        // Whoever changes a message holds its lane.
                        const auto lane = LockLaneForShare(tx, lane_id);
                        if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(lane_id);
                        tx.Exec(kForgetTexts, lane_id);
                        return absl::OkStatus();
                      });
}

absl::StatusOr<LedgerMessage> PgStore::GetMessage(const std::string& outlet, const std::string& id,
                                                  absl::Time deadline) {
  const absl::StatusOr<absl::CivilDay> day = base::ParseMessageDay(id);
  if (!day.ok()) return MessageNotFound();
  LedgerMessage message;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetMessage", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       const auto row =
                                           tx.ExecMaybe(kGetMessage, DayText(*day), id, outlet);
                                       if (!row) return MessageNotFound();
                                       message = ReadMessage(*row);
                                       return absl::OkStatus();
                                     }));
  return message;
}

absl::StatusOr<std::vector<LedgerMessage>> PgStore::ListMessages(
    const std::string& outlet, const std::string& lane_id, MessageState state,
    const std::string& after_day, std::int64_t after_seq, int limit, absl::Time deadline) {
  std::vector<LedgerMessage> messages;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListMessages", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        messages.clear();
        const std::string from = after_day.empty() ? "-infinity" : after_day;
        for (const pqxx::row& row : tx.Exec(kDaysFrom, lane_id, outlet, from)) {
          const int left = limit - static_cast<int>(messages.size());
          if (left <= 0) break;
          const std::string day = pg::TextField(row[0]);
          const std::int64_t seq = day == after_day ? after_seq : 0;
          for (const pqxx::row& message :
               tx.Exec(kMessagesOfDay, day, lane_id, seq, static_cast<int>(state), left)) {
            messages.push_back(ReadMessage(message));
          }
        }
        return absl::OkStatus();
      }));
  return messages;
}

absl::StatusOr<std::vector<LedgerMessage>> PgStore::ListMessagesTo(
    const std::string& outlet, const std::string& phone, const std::string& bsuid,
    MessageState state, std::int64_t after_seq, int limit, absl::Time deadline) {
  std::vector<LedgerMessage> messages;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListMessagesTo", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        messages.clear();
        const std::string who =
            pg::BigintArray(FindRecipientIds(tx, outlet, {{phone, bsuid}}).front());
        for (const pqxx::row& message :
             tx.Exec(kMessagesTo, who, outlet, after_seq, static_cast<int>(state), limit)) {
          messages.push_back(ReadMessage(message));
        }
        return absl::OkStatus();
      }));
  return messages;
}

absl::StatusOr<std::vector<LedgerMessage>> PgStore::ExportMessages(const std::string& outlet,
                                                                   const MessageFilter& filter,
                                                                   MessagePlace* place,
                                                                   absl::Time deadline) {
  const MessagePlace from = *place;
  std::vector<LedgerMessage> messages;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ExportMessages", {.deadline = deadline, .read_only = true},
      [&](pg::Transaction& tx) -> absl::Status {
        messages.clear();
        *place = from;
        if (!filter.run_id.empty() && !tx.ExecMaybe(kKnowsRun, outlet, filter.run_id)) {
          return base::Error(absl::StatusCode::kNotFound, "RUN_NOT_FOUND",
                             "this outlet has sent nothing under such a run, event or lane");
        }
        if (filter.phone.empty() && filter.bsuid.empty()) {
          ExportOfLanes(tx, outlet, filter, place, messages);
          return absl::OkStatus();
        }
        const std::string who =
            pg::BigintArray(FindRecipientIds(tx, outlet, {{filter.phone, filter.bsuid}}).front());
        for (const pqxx::row& message : tx.Exec(kExportTo, who, outlet, place->seq, filter.run_id,
                                                static_cast<int>(filter.state), filter.contact_id,
                                                filter.from, filter.to, kExportRows)) {
          messages.push_back(ReadMessage(message));
        }
        place->end = static_cast<std::int64_t>(messages.size()) < kExportRows;
        if (!messages.empty()) place->seq = messages.back().seq;
        return absl::OkStatus();
      }));
  return messages;
}

absl::Status PgStore::NoteExport(const audit::Actor& by, const audit::Entry& entry,
                                 absl::Time deadline) {
  return pg::Transact(pool_, "NoteExport", deadline, [&](pg::Transaction& tx) {
    audit::Append(tx, by, entry);
    return absl::OkStatus();
  });
}

}  // namespace kabar::dispatcher
