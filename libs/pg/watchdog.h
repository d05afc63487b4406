// Bounds what libpq does not: its calls wait for the server without a deadline, so a server that
// hangs (stopped, its machine gone) would hold them for ever. One thread shuts the socket of a call
// that is overdue, which libpq then reports as a lost connection. Internal to libs/pg.
//
// Thread safety: safe for concurrent use. Blocks: never (a short lock).
#pragma once

#include <cstdint>
#include <memory>

#include "absl/time/time.h"

namespace kabar::pg {

class Watchdog {
 public:
  Watchdog();
  ~Watchdog();

  // While it lives, `socket` is shut at `deadline`. End it before the socket is closed: its number
  // may soon be another file's.
  class Guard {
   public:
    Guard(Watchdog& watchdog, int socket, absl::Time deadline);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Watchdog& watchdog_;
    absl::Time deadline_;
    uint64_t id_;
  };

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::pg
