#include "services/dispatcher/worker.h"

#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/fail_point.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "services/dispatcher/claim_lead.h"
#include "services/dispatcher/claim_turns.h"
#include "services/dispatcher/outcome_writer.h"

namespace kabar::dispatcher {
namespace {

using CredentialsOr = absl::StatusOr<std::shared_ptr<const SenderCredentials>>;

constexpr absl::Duration kStoreTimeout = absl::Seconds(5);
constexpr absl::Duration kRedisTimeout = absl::Seconds(2);
constexpr absl::Duration kCredentialsPause = absl::Seconds(10);
constexpr absl::Duration kLedgerPause = absl::Seconds(1);

}  // namespace

struct Worker::State {
  State(WorkerOptions o, Queue& q, Store& s, Credentials c, SlotSender::Provider provider,
        const whatsapp::ErrorPolicy& policy, base::Clock& k)
      : options(std::move(o)),
        queue(q),
        store(s),
        credentials(std::move(c)),
        clock(k),
        turns(options.max_claim, options.max_in_flight, k),
        outcomes(
            {}, s, [this](std::vector<Store::Requeued> r) { PushBack(std::move(r)); }, k),
        sender({.request_timeout = options.request_timeout,
                .retry = {.initial = options.retry_initial,
                          .max = options.retry_max,
                          .floor = options.retry_initial / 2}},
               q, outcomes, turns, std::move(provider), policy, k) {}

  void RefreshPortfolios(std::stop_token stop);
  void ListenForWakes(std::stop_token stop);
  void ClaimLoop(std::stop_token stop);

  void ClaimOnce(const std::string& portfolio, int room);
  void StartClaimed(const std::string& portfolio, const Claim& claim, std::int64_t asked_us);
  void ReturnClaim(const std::string& name, const std::vector<std::string>& ids);
  void Prepare(const std::string& portfolio, const Claim& claim, const ClaimedEntry& slot,
               StartedMessage message, const StartResult& started, std::int64_t asked_us,
               std::int64_t cas_sent_us, const CredentialsOr& of_sender);
  void GiveBack(const std::string& portfolio, const Claim& claim,
                const std::vector<ClaimedEntry>& unsent);
  void Push(const std::string& portfolio, const std::string& lane_id,
            const std::vector<QueueEntry>& entries);
  void PushBack(std::vector<Store::Requeued> requeued);

  const WorkerOptions options;
  Queue& queue;
  Store& store;
  const Credentials credentials;
  base::Clock& clock;
  // Each uses those before it, so they end in the opposite order.
  ClaimTurns turns;
  OutcomeWriter outcomes;
  SlotSender sender;
  ClaimLead lead;
  std::vector<std::jthread> threads;
};

// New portfolios are rare; the list is read again every second.
void Worker::State::RefreshPortfolios(std::stop_token stop) {
  static log::Throttle throttle(absl::Seconds(10));
  static auto& waiting = metrics::GetGauge("kabar_dispatcher_waiting_outcomes",
                                           "Outcomes that the ledger has not taken yet.");
  do {
    waiting.Set(static_cast<double>(outcomes.pending()));
    auto portfolios = store.ListAllPortfolios(clock.Now() + kStoreTimeout);
    if (!portfolios.ok()) {
      log::Warn(throttle, "portfolios not read", {{"error", portfolios.status()}});
      continue;
    }
    std::vector<std::string> ids;
    for (const auto& p : *portfolios) ids.push_back(p.id);
    turns.Add(ids);
  } while (clock.SleepFor(absl::Seconds(1), stop));
}

void Worker::State::ListenForWakes(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const std::vector<std::string> ids = turns.WaitForPortfolios(stop);
    if (ids.empty()) return;  // stopped
    auto woken = queue.WaitForWake(ids, absl::Seconds(1));
    if (!woken.ok()) {
      clock.SleepFor(absl::Milliseconds(200), stop);
    } else if (!woken->empty()) {
      turns.ScheduleAt(*woken, 0);
    }
  }
}

void Worker::State::ClaimLoop(std::stop_token stop) {
  std::string portfolio;
  int room = 0;
  while (turns.Next(stop, &portfolio, &room)) ClaimOnce(portfolio, room);
}

