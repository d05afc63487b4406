// Collects webhooks for a few milliseconds, so that one call and one commit in the journal serve
// up to 256 of them: a call for each would cost more than everything else the gateway does.
//
// Thread safety: Submit and Stop from any thread. Blocks: Submit never; Stop until every webhook
// handed in has its answer (at most the journal's own timeout later).
// Errors, told to `done`: RESOURCE_EXHAUSTED (JOURNAL_QUEUE_FULL), DEADLINE_EXCEEDED
// (JOURNAL_TOO_SLOW: waited longer than max_wait for its turn), UNAVAILABLE (GATEWAY_DRAINING), or
// what the journal said.
#ifndef KABAR_SERVICES_GATEWAY_GROUP_COMMIT_H_
#define KABAR_SERVICES_GATEWAY_GROUP_COMMIT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/gateway/journal.h"

namespace kabar::gateway {

class GroupCommit {
 public:
  struct Options {
    std::size_t max_payloads = 256;                 // in one group
    std::size_t max_bytes = 6 << 20;                // in one group; the journal takes 8 MiB
    absl::Duration linger = absl::Milliseconds(3);  // after the group's first
    int max_in_flight = 4;                          // groups under way at once
    std::size_t max_held = 8192;                    // webhooks waiting or under way
    std::size_t max_held_bytes = 128 << 20;
    absl::Duration max_wait = absl::Seconds(5);  // the sender has given up by then
  };

  using Done = Journal::Done;

  // `journal` and `clock` outlive it.
  GroupCommit(Options options, Journal& journal, base::Clock& clock);
  ~GroupCommit();  // Stop()
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  // `done` is called exactly once, possibly before Submit returns; it must not block.
  void Submit(std::string body, Done done);

  // Refuses what comes from now on and commits what is there without lingering.
  void Stop();

 private:
  struct Waiting {
    Payload payload;
    Done done;
    std::size_t bytes;
    std::int64_t since_micros;
  };
  using Group = std::vector<Waiting>;

  void Run();
  // What the loop does next: a group to send, webhooks that waited too long, or how long to sleep.
  struct Step {
    Group send = {};
    Group give_up = {};
    bool finished = false;
    absl::Duration sleep = absl::ZeroDuration();
  };
  Step NextStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Group TakeGroup() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool GroupIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(Group group);
  void Answer(Group& group, const absl::Status& status, bool was_in_flight);

  const Options options_;
  Journal& journal_;
  base::Clock& clock_;
  base::Wakeup wakeup_;

  absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t held_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::once_flag joined_;
  std::thread thread_;
};

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_GROUP_COMMIT_H_
