// What Redis is to be told, on a thread of its own, in order: some of it before an outcome goes to
// the ledger, so none of it may be held up for long by a Redis that hangs. All that has gathered
// when the thread turns to it shares one deadline: whatever their number, errands are done within
// two budgets.
//
// Thread safety: Add() from any thread, never blocks; the errands run on the thread of this and
// must not block beyond the deadline they are given. The destructor runs what is left. Errors: the
// errands' own affair.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace kabar::dispatcher {

class Errands {
 public:
  using Errand = absl::AnyInvocable<void(absl::Time deadline)>;

  Errands(absl::Duration budget, base::Clock& clock);
  ~Errands();

  void Add(Errand errand);

 private:
  void Run(std::stop_token stop);

  const absl::Duration budget_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Errand> waiting_;
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
