#include "services/campaigns/peers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <map>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.grpc.pb.h"
#include "libs/base/message_id.h"
#include "libs/base/priority.h"
#include "libs/base/status.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/status.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr absl::Duration kAudienceTimeout = absl::Minutes(2);  // one statement over all contacts
constexpr char kStep[] = "campaign";  // of message ids: a run says one thing to each subject
constexpr char kPeer[] = "peer";      // key in a failure's details
constexpr int kStaleBatch = 200;

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1000000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
}

absl::Time Get(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

std::string PurposeName(const Campaign& c) {
  return contacts::v1::ConsentPurpose_Name(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
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

// "outlet toko-a was paused by siti (wrong price)"
std::string Words(const dispatcher::v1::Pause& pause) {
  using Target = dispatcher::v1::SendingTarget;
  std::string what = "everything";
  if (pause.target().scope() == Target::LANE) what = "the campaign's lane";
  if (pause.target().scope() == Target::SENDER) what = absl::StrCat("sender ", pause.target().id());
  if (pause.target().scope() == Target::OUTLET) what = absl::StrCat("outlet ", pause.target().id());
  return absl::StrCat(what, " was paused by ", pause.by(), " (", pause.reason(), ")");
}

// What lifts it, as WaitsForResume ends.
std::string Lift(const dispatcher::v1::SendingTarget& target) {
  using Target = dispatcher::v1::SendingTarget;
  if (target.scope() == Target::LANE) {
    return absl::StrCat(": kabarctl resume --lane ", target.id());
  }
  if (target.scope() == Target::SENDER) {
    return absl::StrCat(": kabarctl resume --sender ", target.id());
  }
  if (target.scope() == Target::OUTLET) return ": kabarctl resume --outlet";
  return ", which takes a SERVICE key that is bound to no outlet: kabarctl resume --all";
}

template <typename Stub>
constexpr absl::string_view NameOf() {
  if constexpr (std::is_same_v<Stub, contacts::v1::ContactsService::Stub>) return "contacts";
  if constexpr (std::is_same_v<Stub, templates::v1::TemplatesService::Stub>) return "templates";
  return "dispatcher";
}

}  // namespace

std::string PeerOf(const absl::Status& failure) { return base::GetMeta(failure, kPeer); }

bool NothingToStop(const absl::Status& lane_verb) {
  const std::string reason = base::GetReason(lane_verb);
  return absl::IsNotFound(lane_verb) || reason == "LANE_CLOSED" || reason == "LANE_EXPIRED";
}

struct Peers::State {
  State(const PeerAddresses& addresses, const std::string& service_key)
      : caller(service_key),
        contacts(contacts::v1::ContactsService::NewStub(rpc::MakeChannel(addresses.contacts))),
        templates(templates::v1::TemplatesService::NewStub(rpc::MakeChannel(addresses.templates))),
        dispatcher(
            dispatcher::v1::DispatcherService::NewStub(rpc::MakeChannel(addresses.dispatcher))) {}

  // stub.*method with deadline, key and outlet.
  template <typename Stub, typename Request, typename Response>
  absl::Status Call(Stub& stub,
                    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                    const std::string& outlet, const Request& request, Response* response,
                    absl::Duration timeout = kCallTimeout) {
    grpc::ClientContext context;
    // A peer that restarts is waited for: a person's call should not fail for a second of absence.
    caller.Prepare(context, {.outlet = outlet, .timeout = timeout, .wait_for_ready = true});
    absl::Status status = rpc::ToAbsl((stub.*method)(&context, request, response));
    return status.ok() ? status : base::WithMeta(std::move(status), kPeer, NameOf<Stub>());
  }

  absl::Status Render(const Campaign& c, const PinnedTemplate& pinned,
                      contacts::v1::ListAudienceResponse& page,
                      dispatcher::v1::EnqueueRequest* enqueue);

  const rpc::Caller caller;
  const std::unique_ptr<contacts::v1::ContactsService::Stub> contacts;
  const std::unique_ptr<templates::v1::TemplatesService::Stub> templates;
  const std::unique_ptr<dispatcher::v1::DispatcherService::Stub> dispatcher;
};

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

absl::Status Peers::CreateLane(const Campaign& c) {
  dispatcher::v1::CreateLaneRequest request;
  auto* lane = request.mutable_lane();
  lane->set_id(c.run_id);
  lane->set_run_id(c.run_id);
  lane->set_sender_id(c.sender_id);
  lane->set_priority(base::kCampaignPriority);
  lane->set_rate(c.rate);
  lane->set_asked(c.asked.value_or(0));
  if (c.end_at) Set(*c.end_at, lane->mutable_end_time());
  lane->set_max_attempts(c.max_attempts);
  lane->set_unknown_policy(static_cast<dispatcher::v1::UnknownPolicy>(c.unknown_policy));
  lane->set_purpose(PurposeName(c));
  dispatcher::v1::Lane made;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::CreateLane, c.outlet_id,
                      request, &made);
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

absl::Status Peers::PauseLane(const Campaign& c) {
  dispatcher::v1::PauseLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::PauseLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::ResumeLane(const Campaign& c) {
  dispatcher::v1::ResumeLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::ResumeLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::CancelLane(const Campaign& c) {
  dispatcher::v1::CancelLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::CancelLane, c.outlet_id,
                      request, &lane);
}

absl::Status Peers::FinishLane(const Campaign& c) {
  dispatcher::v1::FinishLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  return state_->Call(*state_->dispatcher, &DispatcherService::Stub::FinishLane, c.outlet_id,
                      request, &lane);
}

absl::StatusOr<std::int64_t> Peers::RetryFailed(const Campaign& c, const std::string& request_id) {
  dispatcher::v1::RetryFailedRequest request;
  request.set_lane_id(c.run_id);
  request.set_request_id(request_id);
  dispatcher::v1::RetryFailedResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::RetryFailed,
                                     c.outlet_id, request, &answer));
  return answer.retried();
}

absl::StatusOr<LaneView> Peers::GetLane(const Campaign& c) {
  dispatcher::v1::GetLaneRequest request;
  request.set_id(c.run_id);
  dispatcher::v1::Lane lane;
  const absl::Status status = state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetLane,
                                           c.outlet_id, request, &lane);
  if (absl::IsNotFound(status)) return LaneView{};
  KABAR_RETURN_IF_ERROR(status);
  LaneView view;
  view.state = lane.state() == events::v1::RUNNING  ? LaneView::State::kRunning
               : lane.state() == events::v1::PAUSED ? LaneView::State::kPaused
                                                    : LaneView::State::kOver;
  view.reason = lane.state_reason();
  view.enqueued = lane.enqueued();
  if (!lane.pauses().empty()) {
    view.held = Words(lane.pauses(0));
    view.lift = Lift(lane.pauses(0).target());
  }
  return view;
}

