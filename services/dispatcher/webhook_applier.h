// Applies the webhook journal to the ledger, in order, in batches; then tells the queue what
// changed.
//
// Thread safety: one thread at a time (a KeeperLoop). Blocks: RunOnce for one batch. Errors: those
// of the store; the batch is then applied at the next round. Payloads that belong to nothing are
// dead letters, not errors. A payload that the database refuses for what it holds would stop all
// those behind it: when a batch has failed like that several times over, its payloads are applied
// one by one, and the one that still fails becomes a dead letter (WEBHOOK_NOT_APPLIED) with the
// error. A database that is away, busy or not migrated buries nothing. A batch that is not applied
// before the deadline comes again half as large, down to a single webhook, and grows again once
// some went well. What a failure asks for in
// the ledger is part of the same transaction. Redis is told once, after the commit; if that fails
// it is logged, and what stands in the ledger is told again by the queue's keeper.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/store.h"

namespace kabar::whatsapp {
class ErrorPolicy;
}

namespace kabar::dispatcher {

class WebhookApplier {
 public:
  // All outlive the applier.
  WebhookApplier(AdminStore& admin, Store& store, Queue& queue, const whatsapp::ErrorPolicy& policy,
                 base::Clock& clock);

  // One batch; true if there may be more.
  absl::StatusOr<bool> RunOnce();

 private:
  absl::Status Apply(const std::vector<JournalEntry>& entries, absl::Time deadline);
  absl::Status ApplyOneByOne(const std::vector<JournalEntry>& entries, absl::Time deadline);
  absl::Status Bury(const JournalEntry& entry, const absl::Status& why, absl::Time deadline);
  // Counts how often the batch that begins here failed in just this way.
  void NoteFailure(const JournalEntry& first, const absl::Status& failure);
  // Takes fewer at once after a batch of so many that was not applied in time, more after some that
  // were.
  void NoteTime(const absl::Status& applied, std::size_t size);
  void Act(const WebhookEffects& effects);
  void TellSenders(const std::vector<WebhookEffects::SenderChanged>& changed, absl::Time deadline);
  void TellLanes(const std::vector<std::string>& ids, absl::Time deadline);

  AdminStore& admin_;
  Store& store_;
  Queue& queue_;
  const whatsapp::ErrorPolicy& policy_;
  base::Clock& clock_;
  std::string failure_;  // the last deterministic one, with the batch that it befell
  int failures_ = 0;     // how many equal ones in a row
  std::size_t size_;     // how many webhooks at once
  int in_time_ = 0;      // batches in a row
};

}  // namespace kabar::dispatcher
