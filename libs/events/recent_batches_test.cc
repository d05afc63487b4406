#include "libs/events/recent_batches.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

namespace kabar::events {
namespace {

std::vector<WireBatch> Batches(std::int64_t first, std::int64_t last) {
  std::vector<WireBatch> page;
  for (std::int64_t n = first; n <= last; ++n) {
    page.push_back({n, std::make_shared<const std::string>("batch")});
  }
  return page;
}

std::vector<std::int64_t> Read(const RecentBatches& recent, std::int64_t from,
                               int max_batches = 100, std::int64_t max_bytes = 1000) {
  std::vector<WireBatch> page;
  std::uint64_t seen = 0;
  const bool held = recent.Read(1, from, max_batches, max_bytes, &page, &seen);
  CHECK(held == !page.empty());
  std::vector<std::int64_t> numbers;
  for (const WireBatch& batch : page) numbers.push_back(batch.number);
  return numbers;
}

using Numbers = std::vector<std::int64_t>;

TEST_CASE("RecentBatches: hands out what it holds, without gaps", "[events]") {
  RecentBatches recent(1000);
  CHECK(Read(recent, 1).empty());
  recent.Add(1, 9, Batches(5, 7));
  CHECK(Read(recent, 4).empty());
  CHECK(Read(recent, 5) == Numbers{5, 6, 7});
  CHECK(Read(recent, 7) == Numbers{7});
  CHECK(Read(recent, 8).empty());
  CHECK(Read(recent, 5, 2) == Numbers{5, 6});
  CHECK(Read(recent, 5, 100, 1) == Numbers{5});  // one at least
}

TEST_CASE("RecentBatches: what overlaps is added once, what leaves a gap replaces all",
          "[events]") {
  RecentBatches recent(1000);
  recent.Add(1, 9, Batches(5, 7));
  recent.Add(1, 9, Batches(6, 9));
  CHECK(Read(recent, 5) == Numbers{5, 6, 7, 8, 9});
  recent.Add(1, 9, Batches(1, 3));  // someone catches up
  CHECK(Read(recent, 5) == Numbers{5, 6, 7, 8, 9});
  CHECK(Read(recent, 1).empty());
  recent.Add(1, 9, Batches(12, 13));
  CHECK(Read(recent, 9).empty());
  CHECK(Read(recent, 12) == Numbers{12, 13});
}

TEST_CASE("RecentBatches: forgets the oldest beyond its bytes", "[events]") {
  const std::int64_t one = Batches(1, 1)[0].size();
  RecentBatches recent(3 * one);
  recent.Add(1, 9, Batches(1, 5));
  CHECK(Read(recent, 2).empty());
  CHECK(Read(recent, 3) == Numbers{3, 4, 5});
}

// Else its stream would wait for news of what is there already.
TEST_CASE("RecentBatches: says what its reader has yet to ask for", "[events]") {
  RecentBatches recent(1000);
  std::vector<WireBatch> page;
  const auto seen_after = [&](std::int64_t from, int max_batches, std::int64_t max_bytes) {
    std::uint64_t seen = 77;
    page.clear();
    REQUIRE(recent.Read(1, from, max_batches, max_bytes, &page, &seen));
    return seen;
  };
  recent.Add(1, 5, Batches(1, 4));
  CHECK(seen_after(1, 100, 1000) == 5);  // all, as of then
  CHECK(seen_after(4, 1, 1000) == 5);
  CHECK(seen_after(1, 3, 1000) == 0);  // the bounds left some over
  CHECK(seen_after(1, 100, 1) == 0);
  recent.Add(1, 6, Batches(2, 3));  // brought nothing new
  CHECK(seen_after(1, 100, 1000) == 5);
  recent.Add(1, 0, Batches(5, 6));  // the database had more than that
  CHECK(seen_after(1, 100, 1000) == 0);
}

TEST_CASE("RecentBatches: nothing of one session counts in another", "[events]") {
  RecentBatches recent(1000);
  std::vector<WireBatch> page;
  std::uint64_t seen = 0;
  recent.Add(1, 5, Batches(1, 4));
  CHECK_FALSE(recent.Read(2, 2, 100, 1000, &page, &seen));
  recent.Add(2, 6, Batches(2, 3));
  CHECK_FALSE(recent.Read(1, 2, 100, 1000, &page, &seen));
  CHECK_FALSE(recent.Read(2, 4, 100, 1000, &page, &seen));
  recent.Add(1, 9, Batches(4, 4));  // read before, added after
  CHECK_FALSE(recent.Read(2, 4, 100, 1000, &page, &seen));
  CHECK(recent.Read(2, 2, 100, 1000, &page, &seen));
  CHECK(page.size() == 2);
}

}  // namespace
}  // namespace kabar::events
