// The store in PostgreSQL; store.h has the contract. pg_store.cc (automations), pg_steps.cc (events
// and steps) and pg_answers.cc are the only parts that know SQL.
//
// Thread safety: safe for concurrent use. Blocks: every call, until its deadline.
#ifndef KABAR_SERVICES_TRIGGERS_PG_STORE_H_
#define KABAR_SERVICES_TRIGGERS_PG_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "libs/events/consumer.h"
#include "services/triggers/store.h"

namespace kabar::base {
class Clock;
}
namespace kabar::pg {
class Pool;
}

namespace kabar::triggers {

class PgStore : public Store {
 public:
  // `pool` outlives the store; its schema is migrated already.
  explicit PgStore(pg::Pool& pool) : pool_(pool) {}

  // What takes the dispatcher's events: sent messages and pending answers, with the position.
  // `clock` outlives it.
  std::unique_ptr<events::Sink> MakeDispatcherSink(base::Clock& clock,
                                                   absl::Duration answer_window);

  absl::Status Write(const std::string& outlet, absl::string_view operation, absl::Time deadline,
                     absl::FunctionRef<absl::Status(Unit&)> work) override;
  absl::StatusOr<Automation> GetAutomation(const std::string& outlet, const std::string& id,
                                           absl::Time deadline) override;
  absl::StatusOr<std::vector<Automation>> ListAutomations(const std::string& outlet,
                                                          const PageStart& after, int limit,
                                                          absl::Time deadline) override;

  absl::StatusOr<Published> Publish(const std::string& outlet, const BusinessEvent& event,
                                    absl::Time now, absl::Time deadline) override;
  absl::StatusOr<std::vector<DueStep>> ListSteps(const std::string& outlet,
                                                 const std::string& event_id,
                                                 const PageStart& after, int limit,
                                                 absl::Time deadline) override;
  absl::StatusOr<std::vector<StepWork>> TakeDueSteps(absl::Time now, absl::Time leased_until,
                                                     const std::string& lease, int limit,
                                                     absl::Time deadline) override;
  absl::StatusOr<std::vector<std::string>> AssignMessages(absl::Span<const Assignment> assignments,
                                                          absl::Time deadline) override;
  absl::StatusOr<std::int64_t> ChangeSteps(absl::Span<const StepChange> changes, absl::Time now,
                                           absl::Time deadline) override;
  absl::StatusOr<std::vector<StepWork>> StepsOfMessages(const std::string& outlet,
                                                        absl::Span<const std::string> message_ids,
                                                        absl::Time deadline) override;
  absl::Status RememberLane(const Lane& lane, absl::Time deadline) override;
  absl::StatusOr<std::vector<Lane>> ListLanes(absl::Time deadline) override;

  absl::StatusOr<std::vector<CustomerAnswer>> ListAnswers(const std::string& outlet,
                                                          const std::string& run_id,
                                                          const PageStart& after, int limit,
                                                          absl::Time deadline) override;
  absl::StatusOr<std::vector<PendingAnswer>> TakePendingAnswers(absl::Time now,
                                                                absl::Time leased_until, int limit,
                                                                absl::Time deadline) override;
  absl::StatusOr<std::int64_t> RecordAnswers(absl::Span<const CustomerAnswer> answers,
                                             absl::Time now, absl::Time deadline) override;
  absl::Status PostponeAnswers(absl::Span<const PendingAnswer> answers, absl::Time ready_at,
                               absl::Time deadline) override;

  absl::StatusOr<PersonalData> ReadPersonalData(const std::string& outlet,
                                                const PersonAddresses& person, PersonPlace* place,
                                                absl::Time deadline) override;

  absl::StatusOr<std::int64_t> ForgetEvents(absl::Time before, int limit,
                                            absl::Time deadline) override;
  absl::StatusOr<std::int64_t> ForgetAnswers(absl::Time before, int limit,
                                             absl::Time deadline) override;
  absl::StatusOr<std::int64_t> ForgetRequests(absl::Time before, int limit,
                                              absl::Time deadline) override;

 private:
  pg::Pool& pool_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_PG_STORE_H_
