#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/contacts/v1/contacts.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/templates/v1/templates.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/campaigns_create.h"
#include "tools/kabarctl/campaigns_plan.h"
#include "tools/kabarctl/campaigns_preflight.h"
#include "tools/kabarctl/campaigns_schedule.h"
#include "tools/kabarctl/campaigns_test_send.h"
#include "tools/kabarctl/campaigns_watch.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/lookup.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::Campaign;
using campaigns::v1::CampaignsService;

void PrintCampaign(Session& session, const Campaign& campaign) {
  if (session.json()) {
    session.out() << Json(campaign);
    return;
  }
  session.out() << Details(
      {{"id", campaign.id()},
       {"name", campaign.name()},
       {"state", CampaignState_Name(campaign.state())},
       {"why", campaign.state_reason()},
       {"template", absl::StrCat(campaign.template_id(),
                                 campaign.template_version() > 0
                                     ? absl::StrCat(", version ", campaign.template_version())
                                     : "")},
       {"segment", campaign.segment_id()},
       {"one message per", AudienceSubject_Name(campaign.subject())},
       {"purpose", ConsentPurpose_Name(campaign.purpose())},
       {"sender", campaign.sender_id()},
       {"rate", campaign.rate()},
       {"batch size", absl::StrCat(campaign.batch_size())},
       {"tries", absl::StrCat(campaign.max_attempts())},
       {"oldest data", campaign.max_data_age_hours() == 0
                           ? ""
                           : absl::StrCat(campaign.max_data_age_hours(), " h")},
       {"start", campaign.start()},
       {"end", campaign.end()},
       {"recurs on", WeekdaysText(campaign)},
       {"run of", campaign.parent_id()},
       {"starts at", FormatTime(campaign.start_time())},
       {"ends at", FormatTime(campaign.end_time())},
       {"run", campaign.run_id()},
       {"asked", campaign.run_id().empty() ? "" : absl::StrCat(campaign.asked())},
       {"expanded", campaign.run_id().empty() ? "" : absl::StrCat(campaign.expanded())},
       {"created", FormatTime(campaign.create_time())},
       {"finished", FormatTime(campaign.finish_time())}});
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  campaigns::v1::ListCampaignsRequest request;
  KABAR_ASSIGN_OR_RETURN(const auto state,
                         EnumOption<campaigns::v1::CampaignState>(arguments, "state"));
  request.set_state(state);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::ListCampaignsResponse response,
                         api.List(&CampaignsService::Stub::ListCampaigns, request, paging));
  Table table(
      {{"ID"}, {"NAME"}, {"STATE"}, {"RATE"}, {"STARTS"}, {"ENDS"}, {"ASKED", true}, {"WHY"}});
  for (const Campaign& c : response.campaigns()) {
    table.Row({c.id(), Shortened(c.name(), 40), CampaignState_Name(c.state()), c.rate(),
               FormatTime(c.start_time()), FormatTime(c.end_time()), absl::StrCat(c.asked()),
               Shortened(c.state_reason(), 80)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Get(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign, GetCampaign(session, arguments.Get("ID")));
  PrintCampaign(session, campaign);
  return kExitOk;
}

// schedule, start, pause, cancel: an id in, the campaign as it is then out.
template <typename Request>
absl::StatusOr<int> Verb(Session& session, const Arguments& arguments,
                         Api<CampaignsService>::Method<Request, Campaign> method) {
  Request request;
  request.set_id(arguments.Get("ID"));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign, api.Call(method, request));
  PrintDone(session, campaign);
  return kExitOk;
}

absl::StatusOr<int> Schedule(Session& session, const Arguments& arguments) {
  WarnOfPlan(session, arguments.Get("ID"));
  return Verb<campaigns::v1::ScheduleCampaignRequest>(session, arguments,
                                                      &CampaignsService::Stub::ScheduleCampaign);
}
absl::StatusOr<int> Start(Session& session, const Arguments& arguments) {
  WarnOfPlan(session, arguments.Get("ID"));
  return Verb<campaigns::v1::StartCampaignRequest>(session, arguments,
                                                   &CampaignsService::Stub::StartCampaign);
}
absl::StatusOr<int> Pause(Session& session, const Arguments& arguments) {
  return Verb<campaigns::v1::PauseCampaignRequest>(session, arguments,
                                                   &CampaignsService::Stub::PauseCampaign);
}
absl::StatusOr<int> Resume(Session& session, const Arguments& arguments) {
  campaigns::v1::ResumeCampaignRequest request;
  request.set_id(arguments.Get("ID"));
  request.set_accept_troubles(arguments.Has("accept-troubles"));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign,
                         api.Call(&CampaignsService::Stub::ResumeCampaign, request));
  PrintDone(session, campaign);
  return kExitOk;
}
absl::StatusOr<int> Cancel(Session& session, const Arguments& arguments) {
  return Verb<campaigns::v1::CancelCampaignRequest>(session, arguments,
                                                    &CampaignsService::Stub::CancelCampaign);
}

