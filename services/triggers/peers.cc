#include "services/triggers/peers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/priority.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/status.h"
#include "services/triggers/step.h"

namespace kabar::triggers {
namespace {

using contacts::v1::ContactsService;
using dispatcher::v1::DispatcherService;
using templates::v1::TemplatesService;

constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr char kPurpose[] = "DELIVERY_UPDATES";
// The dispatcher's words for: only a template goes, because the window is closed or because the
// free text is too long for what it goes with.
constexpr absl::string_view kNeedTemplate[] = {"WINDOW_CLOSED_NO_TEMPLATE", "TEXT_TOO_LONG",
                                               "CAPTION_TOO_LONG"};
// Of what follows a finished change: its caller still waits.
constexpr absl::Duration kTidyTimeout = absl::Seconds(1);

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1'000'000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1'000'000) * 1000);
}

Person PersonOf(const contacts::v1::Contact& contact) {
  Person person{.contact_id = contact.id(), .phone = contact.phone(), .bsuid = contact.bsuid()};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) person.fields.push_back({name, value});
  };
  add("name", contact.name());
  add("phone", contact.phone());
  add("address", contact.address());
  add("city", contact.city());
  add("province", contact.province());
  add("service_type", contact.service_type());
  add("vip", contact.vip() ? "true" : "");
  add("preferred_time", contact.preferred_time());
  add("notes", contact.notes());
  add("subdistrict", contact.subdistrict());
  add("district", contact.district());
  add("postcode", contact.postcode());
  add("language", contact.language());
  add("style", contact.style());
  add("time_zone", contact.time_zone());
  add("satisfaction", contact.satisfaction() == 0 ? "" : absl::StrCat(contact.satisfaction()));
  return person;
}

// Under another category WhatsApp takes the message, at another price. An order's customer waits
// for it, and it is one message: it goes.
bool IsSentAllTheSame(const std::string& trouble) {
  return trouble == "PROVIDER_TEMPLATE_RECATEGORISED";
}

void NoteOtherCategory(const templates::v1::ProviderForm& form) {
  static metrics::Counter& rendered = metrics::GetCounter(
      "kabar_triggers_recategorised_total",
      "Messages rendered whose provider template WhatsApp has moved to a category that nobody has "
      "agreed to; they are sent.");
  rendered.Increment();
  static log::Throttle throttle(absl::Minutes(1));
  log::Warn(throttle, "automatic messages are sent in a category that nobody has agreed to",
            {{"provider_template", form.name()}, {"language", form.language()}});
}

void SetSurroundings(const Rendered& content, dispatcher::v1::OutgoingMessage* to) {
  const templates::v1::Rendered& from = *content.made;
  if (from.has_parts()) *to->mutable_parts() = from.parts();
  const templates::v1::ProviderForm& made = from.provider_form();
  if (made.name().empty() || !content.trouble.empty()) return;
  auto* form = to->mutable_provider_form();
  form->set_name(made.name());
  form->set_language(made.language());
  *form->mutable_parameters() = made.parameters();
  *form->mutable_parameter_names() = made.parameter_names();
  *form->mutable_header_parameters() = made.header_parameters();
  *form->mutable_links() = made.links();
  *form->mutable_replies() = made.replies();
  form->set_with_header(made.with_header());
}

void SetOutgoing(const Outgoing& from, dispatcher::v1::OutgoingMessage* to) {
  to->set_id(from.id);
  to->set_contact_id(from.contact_id);
  to->set_subject(from.subject);
  to->set_phone(from.phone);
  to->set_bsuid(from.bsuid);
  Set(from.render_time, to->mutable_render_time());
  if (!from.content.failure.empty()) {
    to->mutable_refusal()->set_state(from.suppressed ? events::v1::SUPPRESSED : events::v1::FAILED);
    to->mutable_refusal()->set_reason(from.content.failure);
    return;
  }
  to->set_text(from.content.text);
  if (from.content.made != nullptr) SetSurroundings(from.content, to);
}

Rendered RenderedOf(templates::v1::Rendered& from) {
  Rendered to;
  if (from.has_failure()) {
    to.failure = from.failure().reason();
    if (to.failure.empty()) to.failure = "NOT_RENDERED";
    return to;
  }
  to.text = std::move(*from.mutable_text());
  if (const std::string& trouble = from.provider_form().trouble(); !trouble.empty()) {
    if (IsSentAllTheSame(trouble)) {
      NoteOtherCategory(from.provider_form());
    } else {
      to.trouble = trouble;
    }
  }
  if (from.has_provider_form() || from.has_parts()) {
    to.made = std::make_shared<const templates::v1::Rendered>(std::move(from));
  }
  return to;
}

}  // namespace

