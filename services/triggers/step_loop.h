// Sends what is due: takes due steps under a lease, hands them over, writes what came of them. Any
// number of loops, in any number of processes, share the work; what a dead one held comes free when
// its lease is over, and is repeated without effect (hand_over.h).
//
// Thread safety: made, started and stopped by one thread; works in a thread of its own; Wake from
// any thread. Blocks: Stop until the batch at work is done. Errors: logged; everything is tried
// again.
#ifndef KABAR_SERVICES_TRIGGERS_STEP_LOOP_H_
#define KABAR_SERVICES_TRIGGERS_STEP_LOOP_H_

#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace kabar::triggers {

class HandOver;
class Store;

class StepLoop {
 public:
  struct Options {
    int batch = 200;
    // Longer than a batch takes as a rule; what it still does afterwards changes nothing.
    absl::Duration lease = absl::Seconds(15);
    absl::Duration poll = absl::Milliseconds(500);  // for steps that others planned, or that wait
  };

  // All outlive the loop.
  StepLoop(Store& store, HandOver& hand_over, base::Clock& clock)
      : StepLoop(store, hand_over, clock, Options{}) {}
  StepLoop(Store& store, HandOver& hand_over, base::Clock& clock, Options options)
      : store_(store), hand_over_(hand_over), clock_(clock), options_(options) {}
  ~StepLoop() { Stop(); }
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;

  void Start();
  void Stop();
  // A step may be due now.
  void Wake() { wakeup_.Notify(); }

  // One batch; how many steps it took. For the loop and for tests.
  absl::StatusOr<int> RunOnce();

 private:
  void Run(std::stop_token stop);

  Store& store_;
  HandOver& hand_over_;
  base::Clock& clock_;
  const Options options_;
  base::Wakeup wakeup_;
  std::jthread thread_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_STEP_LOOP_H_
