#include <catch2/catch.hpp>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

constexpr absl::Duration kWindow = absl::Minutes(2);

// Message 1 of lane "lane" is UNKNOWN for an hour; message 2 was sent before it.
struct Unknown : LedgerFixture {
  Unknown() {
    Enqueue(Messages(1, 9));
    Start({Id(2)});
    Sql("UPDATE messages SET claimed_at = now() - interval '2 hours' WHERE ordinal = 2");
    Start({Id(1)}, "lane", absl::ZeroDuration());
    REQUIRE(*store.RescueExpired(10, Deadline()) == 1);
    Sql("UPDATE messages SET claimed_at = now() - interval '1 hour' WHERE ordinal = 1");
    Sql("UPDATE unknowns SET since = now() - interval '1 hour', "
        "sent_by = now() - interval '1 hour'");
  }
  std::size_t Settle() {
    const auto requeued = store.SettleUnknown(kWindow, 10, Deadline());
    REQUIRE_THAT(requeued, IsOk());
    return requeued->size();
  }
  void LaterStatus() {
    Start({Id(3)});
    Apply({Status(3, AttemptState::kAccepted)});
  }
};

TEST_CASE("RescueExpired: an attempt whose lease ran out is UNKNOWN", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 4));
  f.Start(f.Ids(1, 3), "lane", absl::ZeroDuration());
  f.Start({f.Id(4)}, "lane", absl::Minutes(1));
  f.Record({f.Accepted(2), f.Ended(3, AttemptState::kReturned)});
  f.Start({f.Id(3)}, "lane", absl::Minutes(1));  // its second attempt has a lease of its own
  CHECK(*f.store.RescueExpired(10, f.Deadline()) == 1);
  CHECK(f.State(1) == MessageState::kUnknown);
  CHECK(f.Get(1).reason == "LEASE_EXPIRED");
  CHECK(f.State(2) == MessageState::kSent);
  CHECK(f.State(3) == MessageState::kSending);
  CHECK(f.State(4) == MessageState::kSending);
  CHECK(*f.store.RescueExpired(10, f.Deadline()) == 0);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("RescueExpired: claims that have ended do not keep it from those that have not",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 4));
  for (int n = 1; n <= 4; ++n) f.Start({f.Id(n)}, "lane", absl::ZeroDuration());
  f.Record({f.Accepted(1), f.Accepted(2), f.Accepted(3)});
  CHECK(*f.store.RescueExpired(1, f.Deadline()) == 1);
  CHECK(f.State(4) == MessageState::kUnknown);
  CHECK(f.Sql("SELECT count(*) FROM claims WHERE NOT rescued") == "0");
}

TEST_CASE("SettleUnknown: not without a status of a later send", "[dispatcher]") {
  Unknown f;
  CHECK(f.Settle() == 0);
  f.Apply({f.Status(2, AttemptState::kAccepted)});  // of an earlier send: proves nothing
  CHECK(f.Settle() == 0);
  f.LaterStatus();
  CHECK(f.Settle() == 1);
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.Sql("SELECT resends FROM messages WHERE ordinal = 1") == "1");
  CHECK(f.Settle() == 0);
  CHECK(f.Start({f.Id(1)}).started.at(0).attempt == 2);
}

TEST_CASE("SettleUnknown: the HTTP response of a later send is no evidence", "[dispatcher]") {
  Unknown f;
  f.Start({f.Id(3)});
  f.Record({f.Accepted(3)});  // the provider answers, but its webhooks may not come
  CHECK(f.Settle() == 0);
}

TEST_CASE("SettleUnknown: not within the window", "[dispatcher]") {
  Unknown f;
  f.LaterStatus();
  f.Sql("UPDATE unknowns SET since = now() - interval '100 seconds'");
  CHECK(f.Settle() == 0);
  f.Sql("UPDATE unknowns SET since = now() - interval '130 seconds'");
  CHECK(f.Settle() == 1);
}

TEST_CASE("SettleUnknown: not while the journal of that time is not applied", "[dispatcher]") {
  Unknown f;
  f.LaterStatus();
  REQUIRE_THAT(f.store.AppendWebhooks(
                   {{.received_at = absl::Now() - absl::Minutes(59), .body = "{}"}}, f.Deadline()),
               IsOk());
  CHECK(f.Settle() == 0);
  f.Apply({f.Status(1, AttemptState::kDelivered)});  // it was his, and settles him
  CHECK(f.Settle() == 0);
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.Sql("SELECT count(*) FROM unknowns") == "0");
}

