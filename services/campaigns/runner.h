// Drives campaigns: starts them at their time, writes the audience, opens the lane, hands over
// batch after batch at most 60 s ahead, renders again what became old, ends them.
//
// Each step is one idempotent piece of work followed by one save, so a kill at any moment repeats a
// step at most: the audience is written once per run, message ids derive from run and member, and
// the cursor moves only from where the step began. Several replicas and threads share the campaigns
// by leases; a lease that ran out only means that two do the same.
//
// Thread safety: Start, Stop from one thread; Wake from any. Step() is one step, for tests.
// Errors: transient ones are retried with backoff; what can never work (template, segment or sender
// gone) ends the campaign as FAILED with the reason.
#ifndef KABAR_SERVICES_CAMPAIGNS_RUNNER_H_
#define KABAR_SERVICES_CAMPAIGNS_RUNNER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/store.h"

namespace kabar::campaigns {

struct RunnerOptions {
  std::string name;  // in leases
  int threads = 2;
  absl::Duration lease = absl::Seconds(10);
  absl::Duration check = absl::Milliseconds(500);  // a run that waits for progress is looked at
  absl::Duration stale_check = absl::Seconds(2);
};

class Runner {
 public:
  Runner(RunnerOptions options, Store& store, Peers& peers, base::Clock& clock);
  ~Runner();

  void Start();
  void Stop();
  // Something may be due now.
  void Wake();

  // Takes a due campaign and does its next step. False: none is due.
  absl::StatusOr<bool> Step();

 private:
  void Loop(std::stop_token stop);
  absl::Duration UntilDue();
  absl::Status StepOf(const Campaign& taken);
  absl::Status Begin(const Campaign& taken);
  absl::Status Open(const Campaign& taken);
  absl::Status Expand(const Campaign& taken, const Progress& progress);
  absl::Status Conclude(const Campaign& taken, const Progress& progress);
  absl::Status RefreshStale(const Campaign& taken);
  absl::Status HandleFailure(const Campaign& taken, const absl::Status& failure);
  // Locks the campaign and saves what `change` makes of it, unless it moved on since `taken`.
  absl::Status SaveStep(const Campaign& taken, absl::Duration next,
                        absl::FunctionRef<void(Campaign&)> change);
  absl::StatusOr<PinnedTemplate> Template(const Campaign& campaign);
  absl::Time Deadline() const;

  const RunnerOptions options_;
  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, PinnedTemplate> templates_;  // by run
  std::map<std::string, double> rates_;              // by run: what its lane can send per second
  std::map<std::string, absl::Time> stale_checked_;  // by run
  std::map<std::string, int> failures_;              // by campaign: consecutive
  std::vector<std::unique_ptr<base::Wakeup>> wakeups_;
  std::vector<std::jthread> threads_;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_RUNNER_H_
