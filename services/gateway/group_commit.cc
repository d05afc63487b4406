#include "services/gateway/group_commit.h"

#include <memory>
#include <stop_token>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"

namespace kabar::gateway {
namespace {

metrics::Histogram& GroupSize() {
  static metrics::Histogram& histogram =
      metrics::GetHistogram("kabar_gateway_group_size_payloads", "Webhooks in one group commit.",
                            {}, metrics::SizeBuckets());
  return histogram;
}

metrics::Histogram& CommitSeconds() {
  static metrics::Histogram& histogram = metrics::GetHistogram(
      "kabar_gateway_commit_duration_seconds", "From sending a group to the journal's answer.", {},
      metrics::LatencyBuckets());
  return histogram;
}

metrics::Gauge& HeldPayloads() {
  static metrics::Gauge& gauge = metrics::GetGauge(
      "kabar_gateway_held_payloads", "Webhooks waiting for a group or under way in one.");
  return gauge;
}

}  // namespace

GroupCommit::GroupCommit(Options options, Journal& journal, base::Clock& clock)
    : options_(options), journal_(journal), clock_(clock), thread_([this] { Run(); }) {}

GroupCommit::~GroupCommit() { Stop(); }

void GroupCommit::Submit(std::string body, Done done) {
  const std::size_t bytes = body.size();
  absl::Status refusal;
  {
    absl::MutexLock lock(&mutex_);
    if (stopping_) {
      refusal = base::Error(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING",
                            "the gateway is shutting down; deliver again");
    } else if (held_ >= options_.max_held || held_bytes_ + bytes > options_.max_held_bytes) {
      refusal = base::Error(absl::StatusCode::kResourceExhausted, "JOURNAL_QUEUE_FULL",
                            absl::StrCat(held_, " webhooks wait for the journal already; see why ",
                                         "the dispatcher is slow"));
    } else {
      // Only a webhook that opens or fills a group changes what the loop waits for.
      const bool opens = waiting_.empty();
      waiting_.push_back(
          {{std::move(body), clock_.Now()}, std::move(done), bytes, clock_.BoottimeMicros()});
      waiting_bytes_ += bytes;
      ++held_;
      held_bytes_ += bytes;
      if (opens || GroupIsFull()) wakeup_.Notify();
    }
  }
  if (!refusal.ok()) {
    done(refusal);
    return;
  }
  HeldPayloads().Increment();
}

void GroupCommit::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wakeup_.Notify();
  }
  std::call_once(joined_, [this] { thread_.join(); });
}

void GroupCommit::Run() {
  while (true) {
    Step step;
    {
      absl::MutexLock lock(&mutex_);
      step = NextStep();
    }
    if (step.finished) return;
    if (!step.give_up.empty()) {
      Answer(step.give_up,
             base::Error(absl::StatusCode::kDeadlineExceeded, "JOURNAL_TOO_SLOW",
                         absl::StrCat("waited ", absl::FormatDuration(options_.max_wait),
                                      " for the journal; see why the dispatcher is slow")),
             /*was_in_flight=*/false);
    } else if (!step.send.empty()) {
      Send(std::move(step.send));
    } else {
      // Ended by Stop() through the wakeup, because what waits must still be committed.
      clock_.Wait(wakeup_, step.sleep, std::stop_token());
    }
  }
}

GroupCommit::Step GroupCommit::NextStep() {
  if (waiting_.empty()) {
    if (stopping_ && in_flight_ == 0) return {.finished = true};
    return {.sleep = absl::InfiniteDuration()};
  }
  const std::int64_t now = clock_.BoottimeMicros();
  auto age = [now](const Waiting& waiting) {
    return absl::Microseconds(now - waiting.since_micros);
  };
  Step step;
  while (!waiting_.empty() && age(waiting_.front()) > options_.max_wait) {
    waiting_bytes_ -= waiting_.front().bytes;
    step.give_up.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (!step.give_up.empty()) return step;
  const absl::Duration oldest = age(waiting_.front());
  if (in_flight_ >= options_.max_in_flight) {
    // A group that ends wakes the loop; so does the first that has waited too long.
    return {.sleep = options_.max_wait - oldest + absl::Milliseconds(1)};
  }
  if (!stopping_ && !GroupIsFull() && oldest < options_.linger) {
    return {.sleep = options_.linger - oldest};
  }
  ++in_flight_;
  return {.send = TakeGroup()};
}

bool GroupCommit::GroupIsFull() const {
  return waiting_.size() >= options_.max_payloads || waiting_bytes_ >= options_.max_bytes;
}

GroupCommit::Group GroupCommit::TakeGroup() {
  Group group;
  std::size_t bytes = 0;
  while (!waiting_.empty() && group.size() < options_.max_payloads) {
    const std::size_t next = waiting_.front().bytes;
    if (!group.empty() && bytes + next > options_.max_bytes) break;
    bytes += next;
    group.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  waiting_bytes_ -= bytes;
  return group;
}

void GroupCommit::Send(Group group) {
  GroupSize().Observe(static_cast<double>(group.size()));
  std::vector<Payload> payloads;
  payloads.reserve(group.size());
  for (Waiting& waiting : group) payloads.push_back(std::move(waiting.payload));
  const std::int64_t start = clock_.BoottimeMicros();
  journal_.Append(std::move(payloads), [this, start, group = std::move(group)](
                                           const absl::Status& status) mutable {
    CommitSeconds().Observe(static_cast<double>(clock_.BoottimeMicros() - start) / 1e6);
    if (!status.ok()) {
      static log::Throttle throttle(absl::Seconds(5));
      log::Error(throttle, "webhooks not committed; the provider will deliver them again",
                 {{"group_count", group.size()}, {"error", status}});
    }
    Answer(group, status, /*was_in_flight=*/true);
  });
}

void GroupCommit::Answer(Group& group, const absl::Status& status, bool was_in_flight) {
  std::size_t bytes = 0;
  for (Waiting& waiting : group) {
    bytes += waiting.bytes;
    waiting.done(status);
  }
  HeldPayloads().Decrement(static_cast<double>(group.size()));
  // Woken under the lock: once the loop has seen the last group end, this object may go away.
  absl::MutexLock lock(&mutex_);
  held_ -= group.size();
  held_bytes_ -= bytes;
  if (was_in_flight) --in_flight_;
  wakeup_.Notify();
}

}  // namespace kabar::gateway
