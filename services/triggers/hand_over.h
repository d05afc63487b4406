// Takes steps all the way into the dispatcher's ledger: whom (contacts), what (templates), where
// (the sender's lane of automatic messages). In batches: one call for all phones, one for each
// template, one for each lane and day.
//
// A step's contact and message id are kept (Store::AssignMessages) before the message can be in the
// ledger. So whatever dies in between, the repeat enqueues the same id, which changes nothing.
//
// Thread safety: safe for concurrent use. Blocks: for its calls, each a few seconds at most.
// Errors: none; every step gets a result of its own, and what fails for one batch as a whole is
// tried one by one.
#ifndef KABAR_SERVICES_TRIGGERS_HAND_OVER_H_
#define KABAR_SERVICES_TRIGGERS_HAND_OVER_H_

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/triggers/peers.h"
#include "services/triggers/step.h"
#include "services/triggers/store.h"

namespace kabar::base {
class Clock;
}

namespace kabar::triggers {

class HandOver {
 public:
  // All outlive it.
  HandOver(Store& store, Peers& peers, base::Clock& clock)
      : store_(store), peers_(peers), clock_(clock) {}

  // Due steps, of any outlets. One result a step, in their order.
  std::vector<StepResult> HandOverSteps(absl::Span<const StepWork> steps);

  // Messages of `lane` that are in the ledger already and whose text is too old; all must be of one
  // outlet and have a message id. Ids without a step are refused in the ledger.
  struct Again {
    int rendered = 0;                      // have a new text or a refusal now
    std::vector<std::string> held = {};    // wait until their provider template can be sent
    std::vector<std::string> failed = {};  // could not be rendered or handed over just now
  };
  absl::StatusOr<Again> RenderAgain(const Lane& lane, absl::Span<const StepWork> steps,
                                    absl::Span<const std::string> without_step);

 private:
  struct Item;
  using Items = std::vector<Item*>;

  void Resolve(const std::string& outlet, const Items& items);
  void ResolveByPhone(const std::string& outlet, const Items& items);
  void ResolveById(const std::string& outlet, const Items& items);
  void Assign(const Items& items);
  void OpenLanes(const std::string& outlet, const Items& items);
  absl::Status OpenLane(const Lane& lane);
  void Render(const std::string& outlet, const Items& items);
  void RenderWith(const std::string& outlet, const std::string& template_id, const Items& items);
  // Whose provider template must not be sent now, and whose window is closed, waits.
  void HoldBack(const std::string& outlet, const Items& items);
  void Enqueue(const std::string& outlet, const Items& items);
  std::vector<Outgoing> OutgoingOf(const Items& batch) const;
  void EnqueueBatch(const Lane& lane, const Items& items);

  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::set<std::pair<std::string, std::string>> open_lanes_;  // made by this process
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_HAND_OVER_H_
