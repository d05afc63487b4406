#include "services/dispatcher/sender_watch.h"

#include <algorithm>
#include <utility>

#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"

namespace kabar::dispatcher {

SenderWatch::SenderWatch(Queue& queue, Errands& errands, base::Clock& clock)
    : queue_(queue), errands_(errands), clock_(clock) {}

void SenderWatch::Claimed(const std::string& portfolio_id, const Claim& claim,
                          std::int64_t asked_us) {
  if (!claim.suspect && !trouble_) return;
  std::lock_guard lock(mutex_);
  if (claim.suspect) {
    numbers_[claim.sender_id].suspect = true;
    trouble_ = true;
  }
  const auto number = numbers_.find(claim.sender_id);
  if (number == numbers_.end() || claim.probe || !number->second.open) return;
  // Of before it opened: says nothing, and nothing of it may start.
  if (asked_us <= number->second.opened_us) return;
  // Nothing but a probe is claimed while it is open.
  number->second.open = false;
  log::Info("a number's circuit is closed again: its probe went well",
            {{"sender_id", claim.sender_id}, {"portfolio_id", portfolio_id}});
}

bool SenderWatch::Refuses(const SendJob& job) const {
  if (!trouble_ || job.probe) return false;
  std::lock_guard lock(mutex_);
  const auto number = numbers_.find(job.sender_id);
  return number != numbers_.end() && job.asked_us <= number->second.opened_us;
}

void SenderWatch::Ended(const SendJob& job, SenderWord word) {
  if (!job.probe && (word == SenderWord::kNone || (word == SenderWord::kWell && !trouble_))) return;
  std::lock_guard lock(mutex_);
  auto number = numbers_.find(job.sender_id);
  if (number == numbers_.end()) {
    if (!job.probe && word == SenderWord::kWell) return;
    number = numbers_.try_emplace(job.sender_id).first;
    trouble_ = true;
  }
  Number& n = number->second;
  if (job.probe) {
    n.news.probe = word == SenderWord::kWell     ? SenderNews::Probe::kWell
                   : word == SenderWord::kFailed ? SenderNews::Probe::kFailed
                                                 : SenderNews::Probe::kUnused;
  } else if (word == SenderWord::kFailed) {
    if (job.asked_us <= n.opened_us) return;  // known already
    ++n.news.failures;
    n.news.failed_slot_us = std::max(n.news.failed_slot_us, job.slot.server_slot_us);
    n.suspect = true;
  } else {
    if (!n.suspect) return;
    n.suspect = false;
    n.news.went_well = true;
    n.news.failures = 0;
  }
  TellLater(job.portfolio_id, job.sender_id, n);
}

void SenderWatch::ProbeUnused(const std::string& portfolio_id, const std::string& sender_id) {
  std::lock_guard lock(mutex_);
  Number& number = numbers_[sender_id];
  trouble_ = true;
  number.news.probe = SenderNews::Probe::kUnused;
  TellLater(portfolio_id, sender_id, number);
}

// Under the mutex.
void SenderWatch::TellLater(const std::string& portfolio, const std::string& sender,
                            Number& number) {
  if (std::exchange(number.telling, true)) return;
  errands_.Add(
      [this, portfolio, sender](absl::Time deadline) { Tell(portfolio, sender, deadline); });
}

void SenderWatch::Tell(const std::string& portfolio, const std::string& sender,
                       absl::Time deadline) {
  SenderNews news;
  {
    std::lock_guard lock(mutex_);
    Number& number = numbers_[sender];
    number.telling = false;
    news = std::exchange(number.news, {});
  }
  const absl::StatusOr<SenderHealth> health = queue_.TellSender(portfolio, sender, news, deadline);
  if (health.ok()) return Told(sender, *health);
  static log::Throttle throttle(absl::Seconds(10));
  log::Warn(throttle, "what became of a number's requests could not be told to Redis",
            {{"sender_id", sender}, {"error", health.status()}});
}

void SenderWatch::Told(const std::string& sender, const SenderHealth& health) {
  bool news = false;
  {
    std::lock_guard lock(mutex_);
    const auto found = numbers_.find(sender);
    if (found == numbers_.end()) return;
    Number& number = found->second;
    news = health.open && !number.open;
    number.open = health.open;
    if (health.open) {
      number.opened_us = clock_.BoottimeMicros();
    } else if (health.failures == 0 && !number.telling && !number.suspect) {
      numbers_.erase(found);
    }
    trouble_ = !numbers_.empty();
  }
  if (!news) return;
  metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                      {{"action", "CIRCUIT_OPEN"}})
      .Increment();
  log::Error("a number's circuit is open, a person must look",
             {{"action", "CIRCUIT_OPEN"},
              {"sender_id", sender},
              {"failures", health.failures},
              {"for", absl::FormatDuration(health.open_until - clock_.Now())},
              {"do",
               "the provider gives no answer or errors of its own; its messages wait and one "
               "is tried from time to time. See Meta's status page, the network and the "
               "proxy; nothing need be done once it answers"}});
}

}  // namespace kabar::dispatcher
