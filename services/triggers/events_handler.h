// gRPC kabar.events.v1.EventsService: AnswerRecorded, out of the outbox.
//
// Thread safety: safe for concurrent use. Blocks: streams until the caller is gone or the server
// drains. Errors: those of libs/rpc/guard.h and libs/events/reader.h.
#ifndef KABAR_SERVICES_TRIGGERS_EVENTS_HANDLER_H_
#define KABAR_SERVICES_TRIGGERS_EVENTS_HANDLER_H_

#include "kabar/events/v1/events.grpc.pb.h"

namespace kabar::events {
class Reader;
}
namespace kabar::rpc {
class Guard;
}

namespace kabar::triggers {

class EventsHandler : public events::v1::EventsService::Service {
 public:
  // Both outlive the handler.
  EventsHandler(events::Reader& reader, rpc::Guard& guard) : reader_(reader), guard_(guard) {}

  grpc::Status ReadEvents(grpc::ServerContext* context,
                          const events::v1::ReadEventsRequest* request,
                          grpc::ServerWriter<events::v1::ReadEventsResponse>* writer) override;

 private:
  events::Reader& reader_;
  rpc::Guard& guard_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_EVENTS_HANDLER_H_
