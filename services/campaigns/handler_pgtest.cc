#include "services/campaigns/handler.h"

#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <string>

#include "kabar/contacts/v1/contacts.grpc.pb.h"
#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using kabar::testing::StatusIs;

class FakeContacts : public contacts::v1::ContactsService::Service {
 public:
  grpc::Status CountSegment(grpc::ServerContext*, const contacts::v1::CountSegmentRequest*,
                            contacts::v1::CountSegmentResponse* response) override {
    response->set_contacts(700);
    response->set_shipments(900);
    return grpc::Status::OK;
  }
};

// Answers every lane verb with the same.
class FakeDispatcher : public dispatcher::v1::DispatcherService::Service {
 public:
  absl::Status answer;
  std::int64_t enqueued = 0;

  grpc::Status GetLane(grpc::ServerContext*, const dispatcher::v1::GetLaneRequest*,
                       dispatcher::v1::Lane* lane) override {
    lane->set_enqueued(enqueued);
    return grpc::Status::OK;
  }
  grpc::Status PauseLane(grpc::ServerContext*, const dispatcher::v1::PauseLaneRequest*,
                         dispatcher::v1::Lane*) override {
    return rpc::ToGrpc(answer);
  }
  grpc::Status ResumeLane(grpc::ServerContext*, const dispatcher::v1::ResumeLaneRequest*,
                          dispatcher::v1::Lane*) override {
    return rpc::ToGrpc(answer);
  }
  grpc::Status CancelLane(grpc::ServerContext*, const dispatcher::v1::CancelLaneRequest*,
                          dispatcher::v1::Lane*) override {
    return rpc::ToGrpc(answer);
  }
  grpc::Status PlanQuota(grpc::ServerContext*, const dispatcher::v1::PlanQuotaRequest* request,
                         dispatcher::v1::PlanQuotaResponse* response) override {
    planned = *request;
    response->set_messaging_limit(250);
    response->set_fits_now(225);
    response->add_days()->set_recipients(225);
    response->set_left_over(request->recipients() - 225);
    response->add_other_numbers()->set_sender_id("snd_2");
    return rpc::ToGrpc(answer);
  }
  dispatcher::v1::PlanQuotaRequest planned;
  std::string rate;  // of the lane, as last set
  grpc::Status SetLaneRate(grpc::ServerContext*, const dispatcher::v1::SetLaneRateRequest* request,
                           dispatcher::v1::Lane*) override {
    if (answer.ok()) rate = request->rate();
    return rpc::ToGrpc(answer);
  }
  // Two messages go back whenever it is asked.
  grpc::Status RetryFailed(grpc::ServerContext*, const dispatcher::v1::RetryFailedRequest*,
                           dispatcher::v1::RetryFailedResponse* response) override {
    response->set_retried(2);
    return rpc::ToGrpc(answer);
  }
};

struct Verbs : testing::CampaignFixture {
  explicit Verbs(const std::string& lane_reason) {
    if (!lane_reason.empty()) {
      dispatcher.answer =
          base::Error(absl::StatusCode::kFailedPrecondition, lane_reason, "the lane is over");
    }
  }
  template <typename Request>
  absl::StatusOr<v1::Campaign> Call(grpc::Status (v1::CampaignsService::Stub::*verb)(
      grpc::ClientContext*, const Request&, v1::Campaign*)) {
    Request request;
    request.set_id("cmp_1");
    v1::Campaign answer;
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    const absl::Status status = rpc::ToAbsl(((*stub).*verb)(&context, request, &answer));
    if (!status.ok()) return status;
    return answer;
  }

