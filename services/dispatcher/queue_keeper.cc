#include "services/dispatcher/queue_keeper.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr char kHeld[] = "held";
constexpr absl::Duration kRebuildTimeout = absl::Minutes(5);
constexpr absl::Duration kShowEvery = absl::Seconds(1);

metrics::Gauge& CircuitOpen(const std::string& sender) {
  return metrics::GetGauge("kabar_dispatcher_circuit_open",
                           "1: the number failed so often in a row that only probes are sent.",
                           {{"sender", sender}});
}

metrics::Gauge& Speed(const std::string& sender) {
  return metrics::GetGauge("kabar_dispatcher_sender_speed_ratio",
                           "Part of its throughput that a number may use now, after refusals.",
                           {{"sender", sender}});
}

template <typename T, typename F>
std::vector<T> Filter(const std::vector<T>& all, F keep) {
  std::vector<T> kept;
  for (const auto& one : all) {
    if (keep(one)) kept.push_back(one);
  }
  return kept;
}

}  // namespace

QueueKeeper::QueueKeeper(QueueKeeperOptions options, Queue& queue, Store& store, base::Clock& clock)
    : options_(options), queue_(queue), store_(store), clock_(clock) {}

void QueueKeeper::Start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    static log::Throttle throttle(absl::Seconds(10));
    do {
      if (absl::Status status = Round(); !status.ok()) {
        log::Warn(throttle, "queue not kept", {{"error", status}});
      }
    } while (clock_.SleepFor(options_.interval, stop));
  });
}

void QueueKeeper::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  ShowNothing();
}

absl::Status QueueKeeper::Round() {
  KABAR_RETURN_IF_ERROR(BuildWhatIsNot());
  // Read when all is built: what was changed meanwhile Redis was not told by who changed it.
  KABAR_ASSIGN_OR_RETURN(auto portfolios, store_.ListAllPortfolios(clock_.Now() + kTimeout));
  KABAR_ASSIGN_OR_RETURN(auto senders, store_.ListAllSenders(clock_.Now() + kTimeout));
  KABAR_ASSIGN_OR_RETURN(auto lanes, store_.ListOpenLanes(clock_.Now() + kTimeout));
  for (auto& [key, told] : told_) told.wanted = false;
  for (const auto& portfolio : portfolios) {
    KABAR_RETURN_IF_ERROR(
        Tell("portfolio/" + portfolio.id,
             absl::StrCat(portfolio.messaging_limit, " ", ReserveOf(portfolio)),
             [&] { return queue_.PutPortfolio(portfolio, clock_.Now() + kTimeout); }));
  }
  for (const auto& sender : senders) {
    KABAR_RETURN_IF_ERROR(Tell(
        "sender/" + sender.id,
        absl::StrCat(static_cast<int>(sender.state), sender.held ? " held " : " ",
                     base::FormatRate(sender.throughput), " ", base::FormatRate(sender.pair_rate)),
        [&] { return queue_.PutSender(sender, clock_.Now() + kTimeout); }));
  }
  KABAR_RETURN_IF_ERROR(TellLinks(portfolios, senders));
  std::set<std::string> open;
  for (const auto& lane : lanes) {
    open.insert(lane.id);
    KABAR_RETURN_IF_ERROR(SweepLane(lane));
  }
  std::erase_if(swept_, [&](const auto& entry) { return !open.contains(entry.first); });
  std::erase_if(told_, [&](const auto& entry) { return !entry.second.wanted; });
  return ShowHealth(portfolios, senders);
}

absl::Status QueueKeeper::BuildWhatIsNot() {
  KABAR_ASSIGN_OR_RETURN(auto portfolios, store_.ListAllPortfolios(clock_.Now() + kTimeout));
  for (const auto& portfolio : portfolios) {
    KABAR_ASSIGN_OR_RETURN(const bool built, queue_.IsBuilt(portfolio.id, clock_.Now() + kTimeout));
    if (!built) KABAR_RETURN_IF_ERROR(Rebuild(portfolio));
  }
  return absl::OkStatus();
}

absl::Status QueueKeeper::ShowHealth(const std::vector<Portfolio>& portfolios,
                                     const std::vector<Sender>& senders) {
  if (clock_.Now() - shown_ < kShowEvery) return absl::OkStatus();
  shown_ = clock_.Now();
  for (const auto& portfolio : portfolios) {
    std::vector<std::string> ids;
    for (const auto& sender : senders) {
      if (sender.portfolio_id == portfolio.id) ids.push_back(sender.id);
    }
    if (ids.empty()) continue;
    KABAR_ASSIGN_OR_RETURN(const auto health,
                           queue_.GetHealth(portfolio.id, ids, clock_.Now() + kTimeout));
    for (std::size_t i = 0; i < ids.size() && i < health.size(); ++i) {
      shown_senders_.insert(ids[i]);
      CircuitOpen(ids[i]).Set(health[i].open ? 1 : 0);
      Speed(ids[i]).Set(health[i].open ? 0 : health[i].fraction);
    }
  }
  return absl::OkStatus();
}