absl::StatusOr<int> SetRate(Session& session, const Arguments& arguments) {
  campaigns::v1::UpdateCampaignRequest request;
  request.mutable_campaign()->set_id(arguments.Get("ID"));
  request.mutable_campaign()->set_rate(arguments.Get("RATE"));
  request.mutable_update_mask()->add_paths("rate");
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign,
                         api.Call(&CampaignsService::Stub::UpdateCampaign, request));
  PrintDone(session, campaign);
  return kExitOk;
}

absl::StatusOr<int> RetryFailed(Session& session, const Arguments& arguments) {
  campaigns::v1::RetryFailedRequest request;
  request.set_id(arguments.Get("ID"));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::RetryFailedResponse response,
                         api.Call(&CampaignsService::Stub::RetryFailed, request));
  if (session.json()) {
    session.out() << Json(response);
  } else {
    session.out() << Count(response.retried(), "failed message") << " will be tried again; the "
                  << "campaign is " << CampaignState_Name(response.campaign().state()) << "\n";
  }
  return kExitOk;
}

// 1,000 at a time, until none is left that has been UNKNOWN for so long.
absl::StatusOr<dispatcher::v1::ResolveUnknownResponse> ResolveAll(
    Session& session, dispatcher::v1::ResolveUnknownRequest request) {
  using dispatcher::v1::DispatcherService;
  Api<DispatcherService> api(session, Area::kDispatcher);
  dispatcher::v1::ResolveUnknownResponse all;
  do {
    KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ResolveUnknownResponse response,
                           api.Call(&DispatcherService::Stub::ResolveUnknown, request));
    all.set_resolved(all.resolved() + response.resolved());
    all.set_more(response.more());
  } while (all.more());
  return all;
}

absl::StatusOr<int> ResolveUnknown(Session& session, const Arguments& arguments) {
  const bool resend = arguments.Has("resend");
  if (resend == arguments.Has("failed")) return UsageError("say either --resend or --failed");
  KABAR_ASSIGN_OR_RETURN(const absl::Duration age,
                         arguments.Duration("older-than", absl::Minutes(2)));
  KABAR_ASSIGN_OR_RETURN(const Campaign campaign, GetCampaign(session, arguments.Get("ID")));
  if (campaign.run_id().empty()) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "CAMPAIGN_NOT_STARTED",
        absl::StrCat("campaign ", campaign.id(), " has not been started yet: it has no messages"));
  }
  dispatcher::v1::ResolveUnknownRequest request;
  request.set_decision(resend ? dispatcher::v1::ResolveUnknownRequest::RESEND
                              : dispatcher::v1::ResolveUnknownRequest::FAILED);
  request.set_lane_id(campaign.run_id());  // a run's lane bears its id
  request.set_min_age_seconds(absl::ToInt64Seconds(age));
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ResolveUnknownResponse response,
                         ResolveAll(session, request));
  if (session.json()) {
    session.out() << Json(response);
  } else if (response.resolved() == 0) {
    session.out() << "no message of the campaign has been UNKNOWN for " << absl::FormatDuration(age)
                  << "\n";
  } else {
    session.out() << Count(response.resolved(), "UNKNOWN message")
                  << (resend ? " will be sent again; who has got it already gets it twice\n"
                             : " will not be sent again: FAILED from now on\n");
  }
  return kExitOk;
}

Command VerbCommand(std::string verb, std::string summary, decltype(Command::run) run) {
  return {.noun = "campaigns",
          .verb = std::move(verb),
          .summary = std::move(summary),
          .positionals = {{"ID", "the campaign", "id"}},
          .run = run};
}

}  // namespace

