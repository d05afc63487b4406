// Pauses by operators: what they stop, what they leave alone, and when all is drained.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using Scope = SendingTarget::Scope;

const SendingTarget kLane{Scope::kLane, "lane"};
const SendingTarget kSender{Scope::kSender, "snd"};
const SendingTarget kOutlet{Scope::kOutlet, "toko-a"};
const SendingTarget kAll{Scope::kAll, ""};

struct Pauses : LedgerFixture {
  static std::string OutletOf(const SendingTarget& target) {
    return target.scope == Scope::kAll ? "" : "toko-a";
  }
  Sending Pause(const SendingTarget& target, const std::string& reason = "test",
                const std::string& who = "siti", const std::string& request = "") {
    const auto paused =
        store.PauseSending(OutletOf(target), target, reason,
                           {request, "PauseSending", "print", {.key_name = who}}, Deadline());
    REQUIRE_THAT(paused, IsOk());
    return *paused;
  }
  Sending Resume(const SendingTarget& target, const std::string& request = "") {
    const auto resumed =
        store.ResumeSending(OutletOf(target), target, "",
                            {request, "ResumeSending", "print", {.key_name = "budi"}}, Deadline());
    REQUIRE_THAT(resumed, IsOk());
    return *resumed;
  }
  Sending Look(const SendingTarget& target) {
    const auto sending = store.GetSending(OutletOf(target), target, Deadline());
    REQUIRE_THAT(sending, IsOk());
    return *sending;
  }
  bool MaySend(int n) { return Start({Id(n)}).started.size() == 1; }
  // As if so many seconds had passed since every pause.
  void Age(int seconds) {
    Sql(absl::StrCat("UPDATE pauses SET created_at = created_at - interval '", seconds,
                     " seconds'"));
  }
};

TEST_CASE("PauseSending: stops the claims of lane, sender, outlet or everything", "[dispatcher]") {
  const SendingTarget target = GENERATE(kLane, kSender, kOutlet, kAll);
  Pauses f;
  f.Enqueue(f.Messages(1, 3));
  REQUIRE(f.MaySend(1));
  const Sending paused = f.Pause(target, "wrong template");
  REQUIRE(paused.pauses.size() == 1);
  CHECK(paused.pauses[0].who == "siti");
  CHECK(paused.pauses[0].reason == "wrong template");
  CHECK_FALSE(f.MaySend(2));
  CHECK(f.State(2) == MessageState::kQueued);
  CHECK(f.store.ListOpenLanes(f.Deadline())->front().held);
  CHECK(f.store.ListAllSenders(f.Deadline())->front().held == (target.scope != Scope::kLane));
  CHECK(f.Resume(target).pauses.empty());
  CHECK(f.MaySend(2));
}

TEST_CASE("PauseSending: of something else stops nothing", "[dispatcher]") {
  Pauses f;
  f.AddSender("snd-2", "1002");
  f.AddLane("lane-2");
  f.Enqueue(f.Messages(1, 1));
  f.Pause({Scope::kLane, "lane-2"});
  f.Pause({Scope::kSender, "snd-2"});
  CHECK(f.MaySend(1));
  CHECK_THAT(f.store.PauseSending("toko-b", kLane, "x", {}, f.Deadline()),
             ReasonIs("LANE_NOT_FOUND"));
  CHECK_THAT(f.store.PauseSending("toko-b", kSender, "x", {}, f.Deadline()),
             ReasonIs("SENDER_NOT_FOUND"));
  REQUIRE_THAT(f.store.PauseSending("toko-b", {Scope::kOutlet, "toko-b"}, "x", {}, f.Deadline()),
               IsOk());
  CHECK(f.Look(kLane).pauses.empty());
}