struct Peers::State {
  State(const PeerAddresses& addresses, const std::string& service_key)
      : caller(service_key),
        contacts(ContactsService::NewStub(rpc::MakeChannel(addresses.contacts))),
        templates(TemplatesService::NewStub(rpc::MakeChannel(addresses.templates))),
        dispatcher(DispatcherService::NewStub(rpc::MakeChannel(addresses.dispatcher))) {}

  // stub.*method with deadline, key and outlet.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const std::string& outlet, const Request& request, Response* response,
                    absl::Duration timeout = kCallTimeout) {
    grpc::ClientContext context;
    // A peer that restarts is waited for: a person's call should not fail for a second of absence.
    caller.Prepare(context, {.outlet = outlet, .timeout = timeout, .wait_for_ready = true});
    return rpc::ToAbsl((stub.*method)(&context, request, response));
  }

  const rpc::Caller caller;
  const std::unique_ptr<ContactsService::Stub> contacts;
  const std::unique_ptr<TemplatesService::Stub> templates;
  const std::unique_ptr<DispatcherService::Stub> dispatcher;
};

Peers::Peers(const PeerAddresses& addresses, const std::string& service_key)
    : state_(std::make_unique<State>(addresses, service_key)) {}
Peers::~Peers() = default;

absl::Status Peers::CheckSender(const std::string& outlet, const std::string& sender_id) {
  if (sender_id.empty()) return absl::OkStatus();
  dispatcher::v1::GetSenderRequest request;
  request.set_id(sender_id);
  dispatcher::v1::Sender found;
  const absl::Status status = state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetSender,
                                           outlet, request, &found);
  if (absl::IsNotFound(status)) {
    return base::InvalidField("automation.sender_id", status.message());
  }
  return base::Annotate(status, "asking for the sender");
}

absl::Status Peers::PutTemplateUse(const std::string& outlet, const TemplateUse& use) {
  templates::v1::PutTemplateUseRequest request;
  request.set_user(use.automation_id);
  request.set_template_id(use.template_id);
  request.set_what(use.what);
  for (const std::string& name : use.variables) request.add_variables(name);
  templates::v1::Template found;
  const absl::Status status = state_->Call(
      *state_->templates, &TemplatesService::Stub::PutTemplateUse, outlet, request, &found);
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) {
    return base::InvalidField("automation.template_id", status.message());
  }
  absl::Status faults;
  if (absl::IsInvalidArgument(status)) {
    for (const base::FieldViolation& violation : base::GetFieldViolations(status)) {
      base::AddFieldViolation(faults, "automation.template_id", violation.description);
    }
    if (!faults.ok()) return faults;
  }
  return base::Annotate(status, "asking for the template");
}

absl::Status Peers::DeleteTemplateUse(const std::string& outlet, const std::string& automation_id) {
  templates::v1::DeleteTemplateUseRequest request;
  request.set_user(automation_id);
  templates::v1::DeleteTemplateUseResponse answer;
  return base::Annotate(state_->Call(*state_->templates, &TemplatesService::Stub::DeleteTemplateUse,
                                     outlet, request, &answer, kTidyTimeout),
                        "telling templates that the automation is gone");
}

absl::StatusOr<std::vector<Person>> Peers::ResolveContacts(const std::string& outlet,
                                                           absl::Span<const Identity> identities,
                                                           bool create_missing) {
  contacts::v1::ResolveContactsRequest request;
  request.set_create_missing(create_missing);
  for (const Identity& identity : identities) {
    contacts::v1::Contact* contact = request.add_contacts();
    contact->set_phone(identity.phone);
    contact->set_bsuid(identity.bsuid);
    contact->set_name(identity.name);
    if (create_missing) Set(std::min(identity.heard, absl::Now()), request.add_heard_times());
  }
  contacts::v1::ResolveContactsResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::ResolveContacts,
                                     outlet, request, &answer));
  if (answer.contacts_size() != request.contacts_size()) {
    return absl::InternalError("contacts answered another number of contacts than was asked");
  }
  std::vector<Person> people;
  for (const contacts::v1::Contact& contact : answer.contacts()) {
    people.push_back(PersonOf(contact));
  }
  return people;
}