void Worker::State::ClaimOnce(const std::string& portfolio, int room) {
  static log::Throttle throttle(absl::Seconds(5));
  static auto& claims =
      metrics::GetCounter("kabar_dispatcher_claims_total", "Claims that brought messages.");
  const std::int64_t asked_us = clock.BoottimeMicros();
  auto claim = queue.ClaimNext(portfolio, room, options.claim_ahead, lead.Get(),
                               clock.Now() + kRedisTimeout);
  const int brought = claim.ok() ? static_cast<int>(claim->entries.size()) : 0;
  turns.NotStarted(room - brought);
  if (!claim.ok()) {
    const bool rebuilding = base::GetReason(claim.status()) == "QUEUE_NOT_BUILT";
    if (!rebuilding) log::Warn(throttle, "nothing claimed", {{"error", claim.status()}});
    return turns.ScheduleAt(portfolio, clock.BoottimeMicros() + (rebuilding ? 50000 : 200000));
  }
  turns.Claimed(claim->sender_id, claim->lane_id, brought);
  // Before the ledger is asked, so that another claimer goes on with the portfolio meanwhile.
  turns.ScheduleAt(portfolio, claim->next_claim_us);
  if (brought == 0) return;
  claims.Increment();
  sender.watch().Claimed(portfolio, *claim, asked_us);
  StartClaimed(portfolio, *claim, asked_us);
}

void Worker::State::StartClaimed(const std::string& portfolio, const Claim& claim,
                                 std::int64_t asked_us) {
  static log::Throttle throttle(absl::Seconds(5));
  std::map<std::string, const ClaimedEntry*> slots;
  std::vector<std::string> ids;
  for (const auto& entry : claim.entries) {
    ids.push_back(entry.entry.message_id);
    slots[entry.entry.message_id] = &entry;
  }
  base::FailPoint("ids-popped");
  const std::int64_t claimed_us = clock.BoottimeMicros();
  const CredentialsOr of_sender = credentials(claim.sender_id);
  const std::string name = absl::StrCat(options.name, "/", base::NewId("clm"));
  const std::int64_t cas_sent_us = clock.BoottimeMicros();
  auto result =
      store.StartAttempts(claim.lane_id, ids, name, options.lease, clock.Now() + kStoreTimeout);
  base::FailPoint("attempts-started");
  static auto& retries = metrics::GetCounter("kabar_dispatcher_retries_total",
                                             "Attempts started after the first of their message.");
  std::vector<QueueEntry> again;
  std::size_t started = 0;
  if (result.ok()) {
    for (auto& message : result->started) {
      auto slot = slots.extract(message.id);
      if (slot.empty()) continue;
      ++started;
      if (message.attempt > 1) retries.Increment();
      Prepare(portfolio, claim, *slot.mapped(), std::move(message), *result, asked_us, cas_sent_us,
              of_sender);
    }
    again = std::move(result->not_due);
    lead.Took(absl::Microseconds(clock.BoottimeMicros() - claimed_us));
  } else {
    // Nothing of it is sent. If the commit went through after all, the attempts go back unsent (and
    // until then the ids that are pushed again are refused).
    log::Warn(throttle, "no right to send from the ledger", {{"error", result.status()}});
    if (absl::IsUnknown(result.status())) ReturnClaim(name, ids);
    for (const auto& entry : claim.entries) {
      again.push_back(entry.entry);
      again.back().not_before = clock.Now() + kLedgerPause;
    }
  }
  std::vector<ClaimedEntry> unsent;
  for (const auto& [id, slot] : slots) unsent.push_back(*slot);
  GiveBack(portfolio, claim, unsent);
  if (claim.probe && started == 0) sender.watch().ProbeUnused(portfolio, claim.sender_id);
  Push(portfolio, claim.lane_id, again);
  const int refused = static_cast<int>(ids.size() - started);
  turns.NotStarted(refused);
  turns.Finished(claim.lane_id, refused);
}

// The commit is in doubt; the outcome writer asks until the ledger answers.
void Worker::State::ReturnClaim(const std::string& name, const std::vector<std::string>& ids) {
  for (const std::string& id : ids) {
    Outcome outcome;
    outcome.message_id = id;
    outcome.claim = name;
    outcome.state = AttemptState::kReturned;
    outcome.reason = "CLAIM_IN_DOUBT";
    outcomes.Add(std::move(outcome));
  }
}

