// Collects outcomes and writes them to the ledger in batches; what is QUEUED again goes back to
// the queue. Keeps trying until the ledger took them: an outcome is never dropped while the process
// lives (dies it before, the lease runs out and the attempt becomes UNKNOWN). One exception: an
// outcome that the ledger refuses for what it holds (pg::IsOfData), by itself and again and again,
// is logged and left to its lease, so that it does not stop the others.
//
// Thread safety: Add() from any thread, never blocks on the ledger. Drain() blocks until all that
// was added is written, or `deadline`. Errors: none; failures are logged, counted and repeated.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

class OutcomeWriter {
 public:
  struct Options {
    std::size_t max_batch = 500;
    absl::Duration linger = absl::Milliseconds(15);  // how long the first waits for company
    int writers = 2;                                 // transactions in flight
  };
  // `requeued` gets what the ledger put back to QUEUED; it may block on Redis.
  using OnRequeued = std::function<void(std::vector<Store::Requeued>)>;

  OutcomeWriter(Options options, Store& store, OnRequeued requeued, base::Clock& clock);
  ~OutcomeWriter();

  void Add(Outcome outcome);
  // False if something was left at the deadline.
  bool Drain(absl::Time deadline);
  std::size_t pending() const;

 private:
  void Run(std::stop_token stop);
  std::vector<Outcome> TakeBatch(std::stop_token stop);
  void Write(const std::vector<Outcome>& batch, std::stop_token stop);
  void GiveUp(const Outcome& outcome, const absl::Status& why);

  const Options options_;
  Store& store_;
  const OnRequeued requeued_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Outcome> waiting_;
  std::size_t writing_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace kabar::dispatcher
