// One person is forgotten: the texts, names and addresses that the ledger holds. What was sent and
// what came of it stays, so the counts stay as they are; so do opt-outs, whose ids are keyed
// hashes. Webhooks as they came are not searched: the journal goes by its age (--journal-retention,
// three days).
//
// Contacts' word is noted in the transaction that reads the event (NoteErasure) and done by a loop
// of the keeper, a few rows a transaction, so that neither events nor claims wait for it. It is
// done twice: the second time what was on its way during the first (a campaign that renders, a
// message that is being sent) has arrived.
//
// Thread safety: one thread at a time (a KeeperLoop). Blocks: RunOnce for its transactions. Errors:
// those of pg::Transact; whom it could not do is tried again after a minute, others do not wait.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/pg/transaction.h"

namespace kabar::events::v1 {
class ContactErased;
}
namespace kabar::pg {
class Pool;
}

namespace kabar::dispatcher {

void NoteErasure(pg::Transaction& tx, const std::string& outlet,
                 const events::v1::ContactErased& erased, absl::Time erased_at);

class Eraser {
 public:
  // What is on its way arrives sooner: a text is rendered, a lease runs out.
  static constexpr absl::Duration kSecondPass = absl::Minutes(10);

  // Both outlive it.
  Eraser(pg::Pool& pool, base::Clock& clock) : pool_(pool), clock_(clock) {}

  // One pass over one person; true if there may be another. What of his is QUEUED becomes
  // SUPPRESSED (ERASED). Those who read the dispatcher's events are told after each pass.
  absl::StatusOr<bool> RunOnce();

 private:
  struct Person;

  absl::Status Take(Person* person);
  absl::Status BlankMessages(const Person& person);
  absl::Status ForgetLinks(const Person& person);
  absl::Status CutLetters(const Person& person);
  absl::Status Finish(const Person& person);

  pg::Pool& pool_;
  base::Clock& clock_;
};

}  // namespace kabar::dispatcher
