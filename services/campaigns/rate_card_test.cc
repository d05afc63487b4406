#include "services/campaigns/rate_card.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/status_matchers.h"

namespace kabar::campaigns {
namespace {

using kabar::testing::IsOk;
using kabar::testing::ReasonIs;

constexpr char kCard[] =
    "# a comment\n"
    "valid_from,country,category,rupiah\n"
    "2025-07-01,ID,UTILITY,356.65\r\n"
    "2026-10-01,ID,UTILITY,400\n"
    "2025-07-01,ID,SERVICE,0\n"
    "2026-10-01,ID,SERVICE,400\n"
    "\n"
    "2025-07-01,*,UTILITY,1000.5\n";

TEST_CASE("RateCard: the newest price that holds on the day", "[ratecard]") {
  const auto card = RateCard::Parse(kCard);
  REQUIRE_THAT(card, IsOk());
  const auto price = [&](const char* country, const char* category, absl::CivilDay day) {
    return card->PriceOf(country, category, day).value_or(-1);
  };
  CHECK(price("ID", "UTILITY", absl::CivilDay(2025, 6, 30)) == -1);
  CHECK(price("ID", "UTILITY", absl::CivilDay(2025, 7, 1)) == 35665);
  CHECK(price("ID", "UTILITY", absl::CivilDay(2026, 9, 30)) == 35665);
  CHECK(price("ID", "UTILITY", absl::CivilDay(2026, 10, 1)) == 40000);
  // A text to somebody who wrote within 24 hours was free until then.
  CHECK(price("ID", "SERVICE", absl::CivilDay(2026, 9, 30)) == 0);
  CHECK(price("ID", "SERVICE", absl::CivilDay(2026, 10, 1)) == 40000);
  CHECK(price("MY", "UTILITY", absl::CivilDay(2026, 10, 1)) == 100050);
  CHECK(price("MY", "MARKETING", absl::CivilDay(2026, 10, 1)) == -1);
}

TEST_CASE("RateCard: a wrong line is refused with its number", "[ratecard]") {
  const std::string head = "valid_from,country,category,rupiah\n";
  for (const char* line :
       {"2025-07-01,ID,UTILITY", "01/07/2025,ID,UTILITY,1", "2025-07-01,id,UTILITY,1",
        "2025-07-01,ID,UTILITAS,1", "2025-07-01,ID,UTILITY,-1", "2025-07-01,ID,UTILITY,1.234",
        "2025-07-01,ID,UTILITY,", "2025-07-01,ID,UTILITY,1\n2025-07-01,ID,UTILITY,2"}) {
    INFO(line);
    const auto card = RateCard::Parse(head + line);
    CHECK_THAT(card, ReasonIs("RATE_CARD"));
    CHECK_THAT(std::string(card.status().message()), Catch::Contains("line "));
  }
  CHECK_THAT(RateCard::Parse(""), ReasonIs("RATE_CARD"));
  CHECK_THAT(RateCard::Open("/nowhere/card.csv"), ReasonIs("RATE_CARD"));
}

}  // namespace
}  // namespace kabar::campaigns
