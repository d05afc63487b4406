#include "services/dispatcher/convert.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "services/dispatcher/convert_checks.h"
#include "services/dispatcher/stored_parts.h"

namespace kabar::dispatcher {
namespace {

constexpr std::size_t kMaxTextBytes = 16 * 1024;
constexpr std::size_t kMaxPartsBytes = 16 * 1024;
constexpr int kMaxMessages = 1000;

ProviderForm FormFromProto(const v1::ProviderForm& from) {
  ProviderForm form{.name = from.name(),
                    .language = from.language(),
                    .parameters = {from.parameters().begin(), from.parameters().end()}};
  FormRestFromProto(from, &form);
  return form;
}

void CheckParts(const v1::OutgoingMessage& from, const std::string& field, Faults& faults) {
  if (from.parts().ByteSizeLong() > kMaxPartsBytes) {
    faults.Add(field + ".parts", "has more than 16 KiB");
  }
  if (!content::v1::Parts::HeaderKind_IsValid(from.parts().header_kind())) {
    faults.Add(field + ".parts.header_kind", "is no known kind");
  }
  const v1::ProviderForm& form = from.provider_form();
  if (form.parameter_names_size() != 0 && form.parameter_names_size() != form.parameters_size()) {
    faults.Add(field + ".provider_form.parameter_names", "must be as many as parameters, or none");
  }
}

void CheckAddressAndContent(const v1::OutgoingMessage& from, const std::string& field,
                            Faults& faults) {
  if (from.phone().empty() && from.bsuid().empty()) {
    faults.Add(field + ".phone", "phone or bsuid must be set");
  }
  if (!from.phone().empty() && !IsE164(from.phone())) {
    faults.Add(field + ".phone", "must be E.164, such as +6281234567890");
  }
  if (from.text().empty() && from.provider_form().name().empty()) {
    faults.Add(field + ".text", "text or provider_form must be set, or a refusal");
  }
  if (!from.has_render_time()) faults.Add(field + ".render_time", "must be set");
}

NewMessage MessageFromProto(const v1::OutgoingMessage& from, const std::string& field,
                            Faults& faults) {
  NewMessage message{.id = from.id(),
                     .ordinal = from.ordinal(),
                     .contact_id = from.contact_id(),
                     .subject = from.subject(),
                     .phone = from.phone(),
                     .bsuid = from.bsuid(),
                     .text = from.text(),
                     .form = FormFromProto(from.provider_form()),
                     .parts = PartsFromProto(from.parts()),
                     .rendered_at = ToTime(from.render_time()),
                     .refusal = static_cast<MessageState>(from.refusal().state()),
                     .reason = from.refusal().reason()};
  if (!base::ParseMessageDay(from.id()).ok()) {
    faults.Add(field + ".id", "is no message id; make it with base::MakeMessageId");
  }
  faults.Text(field + ".contact_id", from.contact_id(), kMaxIdBytes);
  faults.Text(field + ".subject", from.subject(), 512);
  faults.Text(field + ".bsuid", from.bsuid(), 160);
  faults.Text(field + ".text", from.text(), kMaxTextBytes);
  faults.Text(field + ".provider_form.name", message.form.name, 512);
  faults.Text(field + ".provider_form.language", message.form.language, 16);
  for (const std::string& parameter : message.form.parameters) {
    faults.Text(field + ".provider_form.parameters", parameter, kMaxTextBytes);
  }
  CheckParts(from, field, faults);
  if (!from.has_refusal()) {
    CheckAddressAndContent(from, field, faults);
    return message;
  }
  if (message.refusal != MessageState::kFailed && message.refusal != MessageState::kSuppressed) {
    faults.Add(field + ".refusal.state", "must be FAILED or SUPPRESSED");
  }
  if (message.reason.empty() || message.reason.size() > 64) {
    faults.Add(field + ".refusal.reason", "must be a name of at most 64 characters");
  }
  if (!message.phone.empty() && !IsE164(message.phone)) message.phone.clear();
  if (!from.has_render_time()) message.rendered_at = absl::UnixEpoch();
  return message;
}

}  // namespace

void ToProto(const LedgerMessage& from, v1::Message* to) {
  to->set_id(from.id);
  to->set_lane_id(from.lane_id);
  to->set_run_id(from.run_id);
  to->set_contact_id(from.contact_id);
  to->set_subject(from.subject);
  to->set_state(static_cast<events::v1::MessageState>(from.state));
  to->set_reason(from.reason);
  to->set_attempt(from.attempt);
  to->set_revision(from.revision);
  to->set_text(from.text);
  if (!from.form.empty()) {
    v1::ProviderForm& form = *to->mutable_provider_form();
    form.set_name(from.form.name);
    form.set_language(from.form.language);
    for (const std::string& parameter : from.form.parameters) form.add_parameters(parameter);
    FormRestToProto(from.form, &form);
  }
  if (from.parts != Parts()) ToProto(from.parts, to->mutable_parts());
  to->set_provider_id(from.provider_id);
  SetTime(from.create_time, to->mutable_create_time());
  SetTime(from.update_time, to->mutable_update_time());
  to->set_ordinal(from.ordinal);
}

absl::StatusOr<std::vector<NewMessage>> FromProto(const v1::EnqueueRequest& request) {
  if (request.messages_size() > kMaxMessages) {
    return base::InvalidField("messages", absl::StrCat("holds ", request.messages_size(),
                                                       " messages; at most ", kMaxMessages));
  }
  Faults faults;
  std::vector<NewMessage> messages;
  std::set<absl::string_view> ids;
  messages.reserve(static_cast<std::size_t>(request.messages_size()));
  for (int i = 0; i < request.messages_size(); ++i) {
    const std::string field = absl::StrCat("messages[", i, "]");
    messages.push_back(MessageFromProto(request.messages(i), field, faults));
    if (!ids.insert(request.messages(i).id()).second) {
      faults.Add(field + ".id", "comes twice in the batch");
    }
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return messages;
}

absl::StatusOr<UnknownToResolve> FromProto(const v1::ResolveUnknownRequest& request) {
  Faults faults;
  UnknownToResolve what{.message_ids = {request.message_ids().begin(), request.message_ids().end()},
                        .lane_id = request.lane_id(),
                        .min_age = absl::Seconds(request.min_age_seconds())};
  if (request.decision() == v1::ResolveUnknownRequest::RESEND) {
    what.decision = UnknownDecision::kResend;
  } else if (request.decision() != v1::ResolveUnknownRequest::FAILED) {
    faults.Add("decision", "must be RESEND or FAILED");
  }
  if (what.message_ids.empty() == what.lane_id.empty()) {
    faults.Add("message_ids", "name either messages or a lane_id");
  }
  if (request.message_ids_size() > kMaxMessages) {
    faults.Add("message_ids", absl::StrCat("at most ", kMaxMessages, " at once"));
  }
  for (int i = 0; i < request.message_ids_size() && i < kMaxMessages; ++i) {
    faults.Id(absl::StrCat("message_ids[", i, "]"), request.message_ids(i));
  }
  if (!what.lane_id.empty()) faults.Id("lane_id", what.lane_id);
  if (request.min_age_seconds() < 0) faults.Add("min_age_seconds", "must not be below 0");
  if (request.min_age_seconds() > 0 && what.lane_id.empty()) {
    faults.Add("min_age_seconds", "goes with lane_id only");
  }
  if (request.request_id().empty()) {
    faults.Add("request_id", "must be set: a repeat without it would send everything once more");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return what;
}

void ToProto(const ResolveResult& from, v1::ResolveUnknownResponse* to) {
  to->set_resolved(from.resolved);
  to->set_more(from.more);
  for (const ResolveResult::Refused& refused : from.refused) {
    v1::ResolveUnknownResponse::Refused& written = *to->add_refused();
    written.set_message_id(refused.message_id);
    written.set_state(static_cast<events::v1::MessageState>(refused.state));
    written.set_reason(refused.reason);
    if (refused.reason == "MESSAGE_NOT_FOUND") {
      written.set_detail("there is no such message");
    } else if (refused.reason == "NOT_UNKNOWN") {
      written.set_detail(absl::StrCat("the message is ", Name(refused.state),
                                      ": only UNKNOWN ones wait for a decision"));
    } else {
      written.set_detail("its lane is over and sends nothing more: it can only become FAILED");
    }
  }
}

}  // namespace kabar::dispatcher