TEST_CASE("ResumeSending: lifts its own pause and no other", "[dispatcher]") {
  Pauses f;
  f.Enqueue(f.Messages(1, 4));
  REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "by hand", f.Deadline()), IsOk());
  for (const SendingTarget& target : {kLane, kSender, kOutlet, kAll}) f.Pause(target);
  CHECK(f.Look(kLane).pauses.size() == 4);
  CHECK(f.Look(kSender).pauses.size() == 3);
  CHECK(f.Look(kOutlet).pauses.size() == 2);
  CHECK(f.Resume(kOutlet).pauses.size() == 1);
  CHECK_FALSE(f.MaySend(1));
  f.Resume(kAll);
  CHECK_FALSE(f.MaySend(1));
  f.Resume(kSender);
  CHECK_FALSE(f.MaySend(1));
  f.Resume(kLane);
  CHECK_FALSE(f.MaySend(1));  // the campaign's own pause
  REQUIRE_THAT(f.store.ResumeLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK(f.MaySend(1));
}

TEST_CASE("PauseSending: a campaign that resumes its lane does not lift an operator's pause",
          "[dispatcher]") {
  Pauses f;
  f.Enqueue(f.Messages(1, 1));
  f.Pause(kLane);
  REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "", f.Deadline()), IsOk());
  REQUIRE_THAT(f.store.ResumeLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK_FALSE(f.MaySend(1));
  CHECK(f.Look(kLane).pauses.size() == 1);
}

TEST_CASE("PauseSending: again changes nothing, a repeated request undoes nothing",
          "[dispatcher]") {
  Pauses f;
  f.Pause(kOutlet, "first", "siti", "req-1");
  CHECK(f.Pause(kOutlet, "second", "budi", "req-2").pauses[0].reason == "first");
  f.Resume(kOutlet, "req-3");
  // The answer of req-1 was lost and its caller asks again, after all is over.
  CHECK(f.Pause(kOutlet, "first", "siti", "req-1").pauses.empty());
  f.Pause(kOutlet, "third", "siti", "req-4");
  CHECK(f.Resume(kOutlet, "req-3").pauses.size() == 1);
  CHECK(f.Sql("SELECT string_agg(action || ':' || who || ':' || reason, ' ' ORDER BY id)"
              " FROM audit_log") ==
        "PauseSending:siti:first ResumeSending:budi: PauseSending:siti:third");
  CHECK(f.Sql("SELECT was->>'reason' FROM audit_log WHERE action = 'ResumeSending'") == "first");
}

TEST_CASE("GetSending: drained when the pause is settled and nothing is in flight",
          "[dispatcher]") {
  const SendingTarget target = GENERATE(kLane, kSender, kOutlet, kAll);
  Pauses f;
  f.AddLane("lane-2");
  f.Enqueue(f.Messages(1, 3));
  REQUIRE(f.Start(f.Ids(1, 2)).started.size() == 2);
  CHECK(f.Look(target).in_flight == 2);
  f.Record({f.Accepted(1)});
  CHECK(f.Look(target).in_flight == 1);
  CHECK(f.Pause(target).in_flight == 1);
  f.Age(10);
  CHECK_FALSE(f.Look(target).drained);
  f.Record({f.Ended(2, AttemptState::kReturned)});
  CHECK(f.Look(target).in_flight == 0);
  CHECK(f.Look(target).drained);
  // Nothing in flight is not enough: a claim asked for before the pause may come to light yet.
  f.Resume(target);
  CHECK_FALSE(f.Look(target).drained);
  CHECK_FALSE(f.Pause(target).drained);
  f.Age(2);
  CHECK(f.Look(target).drained);
}

TEST_CASE("GetSending: counts what is in flight of its own target only", "[dispatcher]") {
  Pauses f;
  f.AddLane("lane-2");
  f.Enqueue(f.Messages(1, 1));
  f.Enqueue(f.Messages(2, 3), "lane-2");
  REQUIRE(f.Start(f.Ids(1, 1)).started.size() == 1);
  REQUIRE(f.Start(f.Ids(2, 3), "lane-2").started.size() == 2);
  CHECK(f.Look(kLane).in_flight == 1);
  CHECK(f.Look({Scope::kLane, "lane-2"}).in_flight == 2);
  CHECK(f.Look(kSender).in_flight == 3);
  CHECK(f.Look(kAll).in_flight == 3);
  const auto other = f.store.GetSending("toko-b", {Scope::kOutlet, "toko-b"}, f.Deadline());
  REQUIRE_THAT(other, IsOk());
  CHECK(other->in_flight == 0);
}

}  // namespace
}  // namespace kabar::dispatcher
