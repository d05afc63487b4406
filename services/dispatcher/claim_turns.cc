#include "services/dispatcher/claim_turns.h"

#include <algorithm>
#include <chrono>

#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"

namespace kabar::dispatcher {
namespace {
constexpr std::int64_t kSecond = 1000000;
}

ClaimTurns::ClaimTurns(int max_claim, int max_in_flight, base::Clock& clock)
    : max_in_flight_(max_in_flight), clock_(clock), width_(max_claim, max_in_flight) {}

void ClaimTurns::Add(const std::vector<std::string>& portfolios) {
  {
    std::lock_guard lock(mutex_);
    for (const auto& id : portfolios) {
      if (due_us_.emplace(id, 0).second) ++news_;
    }
  }
  changed_.notify_all();
}

std::vector<std::string> ClaimTurns::Portfolios() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, at] : due_us_) ids.push_back(id);
  return ids;
}

std::vector<std::string> ClaimTurns::WaitForPortfolios(std::stop_token stop) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [this] { return !due_us_.empty(); });
  }
  return Portfolios();
}

void ClaimTurns::ScheduleAt(const std::string& portfolio, std::int64_t boottime_us) {
  {
    std::lock_guard lock(mutex_);
    auto it = due_us_.find(portfolio);
    if (it == due_us_.end()) return;
    it->second = std::min(it->second, boottime_us);
    ++news_;
  }
  changed_.notify_one();
}

bool ClaimTurns::Next(std::stop_token stop, std::string* portfolio, int* room) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    auto first = due_us_.end();
    for (auto it = due_us_.begin(); it != due_us_.end(); ++it) {
      if (first == due_us_.end() || it->second < first->second) first = it;
    }
    const std::int64_t now = clock_.BoottimeMicros();
    std::int64_t wait = kSecond;
    if (first != due_us_.end() && first->second <= now) {
      *room = in_flight_ < max_in_flight_ ? width_.Reserve() : 0;
      if (*room > 0) {
        *portfolio = first->first;
        first->second = now + kSecond;
        return true;
      }
      wants_room_ = true;
    } else if (first != due_us_.end()) {
      wait = std::min(wait, first->second - now);
    }
    const std::uint64_t seen = news_;
    changed_.wait_for(lock, stop, std::chrono::microseconds(wait), [&] { return news_ != seen; });
  }
  return false;
}

void ClaimTurns::Claimed(const std::string& sender, const std::string& lane, int n) {
  if (n == 0) return;
  std::lock_guard lock(mutex_);
  in_flight_ += n;
  LaneInFlight& of = lanes_[lane];
  if (of.n == 0) of = {.sender = sender, .lane = lane};
  of.n += n;
}

void ClaimTurns::NotStarted(int n) {
  if (n == 0) return;
  std::lock_guard lock(mutex_);
  width_.Release(n);
  TellOfRoom();
}

void ClaimTurns::Started() {
  std::lock_guard lock(mutex_);
  width_.Started();
  TellOfRoom();
}

void ClaimTurns::Missed() {
  static auto& missed = metrics::GetCounter("kabar_dispatcher_slots_missed_total",
                                            "Requests that could not start in their slots.");
  missed.Increment();
  std::lock_guard lock(mutex_);
  width_.Missed();
}

void ClaimTurns::Finished(const std::string& lane, int n) {
  if (n == 0) return;
  static auto& gauge =
      metrics::GetGauge("kabar_dispatcher_in_flight_messages", "Claimed and not finished.");
  std::lock_guard lock(mutex_);
  in_flight_ -= n;
  gauge.Set(in_flight_);
  // Lanes come and go, so an empty one is forgotten.
  if (auto of = lanes_.find(lane); of != lanes_.end() && (of->second.n -= n) <= 0) {
    lanes_.erase(of);
  }
  TellOfRoom();
  if (in_flight_ == 0) changed_.notify_all();
}

bool ClaimTurns::WaitUntilEmpty(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, absl::ToChronoTime(deadline),
                             [this] { return in_flight_ == 0; });
}

int ClaimTurns::in_flight() const {
  std::lock_guard lock(mutex_);
  return in_flight_;
}

std::vector<ClaimTurns::LaneInFlight> ClaimTurns::InFlightByLane() const {
  std::lock_guard lock(mutex_);
  std::vector<LaneInFlight> lanes;
  for (const auto& [id, lane] : lanes_) lanes.push_back(lane);
  return lanes;
}

// Under the mutex. One claimer is enough: with room left he schedules the next.
void ClaimTurns::TellOfRoom() {
  if (!wants_room_ || in_flight_ >= max_in_flight_ || !width_.HasRoom()) return;
  wants_room_ = false;
  ++news_;
  changed_.notify_one();
}

}  // namespace kabar::dispatcher
