#include "services/campaigns/runner.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/backoff.h"
#include "libs/base/fail_point.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(10);
constexpr absl::Duration kIdle = absl::Seconds(1);  // another replica's campaign may become due

// What no repetition can cure.
bool Permanent(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
         absl::IsPermissionDenied(status) || absl::IsFailedPrecondition(status);
}

double OwnRate(const Campaign& c) {
  const auto rate = base::ParseRate(c.rate);
  return rate.ok() ? rate->PerMinute() / 60 : 0;
}

}  // namespace

Runner::Runner(RunnerOptions options, Store& store, Peers& peers, base::Clock& clock)
    : options_(std::move(options)), store_(store), peers_(peers), clock_(clock) {
  for (int i = 0; i < options_.threads; ++i) wakeups_.push_back(std::make_unique<base::Wakeup>());
}

Runner::~Runner() { Stop(); }

void Runner::Start() {
  for (int i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i](std::stop_token stop) {
      static log::Throttle throttle(absl::Seconds(10));
      while (!stop.stop_requested()) {
        const auto worked = Step();
        if (!worked.ok()) log::Warn(throttle, "campaign step failed", {{"error", worked.status()}});
        if (worked.ok() && *worked) continue;
        clock_.Wait(*wakeups_[i], worked.ok() ? UntilDue() : kIdle, stop);
      }
    });
  }
}

void Runner::Stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void Runner::Wake() {
  for (auto& wakeup : wakeups_) wakeup->Notify();
}

absl::Time Runner::Deadline() const { return clock_.Now() + kStoreTimeout; }

absl::Duration Runner::UntilDue() {
  const auto next = store_.NextDue(Deadline());
  if (!next.ok()) return kIdle;
  return std::clamp(*next - clock_.Now(), absl::Milliseconds(1), kIdle);
}

absl::StatusOr<bool> Runner::Step() {
  KABAR_ASSIGN_OR_RETURN(const std::optional<Campaign> taken,
                         store_.TakeDue(options_.name, clock_.Now(), options_.lease, Deadline()));
  if (!taken) return false;
  const log::Scope scope({{"campaign_id", taken->id}, {"outlet", taken->outlet_id}});
  const absl::Status status = StepOf(*taken);
  if (status.ok()) {
    std::lock_guard lock(mutex_);
    if (const auto it = notes_.find(taken->id); it != notes_.end()) it->second.failures = 0;
    return true;
  }
  KABAR_RETURN_IF_ERROR(HandleFailure(*taken, status));
  return true;
}

std::size_t Runner::remembered() const {
  std::lock_guard lock(mutex_);
  return notes_.size();
}

// A campaign that was cancelled, or that another replica drives, never comes back to be forgotten.
Runner::Notes& Runner::NotesOf(const Campaign& campaign) {
  const absl::Time now = clock_.Now();
  if (now - swept_ >= options_.remember) {
    swept_ = now;
    std::erase_if(notes_,
                  [&](const auto& entry) { return now - entry.second.used >= options_.remember; });
  }
  Notes& notes = notes_[campaign.id];
  notes.used = now;
  return notes;
}

void Runner::Forget(const Campaign& campaign) {
  std::lock_guard lock(mutex_);
  notes_.erase(campaign.id);
}

absl::Status Runner::StepOf(const Campaign& c) {
  if (c.recurs()) return Recur(c);
  if (c.state == State::kScheduled) return Begin(c);
  if (c.state == State::kRunning && !c.asked) return Open(c);
  if (c.state != State::kRunning && c.state != State::kPaused) {
    Forget(c);
    return SaveStep(c, absl::InfiniteDuration(), [](Campaign&) {});
  }
  KABAR_ASSIGN_OR_RETURN(const Progress progress, store_.ReadProgress(c.run_id, Deadline()));
  const bool past_end = c.end_at && *c.end_at <= clock_.Now();
  if (RunIsOver(c, progress, clock_.Now()) || past_end) return Conclude(c, progress, past_end);
  KABAR_ASSIGN_OR_RETURN(const bool differs, LaneDiffers(c));
  if (differs) return FollowLane(c);
  if (c.state == State::kPaused) return SaveStep(c, options_.check, [](Campaign&) {});
  return Run(c, progress);
}

