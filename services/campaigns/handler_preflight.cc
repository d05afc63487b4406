#include <algorithm>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/rpc/guard.h"
#include "services/campaigns/convert.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/preflight.h"

namespace kabar::campaigns {
namespace {

constexpr int kPage = 500;  // messages judged at once: all that is held of the audience
constexpr std::size_t kPieceBytes = 1 << 20;  // of rows in one answer, about
constexpr absl::Duration kStoreTimeout = absl::Seconds(10);

using Writer = grpc::ServerWriter<v1::PreflightCampaignResponse>;

absl::Status HungUp() {
  return base::Error(absl::StatusCode::kCancelled, "PREFLIGHT_CANCELLED",
                     "the preflight was given up before its end; nothing of it is left");
}

// How many bytes it has, about.
std::size_t AddRow(const Foreseen& message, Outcome outcome, v1::PreflightCampaignResponse* to) {
  v1::PreflightRow& row = *to->add_rows();
  row.set_phone(message.phone);
  row.set_tracking_number(message.subject);
  row.set_outcome(static_cast<v1::PreflightOutcome>(outcome));
  if (outcome == Outcome::kSent || outcome == Outcome::kWaits) {
    row.set_text(message.text);
    row.set_provider_template(message.provider_template);
  }
  if (outcome == Outcome::kSent) return row.ByteSizeLong();
  row.set_reason(outcome == Outcome::kWaits ? kOverQuotaToday : message.reason);
  row.set_variable(message.variable);
  row.set_advice(std::string(Advice(row.reason())));
  return row.ByteSizeLong();
}

void ToProto(const Preflight& found, v1::PreflightSummary* to) {
  to->set_to_send(found.to_send());
  to->set_suppressed(found.suppressed());
  to->set_refused(found.refused());
  to->set_as_text(found.as_text());
  to->set_as_template(found.as_template());
  for (const Preflight::Reason& reason : found.reasons()) {
    v1::PreflightSummary::Reason& told = *to->add_reasons();
    told.set_outcome(static_cast<v1::PreflightOutcome>(reason.outcome));
    told.set_reason(reason.reason);
    told.set_messages(reason.messages);
    told.set_advice(std::string(Advice(reason.reason)));
  }
  for (const Preflight::Sample& sample : found.samples()) {
    v1::PreflightSummary::Sample& told = *to->add_samples();
    told.set_phone(sample.phone);
    told.set_text(sample.text);
    told.set_provider_template(sample.provider_template);
  }
}

std::int64_t Rupiah(std::int64_t hundredths) { return (hundredths + 99) / 100; }

void ToProto(const Cost& cost, v1::CostEstimate* to) {
  to->set_rupiah(Rupiah(cost.amount));
  to->set_unpriced(cost.unpriced);
  for (const Cost::Item& item : cost.items) {
    v1::CostEstimate::Item& told = *to->add_items();
    told.set_country(item.country);
    told.set_category(item.category);
    told.set_messages(item.messages);
    told.set_price_hundredths(item.price);
    told.set_rupiah(Rupiah(item.amount()));
  }
}

// Prices change at midnight where the account is: in Indonesia's west.
absl::CivilDay PriceDay(absl::Time start) {
  return absl::ToCivilDay(start, absl::FixedTimeZone(7 * 60 * 60));
}

}  // namespace

// The audience is written for the preflight alone, under an id that no run has, and deleted at its
// end; if this process dies, contacts delete it after a day.
absl::Status Handler::Foresee(const rpc::Call& call, const v1::PreflightCampaignRequest& request,
                              Campaign planned, Writer* writer) {
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, peers_.GetTemplate(planned, 0));
  planned.run_id = base::NewId("preflight");
  planned.run_day = absl::ToCivilDay(clock_.Now(), absl::UTCTimeZone());
  planned.cursor = 0;
  const absl::Cleanup forget = [&] {
    const absl::Status deleted = peers_.DeleteAudience(planned);
    if (!deleted.ok()) log::Warn("preflight's audience not deleted", {{"error", deleted}});
  };
  KABAR_ASSIGN_OR_RETURN(const AudienceView audience,
                         peers_.CreateAudience(planned, pinned, /*temporary=*/true));
  // Without Redis nobody can tell of the messaging limit; all else is worth knowing.
  const auto now = peers_.PlanQuota(planned, audience.size);
  if (!now.ok() && !absl::IsUnavailable(now.status())) return now.status();
  std::optional<std::int64_t> places;
  if (now.ok() && now->limit > 0) places = now->fits_now;
  Preflight found(places);
  while (planned.cursor < audience.size) {
    if (call.Cancelled()) return HungUp();
    KABAR_ASSIGN_OR_RETURN(const ForeseenPage page, peers_.Foresee(planned, pinned, kPage));
    if (page.messages.empty()) break;
    v1::PreflightCampaignResponse part;
    part.set_audience(audience.size);
    part.set_done(planned.cursor);
    std::size_t bytes = 0;
    for (const Foreseen& message : page.messages) {
      const Outcome outcome = found.Add(message);
      if (!request.with_rows()) continue;
      bytes += AddRow(message, outcome, &part);
      if (bytes < kPieceBytes) continue;
      if (!writer->Write(part)) return HungUp();
      part.clear_rows();
      bytes = 0;
    }
    planned.cursor = page.last_ordinal;
    part.set_done(planned.cursor);
    if (!writer->Write(part)) return HungUp();
  }
  v1::PreflightCampaignResponse last;
  last.set_audience(audience.size);
  last.set_done(audience.size);
  last.mutable_summary()->set_audience(audience.size);
  if (pinned.merges) last.mutable_summary()->set_merged(audience.shipments - audience.size);
  ToProto(found, last.mutable_summary());
  if (now.ok()) {
    KABAR_ASSIGN_OR_RETURN(const QuotaView plan, peers_.PlanQuota(planned, found.to_send()));
    campaigns::ToProto(planned, found.to_send(), plan, last.mutable_summary()->mutable_plan());
  }
  if (rate_card_ != nullptr) {
    const absl::Time start = std::max(planned.start_at.value_or(clock_.Now()), clock_.Now());
    ToProto(EstimateCost(found, *rate_card_, PriceDay(start)),
            last.mutable_summary()->mutable_cost());
  }
  return writer->Write(last) ? absl::OkStatus() : HungUp();
}

grpc::Status Handler::PreflightCampaign(grpc::ServerContext* context,
                                        const v1::PreflightCampaignRequest* request,
                                        Writer* writer) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        const absl::Time now = clock_.Now();
        KABAR_ASSIGN_OR_RETURN(
            const Campaign campaign,
            store_.Get(call.outlet, request->id(), std::min(call.deadline, now + kStoreTimeout)));
        if (campaign.state != State::kDraft && campaign.state != State::kScheduled) {
          return base::Error(absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
                             absl::StrCat("campaign ", campaign.id, " is ", Name(campaign.state),
                                          "; a preflight is for what has not been started yet"));
        }
        KABAR_ASSIGN_OR_RETURN(Campaign planned, AsPlanned(campaign, now));
        return Foresee(call, *request, std::move(planned), writer);
      });
}

}  // namespace kabar::campaigns
