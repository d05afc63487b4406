// Exponential backoff with full jitter: the n-th delay is uniform between `floor` and
// min(max, initial * multiplier^(n-1)), so that clients that failed together do not come back
// together.
//
// Thread safety: BackoffDelay is free; a Backoff belongs to one thread. Blocks: no. Errors: none.
#pragma once

#include <functional>

#include "absl/time/time.h"

namespace kabar::base {

struct BackoffPolicy {
  absl::Duration initial = absl::Milliseconds(100);
  absl::Duration max = absl::Seconds(30);
  double multiplier = 2.0;
  absl::Duration floor = absl::ZeroDuration();
};

// Uniform in [0, 1).
using RandomSource = std::function<double()>;

// One generator a thread, seeded by the kernel.
double UniformRandom();

// The delay before try number `attempt` + 1; `attempt` counts failures so far, from 1.
absl::Duration BackoffDelay(const BackoffPolicy& policy, int attempt,
                            const RandomSource& random = UniformRandom);

// The same for loops that reconnect: Next() after each failure, Reset() after a success.
class Backoff {
 public:
  explicit Backoff(BackoffPolicy policy, RandomSource random = UniformRandom);

  absl::Duration Next();
  void Reset();
  int failures() const { return failures_; }

 private:
  BackoffPolicy policy_;
  RandomSource random_;
  int failures_ = 0;
};

}  // namespace kabar::base
