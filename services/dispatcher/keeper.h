// All that the keeper does, as one part: made when this process is elected, gone when it is not.
//
// Thread safety: made and destroyed by one thread. Blocks: the destructor until every loop's round
// has ended.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/pg_store.h"
#include "services/dispatcher/queue.h"

namespace kabar::pg {
class Pool;
}
namespace kabar::whatsapp {
class ErrorPolicy;
}

namespace kabar::dispatcher {

struct Config;

class Keeper {
 public:
  // Starts everything. All outlive the keeper.
  Keeper(const Config& config, pg::Pool& pool, PgStore& store, Queue& queue,
         const whatsapp::ErrorPolicy& policy, base::Clock& clock);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace kabar::dispatcher
