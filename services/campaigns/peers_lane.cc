// A campaign's lane, its number and the messaging limit, as the dispatcher has them.
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/priority.h"
#include "libs/base/status.h"
#include "services/campaigns/peers_state.h"

namespace kabar::campaigns {
namespace {

// "outlet toko-a was paused by siti (wrong price)"
std::string Words(const dispatcher::v1::Pause& pause) {
  using Target = dispatcher::v1::SendingTarget;
  std::string what = "everything";
  if (pause.target().scope() == Target::LANE) what = "the campaign's lane";
  if (pause.target().scope() == Target::SENDER) what = absl::StrCat("sender ", pause.target().id());
  if (pause.target().scope() == Target::OUTLET) what = absl::StrCat("outlet ", pause.target().id());
  return absl::StrCat(what, " was paused by ", pause.by(), " (", pause.reason(), ")");
}

// What lifts it, as WaitsForResume ends.
std::string Lift(const dispatcher::v1::SendingTarget& target) {
  using Target = dispatcher::v1::SendingTarget;
  if (target.scope() == Target::LANE) {
    return absl::StrCat(": kabarctl resume --lane ", target.id());
  }
  if (target.scope() == Target::SENDER) {
    return absl::StrCat(": kabarctl resume --sender ", target.id());
  }
  if (target.scope() == Target::OUTLET) return ": kabarctl resume --outlet";
  return ", which takes a SERVICE key that is bound to no outlet: kabarctl resume --all";
}

}  // namespace

using dispatcher::v1::DispatcherService;

absl::StatusOr<dispatcher::v1::Lane> Peers::State::CreateLane(const Campaign& c) {
  dispatcher::v1::CreateLaneRequest request;
  auto* lane = request.mutable_lane();
  lane->set_id(c.run_id);
  lane->set_run_id(c.run_id);
  lane->set_sender_id(c.sender_id);
  lane->set_priority(base::kCampaignPriority);
  lane->set_rate(c.rate);
  lane->set_asked(c.asked.value_or(0));
  if (c.end_at) Set(*c.end_at, lane->mutable_end_time());
  lane->set_max_attempts(c.max_attempts);
  lane->set_unknown_policy(static_cast<dispatcher::v1::UnknownPolicy>(c.unknown_policy));
  lane->set_purpose(PurposeName(c));
  dispatcher::v1::Lane made;
  KABAR_RETURN_IF_ERROR(
      Call(*dispatcher, &DispatcherService::Stub::CreateLane, c.outlet_id, request, &made));
  return made;
}

absl::Status Peers::CreateLane(const Campaign& c) { return state_->CreateLane(c).status(); }

absl::Status Peers::PauseLane(const Campaign& c, const std::string& reason) {
  dispatcher::v1::PauseLaneRequest request;
  request.set_id(c.run_id);
  request.set_reason(reason);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::PauseLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::SetLaneRate(const Campaign& c) {
  dispatcher::v1::SetLaneRateRequest request;
  request.set_id(c.run_id);
  request.set_rate(c.rate);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::SetLaneRate, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::ResumeLane(const Campaign& c, bool render_again) {
  dispatcher::v1::ResumeLaneRequest request;
  request.set_id(c.run_id);
  request.set_render_again(render_again);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::ResumeLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::CancelLane(const Campaign& c) {
  dispatcher::v1::CancelLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::CancelLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::FinishLane(const Campaign& c) {
  dispatcher::v1::FinishLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::FinishLane, c.outlet_id,
                      request, &lane);
}

absl::StatusOr<std::int64_t> Peers::RetryFailed(const Campaign& c, const std::string& request_id) {
  dispatcher::v1::RetryFailedRequest request;
  request.set_lane_id(c.run_id);
  request.set_request_id(request_id);
  dispatcher::v1::RetryFailedResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::RetryFailed,
                                     c.outlet_id, request, &answer));
  return answer.retried();
}

absl::StatusOr<LaneView> Peers::GetLane(const Campaign& c) {
  dispatcher::v1::GetLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  const absl::Status status = state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetLane,
                                           c.outlet_id, request, &lane);
  if (absl::IsNotFound(status)) return LaneView{};
  KABAR_RETURN_IF_ERROR(status);
  LaneView view;
  view.state = lane.state() == events::v1::RUNNING  ? LaneView::State::kRunning
               : lane.state() == events::v1::PAUSED ? LaneView::State::kPaused
                                                    : LaneView::State::kOver;
  view.reason = lane.state_reason();
  view.enqueued = lane.enqueued();
  if (!lane.pauses().empty()) {
    view.held = Words(lane.pauses(0));
    view.lift = Lift(lane.pauses(0).target());
  }
  return view;
}

absl::StatusOr<SenderView> Peers::GetSender(const Campaign& c) {
  dispatcher::v1::GetSenderRequest request;
  request.set_id(c.sender_id);
  dispatcher::v1::Sender sender;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetSender,
                                     c.outlet_id, request, &sender));
  SenderView view;
  view.active = sender.state() == dispatcher::v1::ACTIVE;
  view.state = view.active                                       ? "ACTIVE"
               : sender.state() == dispatcher::v1::SENDER_PAUSED ? "PAUSED"
                                                                 : "STOPPED";
  view.reason = sender.state_reason();
  if (sender.health().circuit_open()) view.trouble = sender.health().reason();
  return view;
}

absl::StatusOr<QuotaView> Peers::PlanQuota(const Campaign& c, std::int64_t messages) {
  dispatcher::v1::PlanQuotaRequest request;
  request.set_sender_id(c.sender_id);
  request.set_recipients(messages);
  request.set_rate(c.rate);
  request.set_lane_id(c.run_id);
  if (c.start_at) Set(*c.start_at, request.mutable_start_time());
  if (c.end_at) Set(*c.end_at, request.mutable_end_time());
  dispatcher::v1::PlanQuotaResponse plan;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::PlanQuota,
                                     c.outlet_id, request, &plan));
  QuotaView view{.limit = plan.messaging_limit(),
                 .reserve = plan.trigger_reserve(),
                 .used = plan.used(),
                 .others = plan.others(),
                 .fits_now = plan.fits_now(),
                 .left_over = plan.left_over()};
  for (const auto& day : plan.days()) {
    view.days.push_back({Get(day.start_time()), day.recipients()});
  }
  if (plan.has_finish_time()) view.finish = Get(plan.finish_time());
  if (plan.has_next_place_time()) view.next_place = Get(plan.next_place_time());
  for (const auto& number : plan.other_numbers()) {
    view.other_numbers.push_back(
        {number.sender_id(), number.display_phone(), number.free(), number.unlimited()});
  }
  return view;
}

}  // namespace kabar::campaigns