absl::StatusOr<SenderView> Peers::GetSender(const Campaign& c) {
  dispatcher::v1::GetSenderRequest request;
  request.set_id(c.sender_id);
  dispatcher::v1::Sender sender;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::GetSender,
                                     c.outlet_id, request, &sender));
  SenderView view;
  view.active = sender.state() == dispatcher::v1::ACTIVE;
  view.state = view.active                                       ? "ACTIVE"
               : sender.state() == dispatcher::v1::SENDER_PAUSED ? "PAUSED"
                                                                 : "STOPPED";
  view.reason = sender.state_reason();
  if (sender.health().circuit_open()) view.trouble = sender.health().reason();
  return view;
}

absl::StatusOr<std::int64_t> Peers::CountAudience(const Campaign& c) {
  contacts::v1::CountSegmentRequest request;
  request.set_segment_id(c.segment_id);
  contacts::v1::CountSegmentResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CountSegment,
                                     c.outlet_id, request, &answer));
  return c.subject == contacts::v1::CONTACT ? answer.contacts() : answer.shipments();
}

absl::StatusOr<QuotaView> Peers::PlanQuota(const Campaign& c, std::int64_t messages) {
  dispatcher::v1::PlanQuotaRequest request;
  request.set_sender_id(c.sender_id);
  request.set_recipients(messages);
  request.set_rate(c.rate);
  request.set_lane_id(c.run_id);
  if (c.start_at) Set(*c.start_at, request.mutable_start_time());
  if (c.end_at) Set(*c.end_at, request.mutable_end_time());
  dispatcher::v1::PlanQuotaResponse plan;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::PlanQuota,
                                     c.outlet_id, request, &plan));
  QuotaView view{.limit = plan.messaging_limit(),
                 .reserve = plan.trigger_reserve(),
                 .used = plan.used(),
                 .others = plan.others(),
                 .fits_now = plan.fits_now(),
                 .left_over = plan.left_over()};
  for (const auto& day : plan.days()) {
    view.days.push_back({Get(day.start_time()), day.recipients()});
  }
  if (plan.has_finish_time()) view.finish = Get(plan.finish_time());
  if (plan.has_next_place_time()) view.next_place = Get(plan.next_place_time());
  for (const auto& number : plan.other_numbers()) {
    view.other_numbers.push_back(
        {number.sender_id(), number.display_phone(), number.free(), number.unlimited()});
  }
  return view;
}

}  // namespace kabar::campaigns
