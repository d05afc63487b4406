#include "services/dispatcher/quota_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kabar::dispatcher {
namespace {

constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();

struct Party {
  const QuotaClaim* claim;
  std::int64_t left;
  double pace = 0;  // fractions of recipients that its rate has not let go yet
  std::int64_t wants = 0;
  std::int64_t gets = 0;
};

struct Number {
  double per_s;
  double pace = 0;  // as a party's
};

class Play {
 public:
  Play(std::optional<std::int64_t> limit, const std::vector<QuotaUse>& uses,
       const std::vector<QuotaClaim>& others, const QuotaClaim& ours, const Throughputs& numbers,
       absl::Time now)
      : limit_(limit), uses_(uses), now_(now) {
    for (const auto& [id, per_s] : numbers) {
      if (per_s > 0) numbers_.emplace(id, Number{per_s});
    }
    parties_.push_back({&ours, ours.recipients});
    for (const QuotaClaim& other : others) parties_.push_back({&other, other.recipients});
    std::sort(uses_.begin(), uses_.end(), [](auto& a, auto& b) { return a.until < b.until; });
    for (const QuotaUse& use : uses_) used_ += use.recipients;
  }

  QuotaPlan Run() {
    plan_.used = used_;
    plan_.free = limit_ ? std::max<std::int64_t>(0, *limit_ - used_) : kAny;
    for (std::size_t i = 1; i < parties_.size(); ++i) plan_.others += parties_[i].left;
    const Party& ours = parties_.front();
    const absl::Time first = std::max(now_, ours.claim->start);
    for (absl::Time t = now_; ours.left > 0 && t < first + kQuotaHorizon; t = Next(t)) {
      Step(t, first);
    }
    plan_.left_over += ours.left;
    if (ours.left > 0) plan_.finish.reset();
    return std::move(plan_);
  }

 private:
  // The step after the one at `t`. Where nobody can get a place before something happens (ours
  // start, a use leaves), the one in which it happens: a start far ahead costs no steps.
  absl::Time Next(absl::Time t) const {
    const absl::Time next = t + kQuotaStep;
    absl::Time event = absl::InfiniteFuture();
    bool hungry = false;
    for (const Party& party : parties_) {
      const QuotaClaim& claim = *party.claim;
      const bool own = &party == &parties_.front();
      if (claim.start >= next + kQuotaStep) {
        event = std::min(event, t + absl::Floor(claim.start - t, kQuotaStep));
      } else if (party.left > 0 && (own || !claim.end || *claim.end > next)) {
        hungry = true;
      }
    }
    if (hungry && (!limit_ || used_ < *limit_)) return next;
    if (hungry && next_ < uses_.size()) {
      event = std::min(event, t + absl::Ceil(uses_[next_].until - t, kQuotaStep));
    }
    return std::max(next, event);
  }

  // Who leaves in the course of a step makes room in the next.
  std::int64_t Room(absl::Time t) {
    while (next_ < uses_.size() && uses_[next_].until <= t) used_ -= uses_[next_++].recipients;
    return limit_ ? std::max<std::int64_t>(0, *limit_ - used_) : kAny;
  }

  void Want(Party& party, absl::Time t) const {
    const QuotaClaim& claim = *party.claim;
    const absl::Time from = std::max(t, claim.start);
    const bool own = &party == &parties_.front();  // is told what its end leaves over
    const absl::Time to =
        own ? t + kQuotaStep : std::min(t + kQuotaStep, claim.end.value_or(absl::InfiniteFuture()));
    party.gets = party.wants = 0;
    if (from >= to) return;
    party.wants = party.left;
    if (claim.rate_per_s <= 0) return;
    // What could not go for want of places does not go faster later.
    party.pace =
        party.pace - std::floor(party.pace) + claim.rate_per_s * absl::ToDoubleSeconds(to - from);
    party.wants = std::min(party.left, static_cast<std::int64_t>(party.pace));
  }

