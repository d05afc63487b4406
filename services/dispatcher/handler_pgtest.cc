// The API as its callers see it: real gRPC and PostgreSQL; a queue that remembers what it is told.
#include "services/dispatcher/handler.h"

#include <catch2/catch.hpp>
#include <memory>

#include "absl/strings/str_join.h"
#include "libs/base/clock.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

TEST_CASE("Enqueue: goes to the ledger and to the queue", "[dispatcher]") {
  Api f;
  auto response = f.Call(&Stub::Enqueue, f.Batch(1, 3));
  REQUIRE_THAT(response, IsOk());
  CHECK(response->added() == 3);
  CHECK(response->lane_state() == events::v1::RUNNING);
  CHECK(response->rate_per_s() == Approx(0.75));
  CHECK(f.queue.Pushed("lane") == f.Ids(1, 3));
  // Without Redis it is accepted all the same: the sweeper pushes.
  f.queue.SetDown(true);
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(4, 4)), IsOk());
  CHECK(f.State(4) == MessageState::kQueued);
}

TEST_CASE("Lanes: verbs reach ledger and queue; resuming fills the queue again", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 2)), IsOk());
  auto lane = f.Call(&Stub::PauseLane, WithId<v1::PauseLaneRequest>("lane"));
  REQUIRE_THAT(lane, IsOk());
  CHECK(lane->state() == events::v1::PAUSED);
  CHECK(f.queue.Told("lane") == LaneState::kPaused);
  REQUIRE_THAT(f.queue.ReplaceLane(f.NewLane("lane"), {}, f.Deadline()), IsOk());
  lane = f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("lane"));
  REQUIRE_THAT(lane, IsOk());
  CHECK(f.queue.Told("lane") == LaneState::kRunning);
  CHECK(f.queue.Pushed("lane") == f.Ids(1, 2));
  CHECK(f.Call(&Stub::GetLane, WithId<v1::GetLaneRequest>("lane"), "viewer-a")->enqueued() == 2);
  lane = f.Call(&Stub::CancelLane, WithId<v1::CancelLaneRequest>("lane"));
  REQUIRE_THAT(lane, IsOk());
  CHECK(f.queue.Told("lane") == LaneState::kCancelled);
  CHECK_THAT(f.Call(&Stub::ResumeLane, WithId<v1::ResumeLaneRequest>("lane")),
             ReasonIs("LANE_CANCELLED"));
  CHECK_THAT(f.Call(&Stub::FinishLane, WithId<v1::FinishLaneRequest>("no-lane")),
             ReasonIs("LANE_NOT_FOUND"));
}

TEST_CASE("Roles: people read, services act, outlets are apart", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 1)), IsOk());
  CHECK_THAT(f.Call(&Stub::Enqueue, f.Batch(2, 2), "owner-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(f.Call(&Stub::PauseLane, WithId<v1::PauseLaneRequest>("lane"), "owner-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(f.Call(&Stub::Enqueue, f.Batch(2, 2), "service", ""), ReasonIs("OUTLET_MISSING"));
  CHECK_THAT(f.Call(&Stub::CreatePortfolio, v1::CreatePortfolioRequest(), "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  const auto get = WithId<v1::GetMessageRequest>(f.Id(1));
  CHECK(f.Call(&Stub::GetMessage, get, "viewer-a")->text() == "halo 1");
  CHECK_THAT(f.Call(&Stub::GetMessage, get, "owner-b"), ReasonIs("MESSAGE_NOT_FOUND"));
  CHECK_THAT(f.Call(&Stub::GetLane, WithId<v1::GetLaneRequest>("lane"), "owner-b"),
             ReasonIs("LANE_NOT_FOUND"));
  CHECK_THAT(f.Call(&Stub::GetSender, WithId<v1::GetSenderRequest>("snd"), "owner-b"),
             ReasonIs("SENDER_NOT_FOUND"));
  CHECK_THAT(f.Call(&Stub::CancelLane, WithId<v1::CancelLaneRequest>("lane"), "service", "toko-b"),
             ReasonIs("LANE_NOT_FOUND"));
  v1::ListMessagesRequest list;
  list.set_lane_id("lane");
  CHECK(f.Call(&Stub::ListMessages, list, "owner-b")->messages_size() == 0);
}

TEST_CASE("RecountLane: ledger, events and queue as a viewer sees them", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 3)), IsOk());
  f.Start(f.Ids(1, 1));
  v1::RecountLaneRequest request;
  request.set_lane_id("lane");
  const auto recount = f.Call(&Stub::RecountLane, request, "viewer-a");
  REQUIRE_THAT(recount, IsOk());
  CHECK(recount->lane_state() == events::v1::RUNNING);
  CHECK(recount->asked() == 1000);
  CHECK(recount->enqueued() == 3);
  CHECK(recount->rows() == 3);
  REQUIRE(recount->ledger().states_size() == 2);
  CHECK(recount->ledger().states(0).state() == events::v1::QUEUED);
  CHECK(recount->ledger().states(0).messages() == 2);
  CHECK(recount->changes_after().SerializeAsString() == recount->ledger().SerializeAsString());
  CHECK(recount->events_without_number() > 0);
  CHECK(recount->queue() == v1::RecountLaneResponse::BUILT);
  CHECK(recount->queue_length() == 3);
  f.queue.SetDown(true);
  CHECK(f.Call(&Stub::RecountLane, request, "viewer-a")->queue() ==
        v1::RecountLaneResponse::UNREACHABLE);
  request.set_after_event_number(-1);
  CHECK_THAT(f.Call(&Stub::RecountLane, request, "viewer-a"),
             HasFieldViolation("after_event_number"));
  CHECK_THAT(f.Call(&Stub::RecountLane, v1::RecountLaneRequest(), "owner-b"),
             ReasonIs("LANE_NOT_FOUND"));
}

