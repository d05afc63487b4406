#include "services/dispatcher/handler.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/clock.h"
#include "libs/base/fail_point.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/events/reader.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/requeue.h"

namespace kabar::dispatcher {

absl::Status NeedOutlet(const rpc::Call& call) {
  if (!call.outlet.empty()) return absl::OkStatus();
  return base::Error(absl::StatusCode::kInvalidArgument, "OUTLET_MISSING",
                     "name the outlet you act for in the metadata x-kabar-outlet");
}

absl::Status CheckRequestId(const std::string& request_id) {
  if (request_id.size() <= 128) return absl::OkStatus();
  return base::InvalidField("request_id", "must be at most 128 bytes long");
}

absl::Status CheckReason(const std::string& reason, bool required) {
  if (required && reason.empty()) {
    return base::InvalidField("reason", "must say why, for whoever wonders later");
  }
  if (reason.size() > 256) return base::InvalidField("reason", "must be at most 256 bytes long");
  if (base::IsValidUtf8(reason) && reason.find('\0') == std::string::npos) return absl::OkStatus();
  return base::InvalidField("reason", "is not valid UTF-8 text");
}

RequestKey MakeRequestKey(const rpc::Call& call, absl::string_view method,
                          const std::string& request_id, const google::protobuf::Message& request) {
  const base::Sha256Digest digest = base::Sha256(request.SerializeAsString());
  return {.request_id = request_id,
          .method = std::string(method),
          .fingerprint = std::string(digest.begin(), digest.end()),
          .by = audit::ActorOf(call, request_id)};
}

absl::Time Handler::QueueDeadline(const rpc::Call& call) const {
  return std::min(call.deadline, clock_.Now() + absl::Seconds(2));
}

grpc::Status Handler::Enqueue(grpc::ServerContext* context, const v1::EnqueueRequest* request,
                              v1::EnqueueResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_ASSIGN_OR_RETURN(const std::vector<NewMessage> messages, FromProto(*request));
    KABAR_ASSIGN_OR_RETURN(
        const EnqueueResult result,
        store_.Enqueue(call.outlet, request->lane_id(), messages, call.deadline));
    base::FailPoint("enqueue-committed");
    if (!result.to_push.empty()) {
      const absl::Time deadline = QueueDeadline(call);
      NoteQueueStatus("push", result.replaced > 0
                                  ? queue_.PushAgain(result.lane, result.to_push, deadline)
                                  : queue_.Push(result.lane, result.to_push, deadline));
    }
    response->set_added(result.added);
    response->set_replaced(result.replaced);
    response->set_unchanged(result.unchanged);
    response->set_lane_state(static_cast<events::v1::LaneState>(result.lane_state));
    response->set_rate_per_s(result.lane.rate_per_s);
    return absl::OkStatus();
  });
}

grpc::Status Handler::ListStaleMessages(grpc::ServerContext* context,
                                        const v1::ListStaleMessagesRequest* request,
                                        v1::ListStaleMessagesResponse* response) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 100, 1000));
    const std::string list = absl::StrCat("stale/", request->lane_id());
    KABAR_ASSIGN_OR_RETURN(const LanePlace after, PlaceOfPageToken(list, request->page_token()));
    KABAR_ASSIGN_OR_RETURN(
        const std::vector<StaleMessage> stale,
        store_.ListStale(call.outlet, request->lane_id(), after, limit, call.deadline));
    for (const StaleMessage& message : stale) {
      v1::StaleMessage& written = *response->add_messages();
      written.set_id(message.id);
      written.set_ordinal(message.ordinal);
      written.set_contact_id(message.contact_id);
      written.set_subject(message.subject);
    }
    if (static_cast<int>(stale.size()) < limit) return absl::OkStatus();
    return SetNextPlace(list, stale.back().id, stale.back().seq,
                        response->mutable_next_page_token());
  });
}

grpc::Status Handler::GetMessage(grpc::ServerContext* context, const v1::GetMessageRequest* request,
                                 v1::Message* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) {
    KABAR_ASSIGN_OR_RETURN(const LedgerMessage message,
                           store_.GetMessage(call.outlet, request->id(), call.deadline));
    ToProto(message, response);
    return absl::OkStatus();
  });
}

grpc::Status Handler::ListMessages(grpc::ServerContext* context,
                                   const v1::ListMessagesRequest* request,
                                   v1::ListMessagesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 100, 1000));
        const std::string list =
            absl::StrCat("messages/", request->lane_id(), "/", request->phone(), "/",
                         request->bsuid(), "/", request->state());
        KABAR_ASSIGN_OR_RETURN(const LanePlace after,
                               PlaceOfPageToken(list, request->page_token()));
        const auto state = static_cast<MessageState>(request->state());
        const bool of_person = !request->phone().empty() || !request->bsuid().empty();
        if (of_person && !request->lane_id().empty()) {
          return base::InvalidField("lane_id", "stands alone; leave it out to list a person's");
        }
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<LedgerMessage> messages,
            of_person ? store_.ListMessagesTo(call.outlet, request->phone(), request->bsuid(),
                                              state, after.seq, limit, call.deadline)
                      : store_.ListMessages(call.outlet, request->lane_id(), state, after.day,
                                            after.seq, limit, call.deadline));
        for (const LedgerMessage& message : messages) ToProto(message, response->add_messages());
        if (static_cast<int>(messages.size()) < limit) return absl::OkStatus();
        return SetNextPlace(list, messages.back().id, messages.back().seq,
                            response->mutable_next_page_token());
      });
}

grpc::Status Handler::AppendWebhooks(grpc::ServerContext* context,
                                     const v1::AppendWebhooksRequest* request,
                                     v1::AppendWebhooksResponse* /*response*/) {
  return rpc::Serve(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    KABAR_ASSIGN_OR_RETURN(const std::vector<JournalEntry> entries,
                           FromProto(*request, clock_.Now()));
    KABAR_RETURN_IF_ERROR(store_.AppendWebhooks(entries, call.deadline));
    base::FailPoint("webhooks-journaled");
    return absl::OkStatus();
  });
}

grpc::Status EventsHandler::ReadEvents(grpc::ServerContext* context,
                                       const events::v1::ReadEventsRequest* request,
                                       grpc::ServerWriter<events::v1::ReadEventsResponse>* writer) {
  return rpc::ServeStream(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    return reader_.Stream(
        *request, call.stop, [&] { return call.Cancelled(); },
        [&](const events::v1::ReadEventsResponse& response) { return writer->Write(response); });
  });
}

}  // namespace kabar::dispatcher
