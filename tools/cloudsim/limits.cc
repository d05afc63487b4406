#include "tools/cloudsim/limits.h"

#include <algorithm>

#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kDayUs = 24 * 3600 * kMicrosPerSecond;

}  // namespace

void SlidingWindow::Insert(int64_t at_us) {
  // Almost always at the end; a request read late from its socket belongs a little before it.
  auto place = events_.end();
  while (place != events_.begin() && *(place - 1) > at_us) --place;
  events_.insert(place, at_us);
}

bool SlidingWindow::Take(int64_t at_us, int64_t window_us, int limit) {
  // Events older than two windows can share no window with anything still to come.
  while (!events_.empty() && events_.front() <= at_us - 2 * window_us) events_.pop_front();
  // Refused when some window that contains this event would hold more than `limit`: look at every
  // run of `limit` neighbours around its place.
  const auto place = std::upper_bound(events_.begin(), events_.end(), at_us);
  const auto index = place - events_.begin();
  const auto count = static_cast<std::ptrdiff_t>(events_.size());
  const std::ptrdiff_t first = std::max<std::ptrdiff_t>(0, index - limit);
  for (std::ptrdiff_t i = first; i <= index && i + limit - 1 < count; ++i) {
    const int64_t low = std::min(events_[static_cast<size_t>(i)], at_us);
    const int64_t high = std::max(events_[static_cast<size_t>(i + limit - 1)], at_us);
    if (high - low < window_us) return false;
  }
  Insert(at_us);
  return true;
}

void SlidingWindow::Count(int64_t at_us, int64_t window_us) {
  while (!events_.empty() && events_.front() <= at_us - 2 * window_us) events_.pop_front();
  Insert(at_us);
}

void Limits::Configure(const LimitSetup& setup) {
  setup_ = setup;
  const double second = static_cast<double>(kMicrosPerSecond);
  second_us_ = std::max<int64_t>(1, static_cast<int64_t>(second * setup.time_scale));
  pair_us_ = static_cast<int64_t>(second * setup.time_scale * setup.pair_interval_s);
  window_us_ = static_cast<int64_t>(second * 3600 * setup.window_hours);
}

PairState& Limits::Pair(uint32_t number, uint32_t recipient) {
  while (recipient >= first_pairs_.size()) first_pairs_.emplace_back();
  FirstPair& first = first_pairs_[recipient];
  if (first.number == UINT32_MAX) first.number = number;
  if (first.number == number) return first.state;
  return more_pairs_[(static_cast<uint64_t>(number) << 32) | recipient];
}

Limits::NumberState& Limits::Number(uint32_t number) {
  if (number >= numbers_.size()) numbers_.resize(number + 1);
  return numbers_[number];
}

int Limits::TakeThroughput(uint32_t number, int limit, int64_t at_us) {
  NumberState& state = Number(number);
  while (!state.inbound.empty() && state.inbound.top() <= at_us) {
    if (setup_.throughput_counts_inbound) state.window.Count(state.inbound.top(), second_us_);
    state.inbound.pop();
  }
  return state.window.Take(at_us, second_us_, limit) ? 0 : 130429;
}

int Limits::TakePair(PairState* pair, int64_t at_us) const {
  // GCRA: a burst of N may run ahead of the steady pace by N - 1 intervals, and is paid back after.
  const int64_t ahead_us = pair->free_at_us - at_us;
  if (ahead_us > pair_us_ * (setup_.pair_burst - 1)) return 131056;
  pair->free_at_us = std::max(pair->free_at_us, at_us) + pair_us_;
  return 0;
}

bool Limits::WindowOpen(const PairState& pair, int64_t at_us) const {
  if (!setup_.enforce_window) return true;
  const auto open_by = [&](int64_t inbound_us) {
    return inbound_us != 0 && inbound_us <= at_us && at_us < inbound_us + window_us_;
  };
  return open_by(pair.last_inbound_us) || open_by(pair.next_inbound_us);
}

void Limits::Inbound(uint32_t number, PairState* pair, int64_t at_us) {
  // Two moments are kept: the newest past one and the earliest future one. A window is 24 h long
  // and answers come within minutes, so a third cannot change what is open for longer than that.
  if (at_us <= NowUs()) {
    pair->last_inbound_us = std::max(pair->last_inbound_us, at_us);
  } else {
    if (pair->next_inbound_us != 0 && pair->next_inbound_us <= NowUs()) {
      pair->last_inbound_us = std::max(pair->last_inbound_us, pair->next_inbound_us);
      pair->next_inbound_us = 0;
    }
    pair->next_inbound_us =
        pair->next_inbound_us == 0 ? at_us : std::min(pair->next_inbound_us, at_us);
  }
  Number(number).inbound.push(at_us);
}

int Limits::TakePortfolio(uint32_t portfolio, uint32_t recipient, int64_t at_us) {
  if (setup_.messaging_limit <= 0) return 0;
  if (portfolio >= portfolios_.size()) portfolios_.resize(portfolio + 1);
  Portfolio& state = portfolios_[portfolio];
  while (!state.order.empty() && state.order.front().first <= at_us - kDayUs) {
    const auto found = state.last.find(state.order.front().second);
    if (found != state.last.end() && found->second == state.order.front().first) {
      state.last.erase(found);
    }
    state.order.pop_front();
  }
  const auto known = state.last.find(recipient);
  if (known == state.last.end() &&
      static_cast<int64_t>(state.last.size()) >= setup_.messaging_limit) {
    return setup_.messaging_limit_code;
  }
  state.last[recipient] = at_us;
  state.order.emplace_back(at_us, recipient);
  return 0;
}

void Limits::Reset() {
  numbers_.clear();
  portfolios_.clear();
  first_pairs_.clear();
  more_pairs_.clear();
}

}  // namespace kabar::cloudsim
