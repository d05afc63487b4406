#include "services/dispatcher/slot_sender.h"
#include "libs/base/fail_point.h"

#include <map>
#include <string>
#include <utility>

#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/histogram.h"
#include "services/dispatcher/slow_down.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;
using whatsapp::SendOutcome;

constexpr int kMaxReslots = 8;
// A new slot lies at least this far ahead: what asking for it costs, and the queue's own lead.
constexpr absl::Duration kReslotLead = absl::Milliseconds(25);
constexpr absl::Duration kSlotTimeout = absl::Milliseconds(200);
// Outcomes wait for errands, and their leases run meanwhile.
constexpr absl::Duration kErrandBudget = absl::Seconds(1);

// One for each attempt, so a series is looked up once.
metrics::Counter& AttemptsEnded(SendOutcome::Kind kind) {
  const auto series = [](SendOutcome::Kind of) {
    return &metrics::GetCounter("kabar_dispatcher_attempts_total", "Attempts by how they ended.",
                                {{"outcome", std::string(whatsapp::SendOutcomeKindName(of))}});
  };
  static const std::map<SendOutcome::Kind, metrics::Counter*> counters = [&] {
    std::map<SendOutcome::Kind, metrics::Counter*> all;
    for (const auto of : {SendOutcome::Kind::kNotSent, SendOutcome::Kind::kAccepted,
                          SendOutcome::Kind::kRejected, SendOutcome::Kind::kAmbiguous}) {
      all[of] = series(of);
    }
    return all;
  }();
  return *counters.at(kind);
}

}  // namespace

SlotSender::SlotSender(Options options, Queue& queue, OutcomeWriter& outcomes, ClaimTurns& turns,
                       Provider provider, const whatsapp::ErrorPolicy& policy, base::Clock& clock)
    : options_(std::move(options)),
      queue_(queue),
      outcomes_(outcomes),
      turns_(turns),
      provider_(std::move(provider)),
      policy_(policy),
      clock_(clock),
      watch_(queue, errands_, clock),
      errands_(kErrandBudget, clock),
      chores_(clock),
      pacer_(clock) {}

SlotSender::~SlotSender() {
  std::lock_guard lock(mutex_);
  closing_ = true;
}

void SlotSender::Enter(JobPtr job) {
  const std::int64_t at = job->slot.start_not_before_us;
  pacer_.At(at, [this, job = std::move(job)]() mutable { Send(std::move(job)); });
}

void SlotSender::Send(JobPtr job) {
  bool closing = false;
  {
    std::lock_guard lock(mutex_);
    closing = closing_;
  }
  if (closing) return Return(std::move(job), "STOPPED");
  whatsapp::SendRequest request;
  request.phone_number_id = job->sender->phone_number_id;
  request.token = job->sender->access_token;
  request.body = job->body;
  request.deadline = clock_.Now() + options_.request_timeout;
  SendJob* view = job.get();
  provider_(
      std::move(request), [this, view] { return MayStart(*view); },
      [this, job = std::move(job)](SendOutcome result) mutable {
        Completed(std::move(job), std::move(result));
      });
}

// Immediately before the bytes are written.
bool SlotSender::MayStart(SendJob& job) {
  static auto& wait = metrics::GetHistogram(
      "kabar_dispatcher_claim_to_start_seconds",
      "From asking the ledger for the right to send to the first byte; new slots included.", {},
      metrics::LatencyBuckets());
  const std::int64_t now = clock_.BoottimeMicros();
  job.started = job.MayStart(now, clock_.Now()) && !watch_.Refuses(job);
  if (job.started) {
    base::FailPoint("gate-passed");
    wait.Observe(absl::ToDoubleSeconds(absl::Microseconds(now - job.claimed_us)));
    turns_.Started();
  } else {
    turns_.Missed();
  }
  return job.started;
}

void SlotSender::Completed(JobPtr job, SendOutcome result) {
  static auto& latency = metrics::GetHistogram("kabar_dispatcher_request_duration_seconds",
                                               "From the first byte written to the answer.");
  if (result.gate_refused && watch_.Refuses(*job)) return Return(std::move(job), "CIRCUIT_OPEN");
  const std::int64_t earliest = clock_.BoottimeMicros() + absl::ToInt64Microseconds(kReslotLead);
  if (result.gate_refused && job->reslots < kMaxReslots && earliest < job->start_until_us) {
    ++job->reslots;
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      first = late_.empty();
      late_.push_back(std::move(job));
    }
    if (first) chores_.At(0, [this] { Reslot(); });
    return;
  }
  if (result.kind != SendOutcome::Kind::kNotSent) {
    latency.Observe(absl::ToDoubleSeconds(result.completed_at - result.written_at));
  }
  AttemptsEnded(result.kind).Increment();
  base::FailPoint("answer-received");
  Reaction reaction = React(*job, result, policy_, options_.retry, clock_.Now());
  if (reaction.word != SenderWord::kNone) watch_.Ended(*job, reaction.word);
  if (result.kind == SendOutcome::Kind::kNotSent) {
    if (reaction.word != SenderWord::kNone) job->probe = false;  // its word is told
    return GoBack(std::move(job), std::move(reaction.outcome));
  }
  if (reaction.alert) Alert(*job, reaction);
  if (reaction.slow) SlowDown(*job);
  if (reaction.action == ErrorAction::kRetryRecipient) {
    return RefusePair(*job, std::move(reaction.outcome));
  }
  if (reaction.outcome.action == OutcomeAction::kCloseWindow) {
    return CloseWindow(*job, std::move(reaction.outcome));
  }
  Finish(std::move(reaction.outcome), job->started);
}

