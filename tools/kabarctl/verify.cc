// kabarctl verify: asks campaigns, analytics and the dispatcher about each run and compares.
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kabar/analytics/v1/analytics.grpc.pb.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/recount.h"

namespace kabar::kabarctl {
namespace {

using analytics::v1::AnalyticsService;
using analytics::v1::CampaignStats;
using campaigns::v1::Campaign;
using campaigns::v1::CampaignsService;
using dispatcher::v1::DispatcherService;
using dispatcher::v1::RecountLaneResponse;

// Events may be deleted between the figures and the recount; then analytics has come further.
constexpr int kTries = 4;

struct Verified {
  Campaign campaign;
  CampaignStats stats;
  RecountLaneResponse recount;
  Findings findings;
};

struct Services {
  explicit Services(Session& session)
      : campaigns(session, Area::kCampaigns),
        analytics(session, Area::kAnalytics),
        dispatcher(session, Area::kDispatcher) {}

  Api<CampaignsService> campaigns;
  Api<AnalyticsService> analytics;
  Api<DispatcherService> dispatcher;
};

// Those named, or all that are no drafts.
absl::StatusOr<std::vector<Campaign>> Wanted(Services& services,
                                             const std::vector<std::string>& ids) {
  std::vector<Campaign> wanted;
  for (const std::string& id : ids) {
    campaigns::v1::GetCampaignRequest request;
    request.set_id(id);
    KABAR_ASSIGN_OR_RETURN(Campaign campaign,
                           services.campaigns.Call(&CampaignsService::Stub::GetCampaign, request));
    wanted.push_back(std::move(campaign));
  }
  if (!ids.empty()) return wanted;
  campaigns::v1::ListCampaignsRequest request;
  request.set_show_runs(true);
  KABAR_ASSIGN_OR_RETURN(
      const auto all,
      services.campaigns.List(&CampaignsService::Stub::ListCampaigns, request, Paging{.limit = 0}));
  for (const Campaign& campaign : all.campaigns()) {
    if (campaign.state() != campaigns::v1::DRAFT) wanted.push_back(campaign);
  }
  return wanted;
}

// Figures of a run that analytics has not heard of are 0 at the number that it has come to.
absl::StatusOr<CampaignStats> Figures(Services& services, const std::string& run_id) {
  analytics::v1::GetCampaignStatsRequest request;
  request.set_run_id(run_id);
  absl::StatusOr<CampaignStats> stats =
      services.analytics.Call(&AnalyticsService::Stub::GetCampaignStats, request);
  if (base::GetReason(stats.status()) != "RUN_NOT_FOUND") return stats;
  CampaignStats none;
  none.set_run_id(run_id);
  std::int64_t number = 0;
  if (absl::SimpleAtoi(base::GetMeta(stats.status(), "event_number_dispatcher"), &number)) {
    (*none.mutable_event_numbers())["dispatcher"] = number;
  }
  return none;
}

void NotCompared(const absl::Status& why, Findings& findings) {
  findings.faults.push_back({"not compared", 0, 0, std::string(why.message())});
}

// One that was never opened (it failed before, or will be at once) has no lane.
void NoLane(const Campaign& campaign, Findings& findings) {
  if (campaign.expanded() == 0) {
    findings.notes.push_back("its run has not been opened: there is nothing to count");
    return;
  }
  findings.faults.push_back({"handed over", campaign.expanded(), 0,
                             absl::StrCat("campaigns has handed over ", campaign.expanded(),
                                          "; the dispatcher knows no lane ", campaign.run_id())});
}

absl::StatusOr<Verified> Verify(Services& services, Campaign campaign) {
  Verified verified;
  verified.campaign = std::move(campaign);
  const std::string& run_id = verified.campaign.run_id();
  if (run_id.empty()) {
    verified.findings.notes.push_back("it has not been started: there is nothing to count");
    return verified;
  }
  for (int tries = 1;; ++tries) {
    KABAR_ASSIGN_OR_RETURN(verified.stats, Figures(services, run_id));
    dispatcher::v1::RecountLaneRequest request;
    request.set_lane_id(run_id);  // a run's lane bears its id
    request.set_after_event_number(EventNumber(verified.stats));
    auto recount = services.dispatcher.Call(&DispatcherService::Stub::RecountLane, request);
    if (recount.ok()) {
      verified.recount = *std::move(recount);
      verified.findings = Compare(verified.campaign, verified.stats, verified.recount);
      return verified;
    }
    const std::string reason = base::GetReason(recount.status());
    if (reason == "EVENTS_TRIMMED" && tries < kTries) continue;
    if (reason == "LANE_NOT_FOUND") {
      NoLane(verified.campaign, verified.findings);
    } else if (reason == "EVENTS_TRIMMED" || reason == "TOO_MANY_EVENTS" ||
               reason == "LANE_ROWS_DELETED") {
      NotCompared(recount.status(), verified.findings);
    } else {
      return recount.status();
    }
    return verified;
  }
}

nlohmann::ordered_json AsJson(const Verified& v) {
  nlohmann::ordered_json faults = nlohmann::ordered_json::array();
  for (const Fault& fault : v.findings.faults) {
    faults.push_back({{"check", fault.check},
                      {"expected", fault.expected},
                      {"found", fault.found},
                      {"detail", fault.detail}});
  }
  return {{"id", v.campaign.id()},
          {"name", v.campaign.name()},
          {"run_id", v.campaign.run_id()},
          {"state", CampaignState_Name(v.campaign.state())},
          {"adds_up", v.findings.faults.empty()},
          {"event_number", EventNumber(v.stats)},
          {"newest_event_number", v.recount.newest_event_number()},
          {"asked", v.recount.asked()},
          {"rows", v.recount.rows()},
          {"faults", std::move(faults)},
          {"notes", v.findings.notes}};
}

std::string Result(const Findings& findings) {
  if (!findings.faults.empty()) {
    return Count(static_cast<std::int64_t>(findings.faults.size()), "fault");
  }
  return "adds up";
}

void Print(Session& session, const std::vector<Verified>& all, std::int64_t wrong) {
  Table table({{"CAMPAIGN"},
               {"NAME"},
               {"STATE"},
               {"ASKED", true},
               {"ROWS", true},
               {"COUNTED TO EVENT", true},
               {"OF", true},
               {"RESULT"}});
  std::string lines;
  for (const Verified& v : all) {
    table.Row({v.campaign.id(), Shortened(v.campaign.name(), 40),
               CampaignState_Name(v.campaign.state()), absl::StrCat(v.recount.asked()),
               absl::StrCat(v.recount.rows()), absl::StrCat(EventNumber(v.stats)),
               absl::StrCat(v.recount.newest_event_number()), Result(v.findings)});
    for (const Fault& fault : v.findings.faults) {
      absl::StrAppend(&lines, v.campaign.id(), ": ", fault.check, ": ", OneLine(fault.detail),
                      "\n");
    }
    for (const std::string& note : v.findings.notes) {
      absl::StrAppend(&lines, v.campaign.id(), ": note: ", note, "\n");
    }
  }
  if (all.empty()) {
    session.out() << "there is no campaign to verify\n";
    return;
  }
  session.out() << table.Render() << lines;
  if (wrong == 0) {
    session.out() << "everything adds up\n";
  } else {
    session.out() << Count(wrong, "campaign") << " of " << all.size() << " not adding up\n";
  }
}

absl::StatusOr<int> Run(Session& session, const Arguments& arguments) {
  Services services(session);
  KABAR_ASSIGN_OR_RETURN(std::vector<Campaign> wanted, Wanted(services, arguments.All("CAMPAIGN")));
  std::vector<Verified> all;
  std::int64_t wrong = 0;
  for (Campaign& campaign : wanted) {
    KABAR_ASSIGN_OR_RETURN(Verified verified, Verify(services, std::move(campaign)));
    if (!verified.findings.faults.empty()) ++wrong;
    all.push_back(std::move(verified));
  }
  if (session.json()) {
    nlohmann::ordered_json campaigns = nlohmann::ordered_json::array();
    for (const Verified& verified : all) campaigns.push_back(AsJson(verified));
    const nlohmann::ordered_json report = {{"adds_up", wrong == 0}, {"campaigns", campaigns}};
    session.out() << report.dump(2) << "\n";
  } else {
    Print(session, all, wrong);
  }
  return wrong == 0 ? kExitOk : kExitRefused;
}

}  // namespace

Commands VerifyCommands() {
  return {
      {.noun = "verify",
       .verb = "",
       .summary = "Counts campaigns anew and says whether everything adds up.",
       .details =
           "For each campaign: what analytics has counted up to an event, and what the events "
           "after\nit change, must be what the ledger holds now, state by state and for what "
           "reached SENT,\nDELIVERED and READ; the lane's rows its own counter, what campaigns "
           "has handed over and\nwhat was asked; event numbers have no gaps. Right while "
           "campaigns are running. It reads\nevery row of the campaigns' messages (1,000,000: a "
           "few seconds).\n\nExit code 1 if anything does not add up: one line for each check, "
           "with both numbers.\nThat is a fault of the suite, or of who changed its tables: "
           "keep the output and report it.",
       .positionals = {{.name = "CAMPAIGN",
                        .help = "an id; none: all but the drafts",
                        .field = "id",
                        .required = false,
                        .repeated = true}},
       .run = Run}};
}

}  // namespace kabar::kabarctl
