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
// gone) ends the campaign as FAILED with the reason. While a running campaign stands still, its
// state_reason says in a sentence what it waits for.
#ifndef KABAR_SERVICES_CAMPAIGNS_RUNNER_H_
#define KABAR_SERVICES_CAMPAIGNS_RUNNER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
#include "services/campaigns/waiting.h"

namespace kabar::campaigns {

struct RunnerOptions {
  std::string name;  // in leases
  int threads = 2;
  absl::Duration lease = absl::Seconds(10);
  absl::Duration check = absl::Milliseconds(500);  // a run that waits for progress is looked at
  absl::Duration stale_check = absl::Seconds(2);
  absl::Duration lane_look = absl::Seconds(2);      // what is in the way of a run that stands still
  absl::Duration template_look = absl::Seconds(3);  // whether WhatsApp still takes its templates
  absl::Duration remember = absl::Minutes(10);      // notes of a campaign that no step came for
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

  // Of how many campaigns it keeps notes: those under way, and others for a while.
  std::size_t remembered() const;

 private:
  // What one process knows of a campaign beside its record; any of it may be lost at any time.
  struct Notes {
    std::optional<PinnedTemplate> pinned;
    absl::Time pinned_at;
    double rate_per_s = 0;  // what its lane can send
    absl::Time stale_checked = absl::InfinitePast();
    int failures = 0;  // consecutive
    Pulse pulse;
    absl::Time looked = absl::InfinitePast();  // for what is in the way
    // Whether the lane is as the campaign is: when it was looked at, and in which state.
    absl::Time lane_looked = absl::InfinitePast();
    State lane_looked_in = State::kDraft;
    std::string waits;  // what it waits for, as the last look found it
    absl::Time used;
  };

  void Loop(std::stop_token stop);
  absl::Duration UntilDue();
  absl::Status StepOf(const Campaign& taken);
  absl::Status Begin(const Campaign& taken);
  // A schedule: makes the run that is due, and finds the next occurrence.
  absl::Status Recur(const Campaign& taken);
  absl::Status Open(const Campaign& taken);
  absl::Status Run(const Campaign& taken, const Progress& progress);
  // Stops the campaign's lane if something is known against its provider templates that nobody has
  // accepted; true if it did.
  absl::StatusOr<std::string> StillAccepts(const Campaign& taken);
  absl::StatusOr<bool> StopForTroubles(const Campaign& taken);
  // The same when rendering met `trouble`, which the last look had not seen, and so nothing of its
  // batch was handed over.
  absl::Status StopFor(const Campaign& taken, const std::string& trouble);
  void ForgetTemplate(const Campaign& taken);  // what was noted of it
  absl::Status Expand(const Campaign& taken, const Progress& progress, const std::string& waits);
  absl::Status Conclude(const Campaign& taken, const Progress& progress, bool past_end);
  // The trouble that it met, as StopFor takes it; empty: none.
  absl::StatusOr<std::string> RefreshStale(const Campaign& taken);
  absl::Status HandleFailure(const Campaign& taken, const absl::Status& failure);
  // What stands in the way of a RUNNING campaign ("": nothing); asks now and then.
  absl::StatusOr<std::string> Look(const Campaign& taken, const Progress& progress);
  absl::StatusOr<std::string> Obstacle(const Campaign& taken, const Progress& progress,
                                       const Pulse& pulse);
  // True if the lane is PAUSED or RUNNING where the campaign is not.
  absl::StatusOr<bool> LaneDiffers(const Campaign& taken);
  absl::Status FollowLane(const Campaign& taken);
  // Locks the campaign and saves what `change` makes of it, unless it moved on since `taken`.
  // `waits`: what it waits for while it is RUNNING.
  absl::Status SaveStep(const Campaign& taken, absl::Duration next,
                        absl::FunctionRef<void(Campaign&)> change, const std::string& waits = "");
  absl::StatusOr<PinnedTemplate> Template(const Campaign& campaign);
  double RateOf(const Campaign& campaign);
  Notes& NotesOf(const Campaign& campaign);  // with mutex_ held
  void Forget(const Campaign& campaign);
  absl::Time Deadline() const;

  const RunnerOptions options_;
  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Notes> notes_;  // by campaign
  absl::Time swept_ = absl::InfinitePast();
  std::vector<std::unique_ptr<base::Wakeup>> wakeups_;
  std::vector<std::jthread> threads_;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_RUNNER_H_
