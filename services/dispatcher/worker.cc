#include "services/dispatcher/worker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "services/dispatcher/claim_width.h"
#include "services/dispatcher/outcome_writer.h"
#include "services/dispatcher/pacer.h"
#include "services/dispatcher/send_job.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::ErrorAction;
using JobPtr = std::unique_ptr<SendJob>;

constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
constexpr absl::Duration kRedisTimeout = absl::Seconds(2);
constexpr int kMaxReslots = 8;
constexpr absl::Duration kCredentialsPause = absl::Seconds(10);

}  // namespace

struct Worker::State {
  State(WorkerOptions o, Queue& q, Store& s, Credentials c, whatsapp::Client& cl,
        const whatsapp::ErrorPolicy& p, base::Clock& k)
      : options(std::move(o)),
        queue(q),
        store(s),
        credentials(std::move(c)),
        client(cl),
        policy(p),
        clock(k),
        retry{.initial = options.retry_initial,
              .max = options.retry_max,
              .floor = options.retry_initial / 2},
        width(options.max_claim, options.max_in_flight),
        pacer(k),
        chores(k),
        outcomes(
            {}, s, [this](std::vector<Store::Requeued> r) { PushBack(std::move(r)); }, k) {}

  // -- which portfolio next --------------------------------------------------------------------
  void RefreshPortfolios(std::stop_token stop);
  void ListenForWakes(std::stop_token stop);
  void ClaimLoop(std::stop_token stop);
  bool NextPortfolio(std::stop_token stop, std::string* id, int* room);
  void ScheduleAt(const std::string& portfolio, std::int64_t boottime_us);

  // -- one claim -------------------------------------------------------------------------------
  void ClaimOnce(const std::string& portfolio, int room);
  void StartClaimed(const std::string& portfolio, const Claim& claim);
  void Prepare(const std::string& portfolio, const Claim& claim, const ClaimedEntry& slot,
               StartedMessage message, const StartResult& started, std::int64_t cas_sent_us);

  // -- one message -----------------------------------------------------------------------------
  void Enter(JobPtr job);
  void Send(JobPtr job);
  bool MayStart(SendJob& job);
  void Completed(JobPtr job, whatsapp::SendOutcome result);
  void Reslot();
  void Act(const SendJob& job, const Reaction& reaction);
  void Finish(Outcome outcome, bool started);
  void Return(const SendJob& job, absl::string_view reason,
              absl::Time not_before = absl::InfinitePast());
  void PushBack(std::vector<Store::Requeued> requeued);
  void NotStarted(int n);
  void Left(int n);
  void TellOfRoom();

  std::int64_t NowUs() const { return clock.BoottimeMicros(); }

  const WorkerOptions options;
  Queue& queue;
  Store& store;
  const Credentials credentials;
  whatsapp::Client& client;
  const whatsapp::ErrorPolicy& policy;
  base::Clock& clock;
  const base::BackoffPolicy retry;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::uint64_t news = 0;                      // of due_us and of room, for who waits for `changed`
  bool wants_room = false;                     // a claimer found none
  std::map<std::string, std::int64_t> due_us;  // portfolio -> when to claim next
  std::map<std::string, std::string> lane_portfolio;
  std::vector<JobPtr> late;  // wait for new slots
  int in_flight = 0;
  ClaimWidth width;

  Pacer pacer;
  Pacer chores;  // a second one, whose actions may block: Redis and ledger calls off the hot path
  OutcomeWriter outcomes;
  std::vector<std::jthread> threads;
};

void Worker::State::ScheduleAt(const std::string& portfolio, std::int64_t boottime_us) {
  {
    std::lock_guard lock(mutex);
    auto it = due_us.find(portfolio);
    if (it == due_us.end()) return;
    it->second = std::min(it->second, boottime_us);
    ++news;
  }
  changed.notify_one();
}

