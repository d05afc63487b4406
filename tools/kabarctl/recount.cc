#include "tools/kabarctl/recount.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kabar/analytics/v1/analytics.pb.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "kabar/dispatcher/v1/dispatcher.pb.h"
#include "tools/kabarctl/report.h"

namespace kabar::kabarctl {
namespace {

using analytics::v1::CampaignStats;
using campaigns::v1::Campaign;
using dispatcher::v1::RecountLaneResponse;
using events::v1::MessageState;

constexpr int kStates = 10;

std::int64_t Counted(const CampaignStats& stats, MessageState state) {
  switch (state) {
    case events::v1::QUEUED:
      return stats.queued();
    case events::v1::SENDING:
      return stats.sending();
    case events::v1::SENT:
      return stats.sent();
    case events::v1::DELIVERED:
      return stats.delivered();
    case events::v1::READ:
      return stats.read();
    case events::v1::FAILED:
      return stats.failed();
    case events::v1::UNKNOWN:
      return stats.unknown();
    case events::v1::CANCELLED:
      return stats.cancelled();
    case events::v1::EXPIRED:
      return stats.expired();
    case events::v1::SUPPRESSED:
      return stats.suppressed();
    default:
      return 0;
  }
}

std::int64_t InState(const RecountLaneResponse::Figures& figures, MessageState state) {
  for (const RecountLaneResponse::StateCount& count : figures.states()) {
    if (count.state() == state) return count.messages();
  }
  return 0;
}

// What analytics counted, what the events after it change, what the ledger holds.
struct Figure {
  std::string name;
  std::int64_t counted = 0;
  std::int64_t after = 0;
  std::int64_t ledger = 0;
};

std::vector<Figure> Figures(const CampaignStats& stats, const RecountLaneResponse& recount) {
  std::vector<Figure> figures;
  for (int number = 1; number <= kStates; ++number) {
    const auto state = static_cast<MessageState>(number);
    figures.push_back({absl::AsciiStrToLower(MessageState_Name(state)), Counted(stats, state),
                       InState(recount.changes_after(), state), InState(recount.ledger(), state)});
  }
  const auto& after = recount.changes_after();
  const auto& ledger = recount.ledger();
  figures.push_back(
      {"reached sent", stats.reached_sent(), after.reached_sent(), ledger.reached_sent()});
  figures.push_back({"reached delivered", stats.reached_delivered(), after.reached_delivered(),
                     ledger.reached_delivered()});
  figures.push_back(
      {"reached read", stats.reached_read(), after.reached_read(), ledger.reached_read()});
  return figures;
}

void CompareFigures(const CampaignStats& stats, const RecountLaneResponse& recount,
                    std::vector<Fault>& faults) {
  for (const Figure& f : Figures(stats, recount)) {
    const std::int64_t sum = f.counted + f.after;
    if (sum == f.ledger) continue;
    faults.push_back(
        {f.name, sum, f.ledger,
         absl::StrFormat(
             "analytics counted %d up to event %d and the events after it make %+d: %d; "
             "the ledger holds %d",
             f.counted, EventNumber(stats), f.after, sum, f.ledger)});
  }
}

void CompareTotals(const Campaign& campaign, const CampaignStats& stats,
                   const RecountLaneResponse& recount, std::vector<Fault>& faults) {
  const std::int64_t rows = recount.rows();
  const auto equal = [&](const char* check, std::int64_t expected, std::int64_t found,
                         absl::string_view one, absl::string_view other) {
    if (expected == found) return;
    faults.push_back(
        {check, expected, found, absl::StrCat(one, " ", expected, "; ", other, " ", found)});
  };
  const auto at_most = [&](const char* check, std::int64_t less, std::int64_t more,
                           absl::string_view one, absl::string_view other) {
    if (less <= more) return;
    faults.push_back(
        {check, less, more, absl::StrCat(one, " ", less, "; ", other, " only ", more)});
  };
  equal("enqueued", recount.enqueued(), rows, "the lane's counter says",
        "its rows in the ledger are");
  at_most("asked", rows, recount.asked(), "the ledger's rows are", "asked were");
  at_most("handed over", campaign.expanded(), rows, "campaigns has handed over",
          "the ledger's rows are");
  // Set when the run is opened, after the lane is there.
  if (campaign.asked() > 0) {
    equal("asked by campaigns", campaign.asked(), recount.asked(), "campaigns says", "the lane");
  }
  if (campaign.state() == campaigns::v1::COMPLETED) {
    equal("not expanded", recount.asked() - campaign.not_expanded(), rows,
          "asked less what was never handed over is", "the ledger's rows are");
  }
  if (stats.lane_state() != events::v1::LANE_STATE_UNSPECIFIED) {
    equal("asked by analytics", stats.asked(), recount.asked(), "analytics says", "the lane");
    if (const absl::Status sums = CheckSums(stats); !sums.ok()) {
      faults.push_back({"sums of analytics", 0, 0, std::string(sums.message())});
    }
  }
  if (recount.lane_state() == events::v1::CLOSED) {
    equal("closed", 0,
          InState(recount.ledger(), events::v1::QUEUED) +
              InState(recount.ledger(), events::v1::SENDING),
          "in a CLOSED lane there are to be QUEUED or SENDING", "the ledger holds");
  }
}

void CheckNumbers(const CampaignStats& stats, const RecountLaneResponse& recount,
                  std::vector<Fault>& faults) {
  if (recount.missing_event_numbers() != 0) {
    faults.push_back(
        {"event numbers", 0, recount.missing_event_numbers(),
         absl::StrCat(recount.missing_event_numbers(), " numbers are missing in the outbox up to ",
                      recount.newest_event_number())});
  }
  if (EventNumber(stats) > recount.newest_event_number()) {
    faults.push_back({"event numbers", recount.newest_event_number(), EventNumber(stats),
                      absl::StrCat("the newest event is ", recount.newest_event_number(),
                                   "; analytics has counted up to ", EventNumber(stats),
                                   ": was the dispatcher's database restored from a backup?")});
  }
}

void NoteQueue(const RecountLaneResponse& recount, std::vector<std::string>& notes) {
  const std::int64_t queued = InState(recount.ledger(), events::v1::QUEUED);
  if (queued == 0 || recount.lane_state() != events::v1::RUNNING) return;
  if (recount.queue() == RecountLaneResponse::UNREACHABLE) {
    notes.push_back("Redis cannot be reached by the dispatcher: nothing is sent");
  } else if (recount.queue() == RecountLaneResponse::NOT_BUILT) {
    notes.push_back("Redis has yet to be built from the ledger: nothing is sent until then");
  } else if (recount.queue_length() == 0) {
    notes.push_back(absl::StrCat(queued,
                                 " QUEUED, none in Redis: ", queued == 1 ? "it waits" : "they wait",
                                 " for the sweeper, or to be rendered again"));
  }
}

}  // namespace

std::int64_t EventNumber(const CampaignStats& stats) {
  const auto found = stats.event_numbers().find("dispatcher");
  return found == stats.event_numbers().end() ? 0 : found->second;
}

Findings Compare(const Campaign& campaign, const CampaignStats& stats,
                 const RecountLaneResponse& recount) {
  Findings findings;
  CompareFigures(stats, recount, findings.faults);
  CompareTotals(campaign, stats, recount, findings.faults);
  CheckNumbers(stats, recount, findings.faults);
  NoteQueue(recount, findings.notes);
  return findings;
}

}  // namespace kabar::kabarctl
