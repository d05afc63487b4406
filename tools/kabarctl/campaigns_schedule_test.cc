#include "tools/kabarctl/campaigns_schedule.h"

#include <catch2/catch.hpp>
#include <string>

#include "tools/kabarctl/testing/fake_services.h"

namespace kabar::kabarctl {
namespace {

using testing::Services;

std::string Days(absl::string_view text) {
  const auto days = ParseWeekdays(text);
  if (!days.ok()) return "?";
  std::string numbers;
  for (const auto day : *days) numbers += std::to_string(static_cast<int>(day));
  return numbers;
}

TEST_CASE("ParseWeekdays: days, spans, in both languages", "[kabarctl]") {
  CHECK(Days("mon-fri") == "12345");
  CHECK(Days("Senin-Jumat,minggu") == "123457");
  CHECK(Days("wednesday") == "3");
  CHECK(Days("fri-mon") == "1567");
  CHECK(Days("daily") == "1234567");
  CHECK(Days("") == "?");
  CHECK(Days("monn") == "?");
  CHECK(Days("mon-wed-fri") == "?");
}

TEST_CASE("campaigns create --on: makes a campaign that recurs", "[kabarctl]") {
  Services services;
  services.world.templates_by_code["pagi"].set_id("tpl_1");
  services.world.segment_by_id.emplace().set_id("seg_aaaa");
  const auto done = services.Run({"campaigns", "create", "Kabar pagi", "--template", "pagi",
                                  "--segment", "seg_aaaa", "--sender", "snd_1", "--rate", "45/min",
                                  "--start", "08:00 WIB", "--on", "mon,fri", "--skip-holidays"});
  INFO(done.error);
  REQUIRE(done.code == 0);
  const auto& campaign = services.world.created.campaign();
  REQUIRE(campaign.weekdays_size() == 2);
  CHECK(campaign.weekdays(1) == campaigns::v1::FRIDAY);
  CHECK(campaign.skip_holidays());
  CHECK(WeekdaysText(campaign) == "mon, fri, not on holidays");
}

}  // namespace
}  // namespace kabar::kabarctl
