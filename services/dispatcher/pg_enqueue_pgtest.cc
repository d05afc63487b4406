#include <catch2/catch.hpp>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

TEST_CASE("Enqueue: the same batch twice changes nothing but the text", "[dispatcher]") {
  LedgerFixture f;
  const EnqueueResult first = f.Enqueue(f.Messages(1, 100));
  CHECK(first.added == 100);
  CHECK(first.replaced == 0);
  CHECK(first.unchanged == 0);
  CHECK(first.lane_state == LaneState::kRunning);
  REQUIRE(first.to_push.size() == 100);
  CHECK(first.to_push[41].message_id == f.Id(42));
  CHECK(first.to_push[41].recipient_id > 0);
  CHECK(first.lane.portfolio_id == "pf");
  CHECK(first.lane.rate_per_s == Approx(0.75));

  NewMessage again = f.Message(42);
  again.text = "halo lagi";
  const EnqueueResult second = f.Enqueue({again});
  CHECK(second.added == 0);
  CHECK(second.replaced == 1);
  CHECK(second.to_push.size() == 1);
  const LedgerMessage message = f.Get(42);
  CHECK(message.text == "halo lagi");
  CHECK(message.state == MessageState::kQueued);
  CHECK(message.revision == 1);
  CHECK(message.form.parameters == std::vector<std::string>{"a, b", "\"c\""});
  CHECK(f.Story(42) == std::vector<std::string>{"NONE>QUEUED"});
  CHECK(f.store.GetLane("toko-a", "lane", f.Deadline())->enqueued == 100);
}

TEST_CASE("Enqueue: what is further on stays as it is", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 3));
  f.Start({f.Id(1), f.Id(2)});
  f.Record({f.Accepted(2)});
  const EnqueueResult result = f.Enqueue(f.Messages(1, 4));
  CHECK(result.added == 1);
  CHECK(result.replaced == 1);
  CHECK(result.unchanged == 2);
  CHECK(result.to_push.size() == 2);
  CHECK(f.State(1) == MessageState::kSending);
  CHECK(f.State(2) == MessageState::kSent);
}

TEST_CASE("Enqueue: refusals are recorded and never pushed", "[dispatcher]") {
  LedgerFixture f;
  NewMessage missing = f.Message(1);
  missing.refusal = MessageState::kFailed;
  missing.reason = "MISSING_VARIABLE";
  missing.phone.clear();
  NewMessage opted_out = f.Message(2);
  opted_out.refusal = MessageState::kSuppressed;
  opted_out.reason = "OPTED_OUT";
  const EnqueueResult result = f.Enqueue({missing, opted_out, f.Message(3)});
  CHECK(result.added == 3);
  CHECK(result.to_push.size() == 1);
  CHECK(f.Get(1).reason == "MISSING_VARIABLE");
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.State(2) == MessageState::kSuppressed);
  CHECK(f.Story(2) == std::vector<std::string>{"NONE>SUPPRESSED"});
}

TEST_CASE("Enqueue: a refusal of what is still queued takes effect", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  NewMessage refused = f.Message(1);
  refused.refusal = MessageState::kFailed;
  refused.reason = "CONTACT_GONE";
  CHECK(f.Enqueue({refused}).replaced == 1);
  CHECK(f.State(1) == MessageState::kFailed);
  CHECK(f.Get(1).revision == 2);
  CHECK(f.Story(1) == std::vector<std::string>{"NONE>QUEUED", "QUEUED>FAILED"});
}

TEST_CASE("Enqueue: rows of a lane that is over are written in its final state", "[dispatcher]") {
  LedgerFixture f;
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
  const EnqueueResult cancelled = f.Enqueue(f.Messages(1, 2));
  CHECK(cancelled.lane_state == LaneState::kCancelled);
  CHECK(cancelled.to_push.empty());
  CHECK(f.State(1) == MessageState::kCancelled);

  Lane past = f.NewLane("past");
  past.end_time = absl::Now() - absl::Seconds(1);
  REQUIRE_THAT(f.store.CreateLane(past, f.Deadline()), IsOk());
  const EnqueueResult expired = f.Enqueue(f.Messages(3, 3), "past");
  CHECK(expired.lane_state == LaneState::kExpired);
  CHECK(expired.to_push.empty());
  CHECK(f.State(3) == MessageState::kExpired);
}

TEST_CASE("Enqueue: a closed lane takes nothing new but knows what it had", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Accepted(1)});
  REQUIRE_THAT(f.store.FinishLane("toko-a", "lane", f.Deadline()), IsOk());
  REQUIRE(f.store.CloseLanes(f.Deadline())->changed.size() == 1);
  CHECK(f.Enqueue(f.Messages(1, 1)).unchanged == 1);
  CHECK_THAT(f.store.Enqueue("toko-a", "lane", f.Messages(1, 2), f.Deadline()),
             ReasonIs("LANE_CLOSED"));
  CHECK_THAT(f.store.GetMessage("toko-a", f.Id(2), f.Deadline()),
             StatusIs(absl::StatusCode::kNotFound));
}

TEST_CASE("Enqueue: another outlet's lane is not there", "[dispatcher]") {
  LedgerFixture f;
  CHECK_THAT(f.store.Enqueue("toko-b", "lane", f.Messages(1, 1), f.Deadline()),
             ReasonIs("LANE_NOT_FOUND"));
  CHECK_THAT(f.store.GetLane("toko-b", "lane", f.Deadline()), ReasonIs("LANE_NOT_FOUND"));
}

TEST_CASE("Enqueue: two days in one batch are refused", "[dispatcher]") {
  LedgerFixture f;
  NewMessage tomorrow = f.Message(2);
  tomorrow.id = base::MakeMessageId(f.day + 1, "run", 2, "1", "contact-2", "");
  CHECK_THAT(f.store.Enqueue("toko-a", "lane", {f.Message(1), tomorrow}, f.Deadline()),
             testing::HasFieldViolation("messages"));
  tomorrow.id = base::MakeMessageId(f.day + 4000, "run", 2, "1", "contact-2", "");
  CHECK_THAT(f.store.Enqueue("toko-a", "lane", {tomorrow}, f.Deadline()),
             testing::HasFieldViolation("messages"));
}

}  // namespace
}  // namespace kabar::dispatcher
