// PlanQuota as its callers see it: what it answers when there can be no plan.
#include <catch2/catch.hpp>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/handler_quota.h"
#include "services/dispatcher/scripts.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

// Its Redis has restarted, and the keeper has not been there yet.
class UnbuiltQueue : public QueueOfLists {
 public:
  absl::StatusOr<Quota> ReadQuota(const std::string&, const std::vector<std::string>&,
                                  absl::Time) override {
    return base::Error(absl::StatusCode::kFailedPrecondition, "QUEUE_NOT_BUILT", "not built");
  }
};

v1::PlanQuotaRequest Ask() {
  v1::PlanQuotaRequest request;
  request.set_sender_id("snd");
  request.set_recipients(10);
  return request;
}

TEST_CASE("PlanQuota: a Redis that is not built yet is away for a while, not a refusal",
          "[dispatcher][quota]") {
  Api f;
  UnbuiltQueue unbuilt;
  Handler handler{f.store, f.store, unbuilt, f.secrets, base::SystemClock(), f.guard};
  rpc::testing::LocalServer server{f.guard, {&handler}};
  f.stub = v1::DispatcherService::NewStub(server.channel());
  const auto plan = f.Call(&Stub::PlanQuota, Ask());
  CHECK_THAT(plan, StatusIs(absl::StatusCode::kUnavailable));
  CHECK_THAT(plan, ReasonIs("QUEUE_NOT_BUILT"));
}

TEST_CASE("PlanQuota: refuses a start more than 400 days ahead", "[dispatcher][quota]") {
  Api f;
  v1::PlanQuotaRequest request = Ask();
  const std::int64_t now = absl::ToUnixSeconds(absl::Now());
  request.mutable_start_time()->set_seconds(now + 399 * 86400);
  CHECK_THAT(f.Call(&Stub::PlanQuota, request), IsOk());
  request.mutable_start_time()->set_seconds(now + 401 * 86400);
  CHECK_THAT(f.Call(&Stub::PlanQuota, request), HasFieldViolation("start_time"));
}

TEST_CASE("PlanQuota: counts the same lanes as campaigns as the scripts do",
          "[dispatcher][quota]") {
  const std::string line = absl::StrCat("\nlocal CAMPAIGNS = ", kFirstCampaignPriority, "\n");
  CHECK(PreludeLua().find(line) != absl::string_view::npos);
}

}  // namespace
}  // namespace kabar::dispatcher
