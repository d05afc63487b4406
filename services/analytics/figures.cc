#include "services/analytics/figures.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/time/time.h"
#include "kabar/events/v1/events.pb.h"

namespace kabar::analytics {
namespace {

using events::v1::Event;
using events::v1::MessageChanged;
using events::v1::MessageState;

absl::Time TimeOf(const Event& event) {
  return absl::FromUnixSeconds(event.time().seconds()) + absl::Nanoseconds(event.time().nanos());
}

// SENT 1, DELIVERED 2, READ 3; all else 0.
int Reach(MessageState state) {
  switch (state) {
    case events::v1::SENT:
      return 1;
    case events::v1::DELIVERED:
      return 2;
    case events::v1::READ:
      return 3;
    default:
      return 0;
  }
}

std::int64_t& Count(StateCounts& states, MessageState state) {
  return states[static_cast<std::size_t>(state) - 1];
}

constexpr double kEnoughForRate = 20;
constexpr double kShortestWindow = 10;
constexpr double kLongestWindow = 300;
constexpr double kGap = 5;  // seconds, or turns of a slower lane, without a send: it stood still

std::int64_t GapSeconds(double lane_rate_per_s) {
  if (lane_rate_per_s <= 0) return static_cast<std::int64_t>(kGap);
  return static_cast<std::int64_t>(
      std::min(std::max(kGap, std::ceil(kGap / lane_rate_per_s)), kLongestWindow));
}

bool IsState(MessageState state) {
  return state > events::v1::MESSAGE_STATE_UNSPECIFIED && state <= kStates;
}

}  // namespace

std::int64_t RateWindowSeconds(double lane_rate_per_s) {
  if (lane_rate_per_s <= 0) return static_cast<std::int64_t>(kShortestWindow);
  return static_cast<std::int64_t>(
      std::clamp(std::ceil(kEnoughForRate / lane_rate_per_s), kShortestWindow, kLongestWindow));
}

void LaneFigures::MeasureRate(const std::vector<SecondCount>& seconds, std::int64_t end) {
  const std::int64_t gap = GapSeconds(lane_rate_per_s);
  std::int64_t begin = end;
  sent_in_window = 0;
  for (auto it = seconds.rbegin(); it != seconds.rend() && begin - it->second <= gap; ++it) {
    sent_in_window += it->sent;
    begin = it->second;
  }
  if (sent_in_window == 0) begin = end - RateWindowSeconds(lane_rate_per_s);
  absl::Time from = absl::FromUnixSeconds(begin);
  if (first_sent) from = std::max(from, *first_sent);
  window_s = absl::ToDoubleSeconds(absl::FromUnixSeconds(end) - from);
}

double LaneFigures::RatePerS() const {
  if (sent_in_window < 2) return 0;
  // The first message begins the stretch, it is not sent in it: otherwise a slow lane would seem
  // faster than it is allowed to be.
  return static_cast<double>(sent_in_window - 1) / std::max(window_s, 1.0);
}

std::int64_t LaneFigures::not_expanded() const {
  return std::max<std::int64_t>(
      0, asked - std::accumulate(states.begin(), states.end(), std::int64_t{0}));
}

std::optional<std::int64_t> LaneFigures::EtaSeconds() const {
  const std::int64_t left = states[events::v1::QUEUED - 1] + states[events::v1::SENDING - 1] +
                            (lane_state == events::v1::RUNNING ? not_expanded() : 0);
  if (left == 0) return 0;
  if (lane_state != events::v1::RUNNING) return std::nullopt;
  const bool young = window_s < 2 || static_cast<double>(reached_sent) < kEnoughForRate;
  const double rate = young && lane_rate_per_s > 0 ? lane_rate_per_s : RatePerS();
  if (rate <= 0) return std::nullopt;
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(left) / rate));
}

void Tally::Add(const Event& event) {
  if (event.has_message_changed()) {
    AddMessage(event);
  } else if (event.has_lane_changed()) {
    const auto& changed = event.lane_changed();
    LaneDelta& lane = lanes_[{event.outlet_id(), changed.lane_id()}];
    lane.asked = changed.asked();
    lane.lane_state = changed.to();
    lane.lane_reason = changed.reason();
    lane.lane_rate_per_s = changed.rate_per_s();
  } else if (event.has_answer_recorded()) {
    const auto& answer = event.answer_recorded();
    if (answer.run_id().empty()) return;
    AnswerDelta& answers = answers_[{event.outlet_id(), answer.run_id()}];
    switch (answer.answer()) {
      case events::v1::AnswerRecorded::YES:
        ++answers.yes;
        break;
      case events::v1::AnswerRecorded::NO:
        ++answers.no;
        break;
      default:
        ++answers.other;
    }
  }
}

void Tally::AddMessage(const Event& event) {
  const MessageChanged& changed = event.message_changed();
  const LaneKey key{event.outlet_id(), changed.lane_id()};
  LaneDelta& lane = lanes_[key];
  if (IsState(changed.from())) --Count(lane.states, changed.from());
  if (IsState(changed.to())) ++Count(lane.states, changed.to());
  if (changed.to() == events::v1::FAILED) ++failures_[{key, changed.reason()}];
  if (changed.from() == events::v1::FAILED) --failures_[{key, changed.reason_before()}];

  const int before = Reach(changed.reached_before());
  const int now = std::max(before, Reach(changed.to()));
  if (before < 1 && now >= 1) {
    ++lane.reached_sent;
    const absl::Time time = TimeOf(event);
    if (!lane.first_sent || time < *lane.first_sent) lane.first_sent = time;
    if (!lane.last_sent || time > *lane.last_sent) lane.last_sent = time;
    ++seconds_[{key, absl::ToUnixSeconds(time)}];
  }
  if (before < 2 && now >= 2) ++lane.reached_delivered;
  if (before < 3 && now >= 3) ++lane.reached_read;
}

}  // namespace kabar::analytics
