// A due step: one message that an event and an automation planned together. Its state machine:
//
//   WAITING --handed over--> HANDED_OVER   in the dispatcher's ledger, whatever becomes of it there
//   WAITING --refused------> REFUSED       `reason` says why it can never be sent
//   WAITING --retry--------> WAITING       not before a growing, jittered pause; for ever, since an
//                                          unreachable service says nothing about the message
//   WAITING --held---------> WAITING       its provider template must not be sent now; once it has
//                                          been due for kHeldFor it is refused for that
//
// Thread safety: plain values and free functions. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_STEP_H_
#define KABAR_SERVICES_TRIGGERS_STEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/backoff.h"
#include "services/triggers/business_event.h"

namespace kabar::triggers {

// The numbers are stored: never renumber. Equal to kabar.triggers.v1.DueStep.State.
enum class StepState : std::int16_t { kWaiting = 1, kHandedOver = 2, kRefused = 3 };

// As ListDueSteps shows it.
struct DueStep {
  std::string id = {};
  std::string event_id = {};
  std::string automation_id = {};
  std::string contact_id = {};
  absl::Time due_time = absl::InfinitePast();
  StepState state = StepState::kWaiting;
  std::string reason = {};
  std::string message_id = {};
};

// A step with all that is needed to act on it.
struct StepWork {
  std::string outlet_id = {};
  std::string id = {};
  std::string lease = {};  // of the loop that took it; results count only under it
  int tries = 0;           // this one included
  absl::Time due_time = absl::InfinitePast();
  // Set once, before the message can reach the ledger, and kept through all repeats.
  std::string contact_id = {};
  std::string message_id = {};

  std::string event_id = {};
  absl::Time published_at = absl::InfinitePast();
  std::string event_contact_id = {};
  std::string phone = {};
  std::string name = {};
  std::vector<Variable> variables = {};

  std::string automation_id = {};
  std::string template_id = {};
  std::string sender_id = {};
  bool automation_active = true;  // enabled and not deleted
  std::string reason = {};        // why it was not handed over the last time

  // It waits for its provider template, and so is not in the ledger, unless the answer to an
  // Enqueue was lost before.
  bool held() const;
};

// WhatsApp pauses a template for 3, then for 6 hours; an approval takes a day at most. What an
// order has to say is of no use much later.
inline constexpr absl::Duration kHeldFor = absl::Hours(24);

// What came of acting on a step.
struct StepResult {
  enum class Kind { kRetry, kHeld, kHandedOver, kRefused };
  Kind kind = Kind::kRetry;
  std::string reason = {};  // UPPER_SNAKE, unless it was handed over
};

// What the store writes of it.
struct StepChange {
  std::string outlet_id = {};
  std::string id = {};
  std::string lease = {};
  StepState state = StepState::kWaiting;
  std::string reason = {};
  absl::Time ready_at = absl::InfinitePast();  // of a waiting one
};

StepChange Conclude(const StepWork& step, const StepResult& result, absl::Time now,
                    const base::RandomSource& random = base::UniformRandom);

// A failed call: worth repeating (the service is away or busy, or keys are not in order yet), or
// the same for ever.
StepResult ResultOf(const absl::Status& failure);
bool IsPermanent(const absl::Status& failure);
// Its reason if it has one, else the name of its code.
std::string ReasonOf(const absl::Status& failure);

// The same event and automation give the same step; the same step, contact and document the same
// message.
std::string StepId(absl::string_view outlet, absl::string_view event_id,
                   absl::string_view automation_id);
std::string MessageIdOf(const StepWork& step, absl::string_view contact_id);

// The lane of all automatic messages of a sender.
std::string LaneIdOf(absl::string_view outlet, absl::string_view sender_id);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_STEP_H_
