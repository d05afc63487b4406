// Lanes: the queues in which a number's messages wait, one a campaign run and one for all automatic
// messages.
#include <string>

#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"
#include "tools/kabarctl/paging.h"

namespace kabar::kabarctl {
namespace {

using dispatcher::v1::DispatcherService;
using dispatcher::v1::Lane;

constexpr int kCampaignPriority = 10;  // dispatcher.proto, Lane.priority

std::string StateOf(const Lane& lane) {
  if (lane.state() == events::v1::RUNNING && lane.held()) return "HELD";
  return events::v1::LaneState_Name(lane.state());
}

std::string Words(const Lane& lane) {
  if (lane.state() == events::v1::RUNNING && lane.held()) {
    return "kabarctl sending --lane " + lane.id() + " says by whom";
  }
  return lane.state_reason();
}

absl::StatusOr<int> List(Session& session, const Arguments& arguments) {
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  dispatcher::v1::ListLanesRequest request;
  if (arguments.Has("paused")) request.set_state(events::v1::PAUSED);
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::ListLanesResponse response,
                         api.List(&DispatcherService::Stub::ListLanes, request, paging));
  Table table({{"ID"}, {"SENDER"}, {"OF"}, {"STATE"}, {"WHY"}});
  for (const Lane& lane : response.lanes()) {
    table.Row({OneLine(lane.id()), lane.sender_id(),
               lane.priority() < kCampaignPriority ? "automatic messages" : "campaign",
               StateOf(lane), OneLine(Words(lane))});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Resume(Session& session, const Arguments& arguments) {
  dispatcher::v1::ResumeLaneRequest request;
  request.set_id(arguments.Get("LANE"));
  Api<DispatcherService> api(session, Area::kDispatcher);
  KABAR_ASSIGN_OR_RETURN(const Lane lane, api.Call(&DispatcherService::Stub::ResumeLane, request));
  if (session.json()) {
    session.out() << Json(lane);
  } else {
    session.out() << "lane " << OneLine(lane.id()) << " is " << StateOf(lane) << "\n";
  }
  return kExitOk;
}

}  // namespace

Commands LaneCommands() {
  return {
      {.noun = "lanes",
       .verb = "list",
       .summary = "Lists the lanes that are running or paused, and why.",
       .options = WithPaging({{.name = "paused", .help = "only those that are paused"}}),
       .run = List},
      {.noun = "lanes",
       .verb = "resume",
       .summary = "Lets a paused lane of automatic messages go on.",
       .details = "A campaign's lane goes on with `kabarctl campaigns resume`; what an operator\n"
                  "paused, with `kabarctl resume --lane`.",
       .positionals = {{"LANE", "kabarctl lanes list", "id"}},
       .run = Resume},
  };
}

}  // namespace kabar::kabarctl
