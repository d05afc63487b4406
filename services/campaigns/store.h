// The seam to the record of campaigns.
//
// Thread safety: safe for concurrent use. Blocks on the database, at most until the deadline.
// Errors: NOT_FOUND (CAMPAIGN_NOT_FOUND), those of libs/pg.
#ifndef KABAR_SERVICES_CAMPAIGNS_STORE_H_
#define KABAR_SERVICES_CAMPAIGNS_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/audit/audit.h"
#include "libs/rpc/idempotency.h"
#include "services/campaigns/campaign.h"
#include "services/campaigns/schedule.h"

namespace kabar::campaigns {

struct Holiday {
  absl::CivilDay day;
  std::string name;
};

class Store {
 public:
  // One transaction of one outlet.
  class Unit {
   public:
    virtual ~Unit() = default;
    // The two statements of libs/rpc/idempotency.h.
    virtual absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
        const std::string& request_id, const rpc::RequestRecord& mine) = 0;
    virtual absl::Status SaveResponse(const std::string& request_id,
                                      const std::string& response) = 0;
    // What an operator did, in the audit log.
    virtual void Audit(const audit::Actor& by, const audit::Entry& entry) = 0;
    virtual absl::Status Insert(const Campaign& campaign) = 0;
    // Nobody else changes the campaign before the unit ends: verbs and the runner take turns.
    virtual absl::StatusOr<Campaign> Lock(const std::string& id) = 0;
    // Before the dispatcher is asked to retry: nullopt when nobody asked under this id before, else
    // the campaign's `retried` when it was asked first.
    virtual absl::StatusOr<std::optional<std::int64_t>> NoteRetry(const std::string& campaign_id,
                                                                  const std::string& retry_id) = 0;
    // In place of those before.
    virtual void SetTestNumbers(const std::vector<std::string>& phones) = 0;
    virtual absl::StatusOr<std::vector<std::string>> ListTestNumbers() = 0;
    // A run of a schedule, and when its first step is due; false if that occurrence has one.
    virtual absl::StatusOr<bool> InsertRun(const Campaign& run, std::optional<absl::Time> due) = 0;
    // The troubles that a schedule's newest run goes on in spite of.
    virtual absl::StatusOr<std::string> AcceptedByLastRun(const std::string& parent_id) = 0;
    // From `first` on, as far as any schedule looks.
    virtual absl::StatusOr<Holidays> ListHolidays(absl::CivilDay first) = 0;
    // In place of those of the same years; schedules are looked at anew at once. How many there are
    // in these years then.
    virtual absl::StatusOr<std::int64_t> PutHolidays(const std::vector<Holiday>& holidays,
                                                     absl::Time now) = 0;
    // All of it; the runner looks at it at `due` (nullopt: no more).
    virtual absl::Status Save(const Campaign& campaign, std::optional<absl::Time> due) = 0;
  };

  virtual ~Store() = default;

  virtual absl::Status Write(const std::string& outlet, absl::string_view operation,
                             absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) = 0;
  virtual absl::StatusOr<Campaign> Get(const std::string& outlet, const std::string& id,
                                       absl::Time deadline) = 0;
  // By id, those after `after_id`; `state` 0: all; `show_runs`: also the runs of schedules.
  virtual absl::StatusOr<std::vector<Campaign>> List(const std::string& outlet, int state,
                                                     bool show_runs, const std::string& after_id,
                                                     int limit, absl::Time deadline) = 0;

  // Newest first, those before `before`.
  virtual absl::StatusOr<std::vector<Campaign>> ListRuns(const std::string& outlet,
                                                         const std::string& parent_id,
                                                         absl::Time before, int limit,
                                                         absl::Time deadline) = 0;
  // `year` 0: all.
  virtual absl::StatusOr<std::vector<Holiday>> ListHolidays(const std::string& outlet, int year,
                                                            absl::Time deadline) = 0;

  // -- for the runner: all outlets ---------------------------------------------------------------
  // A campaign whose step is due and that nobody else works on, for `lease`. nullopt: none.
  virtual absl::StatusOr<std::optional<Campaign>> TakeDue(const std::string& owner, absl::Time now,
                                                          absl::Duration lease,
                                                          absl::Time deadline) = 0;
  virtual absl::StatusOr<Progress> ReadProgress(const std::string& run_id, absl::Time deadline) = 0;
  // When the next step of any campaign is due; InfiniteFuture: none.
  virtual absl::StatusOr<absl::Time> NextDue(absl::Time deadline) = 0;
  // Answers of repeated requests are kept for 24 h.
  virtual absl::Status ForgetRequests(absl::Time before, absl::Time deadline) = 0;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_STORE_H_
