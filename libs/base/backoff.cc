#include "libs/base/backoff.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

namespace kabar::base {

double UniformRandom() {
  thread_local std::mt19937_64 generator{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(generator);
}

absl::Duration BackoffDelay(const BackoffPolicy& policy, int attempt, const RandomSource& random) {
  int exponent = std::max(attempt, 1) - 1;
  // An infinite product is fine: the minimum brings it back to `max`.
  absl::Duration grown = policy.initial * std::pow(policy.multiplier, exponent);
  absl::Duration ceiling = std::min(grown, policy.max);
  absl::Duration floor = std::min(policy.floor, ceiling);
  return floor + (ceiling - floor) * random();
}

Backoff::Backoff(BackoffPolicy policy, RandomSource random)
    : policy_(policy), random_(std::move(random)) {}

absl::Duration Backoff::Next() {
  // Stops counting where the delay has long reached its cap, so that it never overflows.
  if (failures_ < 1'000'000) ++failures_;
  return BackoffDelay(policy_, failures_, random_);
}

void Backoff::Reset() { failures_ = 0; }

}  // namespace kabar::base
