// The right to send: QUEUED -> SENDING under the lane's lock.
#include <pqxx/result>
#include <unordered_map>

#include "absl/strings/str_replace.h"
#include "libs/base/defect.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/events/outbox.h"
#include "libs/log/log.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/stored_parts.h"

namespace kabar::dispatcher {
namespace {

// Whether the queue may have judged this claim by two ids of one person: longer than a claim may
// ask for the right to send (a worker waits 5 s for it).
#define KABAR_UNTOLD                                                                          \
  "(NOT r.queue_told OR COALESCE(r.queue_told_at > clock_timestamp() - interval '6 seconds'," \
  " false))"

#define KABAR_NO_MEDIUM "MEDIUM_NOT_UPLOADED"
#define KABAR_NOBODYS_MEDIUM "?"  // kNobodysMedium

// Rows are locked in the order of their ids, judged by their newest version, and only then changed.
// What is known of the attempt before goes to `attempts`, since the row tells of the latest only.
// Their lane is looked at afterwards, or the planner might read the whole lane to find them.
// verdict: 1 stays QUEUED (not due, or without its medium), 0 stays QUEUED (stale), 2 SENDING, 10
// SUPPRESSED. The window is held to be closed a minute early, so that it does not close on the way.
// One whose medium has no id that is good for this number (29 of 30 days) waits for it, looked at
// less often the longer it does (each look takes a slot from the others). It is 6, FAILED, at once
// if its name can be nobody's, and when it is 24 hours old, unless an upload may soon succeed:
// there is such a medium, and fewer than five tries have failed (the number may have been stopped).
// A person of two ids is judged by both, whichever the message names: what was written for the one
// while the other was being linked to it holds too. While the queue may still hold him as two he
// waits a moment.
constexpr pg::Query kStart{
    "dispatcher.start_attempts",
    "WITH locked AS MATERIALIZED ("
    "  SELECT m.id, m.lane_id, m.recipient_id, m.not_before, m.rendered_at, m.attempt,"
    "    m.attempt_state, m.provider_id, m.reason, m.started_at, m.medium, m.created_at"
    "  FROM messages m"
    "  WHERE m.day = $1::date AND m.id = ANY($2::text[]) AND m.state = 1"
    "  ORDER BY m.id FOR UPDATE OF m"
    "), judged AS MATERIALIZED ("
    "  SELECT k.id, COALESCE(p.id, k.recipient_id) AS recipient_id, k.attempt,"
    "    CASE WHEN x.reason IS NOT NULL THEN x.reason"
    "         WHEN k.medium <> '' AND d.provider_id IS NULL THEN '" KABAR_NO_MEDIUM
    "' END AS reason,"
    "    CASE WHEN p.untold THEN clock_timestamp() + interval '1 second'"
    "         WHEN k.not_before IS NULL OR k.not_before <= clock_timestamp()"
    "           THEN clock_timestamp() + GREATEST(interval '3 seconds', LEAST(interval '10 "
    "minutes',"
    "             (clock_timestamp() - k.created_at) / 2)) ELSE k.not_before END AS not_before,"
    "    k.attempt_state, k.provider_id, k.reason AS attempt_reason, k.started_at,"
    "    d.provider_id AS media_id,"
    "    CASE WHEN x.reason IS NOT NULL THEN 10"
    "         WHEN k.rendered_at IS NULL"
    "           OR k.rendered_at < clock_timestamp() - $6::bigint * interval '1 second' THEN 0"
    "         WHEN p.untold OR k.not_before > clock_timestamp() THEN 1"
    "         WHEN k.medium <> '' AND d.provider_id IS NULL THEN"
    "           CASE WHEN k.medium = '" KABAR_NOBODYS_MEDIUM
    "' THEN 6 WHEN k.created_at < clock_timestamp() - interval '24 hours' AND NOT EXISTS ("
    "               SELECT 1 FROM media_uploads u JOIN media f ON f.outlet_id = u.outlet_id"
    "                 AND f.name = u.name WHERE u.sender_id = $4 AND u.name = k.medium"
    "                 AND u.tries < 5) THEN 6 ELSE 1 END"
    "         ELSE 2 END AS verdict,"
    "    COALESCE(w.last_inbound_at > clock_timestamp() - interval '23 hours 59 minutes', false)"
    "      AS window_open"
    "  FROM locked k"
    "  LEFT JOIN LATERAL ("
    "    SELECT r.id, r.given_up_id, " KABAR_UNTOLD
    " AS untold FROM recipients r"
    "      WHERE r.id = k.recipient_id UNION ALL"
    "    SELECT r.id, r.given_up_id, " KABAR_UNTOLD
    " FROM recipients r"
    "      WHERE r.given_up_id = k.recipient_id LIMIT 1) p ON true"
    "  LEFT JOIN LATERAL ("
    "    SELECT s.reason FROM suppressions s"
    "      WHERE s.recipient_id = ANY(ARRAY[k.recipient_id, p.id, p.given_up_id])"
    "      AND s.purpose IN ('', $5) AND s.until > clock_timestamp() LIMIT 1) x ON true"
    "  LEFT JOIN LATERAL ("
    "    SELECT max(v.last_inbound_at) AS last_inbound_at FROM windows v WHERE v.sender_id = $4"
    "      AND v.recipient_id = ANY(ARRAY[k.recipient_id, p.id, p.given_up_id])) w ON true"
    "  LEFT JOIN media_uploads d ON k.medium <> '' AND d.sender_id = $4 AND d.name = k.medium"
    "    AND d.provider_id <> '' AND d.uploaded_at > clock_timestamp() - interval '29 days'"
    "  WHERE k.lane_id = $3"
    "), kept AS ("
    "  INSERT INTO attempts (day, message_id, attempt, state, provider_id, reason, started_at)"
    "  SELECT $1::date, j.id, j.attempt, j.attempt_state, j.provider_id, j.attempt_reason,"
    "    j.started_at FROM judged j WHERE j.verdict = 2 AND j.attempt > 0"
    "  ON CONFLICT (day, message_id, attempt) DO NOTHING"
    "), changed AS ("
    "  UPDATE messages m SET state = j.verdict, reason = COALESCE(j.reason, ''),"
    "    recipient_id = j.recipient_id,"
    "    attempt = m.attempt + CASE WHEN j.verdict = 2 THEN 1 ELSE 0 END,"
    "    attempt_state = CASE WHEN j.verdict = 2 THEN 0 ELSE m.attempt_state END,"
    "    provider_id = CASE WHEN j.verdict = 2 THEN '' ELSE m.provider_id END,"
    "    started_at = CASE WHEN j.verdict = 2 THEN NULL ELSE m.started_at END,"
    "    revision = m.revision + 1, claimed_at = clock_timestamp(), not_before = NULL,"
    "    updated_at = now()"
    "  FROM judged j WHERE m.day = $1::date AND m.id = j.id AND j.verdict IN (2, 6, 10)"
    "  RETURNING m.id, m.recipient_id, j.verdict, m.attempt, m.revision, m.contact_id, m.subject,"
    "    m.ordinal, m.phone, m.bsuid, m.body, m.form_name, m.form_language, m.form_parameters,"
    "    j.window_open, m.reason, m.reached, m.parts, j.media_id"
    ") SELECT c.*, NULL::timestamptz FROM changed c"
    " UNION ALL SELECT j.id, j.recipient_id, 1, 0, 0, '', '', 0, '', '', '', '', '', '{}', false,"
    "    COALESCE(j.reason, ''), 0, '', NULL, j.not_before FROM judged j"
    "    WHERE j.verdict = 1"};

// So that people see for what they wait. What was tried before tells its attempt's reason.
constexpr pg::Query kNoteWaiting{
    "dispatcher.note_waiting",
    "UPDATE messages SET reason = '" KABAR_NO_MEDIUM
    "' WHERE day = $1::date"
    " AND id = ANY($2::text[]) AND state = 1 AND attempt = 0 AND reason = ''"};

// Built-in defect: whatever state they are in.
const pg::Query& StartQuery() {
  if (!base::HasDefect("no-compare-and-set")) return kStart;
  static const std::string* const sql =
      new std::string(absl::StrReplaceAll(kStart.sql, {{" AND m.state = 1", ""}}));
  static const pg::Query careless{kStart.name, sql->c_str()};
  return careless;
}

constexpr pg::Query kInsertClaim{
    "dispatcher.insert_claim",
    "INSERT INTO claims (portfolio_id, lane_id, worker, claimed_at, lease_until, message_ids,"
    "  attempts, recipient_ids) VALUES ($1, $2, $3, clock_timestamp(),"
    "  clock_timestamp() + $4::bigint * interval '1 millisecond', $5, $6, $7)"};

// The lease is when the last of the claim's requests can have been written: the safe side. Left out
// is who is proved to have been given back unsent: a message to him was, none to him may have been
// sent, and none that may have been sent goes now to somebody whom the claim did not count (its
// recipient was corrected since: it may have been him). A person who was two recipients then counts
// once.
constexpr pg::Query kRecentRecipients{
    "dispatcher.recent_recipients",
    "SELECT COALESCE(p.id, r.id), max(c.lease_until)"
    " FROM claims c CROSS JOIN LATERAL ("
    "   SELECT array_agg(x.recipient_id) FILTER (WHERE x.sent) AS sent,"
    "     array_agg(x.recipient_id) FILTER (WHERE NOT x.sent) AS unsent,"
    "     COALESCE(bool_or(x.sent AND NOT x.recipient_id = ANY(c.recipient_ids)), true) AS unsure"
    "   FROM (SELECT m.recipient_id, CASE WHEN m.attempt = n.attempt"
    "       THEN m.attempt_state <> 1 OR m.started_at IS NOT NULL"
    "       ELSE a.state IS DISTINCT FROM 1 OR a.started_at IS NOT NULL END AS sent"
    "     FROM unnest(c.message_ids, c.attempts) n(id, attempt)"
    "     CROSS JOIN LATERAL (SELECT * FROM messages k"
    "       WHERE k.day = to_date(left(n.id, 8), 'YYYYMMDD') AND k.id = n.id LIMIT 1) m"
    "     LEFT JOIN LATERAL (SELECT * FROM attempts t WHERE t.day = m.day AND t.message_id = m.id"
    "       AND t.attempt = n.attempt LIMIT 1) a ON true) x) f"
    " CROSS JOIN LATERAL unnest(c.recipient_ids) r(id)"
    " LEFT JOIN recipients p ON p.given_up_id = r.id"
    " WHERE c.portfolio_id = $1 AND c.claimed_at > now() - interval '25 hours'"
    "   AND (f.unsure OR NOT r.id = ANY(COALESCE(f.unsent, '{}'))"
    "     OR r.id = ANY(COALESCE(f.sent, '{}'))) GROUP BY 1"};

struct Claimed {
  std::unordered_map<std::string, StartedMessage> started;
  pg::ArrayBuilder ids;
  pg::ArrayBuilder attempts;
  pg::ArrayBuilder outside_window;
};

void TakeStarted(const pqxx::row& row, Claimed& claimed) {
  StartedMessage message;
  message.id = pg::TextField(row[0]);
  message.recipient_id = row[1].as<std::int64_t>();
  message.attempt = row[3].as<std::int32_t>();
  message.phone = pg::TextField(row[8]);
  message.bsuid = pg::TextField(row[9]);
  message.text = pg::TextField(row[10]);
  message.form = {.name = pg::TextField(row[11]),
                  .language = pg::TextField(row[12]),
                  .parameters = pg::TextArrayField(row[13])};
  message.window_open = row[14].as<bool>();
  DecodeParts(pg::BytesField(row[17]), &message.parts, &message.form);
  message.media_id = row[18].is_null() ? "" : pg::TextField(row[18]);
  claimed.ids.Add(message.id);
  claimed.attempts.Add(message.attempt);
  if (!message.window_open) claimed.outside_window.Add(message.recipient_id);
  std::string id = message.id;
  claimed.started.emplace(std::move(id), std::move(message));
}

void AddEvent(const Lane& lane, const pqxx::row& row, LedgerEvents& events) {
  events.Message(lane, {.message_id = row[0].c_str(),
                        .contact_id = row[5].c_str(),
                        .subject = row[6].c_str(),
                        .ordinal = row[7].as<std::int64_t>(),
                        .attempt = row[3].as<std::int32_t>(),
                        .revision = row[4].as<std::int64_t>(),
                        .from = MessageState::kQueued,
                        .to = static_cast<MessageState>(row[2].as<int>()),
                        .reason = row[15].c_str(),
                        .reached_before = static_cast<MessageState>(row[16].as<int>())});
}

void StartDay(pg::Transaction& tx, const Lane& lane, const std::string& day,
              const std::vector<std::string>& ids, Claimed& claimed, LedgerEvents& events,
              StartResult& result) {
  const pqxx::result rows = tx.Exec(StartQuery(), day, pg::TextArray(ids), lane.id, lane.sender_id,
                                    lane.purpose, absl::ToInt64Seconds(lane.fresh_for));
  std::vector<std::string> waiting;  // for their medium
  for (const pqxx::row& row : rows) {
    switch (static_cast<MessageState>(row[2].as<int>())) {
      case MessageState::kSending:
        TakeStarted(row, claimed);
        AddEvent(lane, row, events);
        break;
      case MessageState::kSuppressed:
      case MessageState::kFailed:
        AddEvent(lane, row, events);
        break;
      default:
        if (!pg::TextField(row[15]).empty()) waiting.push_back(pg::TextField(row[0]));
        result.not_due.push_back({.message_id = pg::TextField(row[0]),
                                  .recipient_id = row[1].as<std::int64_t>(),
                                  .not_before = pg::TimeField(row[19])});
    }
  }
  if (waiting.empty()) return;
  tx.Exec(kNoteWaiting, day, pg::TextArray(waiting));
  static log::Throttle throttle(absl::Minutes(1));
  log::Warn(throttle, "messages wait for a medium that is not uploaded",
            {{"lane_id", lane.id},
             {"sender_id", lane.sender_id},
             {"messages", waiting.size()},
             {"do", "see kabarctl media list; upload what is not there (kabarctl media upload)"}});
}

}  // namespace

absl::StatusOr<StartResult> PgStore::StartAttempts(const std::string& lane_id,
                                                   const std::vector<std::string>& message_ids,
                                                   const std::string& worker, absl::Duration lease,
                                                   absl::Time deadline) {
  StartResult result;
  const auto days = ByDay(message_ids);
  absl::Status status = pg::Transact(
      pool_, "StartAttempts", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        result = {};
        const std::optional<LaneRow> lane = LockLaneForShare(tx, lane_id);
        if (!lane) return absl::OkStatus();
        result.lane_state = lane->lane.state;
        result.end_time = lane->lane.end_time;
        result.sender_id = lane->lane.sender_id;
        result.of_campaign = lane->lane.of_campaign();
        const bool stopped =
            lane->lane.state != LaneState::kRunning && !base::HasDefect("cancel-not-looked-at");
        if (stopped || lane->past_end || lane->lane.held ||
            lane->sender_state != SenderState::kActive) {
          return absl::OkStatus();
        }
        Claimed claimed;
        LedgerEvents events;
        for (const auto& [day, ids] : days) {
          StartDay(tx, lane->lane, day, ids, claimed, events, result);
        }
        if (!claimed.started.empty()) {
          tx.Exec(kInsertClaim, lane->lane.portfolio_id, lane_id, worker,
                  absl::ToInt64Milliseconds(lease), std::move(claimed.ids).Finish(),
                  std::move(claimed.attempts).Finish(), std::move(claimed.outside_window).Finish());
        }
        // In the order asked for.
        for (const std::string& id : message_ids) {
          if (const auto found = claimed.started.find(id); found != claimed.started.end()) {
            result.started.push_back(std::move(found->second));
            claimed.started.erase(found);
          }
        }
        return events.Append(tx);
      });
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<std::vector<Store::RecipientUse>> PgStore::ListRecentRecipients(
    const std::string& portfolio_id, absl::Time deadline) {
  std::vector<RecipientUse> uses;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListRecentRecipients", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     uses.clear();
                     for (const pqxx::row& row : tx.Exec(kRecentRecipients, portfolio_id)) {
                       uses.push_back({row[0].as<std::int64_t>(), pg::TimeField(row[1])});
                     }
                     return absl::OkStatus();
                   }));
  return uses;
}

}  // namespace kabar::dispatcher
