// Forgets, once an hour, what nobody asks for any more: request ids after the 24 hours for which
// they are honoured, events with their steps and customers' answers after `keep`
// (--event-retention).
//
// Thread safety: made and destroyed by one thread; works in a thread of its own. Blocks: the
// destructor and Stop until the statement in hand is done. Errors: logged, tried again the next
// hour.
#ifndef KABAR_SERVICES_TRIGGERS_SWEEP_H_
#define KABAR_SERVICES_TRIGGERS_SWEEP_H_

#include <stop_token>
#include <thread>

#include "absl/time/time.h"

namespace kabar::base {
class Clock;
}

namespace kabar::triggers {

class Store;

class Sweep {
 public:
  // Both outlive the sweep.
  Sweep(Store& store, absl::Duration keep, base::Clock& clock);
  ~Sweep() { Stop(); }
  Sweep(const Sweep&) = delete;
  Sweep& operator=(const Sweep&) = delete;

  void Stop();

 private:
  void Run(std::stop_token stop);

  Store& store_;
  const absl::Duration keep_;
  base::Clock& clock_;
  std::jthread thread_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_SWEEP_H_