TEST_CASE("ResolveUnknown: an operator decides; ledger, queue and audit hear of it",
          "[dispatcher]") {
  Api f;
  f.Enqueue(f.Messages(1, 2));
  f.Start(f.Ids(1, 2));
  f.Record({f.Ended(1, AttemptState::kAmbiguous, "TIMEOUT"),
            f.Ended(2, AttemptState::kAmbiguous, "TIMEOUT")});
  v1::ResolveUnknownRequest request;
  CHECK_THAT(f.Call(&Stub::ResolveUnknown, request, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  const auto wrong = f.Call(&Stub::ResolveUnknown, request, "operator-a");
  CHECK_THAT(wrong, HasFieldViolation("decision"));
  CHECK_THAT(wrong, HasFieldViolation("message_ids"));
  CHECK_THAT(wrong, HasFieldViolation("request_id"));

  request.set_decision(v1::ResolveUnknownRequest::RESEND);
  request.add_message_ids(f.Id(1));
  request.add_message_ids(f.Id(9));
  request.set_request_id("req-1");
  request.set_min_age_seconds(1);
  CHECK_THAT(f.Call(&Stub::ResolveUnknown, request, "operator-a"),
             HasFieldViolation("min_age_seconds"));
  request.clear_min_age_seconds();
  const auto resent = f.Call(&Stub::ResolveUnknown, request, "operator-a");
  REQUIRE_THAT(resent, IsOk());
  CHECK(resent->resolved() == 1);
  REQUIRE(resent->refused_size() == 1);
  CHECK(resent->refused(0).message_id() == f.Id(9));
  CHECK(resent->refused(0).reason() == "MESSAGE_NOT_FOUND");
  CHECK(resent->refused(0).detail() == "there is no such message");
  CHECK(f.queue.Pushed("lane") == f.Ids(1, 1));
  CHECK(f.Sql("SELECT who || ' ' || role || ' ' || outlet_id || ' ' || (became->>'decision') ||"
              " ' ' || (became->>'resolved') FROM audit_log WHERE action = 'ResolveUnknown'") ==
        "operator-a OPERATOR toko-a RESEND 1");

  request.Clear();
  request.set_decision(v1::ResolveUnknownRequest::FAILED);
  request.set_lane_id("lane");
  request.set_request_id("req-2");
  CHECK(f.Call(&Stub::ResolveUnknown, request, "operator-a")->resolved() == 1);
  CHECK(f.State(2) == MessageState::kFailed);
}

TEST_CASE("PlanQuota: what others want, what is used, which other number has places",
          "[dispatcher][quota]") {
  Api f;
  v1::UpdatePortfolioRequest update;
  update.mutable_portfolio()->set_id("pf");
  update.mutable_portfolio()->set_messaging_limit(2000);
  REQUIRE_THAT(f.Call(&Stub::UpdatePortfolio, update), IsOk());
  Portfolio other{.id = "pf-2", .outlet_id = "toko-a", .name = "Dua", .messaging_limit = 250};
  REQUIRE_THAT(f.store.CreatePortfolio(other, {}, f.Deadline()), IsOk());
  Sender sender = *f.store.GetSender("toko-a", "snd", f.Deadline());
  sender.id = "snd-2";
  sender.portfolio_id = "pf-2";
  sender.phone_number_id = "2002";
  REQUIRE_THAT(f.store.CreateSender(sender, {}, f.Deadline()), IsOk());
  // The lane asks for 1,000: of them 3 are enqueued, and 3 stand in Redis.
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 3)), IsOk());
  f.queue.SetQuotaUses({{absl::Now() + absl::Hours(1), 100}});

  v1::PlanQuotaRequest request;
  request.set_sender_id("snd");
  request.set_recipients(2400);
  auto plan = f.Call(&Stub::PlanQuota, request, "viewer-a");
  REQUIRE_THAT(plan, IsOk());
  CHECK(plan->messaging_limit() == 2000);
  CHECK(plan->trigger_reserve() == 200);
  CHECK(plan->used() == 100);
  CHECK(plan->fits_now() == 1700);
  CHECK(plan->others() == 1000);
  REQUIRE(plan->days_size() == 2);
  CHECK(plan->days(0).recipients() + plan->days(1).recipients() == 2400);
  CHECK(plan->left_over() == 0);
  CHECK(plan->has_finish_time());
  REQUIRE(plan->other_numbers_size() == 1);
  CHECK(plan->other_numbers(0).sender_id() == "snd-2");
  CHECK(plan->other_numbers(0).free() == 125);  // 250 less a tenth less what the fake says is used

  request.set_lane_id("lane");  // itself
  CHECK(f.Call(&Stub::PlanQuota, request)->others() == 0);
  *request.mutable_end_time() = plan->days(1).start_time();
  CHECK(f.Call(&Stub::PlanQuota, request)->left_over() == 600);

  request.set_rate("45/mim");
  CHECK_THAT(f.Call(&Stub::PlanQuota, request), HasFieldViolation("rate"));
  request.clear_rate();
  CHECK_THAT(f.Call(&Stub::PlanQuota, request, "service", "toko-b"), ReasonIs("SENDER_NOT_FOUND"));
  f.queue.SetDown(true);
  CHECK_THAT(f.Call(&Stub::PlanQuota, request), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_CASE("Senders: the token is sealed and never told", "[dispatcher]") {
  Api f;
  v1::CreatePortfolioRequest portfolio;
  portfolio.mutable_portfolio()->set_name("Dua");
  const auto made = f.Call(&Stub::CreatePortfolio, portfolio, "operator-a");
  REQUIRE_THAT(made, IsOk());
  v1::CreateSenderRequest request;
  request.set_request_id("r-1");
  request.mutable_sender()->set_portfolio_id(made->id());
  request.mutable_sender()->set_phone_number_id("2002");
  CHECK_THAT(f.Call(&Stub::CreateSender, request, "operator-a"),
             HasFieldViolation("sender.access_token"));
  request.mutable_sender()->set_access_token("EAAG-secret");
  const auto sender = f.Call(&Stub::CreateSender, request, "operator-a");
  REQUIRE_THAT(sender, IsOk());
  CHECK(sender->access_token().empty());
  CHECK(sender->throughput() == "80/s");
  CHECK(f.queue.ToldSender(sender->id()) == SenderState::kActive);
  const auto stored = f.store.GetSender("toko-a", sender->id(), f.Deadline());
  CHECK(stored->sealed_token.find("EAAG") == std::string::npos);
  CHECK(*f.secrets.Open(stored->sealed_token) == "EAAG-secret");
  // The same request again is the same sender.
  CHECK(f.Call(&Stub::CreateSender, request, "operator-a")->id() == sender->id());

  v1::UpdateSenderRequest update;
  update.mutable_sender()->set_id(sender->id());
  update.mutable_sender()->set_state(v1::STOPPED);
  REQUIRE_THAT(f.Call(&Stub::UpdateSender, update, "operator-a"), IsOk());
  CHECK(f.queue.ToldSender(sender->id()) == SenderState::kStopped);
  CHECK(f.store.GetSender("toko-a", sender->id(), f.Deadline())->sealed_token ==
        stored->sealed_token);
}

TEST_CASE("UpdateSender, UpdatePortfolio: succeed only when Redis goes by the change",
          "[dispatcher]") {
  Api f;
  v1::UpdateSenderRequest sender;
  sender.set_request_id("req-1");
  sender.mutable_sender()->set_id("snd");
  sender.mutable_sender()->set_state(v1::SENDER_PAUSED);
  v1::UpdatePortfolioRequest portfolio;
  portfolio.set_request_id("req-2");
  portfolio.mutable_portfolio()->set_id("pf");
  portfolio.mutable_portfolio()->set_messaging_limit(2000);

  f.queue.SetDown(true);
  CHECK_THAT(f.Call(&Stub::UpdateSender, sender), ReasonIs("CHANGE_NOT_IN_FORCE"));
  CHECK_THAT(f.Call(&Stub::UpdatePortfolio, portfolio), StatusIs(absl::StatusCode::kUnavailable));
  // It is recorded all the same, so that a Redis that is built anew goes by it.
  CHECK(f.store.GetSender("toko-a", "snd", f.Deadline())->state == SenderState::kPaused);
  f.queue.SetDown(false);
  REQUIRE_THAT(f.Call(&Stub::UpdateSender, sender), IsOk());
  REQUIRE_THAT(f.Call(&Stub::UpdatePortfolio, portfolio), IsOk());
  CHECK(f.queue.ToldSender("snd") == SenderState::kPaused);
}

TEST_CASE("ListMessages: pages through a lane", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 5)), IsOk());
  v1::ListMessagesRequest request;
  request.set_lane_id("lane");
  request.set_page_size(2);
  std::vector<std::int64_t> ordinals;
  do {
    const auto page = f.Call(&Stub::ListMessages, request, "viewer-a");
    REQUIRE_THAT(page, IsOk());
    for (const v1::Message& message : page->messages()) ordinals.push_back(message.ordinal());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  CHECK(ordinals == std::vector<std::int64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("AppendWebhooks: durable when it answers, without an outlet", "[dispatcher]") {
  Api f;
  v1::AppendWebhooksRequest request;
  request.add_payloads()->set_body("{\"a\":1}");
  REQUIRE_THAT(f.Call(&Stub::AppendWebhooks, request, "service", ""), IsOk());
  CHECK(f.store.ReadJournal(10, f.Deadline())->at(0).body == "{\"a\":1}");
  CHECK_THAT(f.Call(&Stub::AppendWebhooks, request, "owner-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_CASE("RetryFailed and ListStaleMessages: what campaigns renders again", "[dispatcher]") {
  Api f;
  v1::EnqueueRequest batch = f.Batch(1, 2);
  batch.mutable_messages(1)->mutable_refusal()->set_state(events::v1::FAILED);
  batch.mutable_messages(1)->mutable_refusal()->set_reason("MISSING_VARIABLE");
  REQUIRE_THAT(f.Call(&Stub::Enqueue, batch), IsOk());
  v1::RetryFailedRequest retry;
  retry.set_lane_id("lane");
  retry.set_request_id("r-1");
  CHECK(f.Call(&Stub::RetryFailed, retry)->retried() == 1);
  CHECK(f.Call(&Stub::RetryFailed, retry)->retried() == 1);
  v1::ListStaleMessagesRequest stale;
  stale.set_lane_id("lane");
  const auto messages = f.Call(&Stub::ListStaleMessages, stale);
  REQUIRE(messages->messages_size() == 1);
  CHECK(messages->messages(0).ordinal() == 2);
}

TEST_CASE("ReadEvents: numbered batches for services alone", "[dispatcher]") {
  Api f;
  REQUIRE_THAT(f.Call(&Stub::Enqueue, f.Batch(1, 1)), IsOk());
  events::Publisher publisher(f.pool);
  REQUIRE(*publisher.PublishOnce(f.Deadline()) == 2);
  const auto stub = events::v1::EventsService::NewStub(f.server.channel());
  events::v1::ReadEventsRequest request;
  request.set_consumer("analytics");
  request.set_from_number(1);
  {
    grpc::ClientContext context;
    rpc::testing::As(context, "owner-a");
    events::v1::ReadEventsResponse response;
    const auto stream = stub->ReadEvents(&context, request);
    CHECK_FALSE(stream->Read(&response));
    CHECK_THAT(rpc::ToAbsl(stream->Finish()), StatusIs(absl::StatusCode::kPermissionDenied));
  }
  grpc::ClientContext context;
  rpc::testing::As(context, "service");
  const auto stream = stub->ReadEvents(&context, request);
  std::vector<events::v1::NumberedBatch> batches;
  events::v1::ReadEventsResponse response;
  while (batches.size() < 2 && stream->Read(&response)) {
    for (const auto& batch : response.batches()) batches.push_back(batch);
  }
  REQUIRE(batches.size() == 2);
  CHECK(batches[0].number() == 1);
  CHECK(batches[0].batch().events(0).lane_changed().to() == events::v1::RUNNING);
  CHECK(batches[1].batch().events(0).message_changed().message_id() == f.Id(1));
  CHECK(batches[1].batch().events(0).outlet_id() == "toko-a");
  context.TryCancel();
}

}  // namespace
}  // namespace kabar::dispatcher
