#include "services/campaigns/peers.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/fields/fields.h"
#include "services/campaigns/peers_state.h"
#include "services/campaigns/troubles.h"

namespace kabar::campaigns {
namespace {

constexpr absl::Duration kAudienceTimeout = absl::Minutes(2);  // one statement over all contacts

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
  PinnedTemplate pinned{.version = found.version(),
                        .merges = found.merges_parcels() && c.subject == contacts::v1::SHIPMENT};
  for (const std::string& variable : found.variables()) {
    const auto field = fields::Canonical(variable);
    const bool of_parcel = field && field->owner == fields::Owner::kShipment;
    (pinned.merges && of_parcel ? pinned.parcel_variables : pinned.variables).push_back(variable);
  }
  for (const auto& provider : found.provider_templates()) {
    pinned.providers[{provider.name(), provider.language()}] = {
        provider.category(), provider.trouble(), provider.trouble_text()};
  }
  return pinned;
}

absl::Status Peers::AgreeToCategory(const Campaign& c, const std::string& name,
                                    const std::string& language) {
  templates::v1::AcceptProviderTemplateRequest request;
  request.set_name(name);
  request.set_language(language);
  templates::v1::ProviderTemplate agreed;
  return state_->Call(*state_->templates, &TemplatesService::Stub::AcceptProviderTemplate,
                      c.outlet_id, request, &agreed);
}

std::map<std::string, std::string> PinnedTemplate::troubles() const {
  std::map<std::string, std::string> found;
  for (const auto& [key, provider] : providers) {
    if (provider.trouble.empty()) continue;
    found[TroubleOf(key.first, key.second, provider.trouble)] = provider.trouble_text;
  }
  return found;
}

absl::StatusOr<AudienceView> Peers::CreateAudience(const Campaign& c, const PinnedTemplate& pinned,
                                                   bool temporary) {
  contacts::v1::CreateAudienceRequest request;
  request.set_run_id(c.run_id);
  request.set_segment_id(c.segment_id);
  request.set_subject(pinned.merges ? contacts::v1::CONTACT_PARCELS
                                    : static_cast<contacts::v1::AudienceSubject>(c.subject));
  request.set_temporary(temporary);
  contacts::v1::Audience audience;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CreateAudience,
                                     c.outlet_id, request, &audience, kAudienceTimeout));
  return AudienceView{.size = audience.size(), .shipments = audience.shipments()};
}

absl::Status Peers::DeleteAudience(const Campaign& c) {
  contacts::v1::DeleteAudienceRequest request;
  request.set_run_id(c.run_id);
  contacts::v1::DeleteAudienceResponse answer;
  return state_->Call(*state_->contacts, &ContactsService::Stub::DeleteAudience, c.outlet_id,
                      request, &answer, kAudienceTimeout);
}

absl::StatusOr<std::int64_t> Peers::CountAudience(const Campaign& c, const PinnedTemplate& pinned) {
  contacts::v1::CountSegmentRequest request;
  request.set_segment_id(c.segment_id);
  contacts::v1::CountSegmentResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CountSegment,
                                     c.outlet_id, request, &answer));
  if (pinned.merges) return answer.contacts_with_shipments();
  return c.subject == contacts::v1::CONTACT ? answer.contacts() : answer.shipments();
}

}  // namespace kabar::campaigns
