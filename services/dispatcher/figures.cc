#include "services/dispatcher/figures.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"
#include "prometheus/histogram.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr absl::Duration kMinute = absl::Minutes(1);
// "Could be sent now" is what could start within this.
constexpr absl::Duration kHorizon = absl::Seconds(1);
constexpr int kFailuresShown = 3;  // in a row: what was seen before them is not shown any more

using List = std::vector<metrics::Figure>;

void Add(List& list, const char* name, const char* help, double value,
         metrics::Labels labels = {}) {
  list.push_back({.name = std::string("kabar_dispatcher_") + name,
                  .help = help,
                  .labels = std::move(labels),
                  .value = value});
}

metrics::Figure Age(absl::Time looked) {
  return {
      .name = "kabar_dispatcher_figures_age_seconds",
      .help = "How old the ledger's figures are; after three looks that failed only this is shown.",
      .since = looked};
}

void AddSender(List& list, const Sender& sender, const SenderFigures& figures, double use) {
  const metrics::Labels labels = {{"sender", sender.id}};
  Add(list, "backlog_messages", "Ids that the number's open lanes hold in the queue.",
      static_cast<double>(figures.waiting), labels);
  Add(list, "claimable_messages",
      "How many of them could start within the next second, by all limits, pauses and its circuit.",
      static_cast<double>(figures.claimable), labels);
  Add(list, "throttle_use_ratio", "Share of the last minute's throughput that was given out.", use,
      labels);
}

void AddLanes(List& list, const std::vector<Lane>& lanes, const LedgerFigures& ledger) {
  std::map<std::string, int> states = {{"RUNNING", 0}, {"HELD", 0}, {"PAUSED", 0}};
  for (const Lane& lane : lanes) {
    const bool paused = lane.state == LaneState::kPaused;
    ++states[paused ? "PAUSED" : lane.held ? "HELD" : "RUNNING"];
  }
  const char* const help =
      "Lanes that something still has to be done with: RUNNING, HELD by an operator's pause, "
      "PAUSED, ENDING (cancelled or expired, with messages QUEUED yet).";
  for (const auto& [state, count] : states) Add(list, "lanes", help, count, {{"state", state}});
  Add(list, "lanes", help, static_cast<double>(ledger.ending_lanes), {{"state", "ENDING"}});
}

void AddLedger(List& list, const LedgerFigures& ledger) {
  const auto number = [](std::int64_t n) { return static_cast<double>(n); };
  Add(list, "unknown_messages", "UNKNOWN now, in lanes that are not over.", number(ledger.unknown));
  Add(list, "open_dead_letters", "Dead letters that wait for a person.",
      number(ledger.dead_letters));
  Add(list, "oldest_due_seconds",
      "How long the oldest message waits that is QUEUED and due in a lane that may send.",
      ledger.oldest_due_s);
  Add(list, "journal_waiting_webhooks", "Webhooks in the journal that are not applied.",
      number(ledger.journal_waiting));
  Add(list, "journal_oldest_seconds", "Age of the oldest of them.", ledger.journal_oldest_s);
  Add(list, "outbox_unnumbered_batches", "Event batches committed and without a number.",
      number(ledger.outbox_unnumbered));
  Add(list, "outbox_oldest_seconds", "Age of the oldest of them.", ledger.outbox_oldest_s);
  for (const auto& [consumer, behind] : ledger.consumers_behind) {
    Add(list, "consumer_behind_batches",
        "Numbered event batches that the consumer had not committed when it last came, at most a "
        "minute ago.",
        number(behind), {{"consumer", consumer}});
  }
}

}  // namespace

void ThrottleUse::Count(std::int64_t spent, absl::Time now) {
  if (!samples_.empty() && spent < samples_.back().spent) samples_.clear();
  samples_.push_back({now, spent});
  // One that is a minute old or more stays, to measure from.
  while (samples_.size() > 2 && now - samples_[1].at >= kMinute) samples_.pop_front();
}

double ThrottleUse::Share(const base::Rate& rate) const {
  if (samples_.size() < 2) return 0;
  const double minutes = absl::FDivDuration(samples_.back().at - samples_.front().at, kMinute);
  const auto spent = static_cast<double>(samples_.back().spent - samples_.front().spent);
  return minutes > 0 ? spent / (rate.PerMinute() * minutes) : 0;
}

absl::StatusOr<bool> FigureKeeper::RunOnce() {
  const absl::Status looked = Look();
  if (looked.ok()) {
    failures_ = 0;
    return false;
  }
  if (++failures_ >= kFailuresShown) figures_.Publish({Age(looked_)});
  return looked;
}

absl::Status FigureKeeper::Look() {
  static auto& took = metrics::GetHistogram("kabar_dispatcher_figures_duration_seconds",
                                            "What one look at the ledger's metrics takes.");
  const absl::Time began = clock_.Now();
  const absl::Time deadline = began + kTimeout;
  KABAR_ASSIGN_OR_RETURN(const LedgerFigures ledger, admin_.ReadFigures(deadline));
  KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders, store_.ListAllSenders(deadline));
  KABAR_ASSIGN_OR_RETURN(const std::vector<Lane> lanes, store_.ListOpenLanes(deadline));
  std::map<std::string, std::vector<std::string>> lanes_of;
  for (const Lane& lane : lanes) lanes_of[lane.sender_id].push_back(lane.id);

  List list;
  AddLedger(list, ledger);
  AddLanes(list, lanes, ledger);
  std::map<std::string, ThrottleUse> use;
  for (const Sender& sender : senders) {
    // Without Redis nothing is known of the numbers, and nothing is shown of them.
    const auto figures = queue_.LookAt(sender, lanes_of[sender.id], kHorizon, deadline);
    if (!figures.ok()) continue;
    ThrottleUse& mine = use[sender.id] = std::move(use_[sender.id]);
    mine.Count(figures->spent, clock_.Now());
    AddSender(list, sender, *figures, mine.Share(sender.throughput));
  }
  use_ = std::move(use);
  looked_ = began;
  list.push_back(Age(looked_));
  figures_.Publish(std::move(list));
  took.Observe(absl::ToDoubleSeconds(clock_.Now() - began));
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
