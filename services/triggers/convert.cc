#include "services/triggers/convert.h"

#include <algorithm>
#include <cstdint>

namespace kabar::triggers {

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  proto->set_seconds(seconds);
  proto->set_nanos(static_cast<std::int32_t>(micros - seconds * 1'000'000) * 1000);
}

namespace {

// Microseconds, as the database keeps them: what is read later equals what came.
absl::Time TimeOf(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Microseconds(proto.nanos() / 1000);
}

}  // namespace

BusinessEvent FromProto(const v1::BusinessEvent& from) {
  BusinessEvent to{.id = from.id(),
                   .type = static_cast<EventType>(from.type()),
                   .contact_id = from.contact_id(),
                   .phone = from.phone(),
                   .name = from.name(),
                   .order_id = from.order_id(),
                   .amount = from.amount()};
  if (from.has_time()) to.time = TimeOf(from.time());
  for (const auto& [name, value] : from.variables()) to.variables.push_back({name, value});
  std::sort(to.variables.begin(), to.variables.end(),
            [](const Variable& a, const Variable& b) { return a.name < b.name; });
  return to;
}

Automation FromProto(const v1::Automation& from) {
  return {.id = from.id(),
          .name = from.name(),
          .event_type = static_cast<EventType>(from.event_type()),
          .template_id = from.template_id(),
          .sender_id = from.sender_id(),
          .delay = absl::Seconds(from.delay_seconds()),
          .enabled = from.enabled(),
          .extra_variables = {from.extra_variables().begin(), from.extra_variables().end()}};
}

void ToProto(const Automation& from, v1::Automation* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_event_type(static_cast<v1::EventType>(from.event_type));
  to->set_template_id(from.template_id);
  to->set_sender_id(from.sender_id);
  to->set_delay_seconds(absl::ToInt64Seconds(from.delay));
  to->set_enabled(from.enabled);
  Set(from.create_time, to->mutable_create_time());
  for (const std::string& name : from.extra_variables) to->add_extra_variables(name);
}

void ToProto(const DueStep& from, v1::DueStep* to) {
  to->set_id(from.id);
  to->set_event_id(from.event_id);
  to->set_automation_id(from.automation_id);
  to->set_contact_id(from.contact_id);
  Set(from.due_time, to->mutable_due_time());
  to->set_state(static_cast<v1::DueStep::State>(from.state));
  to->set_reason(from.reason);
  to->set_message_id(from.message_id);
}

void ToProto(const BusinessEvent& from, v1::BusinessEvent* to) {
  to->set_id(from.id);
  to->set_type(static_cast<v1::EventType>(from.type));
  if (from.time) Set(*from.time, to->mutable_time());
  to->set_contact_id(from.contact_id);
  to->set_phone(from.phone);
  to->set_name(from.name);
  for (const Variable& variable : from.variables) {
    (*to->mutable_variables())[variable.name] = variable.value;
  }
  to->set_order_id(from.order_id);
  to->set_amount(from.amount);
}

void ToProto(const CustomerAnswer& from, v1::CustomerAnswer* to) {
  to->set_inbound_id(from.inbound_id);
  to->set_message_id(from.message_id);
  to->set_run_id(from.run_id);
  to->set_contact_id(from.contact_id);
  to->set_answer(static_cast<v1::Answer>(from.answer));
  to->set_text(from.text);
  Set(from.time, to->mutable_time());
}

}  // namespace kabar::triggers
