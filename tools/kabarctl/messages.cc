#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/local_time.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/csv_stream.h"
#include "tools/kabarctl/enum_option.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;
using dispatcher::v1::DispatcherService;
using dispatcher::v1::Message;

// Of --campaign.
absl::StatusOr<std::string> RunOf(Session& session, const Arguments& arguments) {
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

// --lane, or the lane of --campaign's run.
absl::StatusOr<std::string> ReadLane(Session& session, const Arguments& arguments) {
  if (arguments.Has("lane") == arguments.Has("campaign")) {
    return UsageError("say either --lane ID or --campaign ID");
  }
  return arguments.Has("lane") ? arguments.Get("lane") : RunOf(session, arguments);
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

// "2026-11-22", "2026-11-22 08:00 WIB", RFC 3339: a moment, where there is one.
absl::Status ReadMoment(const Arguments& arguments, const char* option, const std::string& zone,
                        google::protobuf::Timestamp* time) {
  std::string text = arguments.Get(option);
  if (text.size() == 10) text += " 00:00";  // the day's first moment
  const auto moment = base::ParseLocalTime(text, absl::Now(), zone);
  // A time without its day would be one to come.
  if (!moment.ok() || text.find('-') == std::string::npos) {
    return UsageError(
        absl::StrCat("--", option, ": write 2026-11-22, \"2026-11-22 08:00 WIB\" or RFC 3339"));
  }
  time->set_seconds(absl::ToUnixSeconds(*moment));
  return absl::OkStatus();
}

absl::StatusOr<int> Export(Session& session, const Arguments& arguments) {
  dispatcher::v1::ExportMessagesRequest request;
  const std::string zone = arguments.Has("zone") ? arguments.Get("zone") : "WIB";
  request.set_time_zone(zone);
  if (arguments.Has("since")) {
    KABAR_RETURN_IF_ERROR(ReadMoment(arguments, "since", zone, request.mutable_from_time()));
  }
  if (arguments.Has("until")) {
    KABAR_RETURN_IF_ERROR(ReadMoment(arguments, "until", zone, request.mutable_to_time()));
  }
  if (arguments.Has("lane") && arguments.Has("campaign")) {
    return UsageError("say either --lane ID or --campaign ID");
  }
  request.set_run_id(arguments.Get("lane"));
  if (arguments.Has("campaign")) {
    KABAR_ASSIGN_OR_RETURN(*request.mutable_run_id(), RunOf(session, arguments));
  }
  KABAR_ASSIGN_OR_RETURN(const auto state,
                         EnumOption<events::v1::MessageState>(arguments, "state"));
  request.set_state(state);
  request.set_contact_id(arguments.Get("contact"));
  request.set_phone(arguments.Get("phone"));
  request.set_bsuid(arguments.Get("bsuid"));
  request.set_reason(arguments.Get("reason"));
  return StreamCsv<DispatcherService, dispatcher::v1::ExportMessagesResponse>(
      session, Area::kDispatcher, arguments,
      [&](DispatcherService::Stub& stub, grpc::ClientContext& context) {
        return stub.ExportMessages(&context, request);
      });
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
      {.noun = "messages",
       .verb = "export",
       .summary = "Writes messages as CSV, by time, run, state, contact or phone.",
       .details = "All that is said must hold. Personal data: keep the file from others. Noted in\n"
                  "the audit log.",
       .options = {{.name = "since",
                    .value = "TIME",
                    .help = "made at or after: 2026-11-22, \"2026-11-22 08:00 WIB\" or RFC 3339",
                    .field = "from_time"},
                   {.name = "until", .value = "TIME", .help = "made before", .field = "to_time"},
                   {.name = "zone",
                    .value = "ZONE",
                    .help = "of all times: WIB (default), WITA, WIT or an IANA name",
                    .field = "time_zone"},
                   {.name = "lane", .value = "ID", .help = "of this lane", .field = "run_id"},
                   {.name = "campaign", .value = "ID", .help = "of this campaign's run"},
                   {.name = "state",
                    .value = "STATE",
                    .help = absl::StrCat("only ", EnumNames(events::v1::MessageState_descriptor())),
                    .field = "state"},
                   {.name = "contact", .value = "ID", .help = "to it", .field = "contact_id"},
                   {.name = "phone", .value = "PHONE", .help = "E.164: to him", .field = "phone"},
                   {.name = "bsuid", .value = "ID", .help = "to him", .field = "bsuid"},
                   ExportTo(),
                   ExportReason()},
       .run = Export},
  };
}

}  // namespace kabar::kabarctl
