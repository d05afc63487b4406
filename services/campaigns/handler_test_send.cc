#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/audit/audit.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "libs/phone/phone.h"
#include "libs/rpc/guard.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/mutate.h"

namespace kabar::campaigns {
namespace {

constexpr int kMaxTestNumbers = 20;
constexpr absl::Duration kTestRun = absl::Hours(1);  // what has not gone by then is of no use

absl::StatusOr<std::string> Phone(absl::string_view field, const std::string& written) {
  auto phone = phone::NormalizePhone(written);
  if (!phone.ok()) return base::InvalidField(field, phone.status().message());
  return phone;
}

void ToProto(const std::vector<std::string>& phones, v1::TestNumbers* to) {
  for (const std::string& phone : phones) to->add_phones(phone);
}

// As a run of one message in a lane of its own. A request that is repeated, because nobody knows
// whether it was done, names the same lane and message: the dispatcher has them once.
Campaign AsTest(Campaign campaign, const std::string& request_id, absl::Time now) {
  campaign.run_id = request_id.empty()
                        ? base::NewId("test")
                        : base::DerivedId("test", {campaign.outlet_id, campaign.id, request_id});
  campaign.run_day = absl::ToCivilDay(now, absl::UTCTimeZone());
  campaign.cursor = 0;
  campaign.asked = 1;
  campaign.start_at = now;
  campaign.end_at = now + kTestRun;
  return campaign;
}

}  // namespace

grpc::Status Handler::TestSendCampaign(grpc::ServerContext* context,
                                       const v1::TestSendCampaignRequest* request,
                                       v1::TestSendCampaignResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const std::string to, Phone("phone", request->phone()));
        KABAR_ASSIGN_OR_RETURN(const std::string whose,
                               Phone("contact_phone", request->contact_phone()));
        KABAR_ASSIGN_OR_RETURN(const Campaign campaign,
                               store_.Get(call.outlet, request->id(), call.deadline));
        const Campaign test = AsTest(campaign, request->request_id(), clock_.Now());
        return Mutate(
            call, "TestSendCampaign", *request, response, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(const auto allowed, unit.ListTestNumbers());
              if (std::find(allowed.begin(), allowed.end(), to) == allowed.end()) {
                return base::Error(absl::StatusCode::kPermissionDenied, "NO_TEST_NUMBER",
                                   absl::StrCat(to,
                                                " is no test number of this outlet; an owner adds "
                                                "it with SetTestNumbers"));
              }
              KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned,
                                     peers_.GetTemplate(test, test.template_version));
              KABAR_ASSIGN_OR_RETURN(const TestMessage sent,
                                     peers_.TestSend(test, pinned, to, whose));
              unit.Audit(audit::ActorOf(call, request->request_id()),
                         {.outlet = call.outlet,
                          .action = "TestSendCampaign",
                          .target = absl::StrCat("campaign/", campaign.id),
                          .after = {{"message", sent.id}}});
              response->set_message_id(sent.id);
              response->set_text(sent.text);
              response->set_provider_template(sent.provider_template);
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::SetTestNumbers(grpc::ServerContext* context,
                                     const v1::SetTestNumbersRequest* request,
                                     v1::TestNumbers* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kOwner, [&](const rpc::Call& call) -> absl::Status {
        if (request->phones_size() > kMaxTestNumbers) {
          return base::InvalidField("phones", absl::StrCat("at most ", kMaxTestNumbers));
        }
        std::set<std::string> phones;
        for (int i = 0; i < request->phones_size(); ++i) {
          KABAR_ASSIGN_OR_RETURN(std::string phone,
                                 Phone(absl::StrCat("phones[", i, "]"), request->phones(i)));
          phones.insert(std::move(phone));
        }
        return Mutate(call, "SetTestNumbers", *request, response,
                      [&](Store::Unit& unit) -> absl::Status {
                        KABAR_ASSIGN_OR_RETURN(const auto before, unit.ListTestNumbers());
                        unit.SetTestNumbers({phones.begin(), phones.end()});
                        unit.Audit(audit::ActorOf(call, request->request_id()),
                                   {.outlet = call.outlet,
                                    .action = "SetTestNumbers",
                                    .target = "test-numbers",
                                    .before = {{"phones", absl::StrJoin(before, " ")}},
                                    .after = {{"phones", absl::StrJoin(phones, " ")}}});
                        ToProto({phones.begin(), phones.end()}, response);
                        return absl::OkStatus();
                      });
      });
}

grpc::Status Handler::GetTestNumbers(grpc::ServerContext* context, const v1::GetTestNumbersRequest*,
                                     v1::TestNumbers* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        return store_.Write(call.outlet, "GetTestNumbers", call.deadline,
                            [&](Store::Unit& unit) -> absl::Status {
                              response->Clear();
                              KABAR_ASSIGN_OR_RETURN(const auto phones, unit.ListTestNumbers());
                              ToProto(phones, response);
                              return absl::OkStatus();
                            });
      });
}

}  // namespace kabar::campaigns
