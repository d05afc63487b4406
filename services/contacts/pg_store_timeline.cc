// A contact's timeline: written from the dispatcher's events, read together with what the service
// has of its own.
#include "services/contacts/pg_store_timeline.h"

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/contacts/inbound.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

constexpr pg::Query kMessages{
    "contacts.timeline_messages",
    "INSERT INTO timeline AS t (outlet_id, kind, ref, contact_id, merged_from, at, state, reason, "
    "detail, run_id, state_at, revision) "
    "SELECT u.outlet_id, 'MESSAGE', u.ref, coalesce(c.merged_into, c.id), "
    "CASE WHEN c.merged_into IS NULL THEN '' ELSE c.id END, u.at, u.state, u.reason, u.detail, "
    "u.run_id, u.at, u.revision FROM unnest($1::text[], $2::text[], $3::text[], "
    "$4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[]) AS "
    "u(outlet_id, ref, contact_id, at, state, reason, detail, run_id, revision) "
    "CROSS JOIN LATERAL (SELECT k.id, k.merged_into FROM contacts k WHERE k.outlet_id = "
    "u.outlet_id AND k.id = u.contact_id LIMIT 1) AS c ORDER BY 1, 3 "
    "ON CONFLICT (outlet_id, kind, ref) DO UPDATE SET state = excluded.state, "
    "reason = excluded.reason, state_at = excluded.state_at, revision = excluded.revision "
    "WHERE t.revision < excluded.revision"};
constexpr pg::Query kInbound{
    "contacts.timeline_inbound",
    "INSERT INTO timeline (outlet_id, kind, ref, contact_id, merged_from, at, state, reason, "
    "detail, run_id, state_at, revision) "
    "VALUES ($1, 'INBOUND', $2, $3, $4, $5, $6, '', $7, $8, $5, 1) ON CONFLICT DO NOTHING"};

// One page of each source is enough for one page of all; the order is the same everywhere.
#define KABAR_PAGE(at, kind, ref)                                                      \
  " AND ($3::timestamptz IS NULL OR (" at ", '" kind "', " ref                         \
  ") < ($3::timestamptz, $4::text COLLATE \"C\", $5::text COLLATE \"C\")) ORDER BY 1 " \
  "DESC, 3 DESC LIMIT $6::int)"
constexpr pg::Query kList{
    "contacts.timeline",
    "SELECT * FROM ("
    "(SELECT at, 'INBOUND' COLLATE \"C\" AS kind, ref, state, reason, detail, run_id, state_at, "
    "merged_from FROM timeline WHERE outlet_id = $1 AND contact_id = ANY($7::text[]) AND kind = "
    "'INBOUND'"
    KABAR_PAGE("at", "INBOUND", "ref")
    " UNION ALL (SELECT at, 'MESSAGE', ref, state, reason, detail, run_id, state_at, merged_from "
    "FROM timeline WHERE outlet_id = $1 AND contact_id = ANY($7::text[]) AND kind = 'MESSAGE'"
    KABAR_PAGE("at", "MESSAGE", "ref")
    " UNION ALL (SELECT created_at, 'SHIPMENT', tracking_number, coalesce(status, ''), "
    "coalesce(delay_reason, ''), coalesce(location, ''), '', updated_at, merged_from FROM "
    "shipments WHERE outlet_id = $1 AND contact_id = $2"
    KABAR_PAGE("created_at", "SHIPMENT", "tracking_number")
    " UNION ALL (SELECT changed_at, 'CONSENT', lpad(id::text, 20, '0'), "
    "CASE WHEN opted_out THEN 'OPTED_OUT' ELSE 'OPTED_IN' END, source, purpose, '', changed_at, "
    "merged_from FROM consent_changes WHERE outlet_id = $1 AND contact_id = $2"
    KABAR_PAGE("changed_at", "CONSENT", "lpad(id::text, 20, '0')")
    " UNION ALL (SELECT merged_at, 'MERGE', id, CASE WHEN undone_at IS NULL THEN 'MERGED' ELSE "
    "'UNDONE' END, reason, CASE WHEN survivor_id = $2 THEN merged_id ELSE survivor_id END, '', "
    "coalesce(undone_at, merged_at), '' FROM contact_merges WHERE outlet_id = $1 "
    "AND (survivor_id = $2 OR merged_id = $2)"
    KABAR_PAGE("merged_at", "MERGE", "id")
    " UNION ALL (SELECT at, 'FACT', kind || '/' || source || '/' || reference, CASE WHEN open THEN "
    "'OPEN' ELSE 'CLOSED' END, source, CASE WHEN amount > 0 THEN amount::text ELSE '' END, '', at, merged_from FROM facts WHERE outlet_id = $1 "
    "AND contact_id = $2"
    KABAR_PAGE("at", "FACT", "kind || '/' || source || '/' || reference")
    ") AS entries ORDER BY 1 DESC, 2 DESC, 3 DESC LIMIT $6::int"};