absl::Status Runner::Run(const Campaign& c, const Progress& progress) {
  KABAR_ASSIGN_OR_RETURN(const std::string accepted, StillAccepts(c));
  if (accepted != c.accepted_troubles) {
    return SaveStep(c, absl::ZeroDuration(), [&](Campaign& now) {
      if (now.accepted_troubles == c.accepted_troubles) now.accepted_troubles = accepted;
    });
  }
  if (c.cursor < *c.asked || progress.queued() > 0) {
    KABAR_ASSIGN_OR_RETURN(const bool stopped, StopForTroubles(c));
    if (stopped) return FollowLane(c);
  }
  KABAR_ASSIGN_OR_RETURN(const std::string trouble, RefreshStale(c));
  if (!trouble.empty()) return StopFor(c, trouble);
  KABAR_ASSIGN_OR_RETURN(const std::string waits, Look(c, progress));
  if (c.cursor < *c.asked) return Expand(c, progress, waits);
  if (!c.finished) {
    KABAR_RETURN_IF_ERROR(peers_.FinishLane(c));
    return SaveStep(
        c, options_.check, [](Campaign& now) { now.finished = true; }, waits);
  }
  return SaveStep(
      c, options_.check, [](Campaign&) {}, waits);
}

absl::StatusOr<PinnedTemplate> Runner::Template(const Campaign& c) {
  {
    std::lock_guard lock(mutex_);
    const Notes& notes = NotesOf(c);
    if (notes.pinned && clock_.Now() - notes.pinned_at < options_.template_look) {
      return *notes.pinned;
    }
  }
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, peers_.GetTemplate(c, c.template_version));
  std::lock_guard lock(mutex_);
  NotesOf(c).pinned = pinned;
  NotesOf(c).pinned_at = clock_.Now();
  return pinned;
}

double Runner::RateOf(const Campaign& c) {
  const double own = OwnRate(c);
  std::lock_guard lock(mutex_);
  const double lane = NotesOf(c).rate_per_s;
  return lane > 0 ? std::min(own, lane) : own;
}

absl::Status Runner::Expand(const Campaign& taken, const Progress& progress,
                            const std::string& waits) {
  const std::int64_t room = RoomAhead(taken, progress, RateOf(taken));
  if (room <= 0)
    return SaveStep(
        taken, options_.check, [](Campaign&) {}, waits);
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, Template(taken));
  KABAR_ASSIGN_OR_RETURN(
      const HandedOver handed,
      peers_.HandOver(taken, pinned, std::min<std::int64_t>(room, taken.batch_size)));
  if (!handed.trouble.empty()) return StopFor(taken, handed.trouble);
  static auto& expanded = metrics::GetCounter("kabar_campaigns_handed_over_total",
                                              "Messages handed to the dispatcher.");
  expanded.Increment(static_cast<double>(handed.messages));
  {
    std::lock_guard lock(mutex_);
    NotesOf(taken).rate_per_s = handed.rate_per_s;
  }
  if (handed.messages == 0) {
    return base::Error(absl::StatusCode::kDataLoss, "AUDIENCE_SHORT",
                       absl::StrCat("the audience ends at ", taken.cursor, " of ", *taken.asked));
  }
  base::FailPoint("batch-handed-over");
  const auto move = [&](Campaign& now) {
    // A twin that did the same step may have moved it already.
    now.cursor = std::max(now.cursor, handed.last_ordinal);
  };
  return SaveStep(taken, absl::ZeroDuration(), move, waits);
}

absl::StatusOr<std::string> Runner::RefreshStale(const Campaign& taken) {
  {
    std::lock_guard lock(mutex_);
    absl::Time& last = NotesOf(taken).stale_checked;
    if (clock_.Now() - last < options_.stale_check) return std::string();
    last = clock_.Now();
  }
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, Template(taken));
  KABAR_ASSIGN_OR_RETURN(const RenderedAgain again, peers_.RenderStale(taken, pinned));
  if (again.messages > 0) {
    // There may be more than one batch of them.
    std::lock_guard lock(mutex_);
    NotesOf(taken).stale_checked = absl::InfinitePast();
  }
  return again.trouble;
}

