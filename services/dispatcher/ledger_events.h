// The events of one transaction, collected and written to the outbox at its end.
//
// Thread safety: belongs to one thread. Blocks: Append, one INSERT per 1,000 events. Errors: as
// events::AppendToOutbox.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/store.h"

namespace kabar::events::v1 {
class ContactErased;
class EventBatch;
class InboundReceived;
}  // namespace kabar::events::v1
namespace kabar::pg {
class Transaction;
}

namespace kabar::dispatcher {

struct MessageEvent {
  absl::string_view message_id = "";
  absl::string_view contact_id = "";
  absl::string_view subject = "";
  std::int64_t ordinal = 0;
  std::int32_t attempt = 0;
  std::int64_t revision = 0;
  MessageState from = MessageState::kNone;
  MessageState to = MessageState::kNone;
  absl::string_view reason = "";
  absl::string_view reason_before = "";  // of `from`: counts by reason are taken back by it
  MessageState reached_before = MessageState::kNone;
  absl::string_view pricing_category = "";
  bool billable = false;
};

class LedgerEvents {
 public:
  LedgerEvents();
  ~LedgerEvents();
  LedgerEvents(const LedgerEvents&) = delete;
  LedgerEvents& operator=(const LedgerEvents&) = delete;

  // `lane` gives outlet, run and sender.
  void Message(const Lane& lane, const MessageEvent& event);
  void LaneChanged(const Lane& lane, LaneState from);  // `lane` as it is now
  // To be filled in.
  events::v1::InboundReceived* Inbound(const std::string& outlet);
  events::v1::ContactErased* Erased(const std::string& outlet);

  // Last in the transaction. Empty again afterwards.
  absl::Status Append(pg::Transaction& tx);

 private:
  events::v1::EventBatch& Room();  // a batch with room for one more

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::dispatcher
