#include "services/campaigns/preflight.h"

#include <catch2/catch.hpp>

#include "absl/strings/str_cat.h"

namespace kabar::campaigns {
namespace {

Foreseen Sent(int n, bool window_open = false) {
  Foreseen message;
  message.phone = absl::StrCat("+62812", 1000000 + n);
  message.text = absl::StrCat("halo ", n);
  message.window_open = window_open;
  return message;
}
Foreseen Not(Foreseen::Fate fate, const std::string& reason) {
  Foreseen message;
  message.fate = fate;
  message.reason = reason;
  return message;
}

TEST_CASE("Preflight: everything is counted once, the most frequent reason first", "[preflight]") {
  Preflight found(std::nullopt);
  for (int i = 0; i < 7; ++i) CHECK(found.Add(Sent(i, i < 2)) == Outcome::kSent);
  for (int i = 0; i < 3; ++i) found.Add(Not(Foreseen::Fate::kRefused, "MISSING_VARIABLE"));
  CHECK(found.Add(Not(Foreseen::Fate::kSuppressed, "OPTED_OUT")) == Outcome::kSuppressed);
  CHECK(found.to_send() == 7);
  CHECK(found.as_text() == 2);
  CHECK(found.as_template() == 5);
  CHECK(found.suppressed() == 1);
  CHECK(found.refused() == 3);
  REQUIRE(found.reasons().size() == 2);
  CHECK(found.reasons()[0].reason == "MISSING_VARIABLE");
  CHECK(found.reasons()[0].messages == 3);
  REQUIRE(found.samples().size() == Preflight::kSamples);
  CHECK(found.samples()[0].text == "halo 0");
}

TEST_CASE("Preflight: who wrote within 24 hours takes no place of the limit", "[preflight]") {
  Preflight found(2);
  CHECK(found.Add(Sent(1)) == Outcome::kSent);
  CHECK(found.Add(Sent(2, /*window_open=*/true)) == Outcome::kSent);
  CHECK(found.Add(Sent(3)) == Outcome::kSent);
  CHECK(found.Add(Sent(4)) == Outcome::kWaits);
  CHECK(found.Add(Sent(5, /*window_open=*/true)) == Outcome::kSent);
  CHECK(found.to_send() == 5);  // he goes, later
  REQUIRE(found.reasons().size() == 1);
  CHECK(found.reasons()[0].reason == kOverQuotaToday);
  CHECK(found.reasons()[0].messages == 1);
}

TEST_CASE("Preflight: every reason comes with what to do", "[preflight]") {
  for (const char* reason : {"STALE_DATA", "GRAPH_131050", "PARAMETER_EMPTY", kOverQuotaToday}) {
    CHECK_FALSE(Advice(reason).empty());
  }
  CHECK(Advice("NO_PHONE") != Advice("OPTED_OUT"));
  for (const char* reason : {"MEDIUM_NOT_UPLOADED", "MEDIUM_OF_OTHER_KIND"}) {
    CHECK_THAT(std::string(Advice(reason)), Catch::Contains("kabarctl media upload"));
  }
}

TEST_CASE("EstimateCost: by country and category, at the day's prices", "[preflight]") {
  const auto card = RateCard::Parse(
      "valid_from,country,category,rupiah\n"
      "2025-07-01,ID,UTILITY,356.65\n2025-07-01,ID,SERVICE,0\n2026-10-01,ID,SERVICE,356.65\n");
  REQUIRE(card.ok());
  Preflight found(1);
  const auto add = [&](const std::string& country, const std::string& category, bool window) {
    Foreseen message = Sent(1, window);
    message.country = country;
    message.category = category;
    found.Add(message);
  };
  for (int i = 0; i < 3; ++i) add("ID", "UTILITY", false);  // two of them wait, and cost as much
  add("ID", "SERVICE", true);
  add("US", "UTILITY", false);
  const Cost free = EstimateCost(found, *card, absl::CivilDay(2026, 9, 30));
  CHECK(free.amount == 3 * 35665);
  CHECK(free.unpriced == 1);
  REQUIRE(free.items.size() == 2);
  const Cost billed = EstimateCost(found, *card, absl::CivilDay(2026, 10, 1));
  CHECK(billed.amount == 4 * 35665);
}

}  // namespace
}  // namespace kabar::campaigns
