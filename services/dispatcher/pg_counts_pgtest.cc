// The counts always add up: whatever happens to messages in whatever order, the events fold to what
// the ledger holds, per lane; each message's events are a chain; revisions have no gaps.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

constexpr int kMessages = 60;

struct Walk : LedgerFixture {
  explicit Walk(unsigned seed) : random(seed) {
    Lane hold = NewLane("hold");
    hold.unknown_policy = UnknownPolicy::kHold;
    REQUIRE_THAT(store.CreateLane(hold, Deadline()), IsOk());
  }

  int Draw(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  int AnyMessage() { return 1 + Draw(kMessages); }
  // Which lane a message is in follows from its number.
  std::string LaneOf(int n) { return n % 3 == 0 ? "hold" : "lane"; }

  void EnqueueSome() {
    for (const std::string lane : {"lane", "hold"}) {
      std::vector<NewMessage> messages;
      for (int i = 0; i < 8; ++i) {
        NewMessage message = Message(AnyMessage());
        if (Draw(10) == 0) {
          message.refusal = Draw(2) == 0 ? MessageState::kFailed : MessageState::kSuppressed;
          message.reason = "REFUSED";
        }
        const bool again = std::any_of(messages.begin(), messages.end(),
                                       [&](const NewMessage& m) { return m.id == message.id; });
        if (!again && LaneOf(static_cast<int>(message.ordinal)) == lane) {
          messages.push_back(std::move(message));
        }
      }
      store.Enqueue("toko-a", lane, messages, Deadline()).status().IgnoreError();  // or closed
    }
  }

  void StartSome() {
    std::vector<std::string> ids;
    for (int i = 0; i < 10; ++i) ids.push_back(Id(AnyMessage()));
    for (const std::string lane : {"lane", "hold"}) {
      for (const StartedMessage& m :
           Start(ids, lane, Draw(4) == 0 ? absl::ZeroDuration() : absl::Minutes(1)).started) {
        open.push_back({m.id, m.attempt});
      }
    }
  }

  // Outcomes come late, twice, or never.
  void RecordSome() {
    std::vector<Outcome> outcomes;
    for (int i = 0; i < 6 && !open.empty(); ++i) {
      const auto [id, attempt] =
          open[static_cast<std::size_t>(Draw(static_cast<int>(open.size())))];
      Outcome outcome;
      outcome.message_id = id;
      outcome.attempt = attempt;
      outcome.state = static_cast<AttemptState>(1 + Draw(4));
      outcome.reason = outcome.state == AttemptState::kFailed ? "GRAPH_1" : "";
      outcome.retry = Draw(2) == 0;
      if (outcome.state == AttemptState::kAccepted) {
        outcome.provider_id = absl::StrCat("w.", id, ".", attempt);
      }
      outcomes.push_back(std::move(outcome));
    }
    Record(outcomes);
  }

  void WebhooksSome() {
    // Final, tried again, the pair, a closed window, an opt-out, a day's rest.
    constexpr int kCodes[] = {131026, 131000, 131056, 131047, 131050, 131049};
    std::vector<StatusChange> statuses;
    for (int i = 0; i < 6 && !open.empty(); ++i) {
      const auto [id, attempt] =
          open[static_cast<std::size_t>(Draw(static_cast<int>(open.size())))];
      StatusChange status{.phone_number_id = "1001",
                          .provider_id = absl::StrCat("w.", id, ".", attempt),
                          .tag = base::FormatAttemptTag(id, attempt),
                          .state = static_cast<AttemptState>(3 + Draw(4)),
                          .decision = whatsapp::ErrorPolicy::BuiltIn().For(kCodes[Draw(6)])};
      if (status.state == AttemptState::kFailed) status.reason = "GRAPH_2";
      statuses.push_back(std::move(status));
    }
    Apply(std::move(statuses));
  }

  void ChangeLane() {
    const std::string lane = Draw(2) == 0 ? "lane" : "hold";
    // In a wrong state they are refused; that is part of the walk.
    switch (Draw(12)) {
      case 0:
      case 1:
      case 2:
        store.PauseLane("toko-a", lane, "", Deadline()).status().IgnoreError();
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        store.ResumeLane("toko-a", lane, Deadline()).status().IgnoreError();
        break;
      case 7:
      case 8:
      case 9:
        store.RetryFailed("toko-a", lane, {}, Deadline()).status().IgnoreError();
        break;
      case 10:
        store.FinishLane("toko-a", lane, Deadline()).status().IgnoreError();
        break;
      default:
        if (Draw(6) == 0) store.CancelLane("toko-a", lane, Deadline()).status().IgnoreError();
    }
  }

  void Keep() {
    Sql("UPDATE unknowns SET since = now() - interval '1 hour', "
        "sent_by = now() - interval '1 hour'");
    REQUIRE_THAT(store.RescueExpired(10, Deadline()), IsOk());
    REQUIRE_THAT(store.SettleUnknown(absl::Minutes(2), 10, Deadline()), IsOk());
    REQUIRE_THAT(store.ExpireLanes(Deadline()), IsOk());
    REQUIRE_THAT(store.DrainLanes(Deadline()), IsOk());
    REQUIRE_THAT(store.CloseLanes(Deadline()), IsOk());
    Sql("UPDATE messages SET not_before = NULL WHERE not_before IS NOT NULL");
    Sql("DELETE FROM suppressions");
  }

  void Step() {
    switch (Draw(8)) {
      case 0:
        return EnqueueSome();
      case 1:
      case 2:
        return StartSome();
      case 3:
      case 4:
        return RecordSome();
      case 5:
        return WebhooksSome();
      case 6:
        return ChangeLane();
      default:
        return Keep();
    }
  }

  // Every message's events follow from each other, and its last is what the ledger says.
  void CheckChains() {
    std::map<std::string, events::v1::MessageChanged> last;
    for (const events::v1::Event& event : Events()) {
      if (!event.has_message_changed()) continue;
      const events::v1::MessageChanged& changed = event.message_changed();
      const auto before = last.find(changed.message_id());
      if (before == last.end()) {
        REQUIRE(changed.from() == events::v1::MESSAGE_STATE_UNSPECIFIED);
        REQUIRE(changed.revision() == 1);
      } else {
        REQUIRE(changed.from() == before->second.to());
        REQUIRE(changed.revision() == before->second.revision() + 1);
        auto reached = before->second.reached_before();
        const auto to = before->second.to();
        if (to >= events::v1::SENT && to <= events::v1::READ) reached = std::max(reached, to);
        REQUIRE(changed.reached_before() == reached);
      }
      last[changed.message_id()] = changed;
    }
    for (const auto& [id, changed] : last) {
      const auto message = store.GetMessage("toko-a", id, Deadline());
      REQUIRE_THAT(message, IsOk());
      REQUIRE(static_cast<int>(message->state) == static_cast<int>(changed.to()));
      REQUIRE(message->revision == changed.revision());
    }
    visited = last.size();
  }

  std::mt19937 random;
  std::vector<std::pair<std::string, std::int32_t>> open;  // attempts that were started
  std::size_t visited = 0;
};

TEST_CASE("Counts: the events add up to the ledger after any sequence", "[dispatcher]") {
  std::set<std::string> states_seen;
  for (unsigned seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Walk walk(seed);
    for (int step = 0; step < 100; ++step) walk.Step();
    CHECK(walk.FoldedStates() == walk.CountedStates());
    walk.CheckChains();
    CHECK(walk.visited > 10);
    for (const auto& [state, count] : walk.CountedStates()) states_seen.insert(state);
    // Nothing that is queued is hidden from those who look for it.
    for (const std::string lane : {"lane", "hold"}) {
      if (walk.LaneStateOf(lane) > LaneState::kPaused) continue;
      const auto queued = walk.store.ListQueued(lane, walk.Deadline());
      const auto stale = walk.store.ListStale("toko-a", lane, {}, 1000, walk.Deadline());
      CHECK(
          absl::StrCat(queued->size() + stale->size()) ==
          walk.Sql("SELECT count(*) FROM messages WHERE state = 1 AND lane_id = '" + lane +
                   "' AND (rendered_at IS NOT NULL OR not_before IS NULL OR not_before <= now())"));
    }
  }
  CHECK(states_seen.size() >= 7);  // the walk goes everywhere
}

}  // namespace
}  // namespace kabar::dispatcher