#undef KABAR_PAGE
// A message that is written while its contact is merged may stay under the other's id. It is shown
// by that, and is his own when the merge is undone.
constexpr pg::Query kIds{"contacts.timeline_ids",
                         "SELECT id FROM contacts WHERE outlet_id = $1 AND (id = $2 OR "
                         "merged_into = $2)"};

}  // namespace

void MessageTimeline::Add(const events::v1::Event& event) {
  const events::v1::MessageChanged& change = event.message_changed();
  if (change.contact_id().empty() || change.to() == events::v1::QUEUED ||
      change.to() == events::v1::SENDING) {
    return;
  }
  const events::v1::Event*& newest = newest_[{event.outlet_id(), change.message_id()}];
  if (newest == nullptr || newest->message_changed().revision() < change.revision()) {
    newest = &event;
  }
}

void MessageTimeline::Flush(pg::Transaction& tx) {
  if (newest_.empty()) return;
  pg::ArrayBuilder outlets, refs, contacts, times, states, reasons, details, runs, revisions;
  for (const auto& [key, event] : newest_) {
    const events::v1::MessageChanged& change = event->message_changed();
    outlets.Add(event->outlet_id());
    refs.Add(change.message_id());
    contacts.Add(change.contact_id());
    times.Add(TimeOf(event->time()));
    states.Add(events::v1::MessageState_Name(change.to()));
    reasons.Add(change.reason());
    details.Add(change.subject());
    runs.Add(change.run_id());
    revisions.Add(change.revision());
  }
  tx.Exec(kMessages, std::move(outlets).Finish(), std::move(refs).Finish(),
          std::move(contacts).Finish(), std::move(times).Finish(), std::move(states).Finish(),
          std::move(reasons).Finish(), std::move(details).Finish(), std::move(runs).Finish(),
          std::move(revisions).Finish());
  newest_.clear();
}

absl::Status PgUnit::AddInbound(const Recognized& sender, const TimelineEntry& entry) {
  tx_.Exec(kInbound, outlet_, entry.id, sender.contact.id, sender.merged_from, entry.time,
           entry.state, entry.detail, entry.run_id);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TimelineEntry>> PgUnit::ListTimeline(
    const std::string& contact_id, const std::optional<TimelinePlace>& after, int limit) {
  KABAR_ASSIGN_OR_RETURN(const Contact contact, GetContact(contact_id));
  const TimelinePlace place = after.value_or(TimelinePlace{});
  const std::optional<absl::Time> time =
      after ? std::optional<absl::Time>(place.time) : std::nullopt;
  pg::ArrayBuilder ids;
  for (const pqxx::row& row : tx_.Exec(kIds, outlet_, contact.id)) ids.Add(pg::TextField(row[0]));
  std::vector<TimelineEntry> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_, contact.id, time, place.kind, place.id,
                                       limit, std::move(ids).Finish())) {
    out.push_back({.time = pg::TimeField(row[0]),
                   .kind = pg::TextField(row[1]),
                   .id = pg::TextField(row[2]),
                   .state = pg::TextField(row[3]),
                   .reason = pg::TextField(row[4]),
                   .detail = pg::TextField(row[5]),
                   .run_id = pg::TextField(row[6]),
                   .state_time = pg::TimeField(row[7]),
                   .merged_from = pg::TextField(row[8])});
  }
  return out;
}

}  // namespace kabar::contacts
