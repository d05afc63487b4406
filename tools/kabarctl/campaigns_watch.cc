#include "tools/kabarctl/campaigns_watch.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <ostream>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/live_line.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/report.h"

namespace kabar::kabarctl {
namespace {

using analytics::v1::AnalyticsService;
using analytics::v1::CampaignStats;
using campaigns::v1::Campaign;
using campaigns::v1::CampaignsService;

constexpr absl::Duration kPlainEvery = absl::Seconds(5);
// A stream is opened anew after this: a peer that died silently is noticed.
constexpr absl::Duration kStreamTimeout = absl::Hours(1);
constexpr absl::Duration kSilent = absl::Seconds(5);

bool HasEnded(const Campaign& campaign) {
  return campaign.state() == campaigns::v1::COMPLETED ||
         campaign.state() == campaigns::v1::CANCELLED || campaign.state() == campaigns::v1::FAILED;
}

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

absl::StatusOr<CampaignStats> GetStats(Session& session, const Campaign& campaign) {
  Api<AnalyticsService> api(session, Area::kAnalytics);
  analytics::v1::GetCampaignStatsRequest request;
  request.set_run_id(campaign.run_id());
  return api.Call(&AnalyticsService::Stub::GetCampaignStats, request);
}

// Asks for the campaign's state beside the stream of figures (which says nothing while nothing
// changes) and cancels the stream once the campaign has ended, or can no longer be asked about.
class StateWatch {
 public:
  // `seen` hears of the campaign each time it is asked for, in another thread.
  StateWatch(Session& session, Campaign campaign, const WatchPace& pace,
             std::function<void(const Campaign&)> seen)
      : session_(session), pace_(pace), seen_(std::move(seen)), campaign_(std::move(campaign)) {
    thread_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
  }

  // The stream under way; null when it is over. It is cancelled at once if all is over already.
  void Follow(grpc::ClientContext* stream) {
    const std::lock_guard lock(mutex_);
    stream_ = stream;
    if (stream_ != nullptr && over_) stream_->TryCancel();
  }

  bool over() {
    const std::lock_guard lock(mutex_);
    return over_;
  }

  // The campaign as it was last seen, or why it can no longer be seen.
  absl::StatusOr<Campaign> Last() {
    const std::lock_guard lock(mutex_);
    if (!fault_.ok()) return fault_;
    return campaign_;
  }

 private:
  void Loop(std::stop_token stop) {
    absl::Time seen = absl::Now();
    while (!stop.stop_requested()) {
      auto now = GetCampaign(session_, campaign_.id());
      if (now.ok()) seen_(*now);
      std::unique_lock lock(mutex_);
      if (now.ok()) {
        seen = absl::Now();
        campaign_ = *std::move(now);
        over_ = HasEnded(campaign_);
      } else if (!MayPass(now.status()) || absl::Now() - seen > pace_.patience) {
        fault_ = now.status();
        over_ = true;
      }
      if (over_) {
        if (stream_ != nullptr) stream_->TryCancel();
        return;
      }
      wake_.wait_for(lock, stop, absl::ToChronoNanoseconds(pace_.poll), [] { return false; });
    }
  }

  Session& session_;
  const WatchPace& pace_;
  const std::function<void(const Campaign&)> seen_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Campaign campaign_;
  grpc::ClientContext* stream_ = nullptr;
  absl::Status fault_;
  bool over_ = false;
  std::jthread thread_;  // last: ends before what it uses
};

class Watcher {
 public:
  Watcher(Session& session, const WatchPace& pace)
      : session_(session),
        pace_(pace),
        line_(session.out(), session.terminal().out_is_terminal && !session.json(), kPlainEvery) {}

