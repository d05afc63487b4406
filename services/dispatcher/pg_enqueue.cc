// Enqueue: the batch into the ledger, under the lane's lock.
#include <pqxx/result>
#include <set>
#include <unordered_map>

#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/ledger_events.h"
#include "services/dispatcher/media.h"
#include "services/dispatcher/pg_media.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/stored_parts.h"

namespace kabar::dispatcher {
namespace {

// Held until the end: no sequence number below another's is committed after it (lane_days), and
// nobody raises the low-water mark meanwhile.
constexpr pg::Query kOpenLaneDay{"dispatcher.open_lane_day",
                                 "INSERT INTO lane_days (lane_id, day) VALUES ($1, $2::date) "
                                 "ON CONFLICT (lane_id, day) DO UPDATE SET open = true"};

// New rows take the lane's final state, the refusal, SUPPRESSED or QUEUED; of those that are still
// QUEUED the text is replaced (and a refusal takes effect); the others are left alone. Sequence
// numbers follow the order of the batch, locks the order of the ids. `renders` tells an insert
// from a replacement.
constexpr pg::Query kEnqueue{
    "dispatcher.enqueue",
    "WITH input AS MATERIALIZED ("
    "  SELECT i.*, nextval('message_seq') AS seq"
    "  FROM unnest($6::text[], $7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[],"
    "    $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[],"
    "    $18::smallint[], $19::text[], $20::bytea[], $21::text[])"
    "  AS i(id, ordinal, contact_id, subject, recipient_id, phone, bsuid, body, form_name,"
    "    form_language, form_parameters, rendered_at, refusal, reason, parts, medium)"
    "), judged AS MATERIALIZED ("
    "  SELECT i.*, x.reason AS suppression FROM input i"
    "  LEFT JOIN LATERAL (SELECT s.reason FROM suppressions s"
    "    WHERE s.recipient_id = i.recipient_id AND s.purpose IN ('', $5)"
    "      AND s.until > clock_timestamp() LIMIT 1) x ON true"
    "), written AS ("
    "  INSERT INTO messages AS m (day, id, seq, outlet_id, lane_id, ordinal, contact_id, subject,"
    "    recipient_id, phone, bsuid, body, form_name, form_language, form_parameters, parts,"
    "    medium, rendered_at, state, reason)"
    "  SELECT $1::date, j.id, j.seq, $2, $3, j.ordinal, j.contact_id, j.subject, j.recipient_id,"
    "    j.phone, j.bsuid, j.body, j.form_name, j.form_language, j.form_parameters::text[],"
    "    j.parts, j.medium, j.rendered_at,"
    "    CASE WHEN $4::smallint <> 1 THEN $4::smallint WHEN j.refusal <> 0 THEN j.refusal"
    "         WHEN j.suppression IS NOT NULL THEN 10 ELSE 1 END,"
    "    CASE WHEN $4::smallint <> 1 THEN '' WHEN j.refusal <> 0 THEN j.reason"
    "         ELSE COALESCE(j.suppression, '') END"
    "  FROM judged j ORDER BY j.id"
    "  ON CONFLICT (day, id) DO UPDATE SET recipient_id = excluded.recipient_id,"
    "    phone = excluded.phone, bsuid = excluded.bsuid, body = excluded.body,"
    "    form_name = excluded.form_name, form_language = excluded.form_language,"
    "    form_parameters = excluded.form_parameters, parts = excluded.parts,"
    "    medium = excluded.medium, rendered_at = excluded.rendered_at,"
    "    renders = m.renders + 1, state = excluded.state, reason = excluded.reason,"
    "    revision = m.revision + CASE WHEN excluded.state = 1 THEN 0 ELSE 1 END,"
    "    updated_at = now()"
    "  WHERE m.state = 1 AND m.lane_id = excluded.lane_id"
    "  RETURNING m.id, m.state, m.renders, m.attempt, m.revision, m.reason, m.recipient_id,"
    "    m.not_before, m.reached"
    "), counted AS ("
    "  UPDATE lane_days SET enqueued = enqueued + (SELECT count(*) FROM written WHERE renders = 1)"
    "  WHERE lane_id = $3 AND day = $1::date"
    ") SELECT * FROM written"};

struct Columns {
  pg::ArrayBuilder id, ordinal, contact_id, subject, recipient_id, phone, bsuid, body, form_name,
      form_language, form_parameters, rendered_at, refusal, reason, parts, medium;
  std::set<std::string> media;
};

Columns MakeColumns(const std::vector<NewMessage>& messages,
                    const std::vector<std::int64_t>& recipients) {
  Columns c;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const NewMessage& m = messages[i];
    c.id.Add(m.id);
    c.ordinal.Add(m.ordinal);
    c.contact_id.Add(m.contact_id);
    c.subject.Add(m.subject);
    c.recipient_id.Add(recipients[i]);
    c.phone.Add(m.phone);
    c.bsuid.Add(m.bsuid);
    c.body.Add(m.text);
    c.form_name.Add(m.form.name);
    c.form_language.Add(m.form.language);
    c.form_parameters.Add(pg::TextArray(m.form.parameters));
    c.rendered_at.Add(m.rendered_at);
    c.refusal.Add(static_cast<int>(m.refusal));
    c.reason.Add(m.reason);
    c.parts.AddBytes(EncodeParts(m.parts, m.form));
    const std::string medium = MediumOf(m.parts);
    c.medium.Add(medium);
    if (!medium.empty() && m.refusal == MessageState::kNone) c.media.insert(medium);
  }
  return c;
}

pqxx::result Write(pg::Transaction& tx, const std::string& day, const LaneRow& lane,
                   const std::vector<NewMessage>& messages,
                   const std::vector<std::int64_t>& recipients) {
  Columns c = MakeColumns(messages, recipients);
  const MessageState state = QueuedIn(lane.lane.state, lane.past_end);
  const pqxx::result written = tx.Exec(
      kEnqueue, day, lane.lane.outlet_id, lane.lane.id, static_cast<int>(state), lane.lane.purpose,
      std::move(c.id).Finish(), std::move(c.ordinal).Finish(), std::move(c.contact_id).Finish(),
      std::move(c.subject).Finish(), std::move(c.recipient_id).Finish(),
      std::move(c.phone).Finish(), std::move(c.bsuid).Finish(), std::move(c.body).Finish(),
      std::move(c.form_name).Finish(), std::move(c.form_language).Finish(),
      std::move(c.form_parameters).Finish(), std::move(c.rendered_at).Finish(),
      std::move(c.refusal).Finish(), std::move(c.reason).Finish(), std::move(c.parts).Finish(),
      std::move(c.medium).Finish());
  WantMedia(tx, lane.lane.outlet_id, lane.lane.sender_id, c.media);
  return written;
}

void TakeRow(const pqxx::row& row, const Lane& lane, const NewMessage& message,
             EnqueueResult& result, LedgerEvents& events) {
  const auto state = static_cast<MessageState>(row[1].as<int>());
  const bool added = row[2].as<int>() == 1;
  ++(added ? result.added : result.replaced);
  if (state == MessageState::kQueued) {
    result.to_push.push_back(
        {.message_id = message.id,
         .recipient_id = row[6].as<std::int64_t>(),
         .not_before = pg::OptTimeField(row[7]).value_or(absl::InfinitePast())});
  }
  if (!added && state == MessageState::kQueued) return;  // no change of state
  events.Message(lane, {.message_id = message.id,
                        .contact_id = message.contact_id,
                        .subject = message.subject,
                        .ordinal = message.ordinal,
                        .attempt = row[3].as<std::int32_t>(),
                        .revision = row[4].as<std::int64_t>(),
                        .from = added ? MessageState::kNone : MessageState::kQueued,
                        .to = state,
                        .reason = row[5].c_str(),
                        .reached_before = static_cast<MessageState>(row[8].as<int>())});
}

absl::Status LaneClosed(const std::string& id) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kFailedPrecondition, "LANE_CLOSED",
                  "the lane is closed: everything in it is final; use a new lane"),
      "lane", id);
}

}  // namespace

