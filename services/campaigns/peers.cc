#include "services/campaigns/peers.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "services/campaigns/peers_state.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kAudienceTimeout = absl::Minutes(2);  // one statement over all contacts
constexpr char kStep[] = "campaign";  // of message ids: a run says one thing to each subject
constexpr int kStaleBatch = 200;

// One member's message before its text is known; a refusal where there will be none.
dispatcher::v1::OutgoingMessage MessageTo(const Campaign& c,
                                          const contacts::v1::AudienceMember& member,
                                          absl::Time now) {
  dispatcher::v1::OutgoingMessage m;
  m.set_id(base::MakeMessageId(*c.run_day, c.run_id, member.ordinal(), kStep, member.contact_id(),
                               member.subject()));
  m.set_ordinal(member.ordinal());
  m.set_contact_id(member.contact_id());
  m.set_subject(member.subject());
  m.set_phone(member.phone());
  m.set_bsuid(member.bsuid());
  Set(now, m.mutable_render_time());
  const auto refuse = [&](events::v1::MessageState state, absl::string_view reason) {
    m.mutable_refusal()->set_state(state);
    m.mutable_refusal()->set_reason(std::string(reason));
  };
  if (member.gone()) {
    refuse(events::v1::SUPPRESSED, "CONTACT_GONE");
  } else if (member.opted_out()) {
    refuse(events::v1::SUPPRESSED, "OPTED_OUT");
  } else if (member.phone().empty() && member.bsuid().empty()) {
    refuse(events::v1::FAILED, "NO_PHONE");
  }
  return m;
}

void SetText(templates::v1::Rendered& rendered, dispatcher::v1::OutgoingMessage* m) {
  if (rendered.has_failure()) {
    m->mutable_refusal()->set_state(events::v1::FAILED);
    m->mutable_refusal()->set_reason(rendered.failure().reason());
    return;
  }
  m->set_text(std::move(*rendered.mutable_text()));
  if (!rendered.has_provider_form()) return;
  auto* form = m->mutable_provider_form();
  form->set_name(rendered.provider_form().name());
  form->set_language(rendered.provider_form().language());
  form->mutable_parameters()->Swap(rendered.mutable_provider_form()->mutable_parameters());
}

}  // namespace

std::string PeerOf(const absl::Status& failure) { return base::GetMeta(failure, kPeerOfFailure); }

bool NothingToStop(const absl::Status& lane_verb) {
  const std::string reason = base::GetReason(lane_verb);
  return absl::IsNotFound(lane_verb) || reason == "LANE_CLOSED" || reason == "LANE_EXPIRED";
}

using contacts::v1::ContactsService;
using dispatcher::v1::DispatcherService;
using templates::v1::TemplatesService;

Peers::Peers(const PeerAddresses& addresses, const std::string& service_key)
    : state_(std::make_unique<State>(addresses, service_key)) {}
Peers::~Peers() = default;

absl::Status Peers::CheckReferences(const Campaign& c) {
  absl::Status faults;
  const auto check = [&](absl::Status status, absl::string_view field) -> absl::Status {
    if (absl::IsNotFound(status)) {
      base::AddFieldViolation(faults, field, status.message());
      return absl::OkStatus();
    }
    return status;
  };
  KABAR_RETURN_IF_ERROR(check(GetTemplate(c, 0).status(), "campaign.template_id"));
  contacts::v1::GetSegmentRequest segment;
  segment.set_id(c.segment_id);
  contacts::v1::Segment found_segment;
  KABAR_RETURN_IF_ERROR(check(state_->Call(*state_->contacts, &ContactsService::Stub::GetSegment,
                                           c.outlet_id, segment, &found_segment),
                              "campaign.segment_id"));
  dispatcher::v1::GetSenderRequest sender;
  sender.set_id(c.sender_id);
  dispatcher::v1::Sender found_sender;
  KABAR_RETURN_IF_ERROR(check(state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetSender,
                                           c.outlet_id, sender, &found_sender),
                              "campaign.sender_id"));
  return faults;
}

absl::StatusOr<PinnedTemplate> Peers::GetTemplate(const Campaign& c, std::int32_t version) {
  templates::v1::GetTemplateRequest request;
  request.set_id(c.template_id);
  request.set_version(version);
  templates::v1::Template found;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->templates, &TemplatesService::Stub::GetTemplate,
                                     c.outlet_id, request, &found));
  return PinnedTemplate{.version = found.version(),
                        .variables = {found.variables().begin(), found.variables().end()}};
}

absl::StatusOr<std::int64_t> Peers::CreateAudience(const Campaign& c) {
  contacts::v1::CreateAudienceRequest request;
  request.set_run_id(c.run_id);
  request.set_segment_id(c.segment_id);
  request.set_subject(static_cast<contacts::v1::AudienceSubject>(c.subject));
  contacts::v1::Audience audience;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CreateAudience,
                                     c.outlet_id, request, &audience, kAudienceTimeout));
  return audience.size();
}

