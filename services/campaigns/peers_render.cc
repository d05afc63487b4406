// What the members of an audience become, for a run and for its preflight alike.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/phone/phone.h"
#include "services/campaigns/peers_state.h"
#include "services/campaigns/troubles.h"

namespace kabar::campaigns {
namespace {

using contacts::v1::ContactsService;
using dispatcher::v1::DispatcherService;
using templates::v1::TemplatesService;

constexpr char kStep[] = "campaign";  // of message ids: a run says one thing to each subject
constexpr int kStaleBatch = 200;
constexpr char kNoTemplate[] = "WINDOW_CLOSED_NO_TEMPLATE";  // the dispatcher's word

// As Enqueue takes them: one wrong phone would have the whole batch refused.
bool IsE164(absl::string_view phone) {
  return phone.size() >= 8 && phone.size() <= 16 && phone[0] == '+' &&
         std::all_of(phone.begin() + 1, phone.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void Refuse(events::v1::MessageState state, absl::string_view reason,
            dispatcher::v1::OutgoingMessage* m) {
  m->mutable_refusal()->set_state(state);
  m->mutable_refusal()->set_reason(std::string(reason));
}

// One member's message before its text is known; a refusal where there will be none.
dispatcher::v1::OutgoingMessage MessageTo(const Campaign& c,
                                          const contacts::v1::AudienceMember& member,
                                          absl::Time now) {
  dispatcher::v1::OutgoingMessage m;
  m.set_id(base::MakeMessageId(*c.run_day, c.run_id, member.ordinal(), kStep, member.contact_id(),
                               member.subject()));
  m.set_ordinal(member.ordinal());
  m.set_contact_id(member.contact_id());
  m.set_subject(member.parcels_size() == 1 ? member.parcels(0).tracking_number()
                                           : member.subject());
  m.set_phone(member.phone());
  m.set_bsuid(member.bsuid());
  Set(now, m.mutable_render_time());
  const absl::Duration oldest = absl::Hours(c.max_data_age_hours);
  if (member.gone()) {
    Refuse(events::v1::SUPPRESSED, "CONTACT_GONE", &m);
  } else if (member.opted_out()) {
    Refuse(events::v1::SUPPRESSED, "OPTED_OUT", &m);
  } else if (!member.suppression().empty()) {
    Refuse(events::v1::SUPPRESSED, member.suppression(), &m);
  } else if (member.phone().empty() && member.bsuid().empty()) {
    Refuse(events::v1::FAILED, "NO_PHONE", &m);
  } else if (!member.phone().empty() && !IsE164(member.phone())) {
    Refuse(events::v1::FAILED, "BAD_PHONE", &m);
  } else if (c.max_data_age_hours > 0 && member.has_data_time() &&
             Get(member.data_time()) < now - oldest) {
    Refuse(events::v1::FAILED, "STALE_DATA", &m);
  }
  return m;
}

void SetText(templates::v1::Rendered& rendered, dispatcher::v1::OutgoingMessage* m) {
  if (rendered.has_failure()) {
    return Refuse(events::v1::FAILED, rendered.failure().reason(), m);
  }
  m->set_text(std::move(*rendered.mutable_text()));
  if (rendered.has_parts()) m->mutable_parts()->Swap(rendered.mutable_parts());
  if (!rendered.has_provider_form()) return;
  auto* form = m->mutable_provider_form();
  form->set_name(rendered.provider_form().name());
  form->set_language(rendered.provider_form().language());
  auto& made = *rendered.mutable_provider_form();
  form->mutable_parameters()->Swap(made.mutable_parameters());
  form->mutable_parameter_names()->Swap(made.mutable_parameter_names());
  form->mutable_header_parameters()->Swap(made.mutable_header_parameters());
  form->mutable_links()->swap(*made.mutable_links());
  form->mutable_replies()->swap(*made.mutable_replies());
  form->set_with_header(made.with_header());
}

contacts::v1::ListAudienceRequest AskFor(const Campaign& c, const PinnedTemplate& pinned) {
  contacts::v1::ListAudienceRequest request;
  request.set_run_id(c.run_id);
  for (const auto& variable : pinned.variables) request.add_fields(variable);
  for (const auto& variable : pinned.parcel_variables) request.add_parcel_fields(variable);
  request.set_purpose(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
  return request;
}

std::string SubjectOf(const contacts::v1::AudienceMember& member) {
  std::string subject = member.subject();
  for (const auto& parcel : member.parcels()) {
    absl::StrAppend(&subject, subject.empty() ? "" : " ", parcel.tracking_number());
  }
  return subject;
}

// A business-scoped user id begins with its country.
std::string CountryOf(const dispatcher::v1::OutgoingMessage& message) {
  if (!message.phone().empty()) return phone::CountryOf(message.phone());
  return message.bsuid().size() > 2 && message.bsuid()[2] == '.' ? message.bsuid().substr(0, 2)
                                                                 : std::string();
}

// What nobody has registered is taken for what the campaign is for.
std::string CategoryOf(const Campaign& c, const PinnedTemplate& pinned,
                       const dispatcher::v1::OutgoingMessage& message, bool window_open) {
  if (window_open) return "SERVICE";
  const auto known =
      pinned.providers.find({message.provider_form().name(), message.provider_form().language()});
  if (known != pinned.providers.end()) return known->second.category;
  return c.purpose == contacts::v1::MARKETING ? "MARKETING" : "UTILITY";
}

}  // namespace

absl::StatusOr<Peers::State::Batch> Peers::State::RenderNext(const Campaign& c,
                                                             const PinnedTemplate& pinned,
                                                             std::int64_t count) {
  contacts::v1::ListAudienceRequest request = AskFor(c, pinned);
  request.set_after_ordinal(c.cursor);
  request.set_page_size(static_cast<std::int32_t>(count));
  return RenderMembers(c, pinned, request);
}

absl::StatusOr<Peers::State::Batch> Peers::State::RenderMembers(
    const Campaign& c, const PinnedTemplate& pinned,
    const contacts::v1::ListAudienceRequest& members) {
  Batch batch;
  KABAR_RETURN_IF_ERROR(
      Call(*contacts, &ContactsService::Stub::ListAudience, c.outlet_id, members, &batch.page));
  const absl::Time now = absl::Now();
  batch.enqueue.set_lane_id(c.run_id);
  for (const auto& member : batch.page.members()) {
    *batch.enqueue.add_messages() = MessageTo(c, member, now);
  }
  KABAR_RETURN_IF_ERROR(SetTexts(c, pinned, batch));
  KABAR_RETURN_IF_ERROR(RefuseWithoutForm(c, batch));
  return batch;
}

absl::Status Peers::State::SetTexts(const Campaign& c, const PinnedTemplate& pinned, Batch& batch) {
  templates::v1::RenderBatchRequest render;
  render.set_template_id(c.template_id);
  render.set_version(pinned.version);
  for (const auto& field : batch.page.fields()) render.add_variables(field);
  for (const auto& field : pinned.parcel_variables) render.add_parcel_variables(field);
  std::vector<int> rendered;  // which messages
  for (int i = 0; i < batch.page.members_size(); ++i) {
    if (batch.enqueue.messages(i).has_refusal()) continue;
    rendered.push_back(i);
    auto& member = *batch.page.mutable_members(i);
    auto& row = *render.add_rows();
    row.mutable_values()->Swap(member.mutable_values());
    for (auto& parcel : *member.mutable_parcels()) {
      row.add_parcels()->mutable_values()->Swap(parcel.mutable_values());
    }
  }
  if (rendered.empty()) return absl::OkStatus();
  templates::v1::RenderBatchResponse answer;
  KABAR_RETURN_IF_ERROR(
      Call(*templates, &TemplatesService::Stub::RenderBatch, c.outlet_id, render, &answer));
  if (answer.rendered_size() != static_cast<int>(rendered.size())) {
    return absl::InternalError("templates answered another number of texts than was asked");
  }
  for (std::size_t i = 0; i < rendered.size(); ++i) {
    auto& text = *answer.mutable_rendered(static_cast<int>(i));
    if (text.has_failure()) batch.variables[rendered[i]] = text.failure().variable();
    if (!text.provider_form().trouble().empty()) {
      const auto& form = text.provider_form();
      batch.troubles[rendered[i]] = TroubleOf(form.name(), form.language(), form.trouble());
      text.clear_provider_form();
    }
    SetText(text, batch.enqueue.mutable_messages(rendered[i]));
  }
  return absl::OkStatus();
}

std::string Peers::State::Batch::Unaccepted(const Campaign& c) const {
  for (const auto& [i, trouble] : troubles) {
    if (!Accepts(c, trouble)) return trouble;
  }
  return "";
}

// A provider template that must not be sent has been left out: WhatsApp would refuse it, and the
// lane would be paused for it. Where the free text may go it does.
absl::Status Peers::State::RefuseWithoutForm(const Campaign& c, Batch& batch) {
  if (batch.troubles.empty()) return absl::OkStatus();
  dispatcher::v1::ForeseeMessagesRequest ask;
  for (const auto& [i, trouble] : batch.troubles) *ask.add_messages() = batch.enqueue.messages(i);
  KABAR_ASSIGN_OR_RETURN(const auto told, Foresee(c, ask));
  int place = 0;
  for (const auto& [i, trouble] : batch.troubles) {
    if (told.messages(place++).reason() != kNoTemplate) continue;
    auto& message = *batch.enqueue.mutable_messages(i);
    message.clear_text();
    Refuse(events::v1::FAILED, ReasonOf(trouble), &message);
  }
  return absl::OkStatus();
}

absl::StatusOr<dispatcher::v1::ForeseeMessagesResponse> Peers::State::Foresee(
    const Campaign& c, const dispatcher::v1::ForeseeMessagesRequest& messages) {
  dispatcher::v1::ForeseeMessagesRequest request = messages;
  request.set_sender_id(c.sender_id);
  request.set_purpose(PurposeName(c));
  dispatcher::v1::ForeseeMessagesResponse answer;
  KABAR_RETURN_IF_ERROR(
      Call(*dispatcher, &DispatcherService::Stub::ForeseeMessages, c.outlet_id, request, &answer));
  if (answer.messages_size() != messages.messages_size()) {
    return absl::InternalError("the dispatcher judged another number of messages than was asked");
  }
  return answer;
}

absl::StatusOr<HandedOver> Peers::HandOver(const Campaign& c, const PinnedTemplate& pinned,
                                           std::int64_t count) {
  KABAR_ASSIGN_OR_RETURN(const State::Batch batch, state_->RenderNext(c, pinned, count));
  HandedOver handed{.last_ordinal = c.cursor, .last_page = batch.page.last_page()};
  if (batch.page.members().empty()) return handed;
  handed.trouble = batch.Unaccepted(c);
  if (!handed.trouble.empty()) return handed;
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue,
                                     c.outlet_id, batch.enqueue, &answer));
  handed.last_ordinal = batch.page.members().rbegin()->ordinal();
  handed.messages = batch.page.members_size();
  handed.rate_per_s = answer.rate_per_s();
  return handed;
}

absl::StatusOr<ForeseenPage> Peers::Foresee(const Campaign& c, const PinnedTemplate& pinned,
                                            std::int64_t count) {
  KABAR_ASSIGN_OR_RETURN(const State::Batch batch, state_->RenderNext(c, pinned, count));
  ForeseenPage page{.last_ordinal = c.cursor};
  if (batch.page.members().empty()) return page;
  dispatcher::v1::ForeseeMessagesRequest ask;
  *ask.mutable_messages() = batch.enqueue.messages();
  KABAR_ASSIGN_OR_RETURN(const auto told, state_->Foresee(c, ask));
  for (int i = 0; i < told.messages_size(); ++i) {
    const auto& verdict = told.messages(i);
    const auto& message = batch.enqueue.messages(i);
    Foreseen& one = page.messages.emplace_back();
    one.fate = verdict.state() == events::v1::SENT         ? Foreseen::Fate::kSent
               : verdict.state() == events::v1::SUPPRESSED ? Foreseen::Fate::kSuppressed
                                                           : Foreseen::Fate::kRefused;
    one.reason = verdict.reason();
    if (const auto at = batch.variables.find(i); at != batch.variables.end()) {
      one.variable = at->second;
    }
    one.phone = message.phone();
    one.subject = SubjectOf(batch.page.members(i));
    one.text = message.text();
    one.window_open = verdict.window_open();
    one.country = CountryOf(message);
    one.category = CategoryOf(c, pinned, message, one.window_open);
    if (!one.window_open) one.provider_template = message.provider_form().name();
  }
  page.last_ordinal = batch.page.members().rbegin()->ordinal();
  return page;
}

absl::StatusOr<RenderedAgain> Peers::RenderStale(const Campaign& c, const PinnedTemplate& pinned) {
  dispatcher::v1::ListStaleMessagesRequest list;
  list.set_lane_id(c.run_id);
  list.set_page_size(kStaleBatch);
  dispatcher::v1::ListStaleMessagesResponse stale;
  KABAR_RETURN_IF_ERROR(state_->Call(
      *state_->dispatcher, &DispatcherService::Stub::ListStaleMessages, c.outlet_id, list, &stale));
  if (stale.messages().empty()) return RenderedAgain();
  contacts::v1::ListAudienceRequest request = AskFor(c, pinned);
  for (const auto& message : stale.messages()) request.add_ordinals(message.ordinal());
  KABAR_ASSIGN_OR_RETURN(State::Batch batch, state_->RenderMembers(c, pinned, request));
  if (std::string trouble = batch.Unaccepted(c); !trouble.empty()) {
    return RenderedAgain{.trouble = std::move(trouble)};
  }
  // The ledger's own ids: what an older version enqueued may have been named otherwise, and under
  // another id it would be sent a second time.
  std::map<std::int64_t, std::string> ids;
  for (const auto& message : stale.messages()) ids[message.ordinal()] = message.id();
  for (auto& message : *batch.enqueue.mutable_messages()) {
    const auto id = ids.find(message.ordinal());
    if (id == ids.end()) {
      return absl::InternalError("contacts answered a member who was not asked for");
    }
    message.set_id(id->second);
  }
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue,
                                     c.outlet_id, batch.enqueue, &answer));
  return RenderedAgain{.messages = batch.page.members_size()};
}

}  // namespace kabar::campaigns
