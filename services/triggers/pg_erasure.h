// One person is forgotten: what order events told of him, and what he wrote. That an event came and
// what was answered stays. The dispatcher passes contacts' word on, once after each of its two
// passes, so what arrives here late goes with the second.
//
// The word is noted in the transaction that reads the event and done by a thread, a page of rows a
// transaction: neither events nor publishers wait for it.
//
// Thread safety: Start and Stop from one thread; RunOnce by one at a time. Blocks: Stop until the
// statement in hand is done. Errors: logged; whom it could not do is tried again after a minute.
#ifndef KABAR_SERVICES_TRIGGERS_PG_ERASURE_H_
#define KABAR_SERVICES_TRIGGERS_PG_ERASURE_H_

#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/pg/transaction.h"

namespace kabar::base {
class Clock;
}
namespace kabar::events::v1 {
class ContactErased;
}
namespace kabar::pg {
class Pool;
}

namespace kabar::triggers {

void NoteErasure(pg::Transaction& tx, const std::string& outlet,
                 const events::v1::ContactErased& erased, absl::Time now);

class EraseLoop {
 public:
  // Both outlive it.
  EraseLoop(pg::Pool& pool, base::Clock& clock) : pool_(pool), clock_(clock) {}
  ~EraseLoop() { Stop(); }
  EraseLoop(const EraseLoop&) = delete;
  EraseLoop& operator=(const EraseLoop&) = delete;

  void Start();
  void Stop();

  // One person; true if there may be another. Steps that wait for his sake become REFUSED (ERASED).
  absl::StatusOr<bool> RunOnce();

 private:
  struct Person;

  void Run(std::stop_token stop);
  absl::Status Take(Person* person);
  absl::Status BlankEvents(const Person& person);
  absl::Status BlankAnswers(const Person& person, bool* settled);

  pg::Pool& pool_;
  base::Clock& clock_;
  std::jthread thread_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_PG_ERASURE_H_
