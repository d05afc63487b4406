#include "services/dispatcher/pg_correspondence.h"

#include <pqxx/result>

#include "services/dispatcher/pg_recipients.h"

namespace kabar::dispatcher {
namespace {

// Where a status or an answer may still belong to a message: the days whose partitions are looked
// at. OFFSET 0: each by its index of recipients, where the planner, which knows nothing of a day
// that has just begun, would read the whole day for each person.
#define KABAR_SENT_TO(recipient)                            \
  "(SELECT * FROM messages WHERE recipient_id = " recipient \
  " AND day > current_date - 32 AND day < current_date + 3 OFFSET 0)"
// Attempts to these people by the provider's ids.
constexpr pg::Query kAttemptsOf{
    "dispatcher.attempts_by_provider_id",
    "SELECT i.n, m.id, a.attempt, m.contact_id, l.run_id, m.claimed_at"
    " FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY i(recipient_id, provider_id, n)"
    " CROSS JOIN LATERAL " KABAR_SAME_PERSON("i.recipient_id") " r"
    " CROSS JOIN LATERAL " KABAR_SENT_TO("r.id") " m"
    " CROSS JOIN LATERAL (SELECT m.attempt WHERE m.provider_id = i.provider_id UNION ALL"
    "   SELECT e.attempt FROM attempts e WHERE e.day = m.day AND e.message_id = m.id"
    "   AND e.provider_id = i.provider_id) a"
    " JOIN lanes l ON l.id = m.lane_id"};
constexpr pg::Query kById{
    "dispatcher.messages_by_own_id",
    "SELECT i.n, m.id, m.attempt, m.contact_id, l.run_id, m.claimed_at"
    " FROM unnest($1::text[], $2::text[]) WITH ORDINALITY i(id, sender_id, n)"
    " CROSS JOIN LATERAL (SELECT * FROM messages k"
    "   WHERE k.day = to_date(left(i.id, 8), 'YYYYMMDD') AND k.id = i.id OFFSET 0) m"
    " JOIN lanes l ON l.id = m.lane_id AND l.sender_id = i.sender_id"};
// The newest message that a person can have had from this number when he wrote. What is SENDING or
// UNKNOWN may be on the way: who answers it has it. The provider's stamps are whole seconds and
// clocks differ: 5 s.
constexpr pg::Query kLastTo{
    "dispatcher.last_message_to",
    "SELECT i.n, x.id, x.attempt, x.contact_id, x.run_id, x.claimed_at"
    " FROM unnest($1::bigint[], $2::text[], $3::timestamptz[])"
    "   WITH ORDINALITY i(recipient_id, sender_id, written_at, n)"
    " CROSS JOIN LATERAL (SELECT m.id, m.attempt, m.contact_id, l.run_id, m.claimed_at"
    "   FROM " KABAR_SAME_PERSON("i.recipient_id") " r"
    "   CROSS JOIN LATERAL " KABAR_SENT_TO("r.id") " m"
    "   JOIN lanes l ON l.id = m.lane_id"
    "   WHERE l.sender_id = i.sender_id AND (m.reached >= 3 OR m.state IN (2, 7))"
    "     AND m.claimed_at <= i.written_at + interval '5 seconds'"
    "   ORDER BY m.claimed_at DESC, m.id LIMIT 1) x"};

std::vector<SentMessage> Place(const pqxx::result& rows, std::size_t size) {
  std::vector<SentMessage> found(size);
  for (const pqxx::row& row : rows) {
    found[static_cast<std::size_t>(row[0].as<std::int64_t>() - 1)] = {
        .message_id = pg::TextField(row[1]),
        .attempt = row[2].as<std::int32_t>(),
        .contact_id = pg::TextField(row[3]),
        .run_id = pg::TextField(row[4]),
        .claimed_at = pg::OptTimeField(row[5]).value_or(absl::InfinitePast())};
  }
  return found;
}

}  // namespace

std::vector<SentMessage> FindAttempts(pg::Transaction& tx, const std::vector<AttemptNamed>& named) {
  pg::ArrayBuilder recipients, provider_ids;
  bool any = false;
  for (const AttemptNamed& name : named) {
    const bool wanted = name.recipient_id != 0 && !name.provider_id.empty();
    any |= wanted;
    recipients.Add(name.recipient_id);
    // NULL is equal to nothing; "" would be the id of all that have none yet.
    wanted ? provider_ids.Add(name.provider_id) : provider_ids.AddNull();
  }
  if (!any) return std::vector<SentMessage>(named.size());
  return Place(
      tx.Exec(kAttemptsOf, std::move(recipients).Finish(), std::move(provider_ids).Finish()),
      named.size());
}

std::vector<SentMessage> FindMessages(pg::Transaction& tx, const std::vector<MessageNamed>& named) {
  pg::ArrayBuilder ids, senders;
  bool any = false;
  for (const MessageNamed& name : named) {
    any |= !name.message_id.empty();
    name.message_id.empty() ? ids.AddNull() : ids.Add(name.message_id);
    senders.Add(name.sender_id);
  }
  if (!any) return std::vector<SentMessage>(named.size());
  return Place(tx.Exec(kById, std::move(ids).Finish(), std::move(senders).Finish()), named.size());
}

std::vector<SentMessage> FindLastMessages(pg::Transaction& tx, const std::vector<Writer>& writers) {
  pg::ArrayBuilder recipients, senders, times;
  bool any = false;
  for (const Writer& writer : writers) {
    any |= writer.recipient_id != 0;
    recipients.Add(writer.recipient_id);
    writer.recipient_id != 0 ? senders.Add(writer.sender_id) : senders.AddNull();
    times.Add(writer.written_at);
  }
  if (!any) return std::vector<SentMessage>(writers.size());
  return Place(tx.Exec(kLastTo, std::move(recipients).Finish(), std::move(senders).Finish(),
                       std::move(times).Finish()),
               writers.size());
}

}  // namespace kabar::dispatcher
