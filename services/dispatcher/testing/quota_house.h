// A portfolio with two numbers and a messaging limit, and how many recipients its busiest 24 hours
// can hold: what the tests of the limit stand on.
//
// Thread safety: one test at a time. Blocks: Drain, on the server's real clock.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/dispatcher/testing/queue_house.h"

namespace kabar::dispatcher::testing_queue {

inline constexpr std::int64_t kDayUs = 24LL * 3600 * 1000000;

// Two numbers of one portfolio.
struct TwoNumbers : House {
  explicit TwoNumbers(std::int64_t limit, std::int64_t reserve = 0) {
    portfolio.messaging_limit = limit;
    portfolio.trigger_reserve = reserve;
    other = sender;
    other.id = "s2";
  }

  Lane LaneOf(const Sender& of, const std::string& id, int priority = 10) {
    Lane lane = MakeLane(id, std::nullopt, priority);
    lane.sender_id = of.id;
    return lane;
  }

  void Build(const std::vector<Lane>& lanes) {
    REQUIRE(queue.Rebuild(portfolio, {sender, other}, lanes, store, In(absl::Seconds(10))).ok());
  }

  void Push(const Lane& lane, const std::vector<std::int64_t>& recipients) {
    std::vector<QueueEntry> entries;
    for (const std::int64_t r : recipients) {
      entries.push_back({.message_id = absl::StrCat(lane.id, "-", ++made), .recipient_id = r});
    }
    REQUIRE(queue.Push(lane, entries, In(absl::Seconds(5))).ok());
  }

  // Whom the claims until nothing more comes at once bring.
  std::multiset<std::int64_t> Drain() {
    std::multiset<std::int64_t> who;
    for (const auto& [lane, e] : ClaimUntil(10000, absl::Milliseconds(300))) {
      who.insert(e.entry.recipient_id);
    }
    return who;
  }

  void SetLimit(std::int64_t limit, std::int64_t reserve = 0) {
    portfolio.messaging_limit = limit;
    portfolio.trigger_reserve = reserve;
    REQUIRE(queue.PutPortfolio(portfolio, In(absl::Seconds(5))).ok());
  }

  // The next claim that brings something.
  Claim ClaimSome() {
    const absl::Time end = In(absl::Seconds(10));
    Claim claim = ClaimNext();
    for (; claim.entries.empty() && absl::Now() < end; claim = ClaimNext()) {
      base::SystemClock().SleepFor(absl::Milliseconds(1), {});
    }
    REQUIRE_FALSE(claim.entries.empty());
    return claim;
  }

  // Nothing of it was sent.
  void GiveBack(const Claim& claim) {
    REQUIRE(
        queue.GiveBack(portfolio.id, claim.sender_id, claim.entries, In(absl::Seconds(5))).ok());
  }

  // A use that leaves the 24 h that long from now (a rebuild keeps it 50 ms longer).
  void UsedUntil(std::int64_t recipient, absl::Duration from_now) {
    store.recent.push_back(
        {.recipient_id = recipient, .last_use = absl::Now() - absl::Hours(24) + from_now});
  }

  Sender other;
  int made = 0;
};

struct Use {
  std::int64_t recipient;
  std::int64_t earliest;  // of its request's start, on the server's clock
  std::int64_t latest;
};

// The most unique recipients in any window of 24 h, each use at its worst moment for that window:
// what was there before as late as it can be, what came as early.
inline std::size_t MostInDay(const std::vector<Use>& uses) {
  std::size_t most = 0;
  for (const Use& last : uses) {
    const std::int64_t end = last.earliest;
    std::set<std::int64_t> who;
    for (const Use& use : uses) {
      if (use.earliest <= end && use.latest > end - kDayUs) who.insert(use.recipient);
    }
    most = std::max(most, who.size());
  }
  return most;
}

inline std::vector<std::int64_t> Range(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (; from < to; ++from) all.push_back(from);
  return all;
}

}  // namespace kabar::dispatcher::testing_queue
