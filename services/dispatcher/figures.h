// The metrics that are of the whole ledger and not of one process: published by whoever is the
// keeper, gone when it is not any more. README.md lists them.
//
// Thread safety: RunOnce by one thread. Blocks: on the database and Redis. Errors: those of the
// stores. What was published before stays for two looks that fail; after the third nothing is shown
// but how old the last good look is, since old figures look like good ones.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/metrics/figures.h"
#include "services/dispatcher/admin_store.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

// How much of a number's allowance was used, from its slots as they were counted now and then.
class ThrottleUse {
 public:
  // `spent` grows; if it shrank, Redis was built anew and counts from there.
  void Count(std::int64_t spent, absl::Time now);
  // The share of what `rate` allowed over the last minute (or since the first count).
  double Share(const base::Rate& rate) const;

 private:
  struct Sample {
    absl::Time at;
    std::int64_t spent;
  };
  std::deque<Sample> samples_;
};

class FigureKeeper {
 public:
  FigureKeeper(AdminStore& admin, Store& store, Queue& queue, base::Clock& clock)
      : admin_(admin), store_(store), queue_(queue), clock_(clock), looked_(clock.Now()) {}

  // One look at everything. Never more to do.
  absl::StatusOr<bool> RunOnce();

 private:
  absl::Status Look();

  AdminStore& admin_;
  Store& store_;
  Queue& queue_;
  base::Clock& clock_;
  std::map<std::string, ThrottleUse> use_;
  absl::Time looked_;  // when the last good look began; at first, when this was made
  int failures_ = 0;   // looks since
  metrics::Figures figures_;
};

}  // namespace kabar::dispatcher
