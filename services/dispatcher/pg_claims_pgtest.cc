#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <thread>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

TEST_CASE("StartAttempts: gives the payload and the right to send once", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 3));
  const StartResult result = f.Start({f.Id(3), f.Id(1), "no-such-id", f.Id(77), f.Id(1)});
  CHECK(result.lane_state == LaneState::kRunning);
  CHECK(result.sender_id == "snd");
  REQUIRE(result.started.size() == 2);
  CHECK(result.started[0].id == f.Id(3));
  CHECK(result.started[1].id == f.Id(1));
  CHECK(result.started[1].attempt == 1);
  CHECK(result.started[1].text == "halo 1");
  CHECK(result.started[1].phone == f.Message(1).phone);
  CHECK(result.started[1].form.parameters == f.Message(1).form.parameters);
  CHECK_FALSE(result.started[1].window_open);
  CHECK(f.State(1) == MessageState::kSending);
  CHECK(f.State(2) == MessageState::kQueued);
  CHECK(f.Story(1) == std::vector<std::string>{"NONE>QUEUED", "QUEUED>SENDING"});

  CHECK(f.Start({f.Id(1), f.Id(3)}).started.empty());
}

TEST_CASE("StartAttempts: only ids of the lane it was asked for", "[dispatcher]") {
  LedgerFixture f;
  f.AddLane("other");
  f.Enqueue(f.Messages(1, 1));
  CHECK(f.Start({f.Id(1)}, "other").started.empty());
  CHECK(f.Start({f.Id(1)}, "not-there").lane_state == LaneState::kNone);
  CHECK(f.State(1) == MessageState::kQueued);
}

TEST_CASE("StartAttempts: nothing from a lane or sender that may not send", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  SECTION("paused lane") {
    REQUIRE_THAT(f.store.PauseLane("toko-a", "lane", "", f.Deadline()), IsOk());
    CHECK(f.Start({f.Id(1)}).lane_state == LaneState::kPaused);
  }
  SECTION("past its end time") {
    f.Sql("UPDATE lanes SET end_time = clock_timestamp()");
    CHECK(f.Start({f.Id(1)}).end_time.has_value());
  }
  SECTION("stopped sender") {
    f.Enqueue({f.Message(2)});
    f.Start({f.Id(2)});
    f.Record({f.Refused(2, OutcomeAction::kStopSender, "GRAPH_190")});
    CHECK(f.Start({f.Id(1)}).started.empty());
  }
  CHECK(f.Start({f.Id(1)}).started.empty());
  CHECK(f.State(1) == MessageState::kQueued);
}

TEST_CASE("StartAttempts: stale, waiting and suppressed messages do not go", "[dispatcher]") {
  LedgerFixture f;
  std::vector<NewMessage> messages = f.Messages(1, 4);
  messages[0].rendered_at = absl::Now() - absl::Minutes(11);
  f.Enqueue(messages);
  f.Sql("UPDATE messages SET not_before = now() + interval '1 hour' WHERE ordinal = 2");
  f.OptOut(3);
  f.OptOut(4, "MARKETING");

  const StartResult result = f.Start(f.Ids(1, 4));
  REQUIRE(result.started.size() == 1);  // who refuses marketing still gets delivery updates
  CHECK(result.started[0].id == f.Id(4));
  REQUIRE(result.not_due.size() == 1);
  CHECK(result.not_due[0].message_id == f.Id(2));
  CHECK(result.not_due[0].not_before > absl::Now() + absl::Minutes(50));
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.State(2) == MessageState::kQueued);
  CHECK(f.State(3) == MessageState::kSuppressed);
  CHECK(f.Get(3).reason == "OPTED_OUT");
  CHECK(f.Story(3).back() == "QUEUED>SUPPRESSED");

  const auto stale = f.store.ListStale("toko-a", "lane", {}, 10, f.Deadline());
  REQUIRE(stale->size() == 1);
  CHECK(stale->front().id == f.Id(1));
  CHECK(stale->front().ordinal == 1);
  // Rendered again it goes.
  f.Enqueue({f.Message(1)});
  CHECK(f.Start({f.Id(1)}).started.size() == 1);
}