absl::StatusOr<EnqueueResult> PgStore::Enqueue(const std::string& outlet,
                                               const std::string& lane_id,
                                               const std::vector<NewMessage>& messages,
                                               absl::Time deadline) {
  EnqueueResult result;
  absl::CivilDay civil_day;
  std::string day;
  std::vector<RecipientAddress> addresses;
  for (const NewMessage& message : messages) {
    KABAR_ASSIGN_OR_RETURN(const absl::CivilDay of, base::ParseMessageDay(message.id));
    if (day.empty()) {
      KABAR_RETURN_IF_ERROR(EnsureDay(of, deadline));
      civil_day = of;
      day = DayText(of);
    } else if (day != DayText(of)) {
      return base::InvalidField("messages", "the ids are of different dates; enqueue day by day");
    }
    addresses.push_back({message.phone, message.bsuid});
  }
  // Apart and before: identities stay, whatever becomes of the batch, and no lane waits for them.
  std::vector<std::int64_t> recipients;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ResolveRecipients", {.deadline = deadline, .attempts = 5},
                   [&](pg::Transaction& tx) -> absl::Status {
                     recipients = ResolveRecipients(tx, outlet, addresses, LinkWord::kMessage);
                     return absl::OkStatus();
                   }));
  const absl::Status written = pg::Transact(
      pool_, "Enqueue", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        result = {};
        const std::optional<LaneRow> lane = LockLaneForShare(tx, lane_id);
        if (!lane || lane->lane.outlet_id != outlet) return LaneNotFound(lane_id);
        result.lane = lane->lane;
        result.lane_state = lane->past_end && lane->lane.state != LaneState::kCancelled &&
                                    lane->lane.state != LaneState::kClosed
                                ? LaneState::kExpired
                                : lane->lane.state;
        if (messages.empty()) return absl::OkStatus();
        tx.Exec(kOpenLaneDay, lane_id, day);
        std::unordered_map<std::string, const pqxx::row> rows;
        for (const pqxx::row& row : Write(tx, day, *lane, messages, recipients)) {
          rows.emplace(pg::TextField(row[0]), row);
        }
        LedgerEvents events;
        for (const NewMessage& message : messages) {
          const auto row = rows.find(message.id);
          if (row != rows.end()) TakeRow(row->second, lane->lane, message, result, events);
        }
        result.unchanged =
            static_cast<std::int64_t>(messages.size()) - result.added - result.replaced;
        if (lane->lane.state == LaneState::kClosed && result.added > 0) return LaneClosed(lane_id);
        return events.Append(tx);
      });
  if (!written.ok()) return DayGone(civil_day, written, deadline);
  return result;
}

}  // namespace kabar::dispatcher
