#include "tools/kabarctl/campaigns_test_send.h"

#include <string>

#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;

absl::StatusOr<int> TestSend(Session& session, const Arguments& arguments) {
  campaigns::v1::TestSendCampaignRequest request;
  request.set_id(arguments.Get("ID"));
  request.set_phone(arguments.Get("to"));
  request.set_contact_phone(arguments.Get("contact"));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::TestSendCampaignResponse sent,
                         api.Call(&CampaignsService::Stub::TestSendCampaign, request));
  if (session.json()) {
    session.out() << Json(sent);
    return kExitOk;
  }
  session.out() << "message " << sent.message_id() << " is on its way:\n" << sent.text() << "\n";
  if (!sent.provider_template().empty()) {
    session.out() << "(as template " << sent.provider_template()
                  << ", unless this number wrote within 24 hours)\n";
  }
  return kExitOk;
}

absl::StatusOr<int> TestNumbers(Session& session, const Arguments& arguments) {
  Api<CampaignsService> api(session, Area::kCampaigns);
  campaigns::v1::TestNumbers numbers;
  if (arguments.Has("set") || arguments.Has("none")) {
    if (arguments.Has("set") && arguments.Has("none")) {
      return UsageError("say either --set or --none");
    }
    campaigns::v1::SetTestNumbersRequest request;
    for (const std::string& phone : arguments.All("set")) request.add_phones(phone);
    KABAR_ASSIGN_OR_RETURN(numbers, api.Call(&CampaignsService::Stub::SetTestNumbers, request));
  } else {
    KABAR_ASSIGN_OR_RETURN(numbers, api.Call(&CampaignsService::Stub::GetTestNumbers, {}));
  }
  if (session.json()) {
    session.out() << Json(numbers);
    return kExitOk;
  }
  for (const std::string& phone : numbers.phones()) session.out() << phone << "\n";
  if (numbers.phones().empty()) session.out() << "test messages may go to no number\n";
  return kExitOk;
}

}  // namespace

Command TestSendCommand() {
  return {.noun = "campaigns",
          .verb = "test-send",
          .summary = "Sends one message of it to one of your own numbers.",
          .details =
              "Filled in with a customer's values; in no campaign's figures. Which numbers "
              "may be written to: campaigns test-numbers.",
          .positionals = {{"ID", "the campaign", "id"}},
          .options = {{.name = "to",
                       .value = "PHONE",
                       .help = "a test number of the outlet",
                       .field = "phone",
                       .required = true},
                      {.name = "contact",
                       .value = "PHONE",
                       .help = "the customer whose values are filled in",
                       .field = "contact_phone",
                       .required = true}},
          .run = TestSend};
}

Command TestNumbersCommand() {
  return {.noun = "campaigns",
          .verb = "test-numbers",
          .summary = "Shows or sets the numbers that test messages may go to.",
          .details = "Setting them takes an OWNER key.",
          .options = {{.name = "set",
                       .value = "PHONE",
                       .help = "these instead of those before; may be repeated",
                       .field = "phones",
                       .repeated = true},
                      {.name = "none", .help = "no number any more"}},
          .run = TestNumbers};
}

}  // namespace kabar::kabarctl
