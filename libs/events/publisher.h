// Gives committed outbox rows their numbers 1, 2, 3, ... without gaps.
//
// Why this is safe: a number is given only to a row that is committed (the publisher sees no
// other), under one row lock (event_publisher) that it takes before it looks, in the transaction
// that advances the next number. So number n is visible only after all numbers below n are, and a
// reader that asks `number > position` can never be overtaken, in whatever order the writers'
// commits arrive: a row that commits late simply gets a later number. A publisher that dies takes
// its unfinished numbers with it, and the next one gives them anew.
//
// Every replica may run one; the lock lets one work at a time. It wakes on NOTIFY, and looks by
// itself once per `poll`.
//
// Thread safety: Start and Stop from one thread, PublishOnce from any. Blocks: Stop until the
// thread has ended. Errors: the thread logs them and goes on with backoff.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::events {

class Publisher {
 public:
  struct Options {
    int max_rows = 1000;  // numbered per transaction
    absl::Duration poll = absl::Seconds(1);
    // Between two transactions. The first row after a pause is numbered at once; rows of a steady
    // stream share their transactions, and so do all consumers' effects.
    absl::Duration pace = absl::Milliseconds(100);
  };

  // `pool`'s schema holds the outbox. The pool outlives the publisher.
  explicit Publisher(pg::Pool& pool) : Publisher(pool, Options{}) {}
  Publisher(pg::Pool& pool, Options options);
  ~Publisher();  // stops
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  void Start();
  void Stop();

  // Numbers up to max_rows rows; how many. For tests and shutdown.
  absl::StatusOr<int64_t> PublishOnce(absl::Time deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::events
