#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/clock.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {
namespace {

void ToProto(const MessageFigures& from, v1::RecountLaneResponse::Figures* to) {
  for (std::size_t i = 0; i < from.states.size(); ++i) {
    if (from.states[i] == 0) continue;
    v1::RecountLaneResponse::StateCount& count = *to->add_states();
    count.set_state(static_cast<events::v1::MessageState>(i + 1));
    count.set_messages(from.states[i]);
  }
  to->set_reached_sent(from.reached[0]);
  to->set_reached_delivered(from.reached[1]);
  to->set_reached_read(from.reached[2]);
}

void ToProto(const LaneRecount& from, v1::RecountLaneResponse* to) {
  to->set_lane_state(static_cast<events::v1::LaneState>(from.lane.state));
  to->set_asked(from.lane.asked);
  to->set_enqueued(from.lane.enqueued);
  to->set_rows(from.rows);
  ToProto(from.ledger, to->mutable_ledger());
  ToProto(from.changes_after, to->mutable_changes_after());
  to->set_newest_event_number(from.newest_event_number);
  to->set_events_without_number(from.events_without_number);
  to->set_missing_event_numbers(from.missing_event_numbers);
}

}  // namespace

absl::Status Handler::AnswerLane(const rpc::Call& call, const absl::StatusOr<Lane>& lane,
                                 v1::Lane* response) {
  KABAR_RETURN_IF_ERROR(lane.status());
  NoteQueueStatus("put_lane", queue_.PutLane(*lane, QueueDeadline(call)));
  ToProto(*lane, response);
  return absl::OkStatus();
}

// The campaign would go on being PAUSED while its messages go.
absl::Status Handler::CheckNoCampaign(const rpc::Call& call, const std::string& lane_id) {
  KABAR_ASSIGN_OR_RETURN(const Lane lane, store_.GetLane(call.outlet, lane_id, call.deadline));
  if (!lane.of_campaign()) return absl::OkStatus();
  return base::WithMeta(
      base::Error(absl::StatusCode::kFailedPrecondition, "LANE_OF_CAMPAIGN",
                  "the lane is a campaign's; resume the campaign (kabarctl campaigns resume)"),
      "lane", lane_id);
}

grpc::Status Handler::CreateLane(grpc::ServerContext* context, const v1::CreateLaneRequest* request,
                                 v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_ASSIGN_OR_RETURN(const Lane lane, FromProto(request->lane(), call.outlet));
    return AnswerLane(call, store_.CreateLane(lane, call.deadline), response);
  });
}

grpc::Status Handler::GetLane(grpc::ServerContext* context, const v1::GetLaneRequest* request,
                              v1::Lane* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const Lane lane,
                               store_.GetLane(call.outlet, request->id(), call.deadline));
        ToProto(lane, response);
        if (!lane.held) return absl::OkStatus();
        KABAR_ASSIGN_OR_RETURN(
            const auto pauses,
            store_.ListPauses(call.outlet, {SendingTarget::Scope::kLane, lane.id}, call.deadline));
        for (const SendingPause& pause : pauses) ToProto(pause, response->add_pauses());
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListLanes(grpc::ServerContext* context, const v1::ListLanesRequest* request,
                                v1::ListLanesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 100, 1000));
        std::optional<LaneState> state;
        if (request->state() != events::v1::LANE_STATE_UNSPECIFIED) {
          if (request->state() != events::v1::RUNNING && request->state() != events::v1::PAUSED) {
            return base::InvalidField("state", "must be RUNNING or PAUSED");
          }
          state = static_cast<LaneState>(request->state());
        }
        const std::string list = absl::StrCat("lanes/", request->state());
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken(list, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<Lane> lanes,
            store_.ListOpenLanes(call.outlet, after, state, limit, call.deadline));
        for (const Lane& lane : lanes) ToProto(lane, response->add_lanes());
        if (static_cast<int>(lanes.size()) == limit) {
          response->set_next_page_token(MakePageToken(list, lanes.back().id));
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::PauseLane(grpc::ServerContext* context, const v1::PauseLaneRequest* request,
                                v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_RETURN_IF_ERROR(CheckReason(request->reason(), /*required=*/false));
    return AnswerLane(call,
                      store_.PauseLane(call.outlet, request->id(), request->reason(), call.deadline,
                                       audit::ActorOf(call)),
                      response);
  });
}

