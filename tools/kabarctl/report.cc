#include "tools/kabarctl/report.h"

#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kabar/analytics/v1/analytics.pb.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "libs/base/status.h"
#include "tools/kabarctl/live_line.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using analytics::v1::CampaignStats;
using campaigns::v1::Campaign;

using States = std::array<std::pair<absl::string_view, std::int64_t>, 11>;

// Everything that makes up `asked`.
States PresentStates(const CampaignStats& stats) {
  return {{{"queued", stats.queued()},
           {"sending", stats.sending()},
           {"sent", stats.sent()},
           {"delivered", stats.delivered()},
           {"read", stats.read()},
           {"failed", stats.failed()},
           {"unknown", stats.unknown()},
           {"cancelled", stats.cancelled()},
           {"expired", stats.expired()},
           {"suppressed", stats.suppressed()},
           {"not expanded", stats.not_expanded()}}};
}

std::string Share(std::int64_t part, std::int64_t whole) {
  if (whole == 0) return "";
  return absl::StrFormat("%.1f%%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string StatesTable(const CampaignStats& stats) {
  Table table({{"STATE NOW"}, {"MESSAGES", true}, {"SHARE", true}});
  for (const auto& [name, count] : PresentStates(stats)) {
    table.Row({std::string(name), absl::StrCat(count), Share(count, stats.asked())});
  }
  table.Rule();
  table.Row({"asked", absl::StrCat(stats.asked()), Share(stats.asked(), stats.asked())});
  return table.Render();
}

std::string ReachedTable(const CampaignStats& stats) {
  Table table({{"REACHED"}, {"MESSAGES", true}, {"SHARE", true}});
  for (const auto& [name, count] :
       {std::pair{"sent", stats.reached_sent()}, std::pair{"delivered", stats.reached_delivered()},
        std::pair{"read", stats.reached_read()}}) {
    table.Row({name, absl::StrCat(count), Share(count, stats.asked())});
  }
  return table.Render();
}

std::string FailedTable(const CampaignStats& stats) {
  if (stats.failed() == 0 && stats.failed_by_reason().empty()) return "";
  Table table({{"FAILED BECAUSE"}, {"MESSAGES", true}});
  const std::map<std::string, std::int64_t> sorted(stats.failed_by_reason().begin(),
                                                   stats.failed_by_reason().end());
  for (const auto& [reason, count] : sorted) {
    table.Row({reason.empty() ? "(no reason)" : reason, absl::StrCat(count)});
  }
  table.Rule();
  table.Row({"failed", absl::StrCat(stats.failed())});
  return absl::StrCat("\n", table.Render());
}

std::string AnswersTable(const CampaignStats& stats) {
  Table table({{"ANSWERS"}, {"CUSTOMERS", true}});
  table.Row({"YA", absl::StrCat(stats.answers_yes())});
  table.Row({"TIDAK", absl::StrCat(stats.answers_no())});
  table.Row({"other", absl::StrCat(stats.answers_other())});
  table.Rule();
  table.Row(
      {"all", absl::StrCat(stats.answers_yes() + stats.answers_no() + stats.answers_other())});
  return table.Render();
}

absl::Status DoesNotAddUp(absl::string_view what, std::int64_t sum, std::int64_t total) {
  return base::Error(absl::StatusCode::kInternal, "FIGURES_DO_NOT_ADD_UP",
                     absl::StrCat(what, ": ", sum, " is not ", total));
}

}  // namespace

std::string ProgressText(const CampaignStats& stats) {
  const std::int64_t done = stats.asked() - stats.queued() - stats.sending() - stats.not_expanded();
  std::string text =
      absl::StrFormat("%s %d/%d  sent %d  delivered %d  read %d  failed %d",
                      Bar(done, stats.asked()), done, stats.asked(), stats.reached_sent(),
                      stats.reached_delivered(), stats.reached_read(), stats.failed());
  if (stats.unknown() > 0) absl::StrAppend(&text, "  unknown ", stats.unknown());
  absl::StrAppend(&text, absl::StrFormat("  %.0f/min", stats.rate_per_min()));
  if (stats.lane_state() == events::v1::PAUSED) {
    absl::StrAppend(&text, "  PAUSED");
  } else if (stats.eta_seconds() > 0) {
    absl::StrAppend(&text, "  ETA ", absl::FormatDuration(absl::Seconds(stats.eta_seconds())));
  }
  return text;
}

std::string ReportText(const Campaign& campaign, const CampaignStats& stats, absl::TimeZone zone) {
  std::string text = absl::StrCat("campaign ", campaign.id(), " \"", OneLine(campaign.name()),
                                  "\": ", CampaignState_Name(campaign.state()));
  if (!campaign.state_reason().empty()) {
    absl::StrAppend(&text, " (", OneLine(campaign.state_reason()), ")");
  }
  if (stats.has_first_sent_time()) {
    absl::StrAppend(&text, "\nfirst sent ", FormatTime(stats.first_sent_time(), zone),
                    ", last sent ", FormatTime(stats.last_sent_time(), zone));
  }
  return absl::StrCat(text, "\n\n", StatesTable(stats), "\n", ReachedTable(stats),
                      FailedTable(stats), "\n", AnswersTable(stats));
}

absl::Status CheckSums(const CampaignStats& stats) {
  std::int64_t sum = 0;
  for (const auto& [name, count] : PresentStates(stats)) sum += count;
  if (sum != stats.asked()) {
    return DoesNotAddUp("the states now do not add up to what was asked", sum, stats.asked());
  }
  std::int64_t failed = 0;
  for (const auto& [reason, count] : stats.failed_by_reason()) failed += count;
  if (failed != stats.failed()) {
    return DoesNotAddUp("the failures by reason do not add up to the failed", failed,
                        stats.failed());
  }
  if (stats.read() > stats.reached_read() ||
      stats.delivered() + stats.read() > stats.reached_delivered()) {
    return DoesNotAddUp("more messages are delivered or read now than ever were",
                        stats.delivered() + stats.read(), stats.reached_delivered());
  }
  return absl::OkStatus();
}

bool IsSettled(const Campaign& campaign, const CampaignStats& stats) {
  if (stats.queued() + stats.sending() > 0 || stats.asked() != campaign.asked()) return false;
  // A batch that was handed over just before a cancel may be missing in the campaign's own count.
  return campaign.state() != campaigns::v1::COMPLETED ||
         stats.not_expanded() == campaign.not_expanded();
}

}  // namespace kabar::kabarctl
