// gRPC kabar.events.v1.EventsService of this service: consent changes, for the dispatcher.
//
// Thread safety: safe for concurrent use. Blocks: as long as the stream lives. Errors: those of
// libs/rpc/guard.h and events::Reader.
#ifndef KABAR_SERVICES_CONTACTS_EVENTS_HANDLER_H_
#define KABAR_SERVICES_CONTACTS_EVENTS_HANDLER_H_

#include "kabar/events/v1/events.grpc.pb.h"

namespace kabar::events {
class Reader;
}
namespace kabar::rpc {
class Guard;
}

namespace kabar::contacts {

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

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_EVENTS_HANDLER_H_
