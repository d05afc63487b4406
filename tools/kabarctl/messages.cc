#include <string>

#include "absl/strings/str_cat.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;
using dispatcher::v1::DispatcherService;
using dispatcher::v1::Message;

// --lane, or the lane of --campaign's run.
absl::StatusOr<std::string> ReadLane(Session& session, const Arguments& arguments) {
  if (arguments.Has("lane") == arguments.Has("campaign")) {
    return UsageError("say either --lane ID or --campaign ID");
  }
  if (arguments.Has("lane")) return arguments.Get("lane");
  Api<CampaignsService> api(session, Area::kCampaigns);
  campaigns::v1::GetCampaignRequest request;
  request.set_id(arguments.Get("campaign"));
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::Campaign campaign,
                         api.Call(&CampaignsService::Stub::GetCampaign, request));
  if (campaign.run_id().empty()) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "CAMPAIGN_NOT_STARTED",
        absl::StrCat("campaign ", campaign.id(), " has not been started yet: it has no messages"));
  }
  return campaign.run_id();  // a run's lane bears its id
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  dispatcher::v1::ListMessagesRequest request;
  KABAR_ASSIGN_OR_RETURN(const auto state,
                         EnumOption<events::v1::MessageState>(arguments, "state"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  request.set_state(state);
  KABAR_ASSIGN_OR_RETURN(*request.mutable_lane_id(), ReadLane(session, arguments));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListMessagesResponse response,
                         api.List(&DispatcherService::Stub::ListMessages, request, paging));
  Table table({{"ID"},
               {"STATE"},
               {"REASON"},
               {"TRY", true},
               {"SUBJECT"},
               {"CONTACT"},
               {"UPDATED"},
               {"TEXT"}});
  for (const Message& message : response.messages()) {
    table.Row({message.id(), MessageState_Name(message.state()), message.reason(),
               absl::StrCat(message.attempt()), message.subject(), message.contact_id(),
               FormatTime(message.update_time()), Shortened(message.text(), 40)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

}  // namespace

Commands MessageCommands() {
  return {
      {.noun = "messages",
       .verb = "list",
       .summary = "Lists messages of the ledger with their state and its reason.",
       .options = WithPaging(
           {{.name = "lane", .value = "ID", .help = "of this lane", .field = "lane_id"},
            {.name = "campaign", .value = "ID", .help = "of this campaign's run", .field = "id"},
            {.name = "state",
             .value = "STATE",
             .help = absl::StrCat("only ", EnumNames(events::v1::MessageState_descriptor())),
             .field = "state"}}),
       .run = List},
  };
}

}  // namespace kabar::kabarctl
