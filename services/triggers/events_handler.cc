#include "services/triggers/events_handler.h"

#include "libs/events/reader.h"
#include "libs/rpc/guard.h"

namespace kabar::triggers {

grpc::Status EventsHandler::ReadEvents(grpc::ServerContext* context,
                                       const events::v1::ReadEventsRequest* request,
                                       grpc::ServerWriter<events::v1::ReadEventsResponse>* writer) {
  return rpc::ServeStream(context, guard_, rpc::Access::kService, [&](const rpc::Call& call) {
    return reader_.Stream(
        *request, call.stop, [&] { return call.Cancelled(); },
        [&](const events::v1::ReadEventsResponse& response) { return writer->Write(response); });
  });
}

}  // namespace kabar::triggers