// All messages that missed their slots, lane by lane; who gets none goes back unsent.
void SlotSender::Reslot() {
  std::vector<JobPtr> jobs;
  bool closing = false;
  {
    std::lock_guard lock(mutex_);
    jobs.swap(late_);
    closing = closing_;
  }
  std::map<std::string, std::vector<JobPtr>> by_lane;
  for (auto& job : jobs) by_lane[job->lane_id].push_back(std::move(job));
  for (auto& [lane, waiting] : by_lane) {
    std::size_t given = 0;
    if (!closing) {
      std::vector<ClaimedEntry> late;
      for (const auto& job : waiting) late.push_back(job->slot);
      auto slots =
          queue_.Reslot(waiting.front()->portfolio_id, lane, late, clock_.Now() + kSlotTimeout);
      if (slots.ok()) given = std::min(slots->size(), waiting.size());
      for (std::size_t i = 0; i < given; ++i) {
        waiting[i]->slot = (*slots)[i];
        Enter(std::move(waiting[i]));
      }
    }
    for (std::size_t i = given; i < waiting.size(); ++i) {
      Return(std::move(waiting[i]), "TOO_LATE_FOR_SLOT");
    }
  }
}

void SlotSender::SlowDown(const SendJob& job) {
  errands_.Add([this, portfolio = job.portfolio_id, sender = job.sender_id,
                slot = job.slot.server_slot_us](absl::Time deadline) {
    dispatcher::SlowDown(queue_, portfolio, sender, slot, deadline);
  });
}

// Redis before the ledger, or the next try, a template, would go out uncounted.
void SlotSender::CloseWindow(const SendJob& job, Outcome outcome) {
  errands_.Add([this, portfolio = job.portfolio_id, sender = job.sender_id,
                recipient = job.recipient_id, started = job.started,
                outcome = std::move(outcome)](absl::Time deadline) mutable {
    const absl::Status status = queue_.CloseWindow(portfolio, sender, recipient, deadline);
    if (!status.ok()) {
      static log::Throttle throttle(absl::Seconds(10));
      log::Warn(throttle, "a window was not closed in Redis; the recipient goes uncounted",
                {{"sender_id", sender}, {"error", status}});
    }
    Finish(std::move(outcome), started);
  });
}

// Redis first: it counts the refusals of the pair and says how long this message waits too.
void SlotSender::RefusePair(const SendJob& job, Outcome outcome) {
  errands_.Add([this, portfolio = job.portfolio_id, sender = job.sender_id,
                recipient = job.recipient_id, started = job.started,
                outcome = std::move(outcome)](absl::Time deadline) mutable {
    const absl::StatusOr<absl::Duration> wait =
        queue_.RefusePair(portfolio, sender, recipient, deadline);
    if (wait.ok()) outcome.not_before = clock_.Now() + *wait;
    Finish(std::move(outcome), started);
  });
}

void SlotSender::Alert(const SendJob& job, const Reaction& reaction) {
  const std::string action(whatsapp::ErrorActionName(reaction.action));
  metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                      {{"action", action}})
      .Increment();
  log::Error("provider refused, a person must look",
             {{"action", action},
              {"reason", reaction.outcome.reason},
              {"sender_id", job.sender_id},
              {"lane_id", job.lane_id},
              {"do", whatsapp::ErrorActionAdvice(reaction.action)}});
}

void SlotSender::Return(JobPtr job, absl::string_view reason, absl::Time not_before) {
  AttemptsEnded(SendOutcome::Kind::kNotSent).Increment();
  Outcome outcome;
  outcome.message_id = job->message_id;
  outcome.lane_id = job->lane_id;
  outcome.attempt = job->attempt;
  outcome.state = AttemptState::kReturned;
  outcome.reason = std::string(reason);
  outcome.not_before = not_before;
  GoBack(std::move(job), std::move(outcome));
}

// Not one byte was written. Redis is told before the ledger, or the message would be claimed again
// while its recipient still counts as written to.
void SlotSender::GoBack(JobPtr job, Outcome outcome) {
  if (job->probe) watch_.Ended(*job, SenderWord::kNone);
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = unsent_.empty();
    unsent_.push_back({.job = std::move(job), .outcome = std::move(outcome)});
  }
  if (first) chores_.At(0, [this] { GiveBack(); });
}

void SlotSender::GiveBack() {
  std::vector<Unsent> unsent;
  {
    std::lock_guard lock(mutex_);
    unsent.swap(unsent_);
  }
  std::map<std::pair<std::string, std::string>, std::vector<ClaimedEntry>> by_sender;
  for (const auto& one : unsent) {
    by_sender[{one.job->portfolio_id, one.job->sender_id}].push_back(one.job->slot);
  }
  for (const auto& [key, slots] : by_sender) {
    // Fails it, the recipients wait for a pair's interval, and places stay taken.
    queue_.GiveBack(key.first, key.second, slots, clock_.Now() + kSlotTimeout).IgnoreError();
  }
  for (auto& one : unsent) Finish(std::move(one.outcome), one.job->started);
}

void SlotSender::Fail(JobPtr job, absl::string_view reason) {
  Outcome outcome;
  outcome.message_id = job->message_id;
  outcome.lane_id = job->lane_id;
  outcome.attempt = job->attempt;
  outcome.state = AttemptState::kFailed;
  outcome.reason = std::string(reason);
  GoBack(std::move(job), std::move(outcome));
}

void SlotSender::Finish(Outcome outcome, bool started) {
  const std::string lane = outcome.lane_id;
  outcomes_.Add(std::move(outcome));
  if (!started) turns_.NotStarted(1);
  turns_.Finished(lane, 1);
}

}  // namespace kabar::dispatcher
