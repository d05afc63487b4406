#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "libs/base/clock.h"
#include "libs/base/priority.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert_checks.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/quota_plan.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kFarthestStart = absl::Hours(24 * 400);  // a year's plans, and some room
constexpr std::size_t kOtherNumbers = 20;
constexpr int kAllNumbers = 1000;  // more than any outlet has

absl::StatusOr<QuotaClaim> ReadClaim(const v1::PlanQuotaRequest& from, absl::Time now) {
  absl::Status faults;
  QuotaClaim claim{.lane_id = from.lane_id(), .recipients = from.recipients()};
  if (from.recipients() < 0) {
    base::AddFieldViolation(faults, "recipients", "must be 0 or more");
  }
  if (!from.rate().empty()) {
    const auto rate = base::ParseRate(from.rate());
    if (rate.ok()) {
      claim.rate_per_s = rate->PerMinute() / 60;
    } else {
      base::AddFieldViolation(faults, "rate", rate.status().message());
    }
  }
  if (from.has_start_time()) claim.start = ToTime(from.start_time());
  if (claim.start > now + kFarthestStart) {
    base::AddFieldViolation(faults, "start_time", "must be within 400 days from now");
  }
  if (from.has_end_time()) claim.end = ToTime(from.end_time());
  KABAR_RETURN_IF_ERROR(faults);
  return claim;
}

std::optional<std::int64_t> LimitForCampaigns(const Portfolio& portfolio) {
  if (portfolio.messaging_limit == 0) return std::nullopt;
  return portfolio.messaging_limit - ReserveOf(portfolio);
}

// What the open lanes of campaigns still want. Those that are paused want places, and send nothing.
std::vector<QuotaClaim> ClaimsOf(const std::vector<Lane>& lanes,
                                 const std::vector<std::int64_t>& queued,
                                 const std::string& own_lane) {
  std::vector<QuotaClaim> claims;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const Lane& lane = lanes[i];
    if (lane.priority < base::kCampaignPriority || lane.id == own_lane) continue;
    const std::int64_t to_come =
        lane.finished_expanding ? 0 : std::max<std::int64_t>(0, lane.asked - lane.enqueued);
    const std::int64_t wants = to_come + queued[i];
    if (wants == 0) continue;
    claims.push_back({.lane_id = lane.id,
                      .recipients = wants,
                      .rate_per_s = lane.rate_per_s,
                      .end = lane.end_time,
                      .sender_id = lane.state == LaneState::kRunning && !lane.held
                                       ? lane.sender_id
                                       : std::string()});
  }
  return claims;
}

void ToProto(const QuotaPlan& plan, std::int64_t asked, v1::PlanQuotaResponse* to) {
  to->set_used(plan.used);
  to->set_fits_now(std::min(plan.free, asked));
  to->set_others(plan.others);
  for (const QuotaPlan::Day& day : plan.days) {
    v1::PlanQuotaResponse::Day& told = *to->add_days();
    SetTime(day.start, told.mutable_start_time());
    told.set_recipients(day.recipients);
  }
  to->set_left_over(plan.left_over);
  if (plan.finish) SetTime(*plan.finish, to->mutable_finish_time());
  if (plan.waits_to) SetTime(*plan.waits_to, to->mutable_next_place_time());
}

}  // namespace

grpc::Status Handler::PlanQuota(grpc::ServerContext* context, const v1::PlanQuotaRequest* request,
                                v1::PlanQuotaResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        KABAR_ASSIGN_OR_RETURN(QuotaClaim ours, ReadClaim(*request, clock_.Now()));
        KABAR_ASSIGN_OR_RETURN(const Sender sender,
                               store_.GetSender(call.outlet, request->sender_id(), call.deadline));
        const double throughput = sender.throughput.PerMinute() / 60;
        ours.rate_per_s = ours.rate_per_s > 0 ? std::min(ours.rate_per_s, throughput) : throughput;
        ours.sender_id = sender.id;
        KABAR_ASSIGN_OR_RETURN(const auto portfolios, AllPortfolios(call));
        KABAR_ASSIGN_OR_RETURN(const auto senders,
                               store_.ListSenders(call.outlet, "", kAllNumbers, call.deadline));
        for (const Portfolio& portfolio : portfolios) {
          if (portfolio.id != sender.portfolio_id) continue;
          KABAR_RETURN_IF_ERROR(PlanIn(call, portfolio, senders, ours, response));
        }
        return FindOtherNumbers(call, portfolios, senders, sender.portfolio_id, response);
      });
}