absl::StatusOr<Person> Peers::GetContact(const std::string& outlet, const std::string& id) {
  contacts::v1::GetContactRequest request;
  request.set_id(id);
  contacts::v1::Contact contact;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::GetContact, outlet,
                                     request, &contact));
  return PersonOf(contact);
}

absl::StatusOr<std::vector<Rendered>> Peers::Render(
    const std::string& outlet, const std::string& template_id,
    const std::vector<std::string>& columns, absl::Span<const std::vector<std::string>> rows) {
  templates::v1::RenderBatchRequest request;
  request.set_template_id(template_id);
  for (const std::string& column : columns) request.add_variables(column);
  for (const std::vector<std::string>& row : rows) {
    auto* values = request.add_rows()->mutable_values();
    for (const std::string& value : row) *values->Add() = value;
  }
  templates::v1::RenderBatchResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->templates, &TemplatesService::Stub::RenderBatch,
                                     outlet, request, &answer));
  if (answer.rendered_size() != request.rows_size()) {
    return absl::InternalError("templates answered another number of texts than was asked");
  }
  std::vector<Rendered> rendered;
  for (templates::v1::Rendered& one : *answer.mutable_rendered()) {
    rendered.push_back(RenderedOf(one));
  }
  return rendered;
}

absl::Status Peers::CreateLane(const std::string& outlet, const std::string& sender_id) {
  dispatcher::v1::CreateLaneRequest request;
  dispatcher::v1::Lane* lane = request.mutable_lane();
  lane->set_id(LaneIdOf(outlet, sender_id));
  lane->set_run_id(lane->id());  // answers and figures of automatic messages go by it
  lane->set_sender_id(sender_id);
  lane->set_priority(base::kTriggerPriority);
  lane->set_purpose(kPurpose);
  dispatcher::v1::Lane made;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::CreateLane, outlet, request,
                      &made);
}

absl::StatusOr<std::int64_t> Peers::Enqueue(const std::string& outlet, const std::string& sender_id,
                                            absl::Span<const Outgoing> messages) {
  dispatcher::v1::EnqueueRequest request;
  request.set_lane_id(LaneIdOf(outlet, sender_id));
  for (const Outgoing& message : messages) SetOutgoing(message, request.add_messages());
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue, outlet,
                                     request, &answer));
  return answer.unchanged();
}

absl::StatusOr<bool> Peers::WasTaken(const std::string& outlet, const std::string& message_id) {
  dispatcher::v1::GetMessageRequest request;
  request.set_id(message_id);
  dispatcher::v1::Message found;
  const absl::Status status = state_->Call(
      *state_->dispatcher, &DispatcherService::Stub::GetMessage, outlet, request, &found);
  if (absl::IsNotFound(status)) return false;
  KABAR_RETURN_IF_ERROR(status);
  const bool refused =
      found.state() == events::v1::FAILED || found.state() == events::v1::SUPPRESSED;
  return !refused || found.attempt() > 0;
}

absl::StatusOr<std::vector<bool>> Peers::NeedTemplates(const std::string& outlet,
                                                       const std::string& sender_id,
                                                       absl::Span<const Outgoing> messages) {
  dispatcher::v1::ForeseeMessagesRequest request;
  request.set_sender_id(sender_id);
  request.set_purpose(kPurpose);
  for (const Outgoing& message : messages) SetOutgoing(message, request.add_messages());
  dispatcher::v1::ForeseeMessagesResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::ForeseeMessages,
                                     outlet, request, &answer));
  if (answer.messages_size() != request.messages_size()) {
    return absl::InternalError("the dispatcher judged another number of messages than was asked");
  }
  std::vector<bool> needed;
  for (const auto& told : answer.messages()) {
    needed.push_back(std::find(std::begin(kNeedTemplate), std::end(kNeedTemplate), told.reason()) !=
                     std::end(kNeedTemplate));
  }
  return needed;
}

absl::StatusOr<Peers::StalePage> Peers::ListStale(const std::string& outlet,
                                                  const std::string& sender_id, int page_size,
                                                  const std::string& page_token) {
  dispatcher::v1::ListStaleMessagesRequest request;
  request.set_lane_id(LaneIdOf(outlet, sender_id));
  request.set_page_size(page_size);
  request.set_page_token(page_token);
  dispatcher::v1::ListStaleMessagesResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(
      *state_->dispatcher, &DispatcherService::Stub::ListStaleMessages, outlet, request, &answer));
  StalePage page{.next_page_token = answer.next_page_token()};
  for (const auto& message : answer.messages()) page.ids.push_back(message.id());
  return page;
}

}  // namespace kabar::triggers
