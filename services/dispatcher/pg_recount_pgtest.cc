// RecountLane against a fold of our own: whatever was numbered, counted or deleted when, the
// figures up to a number and the changes after it add up to the ledger; and what is tampered with
// is seen.
#include <catch2/catch.hpp>
#include <random>

#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

constexpr int kMessages = 24;

// What a reader of events that has come to `position` has counted, by each message's own story.
struct Counted {
  std::int64_t position = 0;
  MessageFigures figures;
  std::map<std::string, int> reached;  // message -> state

  void Add(const events::v1::MessageChanged& changed) {
    if (changed.from() != 0) --figures.states[static_cast<std::size_t>(changed.from() - 1)];
    ++figures.states[static_cast<std::size_t>(changed.to() - 1)];
    int& furthest = reached[changed.message_id()];
    for (int state = events::v1::SENT; state <= events::v1::READ; ++state) {
      if (changed.to() > events::v1::READ || changed.to() < state || furthest >= state) continue;
      ++figures.reached[static_cast<std::size_t>(state - events::v1::SENT)];
      furthest = state;
    }
  }
};

struct Recount : LedgerFixture {
  explicit Recount(unsigned seed = 1) : random(seed) { AddLane("other"); }

  int Draw(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }

  LaneRecount Take(std::int64_t after, const std::string& lane = "lane") {
    auto recount = store.RecountLane("toko-a", lane, after, Deadline());
    REQUIRE_THAT(recount, IsOk());
    return *recount;
  }
  void NumberSome(int max) {
    events::Publisher publisher(pool, {.max_rows = max});
    REQUIRE_THAT(publisher.PublishOnce(Deadline()), IsOk());
  }
  void NumberAll() { NumberSome(1000); }

  // Reads on, at most so many batches.
  void ReadOn(Counted& reader, int batches) {
    events::v1::ReadEventsResponse response;
    events::Reader source(pool, {.max_batches = batches});
    REQUIRE_THAT(source.Read(reader.position + 1, Deadline(), &response), IsOk());
    for (const events::v1::NumberedBatch& batch : response.batches()) {
      for (const events::v1::Event& event : batch.batch().events()) {
        if (event.message_changed().lane_id() == "lane") reader.Add(event.message_changed());
      }
      reader.position = batch.number();
    }
  }

  void Step() {
    const int n = 1 + Draw(kMessages);
    switch (Draw(8)) {
      case 0:
        store.Enqueue("toko-a", n % 4 == 0 ? "other" : "lane", {Message(n)}, Deadline())
            .status()
            .IgnoreError();
        return;
      case 1:
      case 2:
        for (const auto& started :
             Start(Ids(n, n + 5), "lane", Draw(4) == 0 ? absl::ZeroDuration() : absl::Minutes(1))
                 .started) {
          open.push_back({started.id, started.attempt});
        }
        return;
      case 3:
        REQUIRE_THAT(store.RescueExpired(10, Deadline()), IsOk());
        return;
      case 4:
        store.RetryFailed("toko-a", "lane", {}, Deadline()).status().IgnoreError();
        return;
      default:
        return SayOfOne();
    }
  }

  // An outcome or a webhook of some attempt.
  void SayOfOne() {
    if (open.empty()) return;
    const auto [id, attempt] = open[static_cast<std::size_t>(Draw(static_cast<int>(open.size())))];
    const std::string provider_id = absl::StrCat("w.", id, ".", attempt);
    if (Draw(2) == 0) {
      Record({{.message_id = id,
               .attempt = attempt,
               .state = Draw(3) == 0 ? AttemptState::kFailed : AttemptState::kAccepted,
               .provider_id = provider_id}});
    } else {
      Apply({{.phone_number_id = "1001",
              .provider_id = provider_id,
              .tag = base::FormatAttemptTag(id, attempt),
              .state = static_cast<AttemptState>(3 + Draw(4))}});
    }
  }

  std::mt19937 random;
  std::vector<std::pair<std::string, std::int32_t>> open;
};

void CheckAddsUp(const Counted& reader, const LaneRecount& recount) {
  MessageFigures sum = reader.figures;
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < sum.states.size(); ++i) {
    sum.states[i] += recount.changes_after.states[i];
    rows += recount.ledger.states[i];
  }
  for (std::size_t i = 0; i < sum.reached.size(); ++i) {
    sum.reached[i] += recount.changes_after.reached[i];
  }
  REQUIRE(sum.states == recount.ledger.states);
  REQUIRE(sum.reached == recount.ledger.reached);
  REQUIRE(rows == recount.rows);
  REQUIRE(recount.rows == recount.lane.enqueued);
  REQUIRE(recount.missing_event_numbers == 0);
}

