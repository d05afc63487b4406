#include "libs/events/recent_batches.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace kabar::events {
namespace {

v1::ReadEventsResponse Batches(std::int64_t first, std::int64_t last) {
  v1::ReadEventsResponse response;
  for (std::int64_t n = first; n <= last; ++n) response.add_batches()->set_number(n);
  return response;
}

std::vector<std::int64_t> Read(const RecentBatches& recent, std::int64_t from,
                               int max_batches = 100, std::int64_t max_bytes = 1000) {
  v1::ReadEventsResponse response;
  const bool held = recent.Read(from, max_batches, max_bytes, &response);
  CHECK(held == !response.batches().empty());
  std::vector<std::int64_t> numbers;
  for (const auto& batch : response.batches()) numbers.push_back(batch.number());
  return numbers;
}

using Numbers = std::vector<std::int64_t>;

TEST_CASE("RecentBatches: hands out what it holds, without gaps", "[events]") {
  RecentBatches recent(1000);
  CHECK(Read(recent, 1).empty());
  recent.Add(Batches(5, 7));
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
  recent.Add(Batches(5, 7));
  recent.Add(Batches(6, 9));
  CHECK(Read(recent, 5) == Numbers{5, 6, 7, 8, 9});
  recent.Add(Batches(1, 3));  // someone catches up
  CHECK(Read(recent, 5) == Numbers{5, 6, 7, 8, 9});
  CHECK(Read(recent, 1).empty());
  recent.Add(Batches(12, 13));
  CHECK(Read(recent, 9).empty());
  CHECK(Read(recent, 12) == Numbers{12, 13});
}

TEST_CASE("RecentBatches: forgets the oldest beyond its bytes", "[events]") {
  const auto one = static_cast<std::int64_t>(Batches(1, 1).batches(0).ByteSizeLong());
  RecentBatches recent(3 * one);
  recent.Add(Batches(1, 5));
  CHECK(Read(recent, 2).empty());
  CHECK(Read(recent, 3) == Numbers{3, 4, 5});
}

}  // namespace
}  // namespace kabar::events