// Renders a page of the audience into the messages of one Enqueue.
absl::Status Peers::State::Render(const Campaign& c, const PinnedTemplate& pinned,
                                  contacts::v1::ListAudienceResponse& page,
                                  dispatcher::v1::EnqueueRequest* enqueue) {
  const absl::Time now = absl::Now();
  templates::v1::RenderBatchRequest render;
  render.set_template_id(c.template_id);
  render.set_version(pinned.version);
  for (const auto& field : page.fields()) render.add_variables(field);
  std::vector<int> rendered_messages;
  enqueue->set_lane_id(c.run_id);
  for (auto& member : *page.mutable_members()) {
    *enqueue->add_messages() = MessageTo(c, member, now);
    if (enqueue->messages().rbegin()->has_refusal()) continue;
    rendered_messages.push_back(enqueue->messages_size() - 1);
    render.add_rows()->mutable_values()->Swap(member.mutable_values());
  }
  if (rendered_messages.empty()) return absl::OkStatus();
  templates::v1::RenderBatchResponse answer;
  KABAR_RETURN_IF_ERROR(
      Call(*templates, &TemplatesService::Stub::RenderBatch, c.outlet_id, render, &answer));
  if (answer.rendered_size() != static_cast<int>(rendered_messages.size())) {
    return absl::InternalError("templates answered another number of texts than was asked");
  }
  for (std::size_t i = 0; i < rendered_messages.size(); ++i) {
    SetText(*answer.mutable_rendered(static_cast<int>(i)),
            enqueue->mutable_messages(rendered_messages[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<HandedOver> Peers::HandOver(const Campaign& c, const PinnedTemplate& pinned,
                                           std::int64_t count) {
  contacts::v1::ListAudienceRequest request;
  request.set_run_id(c.run_id);
  request.set_after_ordinal(c.cursor);
  request.set_page_size(static_cast<std::int32_t>(count));
  for (const auto& variable : pinned.variables) request.add_fields(variable);
  request.set_purpose(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
  contacts::v1::ListAudienceResponse page;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::ListAudience,
                                     c.outlet_id, request, &page));
  HandedOver handed{.last_ordinal = c.cursor, .last_page = page.last_page()};
  if (page.members().empty()) return handed;
  dispatcher::v1::EnqueueRequest enqueue;
  KABAR_RETURN_IF_ERROR(state_->Render(c, pinned, page, &enqueue));
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue,
                                     c.outlet_id, enqueue, &answer));
  handed.last_ordinal = page.members().rbegin()->ordinal();
  handed.messages = page.members_size();
  handed.rate_per_s = answer.rate_per_s();
  return handed;
}

absl::StatusOr<std::int64_t> Peers::RenderStale(const Campaign& c, const PinnedTemplate& pinned) {
  dispatcher::v1::ListStaleMessagesRequest list;
  list.set_lane_id(c.run_id);
  list.set_page_size(kStaleBatch);
  dispatcher::v1::ListStaleMessagesResponse stale;
  KABAR_RETURN_IF_ERROR(state_->Call(
      *state_->dispatcher, &DispatcherService::Stub::ListStaleMessages, c.outlet_id, list, &stale));
  if (stale.messages().empty()) return 0;
  contacts::v1::ListAudienceRequest request;
  request.set_run_id(c.run_id);
  for (const auto& message : stale.messages()) request.add_ordinals(message.ordinal());
  for (const auto& variable : pinned.variables) request.add_fields(variable);
  request.set_purpose(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
  contacts::v1::ListAudienceResponse page;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::ListAudience,
                                     c.outlet_id, request, &page));
  dispatcher::v1::EnqueueRequest enqueue;
  KABAR_RETURN_IF_ERROR(state_->Render(c, pinned, page, &enqueue));
  // The ledger's own ids: what an older version enqueued may have been named otherwise, and under
  // another id it would be sent a second time.
  std::map<std::int64_t, std::string> ids;
  for (const auto& message : stale.messages()) ids[message.ordinal()] = message.id();
  for (auto& message : *enqueue.mutable_messages()) {
    const auto id = ids.find(message.ordinal());
    if (id == ids.end()) {
      return absl::InternalError("contacts answered a member who was not asked for");
    }
    message.set_id(id->second);
  }
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue,
                                     c.outlet_id, enqueue, &answer));
  return page.members_size();
}

absl::StatusOr<std::int64_t> Peers::CountAudience(const Campaign& c) {
  contacts::v1::CountSegmentRequest request;
  request.set_segment_id(c.segment_id);
  contacts::v1::CountSegmentResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CountSegment,
                                     c.outlet_id, request, &answer));
  return c.subject == contacts::v1::CONTACT ? answer.contacts() : answer.shipments();
}

}  // namespace kabar::campaigns