Commands CampaignCommands() {
  Command watch =
      VerbCommand("watch", "Shows a run live until it is over, then its report.", WatchCampaign);
  watch.details =
      "A scheduled campaign is waited for. Exit code 0 if it was completed, 1 if it failed or was\n"
      "cancelled. With --json one line of figures each time they change; the last is final.\n"
      "Customers read and answer after a run is over: see campaigns report.";
  watch.options = {{.name = "interval",
                    .value = "TIME",
                    .help = "at most one update in this time (default 500ms)"}};
  Command plan =
      VerbCommand("plan", "Says how long a campaign takes with its rate and the messaging limit.",
                  PlanCampaign);
  plan.details =
      "Before the start by the segment as it is now, of a run what is left. It supposes that "
      "every\n"
      "recipient is new within 24 h; start and schedule warn if not all can go before the end.";
  Command preflight = VerbCommand(
      "preflight", "Says what would be sent, what not and why, before anything is sent.",
      PreflightCampaign);
  preflight.details =
      "Goes through the whole audience as the run would and leaves nothing behind. What is known "
      "now\n"
      "counts: a customer who opts out later will not get his message all the same.";
  preflight.options = {
      {.name = "csv",
       .value = "FILE",
       .help = "a line for each message: its text, or why it would not go (today) and what to do"}};
  Command set_rate =
      VerbCommand("set-rate", "Changes how fast it sends, also while it runs.", SetRate);
  set_rate.details = "In force within one claim, some hundredths of a second.";
  set_rate.positionals.push_back({"RATE", "e.g. 45/min or 80/s", "campaign.rate"});
  Command report = VerbCommand("report", "Shows a run's figures; they add up.", ReportCampaign);
  report.details = "Exit code 1 if the figures do not add up (a fault of the suite: report it).";
  Command resume = VerbCommand("resume", "Goes on after a pause.", Resume);
  resume.details =
      "It is refused while WhatsApp has paused, disabled, changed or re-categorised one of the\n"
      "campaign's provider templates. With --accept-troubles a re-categorised one is sent at its\n"
      "new price, by every campaign; of the others, customers who wrote within 24 hours get the\n"
      "text and the rest is recorded as FAILED. That holds, for a schedule's next runs too, while\n"
      "the trouble does and until the run is paused or cancelled by hand.";
  resume.options = {{.name = "accept-troubles",
                     .help = "all the same, whatever is known against its provider templates",
                     .field = "accept_troubles"}};
  Command resolve = VerbCommand(
      "resolve-unknown", "Decides on messages of which nobody knows whether WhatsApp took them.",
      ResolveUnknown);
  resolve.details =
      "They are listed by: kabarctl messages list --campaign ID --state UNKNOWN. What WhatsApp "
      "still\n"
      "says of one counts all the same, whatever was decided.";
  resolve.options = {
      {.name = "resend", .help = "send them again: a customer may get the message twice"},
      {.name = "failed", .help = "give them up (retry-failed would send them)"},
      {.name = "older-than",
       .value = "TIME",
       .help = "only those UNKNOWN for so long; WhatsApp may yet tell of the others (default 2m)",
       .field = "min_age_seconds"}};
  return {
      CreateCampaignCommand(),
      {.noun = "campaigns",
       .verb = "list",
       .summary = "Lists the campaigns.",
       .options = WithPaging(
           {{.name = "state",
             .value = "STATE",
             .help = absl::StrCat("only ", EnumNames(campaigns::v1::CampaignState_descriptor())),
             .field = "state"}}),
       .run = List},
      VerbCommand("get", "Shows one campaign.", Get),
      plan,
      preflight,
      TestSendCommand(),
      RunsCommand(),
      TestNumbersCommand(),
      VerbCommand("schedule", "Lets a draft start by itself at its start time.", Schedule),
      VerbCommand("start", "Starts a draft or scheduled campaign now.", Start),
      VerbCommand("pause", "Stops sending within a second; nothing is lost.", Pause),
      resume,
      set_rate,
      VerbCommand("cancel", "Ends it; what was not sent never will be.", Cancel),
      VerbCommand("retry-failed", "Sends the failed messages again, and only those.", RetryFailed),
      resolve,
      watch,
      report,
  };
}

}  // namespace kabar::kabarctl