void Worker::State::Prepare(const std::string& portfolio, const Claim& claim,
                            const ClaimedEntry& slot, StartedMessage message,
                            const StartResult& started, std::int64_t asked_us,
                            std::int64_t cas_sent_us, const CredentialsOr& of_sender) {
  auto job = std::make_unique<SendJob>();
  job->portfolio_id = portfolio;
  job->lane_id = claim.lane_id;
  job->sender_id = claim.sender_id;
  job->message_id = message.id;
  job->attempt = message.attempt;
  job->recipient_id = message.recipient_id;
  job->has_form = !message.form.empty();
  job->of_campaign = started.of_campaign;
  job->media_id = message.media_id;
  job->slot = slot;
  job->start_until_us = cas_sent_us + absl::ToInt64Microseconds(options.hold);
  job->end_time = started.end_time;
  job->asked_us = asked_us;
  job->claimed_us = cas_sent_us;
  job->probe = claim.probe;
  if (!of_sender.ok()) {
    // Nothing of this number can go until a person has seen to it: not again at once.
    static log::Throttle throttle(absl::Seconds(10));
    log::Error(throttle, "a number's access token cannot be used; set it anew with UpdateSender",
               {{"sender_id", claim.sender_id}, {"error", of_sender.status()}});
    return sender.Return(std::move(job), "SENDER_CREDENTIALS", clock.Now() + kCredentialsPause);
  }
  if (message.recipient_id != slot.entry.recipient_id) {
    // Linked or corrected since its id was pushed: the limits looked at are not those of whom it
    // would go to. It comes again under his id.
    return sender.Return(std::move(job), "RECIPIENT_CHANGED", absl::InfinitePast());
  }
  if (slot.in_window && !message.window_open) {
    // Redis did not hear that it was closed, and counted no place for what goes as a template now.
    queue.CloseWindow(portfolio, claim.sender_id, message.recipient_id, clock.Now() + kRedisTimeout)
        .IgnoreError();
    return sender.Return(std::move(job), "WINDOW_CLOSED", absl::InfinitePast());
  }
  job->sender = *of_sender;
  auto body = BuildBody(message, &job->free_text);
  if (!body.ok()) return sender.Fail(std::move(job), base::GetReason(body.status()));
  job->body = *std::move(body);
  sender.Enter(std::move(job));
}

// Fails it, their recipients wait for a pair's interval, and places stay taken for a day.
void Worker::State::GiveBack(const std::string& portfolio, const Claim& claim,
                             const std::vector<ClaimedEntry>& unsent) {
  if (unsent.empty()) return;
  queue.GiveBack(portfolio, claim.sender_id, unsent, clock.Now() + kRedisTimeout).IgnoreError();
}

// Fails it, the sweeper pushes them.
void Worker::State::Push(const std::string& portfolio, const std::string& lane_id,
                         const std::vector<QueueEntry>& entries) {
  if (entries.empty()) return;
  Lane lane;
  lane.id = lane_id;
  lane.portfolio_id = portfolio;
  queue.Push(lane, entries, clock.Now() + kRedisTimeout).IgnoreError();
}

void Worker::State::PushBack(std::vector<Store::Requeued> requeued) {
  std::map<std::pair<std::string, std::string>, std::vector<QueueEntry>> by_lane;
  for (auto& r : requeued) by_lane[{r.portfolio_id, r.lane_id}].push_back(std::move(r.entry));
  for (auto& [lane, entries] : by_lane) Push(lane.first, lane.second, entries);
}

Worker::Worker(WorkerOptions options, Queue& queue, Store& store, Credentials credentials,
               SlotSender::Provider provider, const whatsapp::ErrorPolicy& policy,
               base::Clock& clock)
    : state_(std::make_unique<State>(std::move(options), queue, store, std::move(credentials),
                                     std::move(provider), policy, clock)) {}

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
  state_->threads.clear();
  if (!state_->turns.WaitUntilEmpty(deadline)) {
    for (const auto& lane : state_->turns.InFlightByLane()) {
      log::Warn(
          "the grace period is over and requests are in flight; their messages become UNKNOWN",
          {{"sender_id", lane.sender}, {"lane_id", lane.lane}, {"in_flight", lane.n}});
    }
    return false;
  }
  if (state_->outcomes.Drain(deadline)) return true;
  log::Error("stopped with outcomes that the ledger has not taken; their leases will run out",
             {{"outcomes", state_->outcomes.pending()}});
  return false;
}

}  // namespace kabar::dispatcher