// New portfolios are rare; the list is read again every second.
void Worker::State::RefreshPortfolios(std::stop_token stop) {
  static log::Throttle throttle(absl::Seconds(10));
  do {
    auto portfolios = store.ListAllPortfolios(clock.Now() + kStoreTimeout);
    if (!portfolios.ok()) {
      log::Warn(throttle, "portfolios not read", {{"error", portfolios.status()}});
      continue;
    }
    std::lock_guard lock(mutex);
    for (const auto& p : *portfolios) {
      if (due_us.emplace(p.id, 0).second) ++news;
    }
    changed.notify_all();
  } while (clock.SleepFor(absl::Seconds(1), stop));
}

void Worker::State::ListenForWakes(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::vector<std::string> ids;
    {
      std::lock_guard lock(mutex);
      for (const auto& [id, at] : due_us) ids.push_back(id);
    }
    if (ids.empty()) {
      clock.SleepFor(absl::Milliseconds(100), stop);
      continue;
    }
    auto woken = queue.WaitForWake(ids, absl::Seconds(1));
    if (!woken.ok()) {
      clock.SleepFor(absl::Milliseconds(200), stop);
    } else if (!woken->empty()) {
      ScheduleAt(*woken, 0);
    }
  }
}

// Takes the portfolio that is due first, and room for a claim; meanwhile nobody else takes it.
bool Worker::State::NextPortfolio(std::stop_token stop, std::string* id, int* room) {
  constexpr std::int64_t kSecond = 1000000;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    auto first = due_us.end();
    for (auto it = due_us.begin(); it != due_us.end(); ++it) {
      if (first == due_us.end() || it->second < first->second) first = it;
    }
    const std::int64_t now = NowUs();
    std::int64_t wait = kSecond;
    if (first != due_us.end() && first->second <= now) {
      *room = in_flight < options.max_in_flight ? width.Reserve() : 0;
      if (*room > 0) {
        *id = first->first;
        first->second = now + kSecond;
        return true;
      }
      wants_room = true;
    } else if (first != due_us.end()) {
      wait = std::min(wait, first->second - now);
    }
    const std::uint64_t seen = news;
    changed.wait_for(lock, stop, std::chrono::microseconds(wait), [&] { return news != seen; });
  }
  return false;
}

void Worker::State::ClaimLoop(std::stop_token stop) {
  std::string portfolio;
  int room = 0;
  while (NextPortfolio(stop, &portfolio, &room)) ClaimOnce(portfolio, room);
}

void Worker::State::ClaimOnce(const std::string& portfolio, int room) {
  static log::Throttle throttle(absl::Seconds(5));
  static auto& claims =
      metrics::GetCounter("kabar_dispatcher_claims_total", "Claims that brought messages.");
  auto claim = queue.ClaimNext(portfolio, room, options.claim_ahead, clock.Now() + kRedisTimeout);
  const int brought = claim.ok() ? static_cast<int>(claim->entries.size()) : 0;
  NotStarted(room - brought);
  if (!claim.ok()) {
    const bool rebuilding = base::GetReason(claim.status()) == "QUEUE_NOT_BUILT";
    if (!rebuilding) log::Warn(throttle, "nothing claimed", {{"error", claim.status()}});
    return ScheduleAt(portfolio, NowUs() + (rebuilding ? 50000 : 200000));
  }
  // Before the ledger is asked, so that another claimer goes on with the portfolio meanwhile.
  ScheduleAt(portfolio, claim->next_claim_us);
  if (brought == 0) return;
  claims.Increment();
  StartClaimed(portfolio, *claim);
}

