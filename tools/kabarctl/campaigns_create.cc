#include "tools/kabarctl/campaigns_create.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/contacts/v1/contacts.pb.h"
#include "kabar/templates/v1/templates.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/campaigns_schedule.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/lookup.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::Campaign;
using campaigns::v1::CampaignsService;

absl::StatusOr<int> Create(Session& session, const Arguments& arguments) {
  campaigns::v1::CreateCampaignRequest request;
  Campaign* campaign = request.mutable_campaign();
  KABAR_ASSIGN_OR_RETURN(const auto subject,
                         EnumOption<contacts::v1::AudienceSubject>(arguments, "subject"));
  KABAR_ASSIGN_OR_RETURN(const auto purpose,
                         EnumOption<contacts::v1::ConsentPurpose>(arguments, "purpose"));
  KABAR_ASSIGN_OR_RETURN(const auto unknown,
                         EnumOption<campaigns::v1::UnknownPolicy>(arguments, "unknown"));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t batch_size, arguments.Integer("batch-size", 0));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t tries, arguments.Integer("tries", 0));
  KABAR_ASSIGN_OR_RETURN(const std::int64_t data_age, arguments.Integer("max-data-age", 0));
  if (arguments.Has("on")) {
    KABAR_ASSIGN_OR_RETURN(const auto days, ParseWeekdays(arguments.Get("on")));
    for (const auto day : days) campaign->add_weekdays(day);
  }
  campaign->set_skip_holidays(arguments.Has("skip-holidays"));
  campaign->set_max_data_age_hours(
      static_cast<std::int32_t>(std::min<std::int64_t>(data_age, 1 << 30)));
  campaign->set_name(arguments.Get("NAME"));
  campaign->set_subject(subject);
  campaign->set_purpose(purpose);
  campaign->set_unknown_policy(unknown);
  campaign->set_sender_id(arguments.Get("sender"));
  campaign->set_rate(arguments.Get("rate"));
  campaign->set_batch_size(static_cast<std::int32_t>(std::min<std::int64_t>(batch_size, 1 << 30)));
  campaign->set_max_attempts(static_cast<std::int32_t>(std::min<std::int64_t>(tries, 1 << 30)));
  campaign->set_start(arguments.Get("start"));
  campaign->set_end(arguments.Get("end"));
  KABAR_ASSIGN_OR_RETURN(const templates::v1::Template found,
                         FindTemplate(session, arguments.Get("template")));
  campaign->set_template_id(found.id());
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::Segment segment,
                         FindSegment(session, arguments.Get("segment")));
  campaign->set_segment_id(segment.id());
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const Campaign made,
                         api.Call(&CampaignsService::Stub::CreateCampaign, request));
  PrintDone(session, made);
  return kExitOk;
}

std::vector<Option> CreateOptions() {
  return {
      {.name = "template",
       .value = "CODE-or-ID",
       .help = "what is sent",
       .field = "campaign.template_id",
       .required = true},
      {.name = "segment",
       .value = "NAME-or-ID",
       .help = "to whom",
       .field = "campaign.segment_id",
       .required = true},
      {.name = "sender",
       .value = "ID",
       .help = "from which number (kabarctl senders list)",
       .field = "campaign.sender_id",
       .required = true},
      {.name = "rate",
       .value = "RATE",
       .help = "how fast: 45/min, 80/s",
       .field = "campaign.rate",
       .required = true},
      {.name = "start",
       .value = "TIME",
       .help = "\"08:00 Asia/Jakarta\" (the next such time), \"2026-11-22 08:00 WIB\" or RFC 3339; "
               "needed to schedule it",
       .field = "campaign.start"},
      {.name = "end",
       .value = "TIME",
       .help = "the same forms; nothing is sent after it (default: 24 h after the start)",
       .field = "campaign.end"},
      {.name = "subject",
       .value = "SUBJECT",
       .help = "one message per SHIPMENT (default) or CONTACT",
       .field = "campaign.subject"},
      {.name = "purpose",
       .value = "PURPOSE",
       .help = "DELIVERY_UPDATES (default) or MARKETING: which opt-outs count",
       .field = "campaign.purpose"},
      {.name = "tries",
       .value = "N",
       .help = "of one message in all (default 3)",
       .field = "campaign.max_attempts"},
      {.name = "batch-size",
       .value = "N",
       .help = "messages handed over at once (default 100)",
       .field = "campaign.batch_size"},
      {.name = "on",
       .value = "DAYS",
       .help =
           "recur on these days: mon-fri, sat,sun, daily; --start and --end then are hours with "
           "a zone",
       .field = "campaign.weekdays"},
      {.name = "skip-holidays",
       .help = "not on holidays (holidays import)",
       .field = "campaign.skip_holidays"},
      {.name = "max-data-age",
       .value = "HOURS",
       .help = "nothing is sent about a shipment that was last updated longer ago (default: any)",
       .field = "campaign.max_data_age_hours"},
      {.name = "unknown",
       .value = "POLICY",
       .help = "when nobody knows whether WhatsApp took a message: RESEND on evidence (default) or "
               "HOLD",
       .field = "campaign.unknown_policy"},
  };
}

}  // namespace

void PrintDone(Session& session, const Campaign& campaign) {
  if (session.json()) {
    session.out() << Json(campaign);
    return;
  }
  session.out() << "campaign " << campaign.id() << " \"" << OneLine(campaign.name())
                << "\": " << CampaignState_Name(campaign.state());
  if (campaign.state() == campaigns::v1::SCHEDULED) {
    session.out() << ", starts at " << FormatTime(campaign.start_time());
  }
  session.out() << "\n";
}

Command CreateCampaignCommand() {
  return {.noun = "campaigns",
          .verb = "create",
          .summary = "Makes a draft: what, to whom, from which number, how fast.",
          .details = "Nothing is sent before campaigns schedule or campaigns start.",
          .positionals = {{"NAME", "how it is called", "campaign.name"}},
          .options = CreateOptions(),
          .run = Create};
}

}  // namespace kabar::kabarctl