void QueueKeeper::ShowNothing() {
  for (const std::string& id : shown_senders_) {
    CircuitOpen(id).Set(0);
    Speed(id).Set(0);
  }
}

absl::Status QueueKeeper::Rebuild(const Portfolio& portfolio) {
  KABAR_ASSIGN_OR_RETURN(auto senders, store_.ListAllSenders(clock_.Now() + kTimeout));
  KABAR_ASSIGN_OR_RETURN(auto lanes, store_.ListOpenLanes(clock_.Now() + kTimeout));
  const auto mine = [&](const auto& x) { return x.portfolio_id == portfolio.id; };
  const auto its_lanes = Filter(lanes, mine);
  KABAR_RETURN_IF_ERROR(queue_.Rebuild(portfolio, Filter(senders, mine), its_lanes, store_,
                                       clock_.Now() + kRebuildTimeout));
  metrics::GetCounter("kabar_dispatcher_queue_rebuilds_total",
                      "Portfolios built anew in Redis from the ledger.")
      .Increment();
  log::Info("queue built from the ledger",
            {{"portfolio_id", portfolio.id}, {"lanes", its_lanes.size()}});
  for (const auto& lane : its_lanes) swept_[lane.id] = clock_.Now();
  return absl::OkStatus();
}

absl::Status QueueKeeper::TellLinks(const std::vector<Portfolio>& portfolios,
                                    const std::vector<Sender>& senders) {
  KABAR_ASSIGN_OR_RETURN(const auto links, store_.ListUntoldLinks(clock_.Now() + kTimeout));
  if (links.empty()) return absl::OkStatus();
  for (const auto& portfolio : portfolios) {
    const auto of_outlet =
        Filter(links, [&](const auto& link) { return link.outlet_id == portfolio.outlet_id; });
    if (of_outlet.empty()) continue;
    std::vector<std::string> ids;
    for (const auto& sender : senders) {
      if (sender.portfolio_id == portfolio.id) ids.push_back(sender.id);
    }
    KABAR_RETURN_IF_ERROR(
        queue_.JoinRecipients(portfolio.id, ids, of_outlet, clock_.Now() + kTimeout));
  }
  return store_.NoteLinksTold(links, clock_.Now() + kTimeout);
}

absl::Status QueueKeeper::Tell(const std::string& key, const std::string& what,
                               absl::FunctionRef<absl::Status()> put) {
  Told& told = told_[key];
  told.wanted = true;
  if (told.what == what && clock_.Now() - told.at < options_.sweep) return absl::OkStatus();
  KABAR_RETURN_IF_ERROR(put());
  told.what = what;
  told.at = clock_.Now();
  return absl::OkStatus();
}

absl::Status QueueKeeper::SweepLane(const Lane& lane) {
  const absl::Time deadline = clock_.Now() + kTimeout;
  const std::string key = "lane/" + lane.id;
  // What was claimed when the pause came and not started is in the ledger alone.
  const bool resumed = !lane.held && told_[key].what == kHeld;
  KABAR_RETURN_IF_ERROR(Tell(key,
                             lane.held ? kHeld : absl::StrCat(Name(lane.state), " ", lane.version),
                             [&] { return queue_.PutLane(lane, deadline); }));
  if (lane.state != LaneState::kRunning || lane.held) return absl::OkStatus();
  auto [swept, added] = swept_.try_emplace(lane.id, clock_.Now());
  if (resumed) swept->second = absl::InfinitePast();
  const absl::Duration since = clock_.Now() - swept->second;
  if (added || since < options_.sweep_empty) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const std::int64_t length, queue_.LaneLength(lane, deadline));
  if (length > 0 && since < options_.sweep) return absl::OkStatus();
  swept->second = clock_.Now();
  KABAR_ASSIGN_OR_RETURN(auto queued, store_.ListQueued(lane.id, deadline));
  if (static_cast<std::int64_t>(queued.size()) <= length) return absl::OkStatus();
  static auto& counter = metrics::GetCounter("kabar_dispatcher_swept_messages_total",
                                             "Ids that Redis had lost and the sweeper pushed.");
  counter.Increment(static_cast<double>(queued.size()) - static_cast<double>(length));
  return queue_.ReplaceLane(lane, queued, deadline);
}

}  // namespace kabar::dispatcher