TEST_CASE("StartAttempts: the window is open for a day after the customer wrote", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 2));
  for (const int n : {1, 2}) {
    f.Apply({}, {{.phone_number_id = "1001",
                  .provider_id = absl::StrCat("in.", n),
                  .phone = f.Message(n).phone,
                  .kind = "text",
                  .time = absl::Now() - (n == 1 ? absl::Hours(23) : absl::Hours(24))}});
  }
  const StartResult result = f.Start(f.Ids(1, 2));
  REQUIRE(result.started.size() == 2);
  CHECK(result.started[0].window_open);
  CHECK_FALSE(result.started[1].window_open);
  // Only who is written to outside his window uses up the portfolio's limit.
  const auto uses = f.store.ListRecentRecipients("pf", f.Deadline());
  REQUIRE(uses->size() == 1);
  CHECK(uses->front().recipient_id == result.started[1].recipient_id);
  CHECK(uses->front().last_use > absl::Now());
  const auto windows = f.store.ListOpenWindows("pf", f.Deadline());
  REQUIRE(windows->size() == 1);
  CHECK(windows->front().recipient_id == result.started[0].recipient_id);
}

TEST_CASE("ListRecentRecipients: who was claimed and not written to needs a place again",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 3));
  const StartResult result = f.Start(f.Ids(1, 3));
  REQUIRE(result.started.size() == 3);
  const auto used = [&] {
    std::set<std::int64_t> ids;
    const auto uses = f.store.ListRecentRecipients("pf", f.Deadline());
    REQUIRE_THAT(uses, IsOk());
    for (const auto& use : *uses) ids.insert(use.recipient_id);
    return ids;
  };
  const std::int64_t first = result.started[0].recipient_id, back = result.started[1].recipient_id,
                     third = result.started[2].recipient_id;
  f.Record({f.Accepted(1), f.Ended(2, AttemptState::kReturned)});
  CHECK(used() == std::set<std::int64_t>{first, third});
  // A later claim of his counts again, and still does when the message is claimed once more.
  REQUIRE(f.Start({f.Id(2)}).started.size() == 1);
  CHECK(used() == std::set<std::int64_t>{first, back, third});
  f.Record({f.Ended(2, AttemptState::kReturned, "", 2)});
  CHECK(used() == std::set<std::int64_t>{first, third});
  // He was written to, and his message goes to somebody else from now on.
  Outcome again = f.Ended(3, AttemptState::kFailed, "GRAPH_131000");
  again.retry = true;
  f.Record({again});
  NewMessage corrected = f.Message(3);
  corrected.phone = "+628999";
  REQUIRE(f.Enqueue({corrected}).replaced == 1);
  CHECK(used().count(third) == 1);
}

TEST_CASE("StartAttempts: many threads with the same ids start each once", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 200));
  std::mutex mutex;
  std::multiset<std::string> started;
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      std::vector<std::string> ids = f.Ids(1, 200);
      if (t % 2 == 1) std::reverse(ids.begin(), ids.end());
      for (int first = 0; first < 200; first += 40) {
        const auto result =
            f.store.StartAttempts("lane", {ids.begin() + first, ids.begin() + first + 40},
                                  absl::StrCat("w", t), absl::Minutes(1), f.Deadline());
        if (!result.ok()) ++failures;
        if (!result.ok()) continue;
        std::lock_guard<std::mutex> lock(mutex);
        for (const StartedMessage& message : result->started) started.insert(message.id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(started.size() == 200);
  CHECK(std::set<std::string>(started.begin(), started.end()).size() == 200);
  CHECK(f.FoldedStates() == f.CountedStates());
}

TEST_CASE("PauseLane: nothing is claimed after it returned, with workers at full speed",
          "[dispatcher]") {
  LedgerFixture f;
  constexpr int kMessages = 1000;
  f.Enqueue(f.Messages(1, kMessages));
  std::atomic<bool> paused = false;
  std::atomic<bool> stop = false;
  std::atomic<int> started_before = 0;
  std::atomic<int> started_after = 0;
  std::atomic<int> next = 1;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const bool asked_after = paused;
        const int n = next.fetch_add(2) % kMessages;
        const auto result = f.store.StartAttempts("lane", {f.Id(n), f.Id(n + 1)}, "w",
                                                  absl::Minutes(1), f.Deadline());
        if (!result.ok()) continue;
        const int count = static_cast<int>(result->started.size());
        (asked_after ? started_after : started_before) += count;
      }
    });
  }
  while (started_before == 0) std::this_thread::yield();
  const absl::Time begin = absl::Now();
  const auto lane = f.store.PauseLane("toko-a", "lane", "", f.Deadline());
  const absl::Duration waited = absl::Now() - begin;
  paused = true;
  const auto sending = f.CountedStates()["SENDING"];
  for (int wait = next; next < wait + 40;) std::this_thread::yield();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  REQUIRE_THAT(lane, IsOk());
  CHECK(waited < absl::Seconds(5));  // claims that keep coming do not keep the pause waiting
  CHECK(started_after == 0);
  CHECK(f.CountedStates()["SENDING"] == sending);
  CHECK(started_before == sending);
}

