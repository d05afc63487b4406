#include "tools/kabarctl/output.h"

#include <google/protobuf/timestamp.pb.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "kabar/analytics/v1/analytics.pb.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "libs/testing/status_matchers.h"
#include "tools/kabarctl/live_line.h"
#include "tools/kabarctl/report.h"

namespace kabar::kabarctl {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

TEST_CASE("Table: columns are as wide as their widest cell, in characters", "[kabarctl]") {
  Table table({{"NAME"}, {"N", true}, {"NOTE"}});
  table.Row({"Sité", "5", "a"});
  table.Row({"Al", "1000", ""});
  table.Rule();
  table.Row({"all", "1005", "b"});
  CHECK(table.Render() ==
        "NAME     N  NOTE\n"
        "Sité     5  a\n"
        "Al    1000\n"
        "----  ----  ----\n"
        "all   1005  b\n");
}

TEST_CASE("Table: what others wrote cannot steer the terminal or break a line", "[kabarctl]") {
  Table table({{"NAME"}});
  table.Row(
      {"a\x1b[2Jb\nc\td\xC2\x9B"
       "e"});
  CHECK(table.Render() == "NAME\na?[2Jb c d?e\n");
}

TEST_CASE("Shortened: cuts between characters", "[kabarctl]") {
  CHECK(Shortened("abc", 3) == "abc");
  CHECK(Shortened("aéíóu", 4) == "aéí…");
}

TEST_CASE("Details: leaves out what has no value", "[kabarctl]") {
  CHECK(Details({{"id", "cmp_1"}, {"why", ""}, {"name", "Kabar\npagi"}}) ==
        "id:    cmp_1\nname:  Kabar pagi\n");
}

TEST_CASE("Json: the contract's field names, zeros written", "[kabarctl]") {
  analytics::v1::CampaignStats stats;
  stats.set_run_id("run_1");
  stats.set_reached_sent(3);
  const auto json = nlohmann::json::parse(Json(stats));
  CHECK(json["run_id"] == "run_1");
  CHECK(json["reached_sent"] == "3");  // 64-bit numbers are strings in protobuf JSON
  CHECK(json["not_expanded"] == "0");
  const std::string line = Json(stats, false);
  CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("FormatTime: with the zone's offset, nothing for an unset time", "[kabarctl]") {
  google::protobuf::Timestamp time;
  CHECK(FormatTime(time, absl::UTCTimeZone()).empty());
  time.set_seconds(1795309200);
  CHECK(FormatTime(time, absl::FixedTimeZone(7 * 3600)) == "2026-11-22 08:00:00 +07:00");
}

TEST_CASE("LiveLine: without a terminal the last text is not lost", "[kabarctl]") {
  std::ostringstream out;
  {
    LiveLine line(out, false, absl::Hours(1));
    line.Show("1");
    line.Show("2");
    line.Show("3");
    line.End();
    line.Show("3");  // nothing new
  }
  CHECK(out.str() == "1\n3\n");
}

TEST_CASE("LiveLine: on a terminal it writes over itself and ends once", "[kabarctl]") {
  std::ostringstream out;
  LiveLine line(out, true, absl::ZeroDuration());
  line.Show("1");
  line.Show("2");
  line.End();
  line.End();
  CHECK(out.str() == "\r1\x1b[K\r2\x1b[K\n");
}

TEST_CASE("Bar: full only when all is done", "[kabarctl]") {
  CHECK(Bar(0, 10, 4) == "[....]");
  CHECK(Bar(9, 10, 4) == "[###.]");
  CHECK(Bar(10, 10, 4) == "[####]");
  CHECK(Bar(5, 0, 4) == "[....]");
}

analytics::v1::CampaignStats Stats() {
  analytics::v1::CampaignStats stats;
  stats.set_asked(10);
  stats.set_sent(1);
  stats.set_delivered(2);
  stats.set_read(3);
  stats.set_failed(2);
  stats.set_suppressed(1);
  stats.set_not_expanded(1);
  stats.set_reached_sent(6);
  stats.set_reached_delivered(5);
  stats.set_reached_read(3);
  (*stats.mutable_failed_by_reason())["MISSING_VARIABLE"] = 1;
  (*stats.mutable_failed_by_reason())["GRAPH_131026"] = 1;
  stats.set_answers_yes(2);
  stats.set_answers_other(1);
  stats.set_eta_seconds(-1);
  return stats;
}

TEST_CASE("ReportText: shows every figure beside its sum", "[kabarctl]") {
  campaigns::v1::Campaign campaign;
  campaign.set_id("cmp_1");
  campaign.set_name("Kabar pagi");
  campaign.set_state(campaigns::v1::COMPLETED);
  CHECK(ReportText(campaign, Stats(), absl::UTCTimeZone()) ==
        R"(campaign cmp_1 "Kabar pagi": COMPLETED

STATE NOW     MESSAGES   SHARE
queued               0    0.0%
sending              0    0.0%
sent                 1   10.0%
delivered            2   20.0%
read                 3   30.0%
failed               2   20.0%
unknown              0    0.0%
cancelled            0    0.0%
expired              0    0.0%
suppressed           1   10.0%
not expanded         1   10.0%
------------  --------  ------
asked               10  100.0%

REACHED    MESSAGES  SHARE
sent              6  60.0%
delivered         5  50.0%
read              3  30.0%

FAILED BECAUSE    MESSAGES
GRAPH_131026             1
MISSING_VARIABLE         1
----------------  --------
failed                   2

ANSWERS  CUSTOMERS
YA               2
TIDAK            0
other            1
-------  ---------
all              3
)");
}

TEST_CASE("CheckSums: finds each sum that does not hold", "[kabarctl]") {
  CHECK_THAT(CheckSums(Stats()), IsOk());
  auto stats = Stats();
  stats.set_sent(2);
  CHECK_THAT(CheckSums(stats), StatusIs(absl::StatusCode::kInternal, "11 is not 10"));
  stats = Stats();
  (*stats.mutable_failed_by_reason())["GRAPH_131026"] = 2;
  CHECK_THAT(CheckSums(stats), StatusIs(absl::StatusCode::kInternal, "3 is not 2"));
  stats = Stats();
  stats.set_reached_read(2);
  CHECK_THAT(CheckSums(stats), ReasonIs("FIGURES_DO_NOT_ADD_UP"));
  stats = Stats();
  stats.set_reached_delivered(4);
  CHECK_THAT(CheckSums(stats), ReasonIs("FIGURES_DO_NOT_ADD_UP"));
}

TEST_CASE("IsSettled: only when analytics has counted all of an ended run", "[kabarctl]") {
  campaigns::v1::Campaign campaign;
  campaign.set_state(campaigns::v1::COMPLETED);
  campaign.set_asked(10);
  campaign.set_not_expanded(1);
  CHECK(IsSettled(campaign, Stats()));
  auto stats = Stats();
  stats.set_sending(1);
  CHECK_FALSE(IsSettled(campaign, stats));
  stats = Stats();
  stats.set_asked(9);
  CHECK_FALSE(IsSettled(campaign, stats));
  stats = Stats();
  stats.set_not_expanded(2);
  CHECK_FALSE(IsSettled(campaign, stats));
  campaign.set_state(campaigns::v1::CANCELLED);
  CHECK(IsSettled(campaign, stats));
}

TEST_CASE("ProgressText: says how far, how fast and how long yet", "[kabarctl]") {
  auto stats = Stats();
  stats.set_rate_per_min(45);
  stats.set_eta_seconds(800);
  stats.set_unknown(1);
  CHECK(ProgressText(stats) ==
        "[###########################...] 9/10  sent 6  delivered 5  read 3  failed 2  unknown 1  "
        "45/min  ETA 13m20s");
  stats.set_eta_seconds(0);
  CHECK_THAT(ProgressText(stats), Catch::EndsWith("45/min"));
  stats.set_lane_state(events::v1::PAUSED);
  CHECK_THAT(ProgressText(stats), Catch::EndsWith("45/min  PAUSED"));
}

}  // namespace
}  // namespace kabar::kabarctl
