// Forgets, once an hour, the request ids that are older than the 24 hours for which they are
// honoured, gives up imports that nobody went on with for as long, forgets what pulls refused and
// their imports after 30 days, the audiences of runs that ended `keep_audiences`
// (--audience-retention) ago, and temporary audiences of a day ago.
//
// Thread safety: made and destroyed by one thread; works in a thread of its own. Blocks: the
// destructor and Stop until the statement in hand is done. Errors: logged, tried again the next
// hour.
#ifndef KABAR_SERVICES_CONTACTS_REQUEST_SWEEP_H_
#define KABAR_SERVICES_CONTACTS_REQUEST_SWEEP_H_

#include <stop_token>
#include <thread>

#include "absl/time/time.h"

namespace kabar::base {
class Clock;
}

namespace kabar::contacts {

class Store;

class RequestSweep {
 public:
  // Both outlive the sweep.
  RequestSweep(Store& store, absl::Duration keep_audiences, base::Clock& clock);
  ~RequestSweep() { Stop(); }
  RequestSweep(const RequestSweep&) = delete;
  RequestSweep& operator=(const RequestSweep&) = delete;

  void Stop();

 private:
  void Run(std::stop_token stop);

  Store& store_;
  const absl::Duration keep_audiences_;
  base::Clock& clock_;
  std::jthread thread_;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_REQUEST_SWEEP_H_