absl::StatusOr<std::string> Runner::Look(const Campaign& taken, const Progress& progress) {
  const absl::Time now = clock_.Now();
  Pulse pulse;
  {
    std::lock_guard lock(mutex_);
    Notes& notes = NotesOf(taken);
    notes.pulse.Feel(progress, now);
    pulse = notes.pulse;
    if (!pulse.IsQuiet(now)) notes.waits.clear();
    if (!pulse.IsQuiet(now) || now - notes.looked < options_.lane_look) return notes.waits;
    notes.looked = now;
  }
  KABAR_ASSIGN_OR_RETURN(const std::string waits, Obstacle(taken, progress, pulse));
  std::lock_guard lock(mutex_);
  return NotesOf(taken).waits = waits;
}

absl::StatusOr<std::string> Runner::Obstacle(const Campaign& c, const Progress& progress,
                                             const Pulse& pulse) {
  if (c.cursor >= *c.asked && progress.open() == progress.unknown()) {
    return progress.unknown() > 0 ? WaitsForWord(progress.unknown()) : "";
  }
  KABAR_ASSIGN_OR_RETURN(const LaneView lane, peers_.GetLane(c));
  if (!lane.held.empty()) return WaitsForResume(lane);
  const absl::StatusOr<SenderView> sender = peers_.GetSender(c);
  if (!sender.ok()) {
    // That it is gone is for the step that needs it to say.
    if (Permanent(sender.status())) return std::string();
    return sender.status();
  }
  if (!sender->active || !sender->trouble.empty()) return WaitsForSender(c.sender_id, *sender);
  if (progress.queued() == 0 || !pulse.HasStalled(RateOf(c), clock_.Now())) return std::string();
  const absl::StatusOr<QuotaView> plan = peers_.PlanQuota(c, MessagesLeft(c, progress));
  if (!plan.ok()) {
    // Only an explanation is missing; while Redis is rebuilt there is none.
    static log::Throttle throttle(absl::Seconds(10));
    log::Warn(throttle, "no plan of the messaging limit", {{"error", plan.status()}});
    return WaitsForTurn(progress, pulse.last_beat());
  }
  return WaitsForLimit(progress, pulse.last_beat(), *plan);
}

// The lane is what sends, so its state counts; events of its pauses may come late and out of step
// with a person's verbs.
absl::StatusOr<bool> Runner::LaneDiffers(const Campaign& taken) {
  const bool paused = taken.state == State::kPaused;
  {
    const absl::Time now = clock_.Now();
    std::lock_guard lock(mutex_);
    Notes& notes = NotesOf(taken);
    if (!paused && !notes.pulse.IsQuiet(now)) {
      notes.lane_looked_in = taken.state;  // its messages go: the lane runs
      return false;
    }
    if (notes.lane_looked_in == taken.state && now - notes.lane_looked < options_.lane_look) {
      return false;
    }
    notes.lane_looked = now;
    notes.lane_looked_in = taken.state;
  }
  KABAR_ASSIGN_OR_RETURN(const LaneView lane, peers_.GetLane(taken));
  return lane.state == (paused ? LaneView::State::kRunning : LaneView::State::kPaused);
}

