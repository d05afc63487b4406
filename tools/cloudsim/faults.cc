#include "tools/cloudsim/faults.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"

namespace kabar::cloudsim {
namespace {

bool Allows(const std::set<std::string>& chosen, absl::string_view value) {
  return chosen.empty() || chosen.count(std::string(value)) > 0;
}

}  // namespace

void Faults::Load(std::vector<FaultRule> rules, const Latency& latency, int64_t now_us) {
  rules_.clear();
  for (FaultRule& rule : rules) rules_.push_back({std::move(rule), 0});
  latency_ = latency;
  loaded_us_ = now_us;
  requests_ = 0;
}

bool Faults::InPhase(const Rule& rule, int64_t now_us) const {
  const double seconds =
      static_cast<double>(now_us - loaded_us_) / static_cast<double>(kMicrosPerSecond);
  return rule.played < rule.rule.max_times && seconds >= rule.rule.phase_s.first &&
         seconds < rule.rule.phase_s.second;
}

bool Faults::Matches(const Rule& rule, const FaultContext& context) const {
  const FaultRule& r = rule.rule;
  if (!InPhase(rule, context.now_us)) return false;
  if (requests_ < r.requests.first || requests_ >= r.requests.second) return false;
  if (r.only_reused && !context.reused) return false;
  if (r.first_attempts > 0 && context.attempt > static_cast<uint32_t>(r.first_attempts)) {
    return false;
  }
  return Allows(r.recipients, context.recipient) && Allows(r.numbers, context.number) &&
         Allows(r.message_kinds, context.message_kind) &&
         absl::StartsWith(context.callback, r.callback_prefix);
}

bool Faults::Drawn(size_t index, double probability, uint64_t key, uint64_t attempt) const {
  if (probability >= 1) return true;
  Draws draws(seed_, "fault", Mix(key) ^ index, attempt);
  return draws.Chance(probability);
}

const FaultRule* Faults::Decide(const FaultContext& context) {
  const FaultRule* chosen = nullptr;
  for (size_t i = 0; i < rules_.size() && chosen == nullptr; ++i) {
    Rule& rule = rules_[i];
    if (rule.rule.kind == FaultKind::kResetOnConnect || !Matches(rule, context)) continue;
    if (!Drawn(i, rule.rule.probability, HashText(context.recipient), context.attempt)) continue;
    ++rule.played;
    chosen = &rule.rule;
  }
  ++requests_;
  return chosen;
}

bool Faults::ResetsConnection(uint64_t connection_id, int64_t now_us) {
  for (size_t i = 0; i < rules_.size(); ++i) {
    Rule& rule = rules_[i];
    if (rule.rule.kind != FaultKind::kResetOnConnect || !InPhase(rule, now_us)) continue;
    if (!Drawn(i, rule.rule.probability, connection_id, 0)) continue;
    ++rule.played;
    return true;
  }
  return false;
}

int64_t Faults::LatencyUs(absl::string_view recipient, uint32_t attempt) const {
  Draws draws(seed_, "latency", HashText(recipient), attempt);
  double ms = 0;
  switch (latency_.kind) {
    case Latency::Kind::kNone:
      return 0;
    case Latency::Kind::kFixed:
      ms = latency_.ms;
      break;
    case Latency::Kind::kUniform:
      ms = draws.Between(latency_.min_ms, latency_.max_ms);
      break;
    case Latency::Kind::kExponential:
      ms = latency_.min_ms - latency_.ms * std::log(1 - draws.Next());
      break;
    case Latency::Kind::kLogNormal: {
      // Box-Muller: two even draws make one normal one.
      const double normal = std::sqrt(-2 * std::log(1 - draws.Next())) *
                            std::cos(2 * 3.14159265358979323846 * draws.Next());
      ms = latency_.min_ms + latency_.ms * std::exp(latency_.sigma * normal);
      break;
    }
  }
  if (latency_.max_ms > 0) ms = std::min(ms, latency_.max_ms);
  return static_cast<int64_t>(ms * static_cast<double>(kMicrosPerMilli));
}

}  // namespace kabar::cloudsim
