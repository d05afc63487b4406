#include "services/dispatcher/outcome_writer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "libs/base/backoff.h"
#include "libs/base/fail_point.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/status.h"
#include "prometheus/counter.h"

namespace kabar::dispatcher {
namespace {
constexpr absl::Duration kWriteTimeout = absl::Seconds(10);
constexpr int kRefusals = 3;  // of one alone, before it is given up
}  // namespace

OutcomeWriter::OutcomeWriter(Options options, Store& store, OnRequeued requeued, base::Clock& clock)
    : options_(options), store_(store), requeued_(std::move(requeued)), clock_(clock) {
  for (int i = 0; i < options_.writers; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { Run(stop); });
  }
}

OutcomeWriter::~OutcomeWriter() {
  for (auto& thread : threads_) thread.request_stop();
  changed_.notify_all();
}

// Writers wait for the first outcome, then for a full batch: to wake them for each one between
// would cost more than writing it.
void OutcomeWriter::Add(Outcome outcome) {
  bool awaited = false;
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(outcome));
    awaited = waiting_.size() == 1 || waiting_.size() == options_.max_batch;
  }
  if (awaited) changed_.notify_all();
}

std::size_t OutcomeWriter::pending() const {
  std::lock_guard lock(mutex_);
  return waiting_.size() + writing_;
}

bool OutcomeWriter::Drain(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, absl::ToChronoTime(deadline),
                             [this] { return waiting_.empty() && writing_ == 0; });
}

std::vector<Outcome> OutcomeWriter::TakeBatch(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
  if (waiting_.empty()) return {};
  // A commit costs the same for one as for hundreds, so the first waits a little for others.
  changed_.wait_for(lock, stop, absl::ToChronoMicroseconds(options_.linger),
                    [this] { return waiting_.size() >= options_.max_batch; });
  const std::size_t n = std::min(waiting_.size(), options_.max_batch);
  std::vector<Outcome> batch(std::make_move_iterator(waiting_.begin()),
                             std::make_move_iterator(waiting_.begin() + n));
  waiting_.erase(waiting_.begin(), waiting_.begin() + n);
  writing_ += n;
  return batch;
}

void OutcomeWriter::Run(std::stop_token stop) {
  while (true) {
    const std::vector<Outcome> batch = TakeBatch(stop);
    if (batch.empty()) {
      if (stop.stop_requested()) return;
      continue;
    }
    Write(batch, stop);
    {
      std::lock_guard lock(mutex_);
      writing_ -= batch.size();
    }
    changed_.notify_all();
  }
}

void OutcomeWriter::Write(const std::vector<Outcome>& batch, std::stop_token stop) {
  static auto& failures = metrics::GetCounter("kabar_dispatcher_outcome_write_failures_total",
                                              "Batches of outcomes that the ledger did not take.");
  static log::Throttle throttle(absl::Seconds(5));
  base::Backoff backoff({.initial = absl::Milliseconds(20), .max = absl::Seconds(2)});
  int refused = 0;
  while (true) {
    auto requeued = store_.RecordOutcomes(batch, clock_.Now() + kWriteTimeout);
    if (requeued.ok()) {
      base::FailPoint("outcomes-committed");
      if (!requeued->empty()) requeued_(*std::move(requeued));
      return;
    }
    // Writing the same outcomes twice changes nothing, so a commit in doubt is simply repeated.
    failures.Increment();
    log::Warn(throttle, "outcomes not written, trying again",
              {{"outcomes", batch.size()}, {"error", requeued.status()}});
    if (pg::IsOfData(requeued.status())) {
      // One of them is to blame: the others go without it.
      if (batch.size() > 1) {
        const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
        Write({batch.begin(), middle}, stop);
        return Write({middle, batch.end()}, stop);
      }
      if (++refused == kRefusals) return GiveUp(batch.front(), requeued.status());
    }
    if (!clock_.SleepFor(backoff.Next(), stop)) return;
  }
}

void OutcomeWriter::GiveUp(const Outcome& outcome, const absl::Status& why) {
  metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                      {{"action", "OUTCOME_REFUSED"}})
      .Increment();
  log::Error("the ledger refuses an outcome for what it holds, a person must look",
             {{"action", "OUTCOME_REFUSED"},
              {"message_id", outcome.message_id},
              {"attempt", outcome.attempt},
              {"state", Name(outcome.state)},
              {"error", why},
              {"do",
               "its lease runs out and the message becomes UNKNOWN: its webhook settles it, or "
               "ResolveUnknown; tell the developers the error"}});
}

}  // namespace kabar::dispatcher
