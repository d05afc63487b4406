// What would become of messages: judged by the same facts as Enqueue and StartAttempts, and by none
// of their writes.
#include <map>
#include <pqxx/result>
#include <utility>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/media.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

// `n`: the message's place, from 0. The window is held to be closed a minute early, as a claim
// holds it.
constexpr pg::Query kForesee{
    "dispatcher.foresee",
    "SELECT i.n, COALESCE((SELECT s.reason FROM suppressions s WHERE s.recipient_id = i.id"
    "    AND s.purpose IN ('', $4) AND s.until > clock_timestamp() LIMIT 1), ''),"
    "  COALESCE((SELECT w.last_inbound_at > clock_timestamp() - interval '23 hours 59 minutes'"
    "    FROM windows w WHERE w.sender_id = $3 AND w.recipient_id = i.id), false)"
    " FROM unnest($1::bigint[], $2::bigint[]) AS i(n, id)"};

constexpr pg::Query kTypesOfMedia{
    "dispatcher.types_of_media",
    "SELECT name, mime_type FROM media WHERE outlet_id = $1 AND name = ANY($2::text[])"};

void FindMedia(pg::Transaction& tx, const std::string& outlet,
               const std::vector<NewMessage>& messages,
               std::vector<AdminStore::Foresight>& foreseen) {
  std::map<std::string, std::string> types;
  for (const NewMessage& message : messages) {
    if (std::string name = MediumOf(message.parts); !name.empty()) types[std::move(name)];
  }
  if (types.empty()) return;
  std::vector<std::string> names;
  for (const auto& [name, type] : types) names.push_back(name);
  for (const pqxx::row& row : tx.Exec(kTypesOfMedia, outlet, pg::TextArray(names))) {
    types[pg::TextField(row[0])] = pg::TextField(row[1]);
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto found = types.find(MediumOf(messages[i].parts));
    if (found != types.end()) foreseen[i].mime_type = found->second;
  }
}

}  // namespace

absl::StatusOr<std::vector<AdminStore::Foresight>> PgStore::Foresee(
    const std::string& outlet, const std::string& sender_id, const std::string& purpose,
    const std::vector<NewMessage>& messages, absl::Time deadline) {
  std::vector<RecipientAddress> addresses;
  for (const NewMessage& message : messages) addresses.push_back({message.phone, message.bsuid});
  std::vector<Foresight> foreseen;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "Foresee", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       foreseen.assign(messages.size(), {});
                                       const auto ids_of = FindRecipientIds(tx, outlet, addresses);
                                       pg::ArrayBuilder places, ids;
                                       for (std::size_t i = 0; i < ids_of.size(); ++i) {
                                         for (const std::int64_t id : ids_of[i]) {
                                           places.Add(i);
                                           ids.Add(id);
                                         }
                                       }
                                       for (const pqxx::row& row :
                                            tx.Exec(kForesee, std::move(places).Finish(),
                                                    std::move(ids).Finish(), sender_id, purpose)) {
                                         Foresight& one = foreseen[row[0].as<std::size_t>()];
                                         if (one.suppression.empty())
                                           one.suppression = pg::TextField(row[1]);
                                         one.window_open |= row[2].as<bool>();
                                       }
                                       FindMedia(tx, outlet, messages, foreseen);
                                       return absl::OkStatus();
                                     }));
  return foreseen;
}

}  // namespace kabar::dispatcher
