// Waits for NOTIFY on one connection of its own, in one thread, for any number of waiters.
//
//   pg::Listener news(pool.options(), {"dispatcher.outbox"});
//   for (uint64_t seen = news.Seen();; seen = news.Seen()) {
//     ... look for work, all of it ...
//     news.WaitNewer(seen, absl::Now() + absl::Seconds(1), stop);   // at most a second late
//   }
//
// A notification may be lost (a process that dies between COMMIT and NOTIFY, a broken connection),
// so waiters look for work after a while anyway. A reconnection counts as news.
//
// Thread safety: safe for concurrent use. Blocks: WaitNewer until news, the deadline or the stop;
// the destructor until the thread has ended (at once). Errors: none; without a connection it
// retries with backoff and waiters live on their deadlines.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/pg/pool.h"

namespace kabar::pg {

class Listener {
 public:
  Listener(PoolOptions options, std::vector<std::string> channels);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Grows with every notification, reconnection and Poke.
  uint64_t Seen() const;
  // True when Seen() > seen; false at the deadline or the stop.
  bool WaitNewer(uint64_t seen, absl::Time deadline, std::stop_token stop) const;
  // As if a notification had come: for news of the same process.
  void Poke();

  bool connected() const;
  // Which connection it listens on, counted from 1; 0: none at present. What was read from the
  // database under another number may have been read from another database: a restored one.
  uint64_t SessionNumber() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::pg
