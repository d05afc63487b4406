// Starts each claimed message in its slot and brings home what came of it: the gate just before the
// bytes, new slots for what missed its own, the result as an outcome for the ledger. Everything
// that enters ends in exactly one outcome. What a result says of the number is told too: it slows
// down, or its circuit opens (sender_watch.h), and what is held of it goes back unsent.
//
// Thread safety: Enter, Return and Fail from any thread; the provider's gate and completion may run
// on any. Never blocks: Redis is asked on a thread of its own. Errors: none; they become outcomes.
// On destruction what has not been started goes back unsent; the provider must complete nothing any
// more by then (its client is stopped).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/backoff.h"
#include "libs/base/clock.h"
#include "libs/http/client.h"
#include "libs/whatsapp/client.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/claim_turns.h"
#include "services/dispatcher/errands.h"
#include "services/dispatcher/outcome_writer.h"
#include "services/dispatcher/pacer.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/send_job.h"
#include "services/dispatcher/sender_watch.h"

namespace kabar::dispatcher {

class SlotSender {
 public:
  // whatsapp::Client::Send.
  using Provider = std::function<void(whatsapp::SendRequest request, http::BeforeWrite gate,
                                      whatsapp::Client::OnSent done)>;
  struct Options {
    absl::Duration request_timeout = absl::Seconds(20);
    base::BackoffPolicy retry = {};
  };

  SlotSender(Options options, Queue& queue, OutcomeWriter& outcomes, ClaimTurns& turns,
             Provider provider, const whatsapp::ErrorPolicy& policy, base::Clock& clock);
  ~SlotSender();

  // In flight by ClaimTurns::Claimed until its outcome is handed over.
  void Enter(std::unique_ptr<SendJob> job);
  // Goes back unsent.
  void Return(std::unique_ptr<SendJob> job, absl::string_view reason,
              absl::Time not_before = absl::InfinitePast());
  // Cannot be sent, and will not be.
  void Fail(std::unique_ptr<SendJob> job, absl::string_view reason);
  // Of the numbers that it sends for; lives as long as this.
  SenderWatch& watch() { return watch_; }

 private:
  using JobPtr = std::unique_ptr<SendJob>;

  void Send(JobPtr job);
  bool MayStart(SendJob& job);
  void Completed(JobPtr job, whatsapp::SendOutcome result);
  void Reslot();
  void GoBack(JobPtr job, Outcome outcome);
  void GiveBack();
  void SlowDown(const SendJob& job);
  void CloseWindow(const SendJob& job, Outcome outcome);
  void RefusePair(const SendJob& job, Outcome outcome);
  void Alert(const SendJob& job, const Reaction& reaction);
  void Finish(Outcome outcome, bool started);

  const Options options_;
  Queue& queue_;
  OutcomeWriter& outcomes_;
  ClaimTurns& turns_;
  const Provider provider_;
  const whatsapp::ErrorPolicy& policy_;
  base::Clock& clock_;
  std::mutex mutex_;
  bool closing_ = false;
  std::vector<JobPtr> late_;  // wait for new slots
  struct Unsent {
    JobPtr job;
    Outcome outcome;
  };
  std::vector<Unsent> unsent_;  // wait until Redis knows
  SenderWatch watch_;
  Errands errands_;  // destroyed before whom its errands are for
  Pacer chores_;     // a second one, whose actions may block on Redis
  Pacer pacer_;      // destroyed first: what it has left needs the chores
};

}  // namespace kabar::dispatcher
