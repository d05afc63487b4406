// People who were two recipients and are one: what Redis counted for the one holds back the other.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "services/dispatcher/testing/quota_house.h"

namespace kabar::dispatcher {
namespace {

using testing_queue::House;
using testing_queue::In;
using testing_queue::Per;
using testing_queue::TwoNumbers;

constexpr std::int64_t kOne = 1, kGivenUp = 101;

Store::Linked Link(std::int64_t given_up, std::int64_t one) {
  return {.given_up = given_up, .recipient_id = one};
}

struct Joined : TwoNumbers {
  explicit Joined(std::int64_t limit) : TwoNumbers(limit) {}
  void Join() {
    for (int told = 0; told < 2; ++told) {  // told twice it changes nothing
      REQUIRE(queue.JoinRecipients("p1", {"s1", "s2"}, {Link(kGivenUp, kOne)}, In(absl::Seconds(5)))
                  .ok());
    }
  }
  // How many new slots one of the lane a's claim gets.
  std::size_t Reslot(const Claim& claim, std::size_t which) {
    const auto slots = queue.Reslot("p1", "a", {claim.entries[which]}, In(absl::Seconds(5)));
    REQUIRE(slots.ok());
    return slots->size();
  }
  const Lane a = LaneOf(sender, "a"), b = LaneOf(other, "b");
};

TEST_CASE("JoinRecipients: one place in the 24 hours, and it is not given back", "[dispatcher]") {
  Joined h(1);
  h.Build({h.a, h.b});
  h.Push(h.a, {kGivenUp});
  const Claim first = h.ClaimSome();
  h.Push(h.b, {kOne, 7});
  CHECK(h.Drain().empty());
  h.Join();
  CHECK(h.Drain() == std::multiset<std::int64_t>{kOne});  // he has a place: his waits no more
  h.GiveBack(first);
  CHECK(h.Drain().empty());
}

TEST_CASE("JoinRecipients: of two places one comes free, and the other is not given back",
          "[dispatcher]") {
  Joined h(2);
  h.Build({h.a, h.b});
  h.Push(h.a, {kGivenUp});
  const Claim old = h.ClaimSome();
  h.Push(h.b, {kOne});
  const Claim now = h.ClaimSome();
  h.Push(h.a, {7, 8});
  CHECK(h.Drain().empty());
  h.Join();
  CHECK(h.Drain() == std::multiset<std::int64_t>{7});
  h.GiveBack(now);  // the other may have been sent
  h.GiveBack(old);
  CHECK(h.Drain().empty());
}

TEST_CASE("JoinRecipients: a claim of before gets no new slot under the id given up",
          "[dispatcher]") {
  Joined h(0);
  h.sender.pair_rate = Per(1, absl::Seconds(10));
  h.Build({h.a, h.b});
  h.Push(h.a, {kGivenUp, 7});
  const Claim claim = h.ClaimSome();
  REQUIRE(claim.entries.size() == 2);
  CHECK(h.Reslot(claim, 0) == 1);
  h.Join();
  CHECK(h.Reslot(claim, 0) == 0);
  CHECK(h.Reslot(claim, 1) == 1);
}

TEST_CASE("Reslot: not where the pair is another claim's by now", "[dispatcher][pair]") {
  Joined h(0);
  h.sender.pair_rate = Per(1, absl::Milliseconds(50));
  const Lane c = h.LaneOf(h.sender, "c");
  h.Build({h.a, h.b, c});
  h.Push(h.a, {kOne, 7});
  const Claim late = h.ClaimSome();
  REQUIRE(late.entries.size() == 2);
  h.Push(c, {kOne});
  h.ClaimSome();
  CHECK(h.Reslot(late, 0) == 0);
  CHECK(h.Reslot(late, 1) == 1);
}

TEST_CASE("JoinRecipients: his window, and what waits for a place under the id given up",
          "[dispatcher]") {
  Joined h(1);
  h.UsedUntil(500, absl::Hours(3));
  h.store.windows = {{.sender_id = "s2", .recipient_id = kGivenUp, .last_inbound = absl::Now()}};
  h.Build({h.a, h.b});
  h.Push(h.b, {kOne});
  h.Push(h.a, {kGivenUp});
  CHECK(h.Drain().empty());
  h.Join();
  CHECK(h.Drain() == std::multiset<std::int64_t>{kOne});  // by the number that he wrote to
  h.SetLimit(2);
  CHECK(h.Drain() == std::multiset<std::int64_t>{kOne});  // what waited under the other id
}

// What the ledger knows of one person: since when his two ids are one, and whether the queue was
// told.
struct Person {
  bool linked = false;
  bool told = false;
  std::vector<std::pair<std::int64_t, bool>> starts;  // slot, and whether he was linked by then
};

// Six people of two ids each, messages to either of them all the time. Some time or other the
// ledger links them; only afterwards the queue is told.
TEST_CASE("Pair: once two ids are known as one, none follows the other too soon",
          "[dispatcher][pair]") {
  const auto seed = static_cast<unsigned>(absl::ToUnixMicros(absl::Now()));
  INFO("seed " << seed);
  std::mt19937 draw(seed);
  const auto pick = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(draw);
  };
  constexpr absl::Duration kPair = absl::Milliseconds(250);
  House h(Per(100000, absl::Seconds(1)), Per(1, kPair));
  Lane lane = h.MakeLane("lane");
  h.Build({lane});
  h.Settle();
  std::map<std::int64_t, Person> people;
  int made = 0, pushed_again = 0;
  const auto push = [&](std::int64_t recipient, absl::Time not_before) {
    const std::vector<QueueEntry> entries = {{.message_id = absl::StrCat("m", ++made),
                                              .recipient_id = recipient,
                                              .not_before = not_before}};
    REQUIRE(h.queue.Push(lane, entries, In(absl::Seconds(5))).ok());
  };
  for (std::int64_t who = 1; who <= 6; ++who) {
    people[who];
    for (int i = 0; i < 12; ++i) {
      push(who, absl::InfinitePast());
      push(who + 100, In(kPair / 2));  // out of step with the others
    }
  }
  const absl::Time end = In(absl::Seconds(3)), at_last = In(absl::Seconds(60));
  int untold = 0, as_one = 0;
  // Until the model has had what it is about.
  while (absl::Now() < end || ((as_one < 12 || pushed_again == 0) && absl::Now() < at_last)) {
    const std::int64_t any = pick(1, 6);
    if (pick(0, 60) == 0) people[any].linked = true;
    if (people[any].linked && !people[any].told && pick(0, 3) == 0) {
      REQUIRE(
          h.queue.JoinRecipients("p1", {"s1"}, {Link(any + 100, any)}, In(absl::Seconds(5))).ok());
      people[any].told = true;
    }
    for (const ClaimedEntry& e : h.ClaimNext(pick(1, 4)).entries) {
      const std::int64_t claimed = e.entry.recipient_id,
                         who = claimed > 100 ? claimed - 100 : claimed;
      Person& person = people[who];
      if (person.linked && (!person.told || claimed != who)) {
        untold += person.told ? 0 : 1;
        ++pushed_again;
        // The ledger refuses: it comes again under the id that stays.
        REQUIRE(h.queue.GiveBack("p1", "s1", {e}, In(absl::Seconds(5))).ok());
        push(who, absl::InfinitePast());
        continue;
      }
      as_one += person.linked ? 1 : 0;
      person.starts.emplace_back(e.server_slot_us, person.linked);
    }
    base::SystemClock().SleepFor(absl::Milliseconds(1), {});
  }
  CAPTURE(untold, pushed_again);
  int after = 0;
  for (auto& [who, person] : people) {
    std::sort(person.starts.begin(), person.starts.end());
    for (std::size_t i = 1; i < person.starts.size(); ++i) {
      if (!person.starts[i].second) continue;
      ++after;
      CHECK(person.starts[i].first - person.starts[i - 1].first >=
            absl::ToInt64Microseconds(kPair));
    }
  }
  CHECK(pushed_again > 0);
  CHECK(after > 0);
}

}  // namespace
}  // namespace kabar::dispatcher