void Worker::State::StartClaimed(const std::string& portfolio, const Claim& claim) {
  static log::Throttle throttle(absl::Seconds(5));
  std::map<std::string, const ClaimedEntry*> slots;
  std::vector<std::string> ids;
  for (const auto& entry : claim.entries) {
    ids.push_back(entry.entry.message_id);
    slots[entry.entry.message_id] = &entry;
  }
  {
    std::lock_guard lock(mutex);
    in_flight += static_cast<int>(ids.size());
    lane_portfolio[claim.lane_id] = portfolio;
  }
  const std::int64_t cas_sent_us = NowUs();
  auto result = store.StartAttempts(claim.lane_id, ids, options.name, options.lease,
                                    clock.Now() + kStoreTimeout);
  if (!result.ok()) {
    // Nothing of it is sent. If the commit went through after all, the leases run out.
    log::Warn(throttle, "no right to send from the ledger", {{"error", result.status()}});
    NotStarted(static_cast<int>(ids.size()));
    return Left(static_cast<int>(ids.size()));
  }
  const int refused = static_cast<int>(ids.size() - result->started.size());
  NotStarted(refused);
  Left(refused);
  for (auto& message : result->started) {
    // Found before the call: arguments are evaluated in any order, and one of them moves the id.
    const ClaimedEntry& slot = *slots[message.id];
    Prepare(portfolio, claim, slot, std::move(message), *result, cas_sent_us);
  }
  if (!result->not_due.empty()) {
    Lane lane;
    lane.id = claim.lane_id;
    lane.portfolio_id = portfolio;
    chores.At(0, [this, lane, entries = result->not_due] {
      queue.Push(lane, entries, clock.Now() + kRedisTimeout).IgnoreError();  // else the sweeper
    });
  }
}

void Worker::State::Prepare(const std::string& portfolio, const Claim& claim,
                            const ClaimedEntry& slot, StartedMessage message,
                            const StartResult& started, std::int64_t cas_sent_us) {
  auto job = std::make_unique<SendJob>();
  job->portfolio_id = portfolio;
  job->lane_id = claim.lane_id;
  job->sender_id = claim.sender_id;
  job->message_id = message.id;
  job->attempt = message.attempt;
  job->recipient_id = message.recipient_id;
  job->has_form = !message.form.empty();
  job->slot = slot;
  job->start_until_us = cas_sent_us + absl::ToInt64Microseconds(options.hold);
  job->end_time = started.end_time;
  job->claimed_us = cas_sent_us;
  auto body = BuildBody(message, &job->free_text);
  if (!body.ok()) {
    Outcome outcome;
    outcome.message_id = message.id;
    outcome.attempt = message.attempt;
    outcome.state = AttemptState::kFailed;
    outcome.reason = base::GetReason(body.status());
    return Finish(std::move(outcome), false);
  }
  job->body = *std::move(body);
  Enter(std::move(job));
}

void Worker::State::Enter(JobPtr job) {
  const std::int64_t at = job->slot.start_not_before_us;
  pacer.At(at, [this, job = std::move(job)]() mutable { Send(std::move(job)); });
}

void Worker::State::Send(JobPtr job) {
  auto sender = credentials(job->sender_id);
  if (!sender.ok()) {
    // Nothing of this number can go until a person has seen to it: not again at once.
    static log::Throttle throttle(absl::Seconds(10));
    log::Error(throttle, "a number's access token cannot be used; set it anew with UpdateSender",
               {{"sender_id", job->sender_id}, {"error", sender.status()}});
    return Return(*job, "SENDER_CREDENTIALS", clock.Now() + kCredentialsPause);
  }
  whatsapp::SendRequest request;
  request.phone_number_id = sender->phone_number_id;
  request.token = sender->access_token;
  request.body = job->body;
  request.deadline = clock.Now() + options.request_timeout;
  SendJob* view = job.get();
  client.Send(
      std::move(request), [this, view] { return MayStart(*view); },
      [this, job = std::move(job)](whatsapp::SendOutcome result) mutable {
        Completed(std::move(job), std::move(result));
      });
}

// Immediately before the bytes are written.
bool Worker::State::MayStart(SendJob& job) {
  static auto& missed = metrics::GetCounter("kabar_dispatcher_slots_missed_total",
                                            "Requests that could not start in their slots.");
  job.started = job.MayStart(NowUs(), clock.Now());
  std::lock_guard lock(mutex);
  if (job.started) {
    width.Started();
    TellOfRoom();
  } else {
    width.Missed();
    missed.Increment();
  }
  return job.started;
}