  // Until a scheduled campaign has started.
  absl::StatusOr<Campaign> AwaitStart(const std::string& id) {
    while (true) {
      KABAR_ASSIGN_OR_RETURN(Campaign campaign, GetCampaign(session_, id));
      if (campaign.state() == campaigns::v1::DRAFT) {
        return base::Error(absl::StatusCode::kFailedPrecondition, "CAMPAIGN_NOT_STARTED",
                           absl::StrCat("campaign ", id, " is a draft: start it with kabarctl ",
                                        "campaigns start ", id, " or schedule it"));
      }
      if (campaign.state() != campaigns::v1::SCHEDULED) return campaign;
      if (!session_.json()) {
        line_.Show(absl::StrCat("scheduled: starts at ", FormatTime(campaign.start_time())));
      }
      absl::SleepFor(pace_.poll);
    }
  }

  // Until the campaign has ended.
  absl::StatusOr<Campaign> Follow(const Campaign& campaign) {
    StateWatch state(session_, campaign, pace_, [this](const Campaign& now) { ShowWaiting(now); });
    const auto stub = AnalyticsService::NewStub(session_.Channel(Area::kAnalytics));
    absl::Time away_since = absl::InfiniteFuture();
    while (!state.over()) {
      bool answered = false;
      const absl::Status status = OneStream(*stub, campaign.run_id(), state, &answered);
      if (state.over()) break;
      if (answered) {
        away_since = absl::InfiniteFuture();
      } else if (!MayPass(status)) {
        return status;
      }
      away_since = std::min(away_since, absl::Now());
      if (absl::Now() - away_since > pace_.patience) return status;
      absl::SleepFor(pace_.again);
    }
    return state.Last();
  }

  // Until analytics has counted the last events, as far as it does in time.
  absl::StatusOr<CampaignStats> Settle(const Campaign& campaign) {
    const absl::Time give_up = absl::Now() + pace_.settle;
    while (true) {
      absl::StatusOr<CampaignStats> stats = GetStats(session_, campaign);
      const bool waits = stats.ok() ? !IsSettled(campaign, *stats)
                                    : MayPass(stats.status()) || absl::IsNotFound(stats.status());
      if (stats.ok()) Show(*stats);
      if (!waits || absl::Now() >= give_up) {
        line_.End();
        if (waits && stats.ok()) {
          session_.error() << "analytics lags behind: these figures are not final yet\n";
        }
        return stats;
      }
      absl::SleepFor(pace_.again);
    }
  }

  void End() { line_.End(); }

 private:
  // `answered`: analytics was there, whatever ended the stream.
  absl::Status OneStream(AnalyticsService::Stub& stub, const std::string& run_id, StateWatch& state,
                         bool* answered) {
    grpc::ClientContext context;
    session_.Prepare(context, kStreamTimeout);
    analytics::v1::WatchCampaignStatsRequest request;
    request.set_run_id(run_id);
    request.set_interval_ms(static_cast<std::int32_t>(absl::ToInt64Milliseconds(pace_.interval)));
    const absl::Time begun = absl::Now();
    const auto reader = stub.WatchCampaignStats(&context, request);
    state.Follow(&context);
    CampaignStats stats;
    while (reader->Read(&stats)) {
      *answered = true;
      Show(stats);
    }
    const absl::Status status = rpc::ToAbsl(reader->Finish());
    state.Follow(nullptr);
    // NOT_FOUND: it has not heard yet of a run that has just begun. A service that is away fails
    // quickly; a stream that was silent for longer was that of a run in which nothing moved.
    *answered = *answered || status.ok() || absl::IsNotFound(status) ||
                (MayPass(status) && absl::Now() - begun > kSilent);
    return session_.Named(status, Area::kAnalytics, kStreamTimeout);
  }

  // A line of its own when a run begins to stand still, and one when it goes on: the figures say
  // nothing of the one, and nothing at all while they do not change.
  void ShowWaiting(const Campaign& campaign) {
    if (session_.json() || HasEnded(campaign)) return;
    const std::lock_guard lock(mutex_);
    if (campaign.state_reason() == waiting_) return;
    waiting_ = campaign.state_reason();
    line_.End();
    const bool paused = campaign.state() == campaigns::v1::PAUSED;
    session_.out() << (waiting_.empty()
                           ? "goes on"
                           : absl::StrCat(paused ? "paused: " : "waits: ", OneLine(waiting_)))
                   << std::endl;
  }

