// Claims and sends. One Worker serves all portfolios; any number of processes may run one.
//
// Threads: `claimers` take a portfolio whose time has come (claim_turns.h), claim in Redis, take
// the right to send in the ledger, and hand the messages to the sender, which starts each request
// in its slot (slot_sender.h); the HTTP client's own threads complete them; their outcomes are
// written by the outcome writer. Order of events for one message: README.md.
//
// Thread safety: Start and Stop from one thread. Stop() claims no more, waits for what is in
// flight and writes its outcomes, at most until `deadline`. The HTTP client below the provider must
// be stopped before the Worker is destroyed. Errors: none; failures of Redis, ledger
// or provider are logged, counted, and everything goes on when they are back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/send_job.h"
#include "services/dispatcher/slot_sender.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

struct WorkerOptions {
  std::string name;  // in leases and logs
  int claimers = 4;
  int max_claim = 500;                                  // ids a claim
  int max_in_flight = 2000;                             // claimed, not finished
  absl::Duration claim_ahead = absl::Milliseconds(50);  // slots of one claim span at most this
  // No request starts later than this after its compare-and-set was sent: what makes pause and
  // cancel exact. Must stay well under 1 s.
  absl::Duration hold = absl::Milliseconds(500);
  absl::Duration lease = absl::Seconds(60);  // longer than hold + request_timeout
  absl::Duration request_timeout = absl::Seconds(20);
  absl::Duration retry_initial = absl::Seconds(2);
  absl::Duration retry_max = absl::Minutes(5);
};

class Worker {
 public:
  // May block: asked once a claim, by a claimer.
  using Credentials = std::function<absl::StatusOr<std::shared_ptr<const SenderCredentials>>(
      const std::string& sender)>;

  Worker(WorkerOptions options, Queue& queue, Store& store, Credentials credentials,
         SlotSender::Provider provider, const whatsapp::ErrorPolicy& policy, base::Clock& clock);
  ~Worker();

  void Start();
  // False if something was still in flight at the deadline; the log names numbers and lanes. Once
  // the HTTP client has been stopped nothing is in flight any more: stop again, for the outcomes.
  bool Stop(absl::Time deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::dispatcher
