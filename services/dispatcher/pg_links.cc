// People who were two to the queue: told to it once, and nothing is sent to them until then.
#include <pqxx/result>

#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kUntold{"dispatcher.list_untold_links",
                            "SELECT outlet_id, given_up_id, id FROM recipients WHERE NOT "
                            "queue_told ORDER BY id LIMIT 1000"};
constexpr pg::Query kTold{
    "dispatcher.note_links_told",
    "UPDATE recipients SET queue_told = true, queue_told_at = clock_timestamp()"
    " WHERE id = ANY($1::bigint[]) AND NOT queue_told"};

}  // namespace

absl::StatusOr<std::vector<Store::Linked>> PgStore::ListUntoldLinks(absl::Time deadline) {
  std::vector<Linked> links;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListUntoldLinks", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     links.clear();
                     for (const pqxx::row& row : tx.Exec(kUntold)) {
                       links.push_back({.outlet_id = pg::TextField(row[0]),
                                        .given_up = row[1].as<std::int64_t>(),
                                        .recipient_id = row[2].as<std::int64_t>()});
                     }
                     return absl::OkStatus();
                   }));
  return links;
}

absl::Status PgStore::NoteLinksTold(const std::vector<Linked>& links, absl::Time deadline) {
  std::vector<std::int64_t> ids;
  for (const Linked& link : links) ids.push_back(link.recipient_id);
  return pg::Transact(pool_, "NoteLinksTold", {.deadline = deadline, .attempts = 3},
                      [&](pg::Transaction& tx) -> absl::Status {
                        tx.Exec(kTold, pg::BigintArray(ids));
                        return absl::OkStatus();
                      });
}

}  // namespace kabar::dispatcher