// Runs `sql` at the COMMIT of whoever writes a claim.
struct AtCommit : LedgerFixture {
  void Do(const std::string& sql) {
    Sql("CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + sql +
        " RETURN NULL; END $$");
    Sql("CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON claims DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION at_commit()");
  }
  ~AtCommit() { Sql("DROP FUNCTION IF EXISTS at_commit CASCADE"); }

  absl::Status Claim(const std::vector<std::string>& ids, const std::string& name) {
    return store.StartAttempts("lane", ids, name, absl::Minutes(1), Deadline()).status();
  }
  std::size_t GiveBack(const std::vector<int>& messages, const std::string& name) {
    std::vector<Outcome> outcomes;
    for (const int n : messages) {
      outcomes.push_back(Ended(n, AttemptState::kReturned, "CLAIM_IN_DOUBT", 0));
      outcomes.back().claim = name;
    }
    return Record(outcomes).size();
  }
};

TEST_CASE("StartAttempts: a commit in doubt that went through goes back unsent by its name",
          "[dispatcher]") {
  AtCommit f;
  f.Enqueue(f.Messages(1, 3));
  // The server has committed, and says what makes the client doubt it.
  f.Do("RAISE WARNING 'the standby did not confirm';");
  REQUIRE(absl::IsUnknown(f.Claim(f.Ids(1, 2), "w/1")));
  REQUIRE(f.State(1) == MessageState::kSending);
  CHECK(f.GiveBack({1, 2, 3}, "w/1") == 2);
  CHECK(f.CountedStates() == std::map<std::string, int>{{"QUEUED", 3}});
  CHECK(f.Get(1).reason == "CLAIM_IN_DOUBT");
  CHECK(f.Sql("SELECT string_agg(failures::text, '') FROM messages") == "000");
  CHECK(f.FoldedStates() == f.CountedStates());

  // Asked again, after another claim has them: nothing.
  f.Sql("DROP FUNCTION at_commit CASCADE");
  REQUIRE_THAT(f.Claim({f.Id(1)}, "w/2"), IsOk());
  CHECK(f.GiveBack({1}, "w/1") == 0);
  CHECK(f.State(1) == MessageState::kSending);
}

TEST_CASE("StartAttempts: a connection cut before the commit leaves nothing to give back",
          "[dispatcher]") {
  AtCommit f;
  f.Enqueue(f.Messages(1, 2));
  f.Do("PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10);");
  REQUIRE(absl::IsUnknown(f.Claim(f.Ids(1, 2), "w/1")));
  CHECK(f.State(1) == MessageState::kQueued);
  // Another worker has one of them meanwhile; that claim stands.
  f.Sql("DROP FUNCTION at_commit CASCADE");
  REQUIRE_THAT(f.Claim({f.Id(1)}, "w/2"), IsOk());
  CHECK(f.GiveBack({1, 2}, "w/1") == 0);
  CHECK(f.State(1) == MessageState::kSending);
  CHECK(f.State(2) == MessageState::kQueued);
}

TEST_CASE("StartAttempts: a claim in doubt goes back even after its lease has run out",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  REQUIRE_THAT(f.store.StartAttempts("lane", {f.Id(1)}, "w/1", absl::ZeroDuration(), f.Deadline()),
               IsOk());
  REQUIRE(*f.store.RescueExpired(10, f.Deadline()) == 1);
  REQUIRE(f.State(1) == MessageState::kUnknown);
  Outcome back = f.Ended(1, AttemptState::kReturned, "CLAIM_IN_DOUBT", 0);
  back.claim = "w/1";
  CHECK(f.Record({back}).size() == 1);
  CHECK(f.State(1) == MessageState::kQueued);
}

}  // namespace
}  // namespace kabar::dispatcher
