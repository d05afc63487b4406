// Messages of the dispatcher's events on their way to contacts' timelines; private to pg_store*.cc.
//
// Thread safety: one thread. Blocks: Flush, one statement. Errors: throws as pg::Transact wants.
#ifndef KABAR_SERVICES_CONTACTS_PG_STORE_TIMELINE_H_
#define KABAR_SERVICES_CONTACTS_PG_STORE_TIMELINE_H_

#include <map>
#include <string>
#include <utility>

#include "kabar/events/v1/events.pb.h"
#include "libs/pg/transaction.h"

namespace kabar::contacts {

// What was written of him while he was erased.
void ForgetTimelineOf(pg::Transaction& tx, const std::string& outlet,
                      const events::v1::ContactErased& erased);

// Collects a transaction's changes of messages, the newest of each, and writes them at once.
class MessageTimeline {
 public:
  // `event` holds a message_changed and lives until Flush. What is not out yet is no entry.
  void Add(const events::v1::Event& event);
  // Of contacts that are gone nothing is written.
  void Flush(pg::Transaction& tx);

 private:
  std::map<std::pair<std::string, std::string>, const events::v1::Event*> newest_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_PG_STORE_TIMELINE_H_