grpc::Status Handler::ResumeLane(grpc::ServerContext* context, const v1::ResumeLaneRequest* request,
                                 v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    if (call.role != rpc::Role::kService) {
      if (request->render_again()) {
        return base::InvalidField("render_again",
                                  "is for services; old texts are made anew anyway");
      }
      KABAR_RETURN_IF_ERROR(CheckNoCampaign(call, request->id()));
    }
    if (request->render_again()) {
      KABAR_RETURN_IF_ERROR(store_.ForgetTexts(call.outlet, request->id(), call.deadline));
    }
    const absl::StatusOr<Lane> lane =
        store_.ResumeLane(call.outlet, request->id(), call.deadline, audit::ActorOf(call));
    KABAR_RETURN_IF_ERROR(AnswerLane(call, lane, response));
    // What was claimed and not started while it was paused is in the ledger alone.
    const auto queued = ledger_.ListQueued(lane->id, call.deadline);
    NoteQueueStatus("replace_lane", queued.ok()
                                        ? queue_.ReplaceLane(*lane, *queued, QueueDeadline(call))
                                        : queued.status());
    return absl::OkStatus();
  });
}

grpc::Status Handler::CancelLane(grpc::ServerContext* context, const v1::CancelLaneRequest* request,
                                 v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    return AnswerLane(
        call, store_.CancelLane(call.outlet, request->id(), call.deadline, audit::ActorOf(call)),
        response);
  });
}

grpc::Status Handler::SetLaneRate(grpc::ServerContext* context,
                                  const v1::SetLaneRateRequest* request, v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService,
                    [&](const rpc::Call& call) -> absl::Status {
                      KABAR_RETURN_IF_ERROR(NeedOutlet(call));
                      std::optional<base::Rate> rate;
                      if (!request->rate().empty()) {
                        const absl::StatusOr<base::Rate> given = base::ParseRate(request->rate());
                        if (!given.ok())
                          return base::InvalidField("rate", given.status().message());
                        rate = *given;
                      }
                      KABAR_ASSIGN_OR_RETURN(
                          const Lane lane, store_.SetLaneRate(call.outlet, request->id(), rate,
                                                              call.deadline, audit::ActorOf(call)));
                      const absl::Status told = queue_.PutLane(lane, QueueDeadline(call));
                      NoteQueueStatus("put_lane", told);
                      ToProto(lane, response);
                      return InForce(told);
                    });
}

grpc::Status Handler::FinishLane(grpc::ServerContext* context, const v1::FinishLaneRequest* request,
                                 v1::Lane* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_ASSIGN_OR_RETURN(const Lane lane,
                           store_.FinishLane(call.outlet, request->id(), call.deadline));
    ToProto(lane, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::RetryFailed(grpc::ServerContext* context,
                                  const v1::RetryFailedRequest* request,
                                  v1::RetryFailedResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(
        const RetryResult result,
        store_.RetryFailed(call.outlet, request->lane_id(),
                           MakeRequestKey(call, "RetryFailed", request->request_id(), *request),
                           call.deadline));
    NoteQueueStatus("put_lane", queue_.PutLane(result.lane, QueueDeadline(call)));
    response->set_retried(result.retried);
    return absl::OkStatus();
  });
}

grpc::Status Handler::ResolveUnknown(grpc::ServerContext* context,
                                     const v1::ResolveUnknownRequest* request,
                                     v1::ResolveUnknownResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(const UnknownToResolve what, FromProto(*request));
    KABAR_ASSIGN_OR_RETURN(const ResolveResult result,
                           store_.ResolveUnknown(call.outlet, what,
                                                 MakeRequestKey(call, "ResolveUnknown",
                                                                request->request_id(), *request),
                                                 call.deadline));
    const bool resend = what.decision == UnknownDecision::kResend;
    if (resend) NoteResends(result.requeued.size());
    PushRequeued(store_, queue_, result.requeued, QueueDeadline(call));
    ToProto(result, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::RecountLane(grpc::ServerContext* context,
                                  const v1::RecountLaneRequest* request,
                                  v1::RecountLaneResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    if (request->after_event_number() < 0) {
      return base::InvalidField("after_event_number", "must not be below 0");
    }
    KABAR_ASSIGN_OR_RETURN(const LaneRecount recount,
                           store_.RecountLane(call.outlet, request->lane_id(),
                                              request->after_event_number(), call.deadline));
    ToProto(recount, response);
    const absl::Time deadline = QueueDeadline(call);
    const auto built = queue_.IsBuilt(recount.lane.portfolio_id, deadline);
    const auto length = queue_.LaneLength(recount.lane, deadline);
    if (!built.ok() || !length.ok()) {
      response->set_queue(v1::RecountLaneResponse::UNREACHABLE);
      return absl::OkStatus();
    }
    response->set_queue(*built ? v1::RecountLaneResponse::BUILT
                               : v1::RecountLaneResponse::NOT_BUILT);
    response->set_queue_length(*length);
    return absl::OkStatus();
  });
}

}  // namespace kabar::dispatcher