// With the campaign's row held, as verbs do it: no verb comes between the look and the save.
absl::Status Runner::FollowLane(const Campaign& taken) {
  return store_.Write(
      taken.outlet_id, "FollowLane", Deadline(), [&](Store::Unit& unit) -> absl::Status {
        const absl::Time now = clock_.Now();
        KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock(taken.id));
        if (c.state == taken.state) {
          KABAR_ASSIGN_OR_RETURN(const LaneView lane, peers_.GetLane(c));
          if (c.state == State::kRunning && lane.state == LaneView::State::kPaused) {
            KABAR_RETURN_IF_ERROR(Pause(c, lane.reason, now));
          } else if (c.state == State::kPaused && lane.state == LaneView::State::kRunning) {
            // The error table's pause was lifted since. A person's pause stands: whoever paused
            // while the lane was being opened died before the lane was told.
            const absl::Status done = c.state_reason.empty() ? peers_.PauseLane(c) : Resume(c, now);
            if (!done.ok() && !NothingToStop(done)) return done;
          }
        }
        std::optional<absl::Time> due;
        if (!c.ended()) due = now;
        return unit.Save(c, due);
      });
}

// The run is over or past its end time.
absl::Status Runner::Conclude(const Campaign& taken, const Progress& progress, bool past_end) {
  const absl::Time now = clock_.Now();
  if (!RunIsOver(taken, progress, now)) {
    const std::string waits =
        past_end ? "its end time has passed; the last figures are on their way" : "";
    return SaveStep(
        taken, options_.check, [](Campaign&) {}, waits);
  }
  if (!taken.finished) {
    // A small run may be over before its lane was told that nothing more comes.
    const absl::Status told = peers_.FinishLane(taken);
    if (!told.ok() && !absl::IsFailedPrecondition(told)) return told;
  }
  log::Info("run completed", {{"run_id", taken.run_id}, {"handed_over", taken.cursor}});
  Forget(taken);
  // If more has come to light meanwhile, the next step decides anew.
  return SaveStep(taken, absl::ZeroDuration(), [&](Campaign& c) {
    if (c.retried == taken.retried && c.cursor == taken.cursor) Complete(c, now);
  });
}

absl::Status Runner::HandleFailure(const Campaign& taken, const absl::Status& failure) {
  int failures = 0;
  {
    std::lock_guard lock(mutex_);
    failures = ++NotesOf(taken).failures;
  }
  if (!Permanent(failure)) {
    log::Warn("campaign step failed, trying again", {{"error", failure}});
    const base::BackoffPolicy policy{.initial = absl::Milliseconds(200),
                                     .max = absl::Seconds(5),
                                     .floor = absl::Milliseconds(100)};
    return SaveStep(
        taken, base::BackoffDelay(policy, failures), [](Campaign&) {}, WaitsForPeer(failure));
  }
  const std::string reason = absl::StrCat(base::GetReason(failure), ": ", failure.message());
  log::Error("campaign failed", {{"error", failure}});
  if (taken.asked) {
    // What is in the ledger must not go out for a campaign that people see as failed.
    if (absl::Status status = peers_.CancelLane(taken); !status.ok() && !NothingToStop(status)) {
      return SaveStep(taken, kIdle, [](Campaign&) {});
    }
  }
  Forget(taken);
  return SaveStep(taken, absl::InfiniteDuration(),
                  [&](Campaign& c) { Fail(c, reason, clock_.Now()); });
}

absl::Status Runner::SaveStep(const Campaign& taken, absl::Duration next,
                              absl::FunctionRef<void(Campaign&)> change, const std::string& waits) {
  return store_.Write(taken.outlet_id, "SaveStep", Deadline(),
                      [&](Store::Unit& unit) -> absl::Status {
                        KABAR_ASSIGN_OR_RETURN(Campaign now, unit.Lock(taken.id));
                        // A person's word since then stands; the next step sees it. Only the facts
                        // are kept.
                        const State before = now.state;
                        const std::string reason = now.state_reason;
                        change(now);
                        if (before != taken.state) {
                          now.state = before;
                          now.state_reason = reason;
                          if (!now.ended()) now.finished_at.reset();
                        } else if (now.state == State::kRunning) {
                          now.state_reason = waits;
                        }
                        std::optional<absl::Time> due;
                        if (before != taken.state && !now.ended()) {
                          due = clock_.Now();
                        } else if (next != absl::InfiniteDuration() && !now.ended()) {
                          due = clock_.Now() + next;
                        }
                        return unit.Save(now, due);
                      });
}

}  // namespace kabar::campaigns