  // Evenly: nobody gets more than another who wants more still.
  static void Share(std::int64_t room, std::vector<Party*> hungry) {
    std::sort(hungry.begin(), hungry.end(),
              [](const Party* a, const Party* b) { return a->wants < b->wants; });
    for (std::size_t i = 0; i < hungry.size(); ++i) {
      const auto rest = static_cast<std::int64_t>(hungry.size() - i);
      hungry[i]->gets = std::min(hungry[i]->wants, room == kAny ? kAny : (room + rest - 1) / rest);
      if (room != kAny) room -= hungry[i]->gets;
    }
  }

  // Those who want something; of one number, if it is named.
  std::vector<Party*> Hungry(const std::string* sender_id = nullptr) {
    std::vector<Party*> hungry;
    for (Party& party : parties_) {
      const bool its = sender_id == nullptr || party.claim->sender_id == *sender_id;
      if (its && party.wants > 0) hungry.push_back(&party);
    }
    return hungry;
  }

  // Nobody wants more than his number lets go.
  void ShareNumbers() {
    for (auto& [id, number] : numbers_) {
      const std::vector<Party*> hungry = Hungry(&id);
      number.pace =
          number.pace - std::floor(number.pace) + number.per_s * absl::ToDoubleSeconds(kQuotaStep);
      Share(static_cast<std::int64_t>(number.pace), hungry);
      for (Party* party : hungry) party->wants = party->gets;
    }
  }

  // How long ours takes in this step: as long as its rate, and as its number, which lets the others
  // go meanwhile, each as many as ours.
  absl::Duration TimeFor(const Party& ours) const {
    const auto gets = static_cast<double>(ours.gets);
    double seconds = ours.claim->rate_per_s > 0 ? gets / ours.claim->rate_per_s : 0;
    if (const auto number = numbers_.find(ours.claim->sender_id); number != numbers_.end()) {
      double together = 0;
      for (const Party& party : parties_) {
        if (party.claim->sender_id != ours.claim->sender_id) continue;
        together += static_cast<double>(std::min(party.gets, ours.gets));
      }
      seconds = std::max(seconds, together / number->second.per_s);
    }
    return absl::Seconds(seconds);
  }

  void Step(absl::Time t, absl::Time first) {
    const std::int64_t room = Room(t);
    for (Party& party : parties_) Want(party, t);
    ShareNumbers();
    Share(room, Hungry());
    std::int64_t gone = 0;
    for (Party& party : parties_) {
      party.left -= party.gets;
      gone += party.gets;
    }
    if (gone > 0) {
      used_ += gone;
      uses_.push_back({t + kQuotaStep + absl::Hours(24), gone});
    }
    Note(parties_.front(), t, first);
  }

  void Note(const Party& ours, absl::Time t, absl::Time first) {
    if (ours.wants > ours.gets && !plan_.waits_to && next_ < uses_.size()) {
      plan_.waits_to = uses_[next_].until;
    }
    if (ours.gets == 0) return;
    const absl::Time from = std::max(t, ours.claim->start);
    if (ours.claim->end && from >= *ours.claim->end) plan_.left_over += ours.gets;
    absl::Duration rest;
    const auto day = absl::IDivDuration(from - first, absl::Hours(24), &rest);
    const absl::Time start = first + absl::Hours(24) * day;
    if (plan_.days.empty() || plan_.days.back().start != start) plan_.days.push_back({start, 0});
    plan_.days.back().recipients += ours.gets;
    plan_.finish = std::min(from + TimeFor(ours), t + kQuotaStep);
  }

  const std::optional<std::int64_t> limit_;
  std::vector<QuotaUse> uses_;
  const absl::Time now_;
  std::vector<Party> parties_;
  std::map<std::string, Number> numbers_;
  std::size_t next_ = 0;
  std::int64_t used_ = 0;
  QuotaPlan plan_;
};

}  // namespace

QuotaPlan PlanQuota(std::optional<std::int64_t> limit, const std::vector<QuotaUse>& uses,
                    const std::vector<QuotaClaim>& others, const QuotaClaim& ours,
                    const Throughputs& numbers, absl::Time now) {
  return Play(limit, uses, others, ours, numbers, now).Run();
}

}  // namespace kabar::dispatcher
