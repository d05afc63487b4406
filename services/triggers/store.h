// The seam between the triggers service and its database.
//
// Thread safety: a Store is safe for concurrent use; a Unit belongs to the thread of its function.
// Blocks: every call, until the deadline at most. Errors: NOT_FOUND (AUTOMATION_NOT_FOUND), and
// those of the database (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNKNOWN after a lost
// COMMIT). What belongs to another outlet is not found. Calls without an outlet serve the loops and
// see all outlets.
#ifndef KABAR_SERVICES_TRIGGERS_STORE_H_
#define KABAR_SERVICES_TRIGGERS_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/rpc/idempotency.h"
#include "services/triggers/answer.h"
#include "services/triggers/automation.h"
#include "services/triggers/business_event.h"
#include "services/triggers/step.h"

namespace kabar::triggers {

// Where a page begins: behind this row; at first InfinitePast and "".
struct PageStart {
  absl::Time time = absl::InfinitePast();
  std::string id = {};
};

struct Published {
  bool duplicate = false;
  std::int32_t steps = 0;  // planned by the event, now or when it came first
};

// The message that a step will have, before it goes anywhere.
struct Assignment {
  std::string outlet_id = {};
  std::string step_id = {};
  std::string lease = {};
  std::string contact_id = {};
  std::string message_id = {};
};

struct Lane {
  std::string outlet_id = {};
  std::string sender_id = {};

  bool operator==(const Lane&) const = default;
};

// By all that names him.
struct PersonAddresses {
  std::vector<std::string> contact_ids = {};
  std::vector<std::string> phones = {};
  std::vector<std::string> bsuids = {};
};
struct PersonalData {
  std::vector<BusinessEvent> events = {};
  std::vector<CustomerAnswer> answers = {};
};
struct PersonPlace {
  bool events_read = false;
  std::string after = {};  // the id of the last row looked at
  bool end = false;
};

class Store {
 public:
  // One transaction, for one outlet. Committed when its function returns OK.
  class Unit {
   public:
    virtual ~Unit() = default;

    // The two statements of libs/rpc/idempotency.h.
    virtual absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
        const std::string& request_id, const rpc::RequestRecord& mine) = 0;
    virtual absl::Status SaveResponse(const std::string& request_id,
                                      const std::string& response) = 0;

    virtual absl::Status Insert(const Automation& added) = 0;
    // Nobody else changes it before the unit ends.
    virtual absl::StatusOr<Automation> Lock(const std::string& id) = 0;
    virtual absl::Status Save(const Automation& changed) = 0;
    // Its steps that still wait will be refused.
    virtual absl::Status Delete(const std::string& id, absl::Time now) = 0;
  };

  virtual ~Store() = default;

  // The function may run again after a conflict, so it sets its results anew each time.
  virtual absl::Status Write(const std::string& outlet, absl::string_view operation,
                             absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) = 0;
  virtual absl::StatusOr<Automation> GetAutomation(const std::string& outlet, const std::string& id,
                                                   absl::Time deadline) = 0;
  // In order of creation.
  virtual absl::StatusOr<std::vector<Automation>> ListAutomations(const std::string& outlet,
                                                                  const PageStart& after, int limit,
                                                                  absl::Time deadline) = 0;

  // -- events and their steps ---------------------------------------------------------------------
  // The event and one step for each enabled automation of its type, in one transaction.
  virtual absl::StatusOr<Published> Publish(const std::string& outlet, const BusinessEvent& event,
                                            absl::Time now, absl::Time deadline) = 0;
  // By due time. `event_id` "": all.
  virtual absl::StatusOr<std::vector<DueStep>> ListSteps(const std::string& outlet,
                                                         const std::string& event_id,
                                                         const PageStart& after, int limit,
                                                         absl::Time deadline) = 0;
  // Due steps that nobody else holds, until `leased_until` or until they are changed.
  virtual absl::StatusOr<std::vector<StepWork>> TakeDueSteps(absl::Time now,
                                                             absl::Time leased_until,
                                                             const std::string& lease, int limit,
                                                             absl::Time deadline) = 0;
  // Keeps contact and message id of steps; ids of the steps that are still under their lease.
  virtual absl::StatusOr<std::vector<std::string>> AssignMessages(
      absl::Span<const Assignment> assignments, absl::Time deadline) = 0;
  // Those still under their lease change; how many.
  virtual absl::StatusOr<std::int64_t> ChangeSteps(absl::Span<const StepChange> changes,
                                                   absl::Time now, absl::Time deadline) = 0;
  // The steps of messages, in any order; those that are not there are left out.
  virtual absl::StatusOr<std::vector<StepWork>> StepsOfMessages(
      const std::string& outlet, absl::Span<const std::string> message_ids,
      absl::Time deadline) = 0;
  // Lanes in which messages of steps may stand.
  virtual absl::Status RememberLane(const Lane& lane, absl::Time deadline) = 0;
  virtual absl::StatusOr<std::vector<Lane>> ListLanes(absl::Time deadline) = 0;

  // -- answers
  // -------------------------------------------------------------------------------------- By the
  // time at which they came. `run_id` "": all.
  virtual absl::StatusOr<std::vector<CustomerAnswer>> ListAnswers(const std::string& outlet,
                                                                  const std::string& run_id,
                                                                  const PageStart& after, int limit,
                                                                  absl::Time deadline) = 0;
  // As TakeDueSteps. A repeat is harmless: RecordAnswers counts each once.
  virtual absl::StatusOr<std::vector<PendingAnswer>> TakePendingAnswers(absl::Time now,
                                                                        absl::Time leased_until,
                                                                        int limit,
                                                                        absl::Time deadline) = 0;
  // Answers that are not recorded yet, and their events, in one transaction; how many.
  virtual absl::StatusOr<std::int64_t> RecordAnswers(absl::Span<const CustomerAnswer> answers,
                                                     absl::Time now, absl::Time deadline) = 0;
  // They are taken again at `ready_at`.
  virtual absl::Status PostponeAnswers(absl::Span<const PendingAnswer> answers, absl::Time ready_at,
                                       absl::Time deadline) = 0;

  // -- one person ---------------------------------------------------------------------------------
  // The next of what is kept of him, events first; `place` goes on from page to page until its end.
  virtual absl::StatusOr<PersonalData> ReadPersonalData(const std::string& outlet,
                                                        const PersonAddresses& person,
                                                        PersonPlace* place,
                                                        absl::Time deadline) = 0;

  // -- the sweep: of all outlets, at most `limit`; how many they were
  // -------------------------------
  virtual absl::StatusOr<std::int64_t> ForgetRequests(absl::Time before, int limit,
                                                      absl::Time deadline) = 0;
  // Events published before, with their steps; those with a step that waits, or that was finished
  // since, are kept. A publisher who repeats one of them makes it anew.
  virtual absl::StatusOr<std::int64_t> ForgetEvents(absl::Time before, int limit,
                                                    absl::Time deadline) = 0;
  // Customers' words that came before and are recorded.
  virtual absl::StatusOr<std::int64_t> ForgetAnswers(absl::Time before, int limit,
                                                     absl::Time deadline) = 0;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_STORE_H_