  void Show(const CampaignStats& stats) {
    const std::lock_guard lock(mutex_);
    if (!session_.json()) {
      line_.Show(ProgressText(stats));
      return;
    }
    std::string now = Json(stats, false);
    if (now == last_json_) return;
    session_.out() << now << std::flush;
    last_json_ = std::move(now);
  }

  Session& session_;
  const WatchPace& pace_;
  std::mutex mutex_;  // two threads write: figures and state
  LiveLine line_;
  std::string last_json_;
  std::string waiting_;
};

// A campaign that ended before its run had anything to send has no figures.
absl::StatusOr<int> ReportWithoutFigures(Session& session, const Campaign& campaign) {
  CampaignStats none;
  none.set_run_id(campaign.run_id());
  none.set_asked(campaign.asked());
  none.set_not_expanded(campaign.asked());
  if (session.json()) {
    session.out() << Json(none, false);
  } else {
    session.out() << ReportText(campaign, none);
  }
  return campaign.state() == campaigns::v1::COMPLETED ? kExitOk : kExitRefused;
}

}  // namespace

absl::StatusOr<Campaign> GetCampaign(Session& session, const std::string& id) {
  Api<CampaignsService> api(session, Area::kCampaigns);
  campaigns::v1::GetCampaignRequest request;
  request.set_id(id);
  return api.Call(&CampaignsService::Stub::GetCampaign, request);
}

absl::StatusOr<int> Watch(Session& session, const std::string& campaign_id, const WatchPace& pace) {
  Watcher watcher(session, pace);
  KABAR_ASSIGN_OR_RETURN(Campaign campaign, watcher.AwaitStart(campaign_id));
  if (!HasEnded(campaign)) {
    KABAR_ASSIGN_OR_RETURN(campaign, watcher.Follow(campaign));
  }
  watcher.End();
  if (campaign.run_id().empty()) return ReportWithoutFigures(session, campaign);
  const absl::StatusOr<CampaignStats> stats = watcher.Settle(campaign);
  if (absl::IsNotFound(stats.status()) && campaign.expanded() == 0) {
    return ReportWithoutFigures(session, campaign);
  }
  KABAR_RETURN_IF_ERROR(stats.status());
  if (!session.json()) session.out() << "\n" << ReportText(campaign, *stats);
  KABAR_RETURN_IF_ERROR(CheckSums(*stats));
  return campaign.state() == campaigns::v1::COMPLETED ? kExitOk : kExitRefused;
}

absl::StatusOr<int> WatchCampaign(Session& session, const Arguments& arguments) {
  WatchPace pace;
  KABAR_ASSIGN_OR_RETURN(pace.interval, arguments.Duration("interval", pace.interval));
  if (pace.interval < absl::Milliseconds(100) || pace.interval > absl::Minutes(10)) {
    return UsageError("--interval: must be from 100ms to 10m");
  }
  return Watch(session, arguments.Get("ID"), pace);
}

absl::StatusOr<int> ReportCampaign(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign, GetCampaign(session, arguments.Get("ID")));
  if (campaign.run_id().empty()) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "CAMPAIGN_NOT_STARTED",
        absl::StrCat("campaign ", campaign.id(), " is ", CampaignState_Name(campaign.state()),
                     ": it has no run to report of"));
  }
  KABAR_ASSIGN_OR_RETURN(const CampaignStats stats, GetStats(session, campaign));
  if (session.json()) {
    session.out() << Json(stats);
  } else {
    session.out() << ReportText(campaign, stats);
  }
  KABAR_RETURN_IF_ERROR(CheckSums(stats));
  return kExitOk;
}

}  // namespace kabar::kabarctl
