// Elects the one keeper: whoever holds an advisory lock of the database. The lock goes with the
// connection, so a keeper that dies, hangs or loses the database is followed by another.
//
// For the moments in which an old keeper has not noticed yet, two may work: everything a keeper
// does is guarded by row locks of its own, and harmless twice.
//
// Thread safety: Start and Stop from one thread; the callbacks run on the lock's thread. Blocks:
// Stop until `lost` has returned. Errors: none; without the database it tries again every second.
#pragma once

#include <functional>
#include <thread>

#include "libs/base/clock.h"

namespace kabar::pg {
class Pool;
}

namespace kabar::dispatcher {

class KeeperLock {
 public:
  // The pool is used by nobody else (one connection). Each `elected` is followed by one `lost`.
  KeeperLock(pg::Pool& pool, base::Clock& clock, std::function<void()> elected,
             std::function<void()> lost);
  ~KeeperLock();  // stops
  KeeperLock(const KeeperLock&) = delete;
  KeeperLock& operator=(const KeeperLock&) = delete;

  void Start();
  void Stop();

 private:
  void HoldOnce(std::stop_token stop);

  pg::Pool& pool_;
  base::Clock& clock_;
  const std::function<void()> elected_;
  const std::function<void()> lost_;
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