TEST_CASE("SettleUnknown: evidence of another number does not count", "[dispatcher]") {
  Unknown f;
  f.AddSender("snd-2", "1002");
  Lane lane = f.NewLane("lane-2");
  lane.sender_id = "snd-2";
  REQUIRE_THAT(f.store.CreateLane(lane, f.Deadline()), IsOk());
  f.Enqueue(f.Messages(10, 10), "lane-2");
  f.Start({f.Id(10)}, "lane-2");
  StatusChange status = f.Status(10, AttemptState::kAccepted);
  status.phone_number_id = "1002";
  f.Apply({status});
  CHECK(f.Settle() == 0);
}

TEST_CASE("SettleUnknown: policy hold and used-up tries wait for a person", "[dispatcher]") {
  LedgerFixture f;
  Lane hold = f.NewLane("hold");
  hold.unknown_policy = UnknownPolicy::kHold;
  REQUIRE_THAT(f.store.CreateLane(hold, f.Deadline()), IsOk());
  Lane once = f.NewLane("once");
  once.max_attempts = 1;
  REQUIRE_THAT(f.store.CreateLane(once, f.Deadline()), IsOk());
  f.Enqueue(f.Messages(1, 1), "hold");
  f.Enqueue(f.Messages(2, 2), "once");
  f.Start({f.Id(1)}, "hold");
  f.Start({f.Id(2)}, "once");
  f.Record({f.Ended(1, AttemptState::kAmbiguous), f.Ended(2, AttemptState::kAmbiguous)});
  f.Sql(
      "UPDATE unknowns SET since = now() - interval '1 hour', sent_by = now() - interval '1 hour'");
  f.Enqueue(f.Messages(3, 4));
  f.Start(f.Ids(3, 4));
  f.Record({f.Ended(3, AttemptState::kAmbiguous), f.Accepted(4)});
  f.Sql(
      "UPDATE unknowns SET since = now() - interval '1 hour', sent_by = now() - interval '1 hour'");
  f.Apply({f.Status(4, AttemptState::kDelivered)});  // evidence
  const auto settled = f.store.SettleUnknown(absl::Minutes(2), 10, f.Deadline());
  REQUIRE_THAT(settled, IsOk());
  REQUIRE(settled->size() == 1);
  CHECK(settled->front().entry.message_id == f.Id(3));
  CHECK(f.State(1) == MessageState::kUnknown);
  CHECK(f.State(2) == MessageState::kUnknown);
}

TEST_CASE("SettleUnknown: in a lane that is over UNKNOWN stays UNKNOWN", "[dispatcher]") {
  Unknown f;
  f.LaterStatus();
  SECTION("cancelled") { REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk()); }
  SECTION("past its end time") { f.Sql("UPDATE lanes SET end_time = clock_timestamp()"); }
  CHECK(f.Settle() == 0);
  CHECK(f.State(1) == MessageState::kUnknown);
}

TEST_CASE("SettleUnknown: an opt-out meanwhile holds", "[dispatcher]") {
  Unknown f;
  f.LaterStatus();
  f.OptOut(1);
  CHECK(f.Settle() == 1);
  CHECK(f.Start({f.Id(1)}).started.empty());
  CHECK(f.State(1) == MessageState::kSuppressed);
}

TEST_CASE("Trim: keeps what is needed, deletes what is old", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 2));
  f.Start({f.Id(1)});
  f.Apply({f.Status(1, AttemptState::kAccepted)});
  REQUIRE_THAT(
      f.store.AppendWebhooks({{.received_at = absl::UnixEpoch(), .body = "{}"}}, f.Deadline()),
      IsOk());
  CHECK(*f.store.Trim(absl::Hours(1), f.Deadline()) == 0);
  f.Sql("UPDATE claims SET rescued = true, claimed_at = now() - interval '27 hours'");
  f.Sql("UPDATE webhook_journal SET received_at = now() - interval '2 hours'");
  CHECK(*f.store.Trim(absl::Hours(1), f.Deadline()) == 2);
  CHECK(f.store.ReadJournal(10, f.Deadline())->size() == 1);  // not applied: never deleted
}

}  // namespace
}  // namespace kabar::dispatcher
