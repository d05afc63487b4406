#include "tools/kabarctl/campaigns_plan.h"

#include "absl/strings/str_cat.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;
using campaigns::v1::PlanCampaignResponse;

absl::StatusOr<PlanCampaignResponse> AskPlan(Session& session, const std::string& id) {
  campaigns::v1::PlanCampaignRequest request;
  request.set_id(id);
  Api<CampaignsService> api(session, Area::kCampaigns);
  return api.Call(&CampaignsService::Stub::PlanCampaign, request);
}

std::string LimitText(const PlanCampaignResponse& plan) {
  if (plan.messaging_limit() == 0) return "The number's portfolio has no messaging limit.\n";
  std::string text =
      absl::StrCat("Messaging limit of the number's portfolio: ", plan.messaging_limit(),
                   " recipients in 24 h, ", plan.trigger_reserve(), " of them kept for triggers; ",
                   plan.used(), " are used now.\n");
  if (plan.others() > 0) {
    absl::StrAppend(&text, "Other campaigns still want ", plan.others(), " of it.\n");
  }
  return text;
}

std::string DaysText(const PlanCampaignResponse& plan) {
  if (plan.days_size() < 2) return "";
  std::string text = "The rest goes as the first leave the 24 h:\n";
  for (const auto& day : plan.days()) {
    absl::StrAppend(&text, "  24 h from ", FormatTime(day.start_time()), ": ",
                    Count(day.messages(), "message"), "\n");
  }
  return text;
}

std::string OthersText(const PlanCampaignResponse& plan) {
  std::string text;
  for (const auto& number : plan.other_numbers()) {
    absl::StrAppend(&text, text.empty() ? "Other numbers with free places now: " : ", ",
                    number.sender_id(), " (", OneLine(number.display_phone()),
                    "): ", number.unlimited() ? "unlimited" : absl::StrCat(number.free()));
  }
  return text.empty() ? "" : absl::StrCat(text, ".\n");
}

std::string EndText(const PlanCampaignResponse& plan) {
  const std::string done =
      plan.has_finish_time()
          ? absl::StrCat("All are sent about ", FormatTime(plan.finish_time()), ".\n")
          : "They are not all sent within 31 days.\n";
  if (plan.left_over() == 0) return done;
  return absl::StrCat(Count(plan.left_over(), "message"),
                      " will NOT be sent: the campaign ends before, at ",
                      FormatTime(plan.end_time()), ". With a later end: ", done);
}

}  // namespace

std::string PlanText(const PlanCampaignResponse& plan) {
  if (plan.messages() == 0) return "Nothing is left to be sent.\n";
  const bool waits = plan.fits_now() < plan.messages() && plan.messaging_limit() > 0;
  std::string text = absl::StrCat(
      LimitText(plan), Count(plan.messages(), "message"), " to be sent from ",
      FormatTime(plan.start_time()), "; ",
      waits ? absl::StrCat(plan.fits_now(), " fit now") : std::string("all fit now"), ".\n");
  if (waits && plan.has_next_place_time()) {
    absl::StrAppend(&text, "The next places come free at ", FormatTime(plan.next_place_time()),
                    ".\n");
  }
  absl::StrAppend(&text, DaysText(plan), EndText(plan));
  if (waits) absl::StrAppend(&text, OthersText(plan));
  return text;
}

absl::StatusOr<int> PlanCampaign(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const PlanCampaignResponse plan, AskPlan(session, arguments.Get("ID")));
  session.out() << (session.json() ? Json(plan) : PlanText(plan));
  return kExitOk;
}

void WarnOfPlan(Session& session, const std::string& campaign_id) {
  const auto plan = AskPlan(session, campaign_id);
  if (!plan.ok()) return;
  if (plan->left_over() == 0 && plan->days_size() < 2) return;
  session.error() << PlanText(*plan);
}

}  // namespace kabar::kabarctl