absl::Status Handler::PlanIn(const rpc::Call& call, const Portfolio& portfolio,
                             const std::vector<Sender>& senders, const QuotaClaim& ours,
                             v1::PlanQuotaResponse* response) {
  KABAR_ASSIGN_OR_RETURN(const auto lanes, store_.ListOpenLanesOf(portfolio.id, call.deadline));
  std::vector<std::string> ids;
  for (const Lane& lane : lanes) ids.push_back(lane.id);
  const auto answer = queue_.ReadQuota(portfolio.id, ids, QueueDeadline(call));
  if (absl::IsFailedPrecondition(answer.status())) {
    // The keeper is about to build it: the caller can only ask again, and must not take it for a
    // fault of what was asked.
    return base::Error(absl::StatusCode::kUnavailable, base::GetReason(answer.status()),
                       answer.status().message());
  }
  KABAR_RETURN_IF_ERROR(answer.status());
  const Queue::Quota& quota = *answer;
  response->set_messaging_limit(portfolio.messaging_limit);
  response->set_trigger_reserve(ReserveOf(portfolio));
  const auto others = ClaimsOf(lanes, quota.queued, ours.lane_id);
  Throughputs numbers;
  for (const Sender& sender : senders) numbers[sender.id] = sender.throughput.PerMinute() / 60;
  ToProto(dispatcher::PlanQuota(LimitForCampaigns(portfolio), quota.uses, others, ours, numbers,
                                quota.now),
          ours.recipients, response);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Portfolio>> Handler::AllPortfolios(const rpc::Call& call) {
  constexpr int kPage = 200;
  std::vector<Portfolio> all;
  while (true) {
    const std::string after = all.empty() ? "" : all.back().id;
    KABAR_ASSIGN_OR_RETURN(const auto page,
                           store_.ListPortfolios(call.outlet, after, kPage, call.deadline));
    all.insert(all.end(), page.begin(), page.end());
    if (page.size() < kPage) return all;
  }
}

// The first of the portfolio's numbers that may send: active, not held by an operator, its circuit
// closed.
std::optional<Sender> Handler::FindUsable(const rpc::Call& call, const std::string& portfolio_id,
                                          const std::vector<Sender>& senders) {
  std::vector<Sender> usable;
  std::vector<std::string> ids;
  for (const Sender& sender : senders) {
    if (sender.portfolio_id != portfolio_id || sender.held) continue;
    if (sender.state != SenderState::kActive) continue;
    usable.push_back(sender);
    ids.push_back(sender.id);
  }
  if (usable.empty()) return std::nullopt;
  const auto health = queue_.GetHealth(portfolio_id, ids, QueueDeadline(call));
  if (!health.ok()) return std::nullopt;
  for (std::size_t i = 0; i < usable.size() && i < health->size(); ++i) {
    if (!(*health)[i].open) return usable[i];
  }
  return std::nullopt;
}

// One number of each other portfolio. Redis's answer may be missing: this is only advice.
absl::Status Handler::FindOtherNumbers(const rpc::Call& call,
                                       const std::vector<Portfolio>& portfolios,
                                       const std::vector<Sender>& senders, const std::string& own,
                                       v1::PlanQuotaResponse* response) {
  std::vector<v1::PlanQuotaResponse::OtherNumber> found;
  for (const Portfolio& portfolio : portfolios) {
    if (portfolio.id == own || found.size() == kOtherNumbers) continue;
    const std::optional<Sender> sender = FindUsable(call, portfolio.id, senders);
    if (!sender) continue;
    const auto quota = queue_.ReadQuota(portfolio.id, {}, QueueDeadline(call));
    if (!quota.ok()) continue;
    std::int64_t free = std::numeric_limits<std::int64_t>::max();
    if (const auto limit = LimitForCampaigns(portfolio)) {
      free = *limit;
      for (const QuotaUse& use : quota->uses) free -= use.recipients;
    }
    if (free <= 0) continue;
    v1::PlanQuotaResponse::OtherNumber& number = found.emplace_back();
    number.set_sender_id(sender->id);
    number.set_portfolio_id(portfolio.id);
    number.set_display_phone(sender->display_phone);
    number.set_unlimited(portfolio.messaging_limit == 0);
    number.set_free(number.unlimited() ? 0 : free);
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.unlimited(), a.free()) > std::pair(b.unlimited(), b.free());
  });
  for (auto& number : found) *response->add_other_numbers() = std::move(number);
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
