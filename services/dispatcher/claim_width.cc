#include "services/dispatcher/claim_width.h"

#include <algorithm>

namespace kabar::dispatcher {
namespace {

constexpr int kMin = 64;        // what the default hold of a slow machine still starts
constexpr int kGrowAfter = 50;  // starts in their slots for one more: where it settles, 2% miss

}  // namespace

ClaimWidth::ClaimWidth(int max_claim, int max)
    : max_claim_(std::min(max_claim, max)),
      max_(max),
      min_(std::min(kMin, max)),
      width_(std::max(max_claim_, min_)) {}

// A claim costs a round trip to Redis and a transaction, however little it brings.
bool ClaimWidth::HasRoom() const { return 2 * (width_ - held_) >= std::min(max_claim_, width_); }

int ClaimWidth::Reserve() {
  if (!HasRoom()) return 0;
  const int n = std::min(width_ - held_, max_claim_);
  held_ += n;
  return n;
}

void ClaimWidth::Started() {
  --held_;
  if (++started_ < kGrowAfter) return;
  started_ = 0;
  width_ = std::min(width_ + 1, max_);
}

void ClaimWidth::Missed() { width_ = std::max(width_ - 1, min_); }

}  // namespace kabar::dispatcher
