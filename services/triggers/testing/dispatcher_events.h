// Events of the dispatcher, as tests write them. Outlet toko-a has sender wa-1, toko-b wa-2.
//
// Thread safety: free functions. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_TESTING_DISPATCHER_EVENTS_H_
#define KABAR_SERVICES_TRIGGERS_TESTING_DISPATCHER_EVENTS_H_

#include <string>

#include "absl/time/time.h"
#include "kabar/events/v1/events.pb.h"

namespace kabar::triggers::testing {

inline std::string SenderOf(const std::string& outlet) {
  return outlet == "toko-a" ? "wa-1" : "wa-2";
}

inline events::v1::Event EventOf(const std::string& outlet, absl::Time time) {
  events::v1::Event event;
  event.set_outlet_id(outlet);
  event.mutable_time()->set_seconds(absl::ToUnixSeconds(time));
  return event;
}

inline events::v1::Event InboundFrom(const std::string& outlet, const std::string& id,
                                     const std::string& phone, const std::string& text,
                                     absl::Time time) {
  events::v1::Event event = EventOf(outlet, time);
  auto* inbound = event.mutable_inbound_received();
  inbound->set_inbound_id(id);
  inbound->set_sender_id(SenderOf(outlet));
  inbound->set_phone(phone);
  inbound->set_kind("text");
  inbound->set_text(text);
  return event;
}

}  // namespace kabar::triggers::testing

#endif  // KABAR_SERVICES_TRIGGERS_TESTING_DISPATCHER_EVENTS_H_
