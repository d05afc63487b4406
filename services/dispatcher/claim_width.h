// How many messages a worker may hold claimed and not started, so that each can still start in its
// slot, a few milliseconds long: found out by trying. What misses its slot narrows the width, what
// starts in it widens it again. A limiter that allows more than the processor or the provider's
// connections can do would else fill the worker with messages that all miss.
//
// Thread safety: none; the worker's mutex guards it. Never blocks. Errors: none.
#pragma once

namespace kabar::dispatcher {

class ClaimWidth {
 public:
  // At most `max_claim` ids a claim, at most `max` held.
  ClaimWidth(int max_claim, int max);

  // How many ids to claim now; they count as held. 0: wait, so few at a time are not worth a claim.
  int Reserve();
  bool HasRoom() const;
  // Held no more without having started: never brought by the claim, or returned.
  void Release(int n) { held_ -= n; }
  // One of the held ones, in its slot.
  void Started();
  // One of the held ones did not; it is still held.
  void Missed();

  int width() const { return width_; }
  int held() const { return held_; }

 private:
  const int max_claim_;
  const int max_;
  const int min_;
  int width_;
  int held_ = 0;
  int started_ = 0;  // since the width last grew
};

}  // namespace kabar::dispatcher
