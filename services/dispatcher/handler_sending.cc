// Pauses by operators, of whatever scope.
#include <grpcpp/grpcpp.h>

#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {
namespace {

using Scope = SendingTarget::Scope;

// Everything is paused by who answers for the installation, the rest by its outlet's people.
rpc::Access AccessTo(const v1::SendingTarget& target, rpc::Access usual) {
  return target.scope() == v1::SendingTarget::ALL ? rpc::Access::kService : usual;
}

absl::Status CheckCaller(const rpc::Call& call, const SendingTarget& target) {
  if (target.scope != Scope::kAll) return NeedOutlet(call);
  if (call.outlet.empty()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kPermissionDenied, "OUTLET_NOT_YOURS",
                     "everything is paused by a SERVICE key that is bound to no outlet and names "
                     "none; to pause one outlet use scope OUTLET");
}

}  // namespace

// Redis may only be told; what it misses the keeper makes good.
void Handler::TellSending(const rpc::Call& call, const SendingTarget& target, bool resumed) {
  const absl::Time deadline = QueueDeadline(call);
  if (target.scope == Scope::kLane) {
    const auto lanes = store_.GetLanes({target.id}, call.deadline);
    if (!lanes.ok() || lanes->empty()) return NoteQueueStatus("put_lane", lanes.status());
    const Lane& lane = lanes->front();
    NoteQueueStatus("put_lane", queue_.PutLane(lane, deadline));
    if (!resumed || lane.held || lane.state != LaneState::kRunning) return;
    // What was claimed and not started while it was paused is in the ledger alone.
    const auto queued = ledger_.ListQueued(lane.id, call.deadline);
    return NoteQueueStatus("replace_lane", queued.ok() ? queue_.ReplaceLane(lane, *queued, deadline)
                                                       : queued.status());
  }
  const auto senders = ledger_.ListAllSenders(call.deadline);
  if (!senders.ok()) return NoteQueueStatus("put_sender", senders.status());
  for (const Sender& sender : *senders) {
    if (target.scope == Scope::kSender && sender.id != target.id) continue;
    if (target.scope == Scope::kOutlet && sender.outlet_id != target.id) continue;
    NoteQueueStatus("put_sender", queue_.PutSender(sender, deadline));
  }
}

grpc::Status Handler::PauseSending(grpc::ServerContext* context,
                                   const v1::PauseSendingRequest* request, v1::Sending* response) {
  const rpc::Access access = AccessTo(request->target(), rpc::Access::kWrite);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(const SendingTarget target, FromProto(request->target(), call.outlet));
    KABAR_RETURN_IF_ERROR(CheckCaller(call, target));
    KABAR_RETURN_IF_ERROR(CheckReason(request->reason(), /*required=*/true));
    KABAR_ASSIGN_OR_RETURN(
        const Sending sending,
        store_.PauseSending(call.outlet, target, request->reason(),
                            MakeRequestKey(call, "PauseSending", request->request_id(), *request),
                            call.deadline));
    TellSending(call, target, /*resumed=*/false);
    ToProto(sending, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::ResumeSending(grpc::ServerContext* context,
                                    const v1::ResumeSendingRequest* request,
                                    v1::Sending* response) {
  const rpc::Access access = AccessTo(request->target(), rpc::Access::kWrite);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    KABAR_ASSIGN_OR_RETURN(const SendingTarget target, FromProto(request->target(), call.outlet));
    KABAR_RETURN_IF_ERROR(CheckCaller(call, target));
    KABAR_RETURN_IF_ERROR(CheckReason(request->reason(), /*required=*/false));
    KABAR_ASSIGN_OR_RETURN(
        const Sending sending,
        store_.ResumeSending(call.outlet, target, request->reason(),
                             MakeRequestKey(call, "ResumeSending", request->request_id(), *request),
                             call.deadline));
    TellSending(call, target, /*resumed=*/true);
    ToProto(sending, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::GetSending(grpc::ServerContext* context, const v1::GetSendingRequest* request,
                                 v1::Sending* response) {
  const rpc::Access access = AccessTo(request->target(), rpc::Access::kRead);
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const SendingTarget target, FromProto(request->target(), call.outlet));
    KABAR_RETURN_IF_ERROR(CheckCaller(call, target));
    KABAR_ASSIGN_OR_RETURN(const Sending sending,
                           store_.GetSending(call.outlet, target, call.deadline));
    ToProto(sending, response);
    return absl::OkStatus();
  });
}

}  // namespace kabar::dispatcher
