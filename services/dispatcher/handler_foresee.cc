#include <grpcpp/grpcpp.h>

#include <utility>

#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/media.h"
#include "services/dispatcher/send_job.h"

namespace kabar::dispatcher {
namespace {

// In the order in which they would meet it: Enqueue's refusal, a suppression, the worker's look at
// what can go.
v1::ForeseenMessage Judge(const NewMessage& message, const AdminStore::Foresight& known) {
  v1::ForeseenMessage told;
  told.set_window_open(known.window_open);
  const auto end = [&](MessageState state, const std::string& reason) {
    told.set_state(static_cast<events::v1::MessageState>(state));
    told.set_reason(reason);
  };
  if (message.refusal != MessageState::kNone) {
    end(message.refusal, message.reason);
    return told;
  }
  if (!known.suppression.empty()) {
    end(MessageState::kSuppressed, known.suppression);
    return told;
  }
  const std::string medium = MediumOf(message.parts);
  bool free_text = false;
  const auto body = BuildBody({.id = message.id,
                               .attempt = 1,
                               .phone = message.phone,
                               .bsuid = message.bsuid,
                               .text = message.text,
                               .form = message.form,
                               .parts = message.parts,
                               .window_open = known.window_open,
                               .media_id = medium},
                              &free_text);
  // First what keeps the message from going for good: whoever holds it back for that must hear it.
  if (!body.ok()) {
    end(MessageState::kFailed, base::GetReason(body.status()));
  } else if (!medium.empty() && known.mime_type.empty()) {
    end(MessageState::kFailed, "MEDIUM_NOT_UPLOADED");
  } else if (!medium.empty() && !FitsHeader(known.mime_type, message.parts.header_kind)) {
    end(MessageState::kFailed, "MEDIUM_OF_OTHER_KIND");
  } else {
    end(MessageState::kSent, "");
  }
  return told;
}

}  // namespace

grpc::Status Handler::ForeseeMessages(grpc::ServerContext* context,
                                      const v1::ForeseeMessagesRequest* request,
                                      v1::ForeseeMessagesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kService, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        v1::EnqueueRequest batch;
        *batch.mutable_messages() = request->messages();
        KABAR_ASSIGN_OR_RETURN(const std::vector<NewMessage> messages, FromProto(batch));
        KABAR_RETURN_IF_ERROR(
            store_.GetSender(call.outlet, request->sender_id(), call.deadline).status());
        KABAR_ASSIGN_OR_RETURN(const auto known,
                               store_.Foresee(call.outlet, request->sender_id(), request->purpose(),
                                              messages, call.deadline));
        for (std::size_t i = 0; i < messages.size(); ++i) {
          *response->add_messages() = Judge(messages[i], known[i]);
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::dispatcher