void Worker::State::Completed(JobPtr job, whatsapp::SendOutcome result) {
  static auto& latency = metrics::GetHistogram("kabar_dispatcher_request_duration_seconds",
                                               "From the first byte written to the answer.");
  const std::int64_t lead = absl::ToInt64Microseconds(absl::Milliseconds(25));
  if (result.gate_refused && job->reslots < kMaxReslots && NowUs() + lead < job->start_until_us) {
    ++job->reslots;
    bool first = false;
    {
      std::lock_guard lock(mutex);
      first = late.empty();
      late.push_back(std::move(job));
    }
    if (first) chores.At(0, [this] { Reslot(); });
    return;
  }
  if (result.kind != whatsapp::SendOutcome::Kind::kNotSent) {
    latency.Observe(absl::ToDoubleSeconds(result.completed_at - result.written_at));
  }
  Reaction reaction = React(*job, result, policy, retry, clock.Now());
  metrics::GetCounter("kabar_dispatcher_attempts_total", "Attempts by how they ended.",
                      {{"outcome", std::string(whatsapp::SendOutcomeKindName(result.kind))}})
      .Increment();
  if (result.kind == whatsapp::SendOutcome::Kind::kRejected) Act(*job, reaction);
  Finish(std::move(reaction.outcome), job->started);
}

// All messages that missed their slots, lane by lane; who gets none goes back unsent.
void Worker::State::Reslot() {
  std::vector<JobPtr> jobs;
  {
    std::lock_guard lock(mutex);
    jobs.swap(late);
  }
  std::map<std::string, std::vector<JobPtr>> by_lane;
  for (auto& job : jobs) by_lane[job->lane_id].push_back(std::move(job));
  for (auto& [lane, waiting] : by_lane) {
    std::vector<QueueEntry> entries;
    for (const auto& job : waiting) {
      entries.push_back({.message_id = job->message_id, .recipient_id = job->recipient_id});
    }
    auto slots = queue.Reslot(waiting.front()->portfolio_id, lane, entries,
                              clock.Now() + absl::Milliseconds(200));
    const std::size_t given = slots.ok() ? slots->size() : 0;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (i < given) {
        waiting[i]->slot = (*slots)[i];
        Enter(std::move(waiting[i]));
      } else {
        Return(*waiting[i], "TOO_LATE_FOR_SLOT");
      }
    }
  }
}

// What the error table asks for beyond the message itself. Blocks, so it is a chore.
void Worker::State::Act(const SendJob& job, const Reaction& reaction) {
  if (reaction.alert) {
    const std::string action(whatsapp::ErrorActionName(reaction.action));
    metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                        {{"action", action}})
        .Increment();
    log::Error("provider refused, a person must look", {{"action", action},
                                                        {"reason", reaction.outcome.reason},
                                                        {"sender_id", job.sender_id},
                                                        {"lane_id", job.lane_id}});
  }
  chores.At(0,
            [this, portfolio = job.portfolio_id, lane = job.lane_id, sender = job.sender_id,
             message = job.message_id, reason = reaction.outcome.reason, action = reaction.action] {
              const absl::Time deadline = clock.Now() + kStoreTimeout;
              absl::Status status;
              switch (action) {
                case ErrorAction::kRetryBackoffSlowSender:
                  status = queue.SlowSender(portfolio, sender, 0.5, absl::Seconds(10), deadline);
                  break;
                case ErrorAction::kPauseSender:
                  status = store.SetSenderState(sender, SenderState::kPaused, reason, deadline);
                  break;
                case ErrorAction::kStopSender:
                case ErrorAction::kStopAccount:
                  status = store.SetSenderState(sender, SenderState::kStopped, reason, deadline);
                  break;
                case ErrorAction::kPauseCampaign:
                case ErrorAction::kEndCampaign:
                  status = store.PauseLaneForReason(lane, reason, deadline);
                  break;
                case ErrorAction::kOptOut:
                  status = store.SuppressRecipient(message, "MARKETING", reason, deadline);
                  break;
                default:
                  break;
              }
              if (!status.ok()) {
                log::Error("an action of the error table failed",
                           {{"action", whatsapp::ErrorActionName(action)}, {"error", status}});
              }
            });
}