  absl::StatusOr<v1::RetryFailedResponse> Retry(const std::string& request_id) {
    v1::RetryFailedRequest request;
    request.set_id("cmp_1");
    request.set_request_id(request_id);
    v1::RetryFailedResponse response;
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    const absl::Status status = rpc::ToAbsl(stub->RetryFailed(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  void TellOfRetries(std::int64_t number, int times) {
    events::v1::NumberedBatch batch;
    batch.set_number(number);
    for (int i = 0; i < times; ++i) {
      auto* changed = batch.mutable_batch()->add_events()->mutable_message_changed();
      changed->set_run_id("run_1");
      changed->set_from(events::v1::FAILED);
      changed->set_to(events::v1::QUEUED);
    }
    const events::v1::NumberedBatch* const views[] = {&batch};
    REQUIRE_THAT(store.MakeSink(nullptr)->Apply(views, absl::Now() + absl::Seconds(5)), IsOk());
  }

  FakeContacts contacts;
  FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  testing::FakeTemplates templates;
  rpc::testing::LocalServer peer{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = peer.address(), .templates = peer.address(), .dispatcher = peer.address()},
      "service"};
  Handler handler{store, peers, [] {}, base::SystemClock(), guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  const std::unique_ptr<v1::CampaignsService::Stub> stub =
      v1::CampaignsService::NewStub(server.channel());
};

// Nothing is QUEUED there any more, but the campaign waits for events or for an UNKNOWN message.
TEST_CASE("verbs: a campaign whose lane is over can be paused, resumed and cancelled",
          "[campaigns]") {
  Verbs f(GENERATE(as<std::string>(), "", "LANE_CLOSED", "LANE_EXPIRED"));
  f.Put(State::kRunning);
  REQUIRE_THAT(f.Call(&v1::CampaignsService::Stub::PauseCampaign), IsOk());
  CHECK(f.Get().state == State::kPaused);
  REQUIRE_THAT(f.Call(&v1::CampaignsService::Stub::ResumeCampaign), IsOk());
  CHECK(f.Get().state == State::kRunning);
  REQUIRE_THAT(f.Call(&v1::CampaignsService::Stub::CancelCampaign), IsOk());
  CHECK(f.Get().state == State::kCancelled);
}

TEST_CASE("UpdateCampaign: of a started campaign the rate, and nothing else", "[campaigns]") {
  Verbs f("");
  const auto update = [&](const std::string& rate, const std::vector<std::string>& paths) {
    v1::UpdateCampaignRequest request;
    request.mutable_campaign()->set_id("cmp_1");
    request.mutable_campaign()->set_rate(rate);
    request.mutable_campaign()->set_name("another");
    for (const std::string& path : paths) request.mutable_update_mask()->add_paths(path);
    v1::Campaign answer;
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    return rpc::ToAbsl(f.stub->UpdateCampaign(&context, request, &answer));
  };
  f.Put(GENERATE(State::kRunning, State::kPaused));
  const std::string before = f.Get().rate;
  CHECK_THAT(update("90/min", {"rate", "name"}), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK_THAT(update("90/min", {}), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK_THAT(update("fast", {"rate"}), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(f.dispatcher.rate.empty());
  CHECK(f.Get().rate == before);
  REQUIRE_THAT(update("90/min", {"rate"}), IsOk());
  CHECK(f.dispatcher.rate == "90/min");
  CHECK(f.Get().rate == "90/min");

  SECTION("not while Redis may go by the old one") {
    f.dispatcher.answer =
        base::Error(absl::StatusCode::kUnavailable, "CHANGE_NOT_IN_FORCE", "Redis is away");
    CHECK_THAT(update("120/min", {"rate"}), ReasonIs("CHANGE_NOT_IN_FORCE"));
  }
  SECTION("not before its lane is there") {
    f.dispatcher.answer = base::Error(absl::StatusCode::kNotFound, "LANE_NOT_FOUND", "no lane");
    CHECK_THAT(update("120/min", {"rate"}), ReasonIs("CAMPAIGN_STARTING"));
  }
  CHECK(f.Get().rate == "90/min");
}

// The runner died between the enqueueing of a batch and its note of it.
TEST_CASE("CancelCampaign: what the lane holds counts as handed over", "[campaigns]") {
  Verbs f("");
  Campaign campaign = f.Put(State::kRunning);
  campaign.asked = 250;
  campaign.cursor = 100;
  f.Save(campaign);
  f.dispatcher.enqueued = 200;
  const auto answer = f.Call(&v1::CampaignsService::Stub::CancelCampaign);
  REQUIRE_THAT(answer, IsOk());
  CHECK(answer->not_expanded() == 50);
  CHECK(f.Get().not_expanded() == 50);
}

TEST_CASE("PlanCampaign: a draft by its segment, a run by what is left", "[campaigns]") {
  Verbs f("");
  const auto plan = [&]() -> absl::StatusOr<v1::PlanCampaignResponse> {
    v1::PlanCampaignRequest request;
    request.set_id("cmp_1");
    v1::PlanCampaignResponse answer;
    grpc::ClientContext context;
    rpc::testing::As(context, "viewer-a");
    const absl::Status status = rpc::ToAbsl(f.stub->PlanCampaign(&context, request, &answer));
    if (!status.ok()) return status;
    return answer;
  };
  Campaign campaign = f.Put(State::kDraft);
  campaign.run_id.clear();
  campaign.run_day.reset();
  campaign.end_at.reset();
  campaign.asked.reset();
  campaign.cursor = 0;
  f.Save(campaign);
  const auto draft = plan();
  REQUIRE_THAT(draft, IsOk());
  CHECK(draft->messages() == 900);  // one a shipment
  CHECK(draft->fits_now() == 225);
  CHECK(draft->left_over() == 675);
  CHECK(draft->days(0).messages() == 225);
  CHECK(draft->other_numbers(0).sender_id() == "snd_2");
  CHECK(draft->has_start_time());
  CHECK(draft->end_time().seconds() - draft->start_time().seconds() == 24 * 3600);
  CHECK(f.dispatcher.planned.rate() == f.Get().rate);
  CHECK(f.Get().state == State::kDraft);  // nothing is started by a plan

  campaign.state = State::kRunning;
  campaign.run_id = "run_1";
  campaign.run_day = absl::CivilDay(2026, 3, 1);
  campaign.asked = 250;
  f.Save(campaign);
  const auto run = plan();
  REQUIRE_THAT(run, IsOk());
  CHECK(run->messages() == 250);
  CHECK(f.dispatcher.planned.lane_id() == "run_1");
  campaign.state = State::kCancelled;
  campaign.finished_at = absl::Now();
  f.Save(campaign);
  CHECK(base::GetReason(plan().status()) == "WRONG_CAMPAIGN_STATE");
}

// Else the run would wait for ever for events of retries that there never were.
TEST_CASE("RetryFailed: asked again after a lost answer, its retries count once", "[campaigns]") {
  Verbs f("");
  f.Put(State::kCompleted);
  // The dispatcher sends the messages back; its answer is lost.
  f.dispatcher.answer = absl::DeadlineExceededError("lost");
  CHECK_FALSE(f.Retry("again").ok());
  SECTION("the events came before the repeat") { f.TellOfRetries(1, 2); }
  SECTION("the events come after it") {}
  f.dispatcher.answer = absl::OkStatus();
  const auto answer = f.Retry("again");
  REQUIRE_THAT(answer, IsOk());
  CHECK(answer->retried() == 2);
  CHECK(f.Get().retried == 2);
  CHECK(f.Get().state == State::kRunning);
  REQUIRE_THAT(f.Retry("another"), IsOk());
  CHECK(f.Get().retried == 4);
}

TEST_CASE("verbs: what the dispatcher refuses changes nothing here", "[campaigns]") {
  Verbs f("LANE_CANCELLED");
  f.Put(State::kRunning);
  const auto answer = f.Call(&v1::CampaignsService::Stub::PauseCampaign);
  CHECK(base::GetReason(answer.status()) == "LANE_CANCELLED");
  CHECK(f.Get().state == State::kRunning);
}

}  // namespace
}  // namespace kabar::campaigns
