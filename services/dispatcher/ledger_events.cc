#include "services/dispatcher/ledger_events.h"

#include <google/protobuf/timestamp.pb.h>

#include <deque>

#include "absl/time/clock.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/events/outbox.h"

namespace kabar::dispatcher {
namespace {

constexpr int kMaxEventsPerRow = 1000;

std::string Text(absl::string_view text) { return std::string(text); }

}  // namespace

struct LedgerEvents::State {
  absl::Time now = absl::Now();
  std::deque<events::v1::EventBatch> batches;

  void Stamp(events::v1::Event& event, const std::string& outlet) const {
    event.set_outlet_id(outlet);
    const std::int64_t micros = absl::ToUnixMicros(now);
    event.mutable_time()->set_seconds(micros / 1'000'000);
    event.mutable_time()->set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
  }
};

LedgerEvents::LedgerEvents() : state_(std::make_unique<State>()) {}
LedgerEvents::~LedgerEvents() = default;

events::v1::EventBatch& LedgerEvents::Room() {
  auto& batches = state_->batches;
  if (batches.empty() || batches.back().events_size() >= kMaxEventsPerRow) batches.emplace_back();
  return batches.back();
}

void LedgerEvents::Message(const Lane& lane, const MessageEvent& event) {
  events::v1::Event& written = *Room().add_events();
  state_->Stamp(written, lane.outlet_id);
  events::v1::MessageChanged& changed = *written.mutable_message_changed();
  changed.set_message_id(Text(event.message_id));
  changed.set_lane_id(lane.id);
  changed.set_run_id(lane.run_id);
  changed.set_contact_id(Text(event.contact_id));
  changed.set_subject(Text(event.subject));
  changed.set_sender_id(lane.sender_id);
  changed.set_attempt(event.attempt);
  changed.set_revision(event.revision);
  changed.set_from(static_cast<events::v1::MessageState>(event.from));
  changed.set_to(static_cast<events::v1::MessageState>(event.to));
  changed.set_reason(Text(event.reason));
  changed.set_reason_before(Text(event.reason_before));
  changed.set_ordinal(event.ordinal);
  changed.set_reached_before(static_cast<events::v1::MessageState>(event.reached_before));
  changed.set_pricing_category(Text(event.pricing_category));
  changed.set_billable(event.billable);
}

void LedgerEvents::LaneChanged(const Lane& lane, LaneState from) {
  events::v1::Event& written = *Room().add_events();
  state_->Stamp(written, lane.outlet_id);
  events::v1::LaneChanged& changed = *written.mutable_lane_changed();
  changed.set_lane_id(lane.id);
  changed.set_run_id(lane.run_id);
  changed.set_from(static_cast<events::v1::LaneState>(from));
  changed.set_to(static_cast<events::v1::LaneState>(lane.state));
  changed.set_asked(lane.asked);
  changed.set_reason(lane.state_reason);
  changed.set_rate_per_s(lane.rate_per_s);
}

events::v1::InboundReceived* LedgerEvents::Inbound(const std::string& outlet) {
  events::v1::Event& written = *Room().add_events();
  state_->Stamp(written, outlet);
  return written.mutable_inbound_received();
}

events::v1::ContactErased* LedgerEvents::Erased(const std::string& outlet) {
  events::v1::Event& written = *Room().add_events();
  state_->Stamp(written, outlet);
  return written.mutable_contact_erased();
}

absl::Status LedgerEvents::Append(pg::Transaction& tx) {
  for (const events::v1::EventBatch& batch : state_->batches) {
    KABAR_RETURN_IF_ERROR(events::AppendToOutbox(tx, batch));
  }
  state_->batches.clear();
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