void Worker::State::Finish(Outcome outcome, bool started) {
  outcomes.Add(std::move(outcome));
  if (!started) NotStarted(1);
  Left(1);
}

void Worker::State::Return(const SendJob& job, absl::string_view reason, absl::Time not_before) {
  Outcome outcome;
  outcome.message_id = job.message_id;
  outcome.attempt = job.attempt;
  outcome.state = AttemptState::kReturned;
  outcome.reason = std::string(reason);
  outcome.not_before = not_before;
  Finish(std::move(outcome), job.started);
}

void Worker::State::PushBack(std::vector<Store::Requeued> requeued) {
  std::map<std::string, std::vector<QueueEntry>> by_lane;
  for (auto& r : requeued) by_lane[r.lane_id].push_back(std::move(r.entry));
  for (auto& [lane_id, entries] : by_lane) {
    Lane lane;
    lane.id = lane_id;
    {
      std::lock_guard lock(mutex);
      lane.portfolio_id = lane_portfolio[lane_id];
    }
    // Fails it, the sweeper pushes them.
    queue.Push(lane, entries, clock.Now() + kRedisTimeout).IgnoreError();
  }
}

// Claimed, and not to be started any more.
void Worker::State::NotStarted(int n) {
  if (n == 0) return;
  std::lock_guard lock(mutex);
  width.Release(n);
  TellOfRoom();
}

void Worker::State::Left(int n) {
  if (n == 0) return;
  static auto& gauge =
      metrics::GetGauge("kabar_dispatcher_in_flight_messages", "Claimed and not finished.");
  std::lock_guard lock(mutex);
  in_flight -= n;
  gauge.Set(in_flight);
  TellOfRoom();
  if (in_flight == 0) changed.notify_all();  // Stop() waits for that
}

// Under the mutex. One claimer is enough: with room left he schedules the next.
void Worker::State::TellOfRoom() {
  if (!wants_room || in_flight >= options.max_in_flight || !width.HasRoom()) return;
  wants_room = false;
  ++news;
  changed.notify_one();
}

Worker::Worker(WorkerOptions options, Queue& queue, Store& store, Credentials credentials,
               whatsapp::Client& client, const whatsapp::ErrorPolicy& policy, base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), queue, store, std::move(credentials),
                                     client, policy, clock)) {}

Worker::~Worker() { Stop(state_->clock.Now()); }

void Worker::Start() {
  State* s = state_.get();
  s->threads.emplace_back([s](std::stop_token stop) { s->RefreshPortfolios(stop); });
  s->threads.emplace_back([s](std::stop_token stop) { s->ListenForWakes(stop); });
  for (int i = 0; i < s->options.claimers; ++i) {
    s->threads.emplace_back([s](std::stop_token stop) { s->ClaimLoop(stop); });
  }
}

bool Worker::Stop(absl::Time deadline) {
  for (auto& thread : state_->threads) thread.request_stop();
  state_->changed.notify_all();
  state_->threads.clear();
  int left = 0;
  {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_until(lock, absl::ToChronoTime(deadline),
                               [this] { return state_->in_flight == 0; });
    left = state_->in_flight;
  }
  const bool written = state_->outcomes.Drain(deadline);
  if (left == 0 && written) return true;
  log::Error("stopped with work left; the leases will run out",
             {{"in_flight", left}, {"outcomes_unwritten", state_->outcomes.pending()}});
  return false;
}

}  // namespace kabar::dispatcher
