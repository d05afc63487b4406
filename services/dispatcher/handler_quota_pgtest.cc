// PlanQuota as its callers see it: what it answers when there can be no plan.
#include <catch2/catch.hpp>
#include <memory>

#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "services/dispatcher/handler.h"
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
  Handler handler{f.store, f.store, unbuilt, f.secrets, f.accounts, base::SystemClock(), f.guard};
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

// One of its numbers has its circuit open.
class TroubledQueue : public QueueOfLists {
 public:
  absl::StatusOr<std::vector<SenderHealth>> GetHealth(const std::string&,
                                                      const std::vector<std::string>& ids,
                                                      absl::Time) override {
    std::vector<SenderHealth> health(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) health[i].open = ids[i] == "in-trouble";
    return health;
  }
};

TEST_CASE("PlanQuota: names other numbers only if they may send", "[dispatcher][quota]") {
  Api f;
  TroubledQueue queue;
  Handler handler{f.store, f.store, queue, f.secrets, f.accounts, base::SystemClock(), f.guard};
  rpc::testing::LocalServer server{f.guard, {&handler}};
  f.stub = v1::DispatcherService::NewStub(server.channel());
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  REQUIRE_THAT(
      f.store.CreatePortfolio({.id = "pf-2", .outlet_id = "toko-a", .name = "B"}, {}, deadline),
      IsOk());
  Sender sender = *f.store.GetSender("toko-a", "snd", deadline);
  const auto add = [&](const std::string& id) {
    sender.id = sender.phone_number_id = id;
    sender.portfolio_id = "pf-2";
    REQUIRE_THAT(f.store.CreateSender(sender, {}, deadline), IsOk());
  };
  const auto named = [&] {
    std::vector<std::string> ids;
    const auto plan = f.Call(&Stub::PlanQuota, Ask());
    REQUIRE_THAT(plan, IsOk());
    for (const auto& number : plan->other_numbers()) ids.push_back(number.sender_id());
    return ids;
  };
  add("held");
  REQUIRE_THAT(
      f.store.PauseSending("toko-a", {SendingTarget::Scope::kSender, "held"}, "test", {}, deadline),
      IsOk());
  add("in-trouble");
  add("paused");
  f.Sql("UPDATE senders SET state = 2 WHERE id = 'paused'");
  CHECK(named().empty());
  add("usable");
  CHECK(named() == std::vector<std::string>{"usable"});
}

}  // namespace
}  // namespace kabar::dispatcher