TEST_CASE("RecountLane: figures up to any number and the changes after it are the ledger",
          "[dispatcher]") {
  int states_seen = 0;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    Recount f(seed);
    Counted reader;
    std::int64_t behind = 0;
    for (int step = 0; step < 120; ++step) {
      f.Step();
      // Numbering, counting and deleting each come when they like.
      if (f.Draw(3) == 0) f.NumberSome(1 + f.Draw(4));
      if (f.Draw(3) == 0) f.ReadOn(reader, 1 + f.Draw(4));
      const LaneRecount recount = f.Take(reader.position);
      CheckAddsUp(reader, recount);
      behind += recount.newest_event_number - reader.position;
      if (f.Draw(5) == 0) {
        f.Sql(absl::StrCat("DELETE FROM outbox WHERE number <= ", reader.position));
        f.Sql(absl::StrCat("UPDATE event_trimming SET trimmed_number = ", reader.position));
      }
    }
    CHECK(behind > 20);  // numbered and not counted is what this is about
    const LaneRecount last = f.Take(reader.position);
    CHECK(last.rows > 4);
    states_seen |= last.ledger.reached[2] > 0 ? 1 : 0;
    for (std::size_t i = 0; i < last.ledger.states.size(); ++i) {
      if (last.ledger.states[i] > 0) states_seen |= 2 << i;
    }
    const LaneRecount other = f.Take(reader.position, "other");
    CHECK(other.rows == other.ledger.states[0]);  // nothing of "lane" is counted here
  }
  CHECK(__builtin_popcount(static_cast<unsigned>(states_seen)) >= 5);
}

TEST_CASE("RecountLane: what was tampered with is seen", "[dispatcher]") {
  Recount f;
  f.Enqueue(f.Messages(1, 5));
  f.Start(f.Ids(1, 2));
  f.NumberAll();
  Counted reader;
  f.ReadOn(reader, 100);
  CheckAddsUp(reader, f.Take(reader.position));

  f.Sql("UPDATE messages SET state = 3, reached = 3 WHERE id = '" + f.Id(1) + "'");
  LaneRecount recount = f.Take(reader.position);
  CHECK(recount.changes_after.states == MessageFigures{}.states);
  CHECK(recount.ledger.states[1] == reader.figures.states[1] - 1);
  CHECK(recount.ledger.states[2] == 1);
  CHECK(recount.ledger.reached[0] == 1);

  f.Sql("DELETE FROM messages WHERE id = '" + f.Id(5) + "'");
  recount = f.Take(reader.position);
  CHECK(recount.rows == 4);
  CHECK(recount.lane.enqueued == 5);

  f.Sql("DELETE FROM outbox WHERE number = 2");
  CHECK(f.Take(reader.position).missing_event_numbers == 1);
}

TEST_CASE("RecountLane: a number too old, a lane of another outlet", "[dispatcher]") {
  Recount f;
  f.Enqueue(f.Messages(1, 1));
  f.NumberAll();
  CHECK(f.Take(0).events_without_number == 0);
  f.Enqueue(f.Messages(2, 2));
  CHECK(f.Take(0).events_without_number == 1);
  f.Sql("DELETE FROM outbox WHERE number <= 2");
  f.Sql("UPDATE event_trimming SET trimmed_number = 2");
  CHECK_THAT(f.store.RecountLane("toko-a", "lane", 1, f.Deadline()), ReasonIs("EVENTS_TRIMMED"));
  CHECK(f.Take(2).changes_after.states[0] == 2);
  f.NumberAll();
  CHECK(f.Take(3).changes_after.states[0] == 1);
  CHECK(f.Take(4).changes_after.states[0] == 0);
  f.Sql("UPDATE event_publisher SET next_number = 300000");
  CHECK_THAT(f.store.RecountLane("toko-a", "lane", 2, f.Deadline()), ReasonIs("TOO_MANY_EVENTS"));
  CHECK_THAT(f.store.RecountLane("toko-b", "lane", 2, f.Deadline()), ReasonIs("LANE_NOT_FOUND"));
}

}  // namespace
}  // namespace kabar::dispatcher
