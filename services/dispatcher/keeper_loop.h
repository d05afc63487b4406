// A thread of the keeper that does one thing again and again.
//
// Thread safety: Start and Stop from one thread. Blocks: Stop until the round at work has ended.
// Errors: a round's errors are logged (not more than every 10 s) and counted
// (kabar_dispatcher_keeper_errors_total{loop}); the next round comes after the interval all the
// same.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace kabar::dispatcher {

class KeeperLoop {
 public:
  // One round; true: at once again, there is more.
  using Round = std::function<absl::StatusOr<bool>()>;
  // Waits for the next round's time or news.
  using Wait = std::function<void(std::stop_token)>;

  KeeperLoop(std::string name, Wait wait, Round round);
  // Waits for `interval` on `clock`.
  KeeperLoop(std::string name, absl::Duration interval, base::Clock& clock, Round round);
  ~KeeperLoop();  // stops
  KeeperLoop(const KeeperLoop&) = delete;
  KeeperLoop& operator=(const KeeperLoop&) = delete;

  void Start();
  void Stop();

 private:
  const std::string name_;
  const Wait wait_;
  const Round round_;
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
