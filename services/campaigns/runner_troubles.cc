// What becomes of a campaign whose provider templates WhatsApp has paused, moved to another
// category or changed: it stops before WhatsApp refuses its messages, or charges more for them, and
// before any of its customers is given up for that.
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/troubles.h"

namespace kabar::campaigns {
namespace {

constexpr std::size_t kMaxReason = 256;  // of a lane's pause, in bytes

std::string LaneReason(const std::string& trouble, const std::string& sentence) {
  std::string reason = absl::StrCat(ReasonOf(trouble), ": ", sentence);
  while (reason.size() > kMaxReason) {
    reason = std::string(base::TruncateCodepoints(reason, base::CountCodepoints(reason) - 1));
  }
  return reason;
}

}  // namespace

void Runner::ForgetTemplate(const Campaign& taken) {
  std::lock_guard lock(mutex_);
  NotesOf(taken).pinned.reset();
}

// What is accepted holds as long as the trouble does: when it comes again, a person decides again.
absl::StatusOr<std::string> Runner::StillAccepts(const Campaign& taken) {
  if (taken.accepted_troubles.empty()) return std::string();
  const auto noted = Template(taken);
  if (!noted.ok()) return taken.accepted_troubles;  // the step that needs it says so
  if (StillAccepted(taken, *noted) == taken.accepted_troubles) return taken.accepted_troubles;
  ForgetTemplate(taken);  // it may have been noted before the trouble
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, Template(taken));
  return StillAccepted(taken, pinned);
}

absl::StatusOr<bool> Runner::StopForTroubles(const Campaign& taken) {
  // Without templates nothing new is rendered; that is for the step that needs it to say.
  const auto noted = Template(taken);
  if (!noted.ok() || Unaccepted(taken, *noted).empty()) return false;
  // What was noted before a resume or an agreement must not stop it once more.
  ForgetTemplate(taken);
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned, Template(taken));
  const std::map<std::string, std::string> troubles = Unaccepted(taken, pinned);
  if (troubles.empty()) return false;
  const auto& [trouble, sentence] = *troubles.begin();
  const std::string reason = LaneReason(trouble, sentence);
  const absl::Status paused = peers_.PauseLane(taken, reason);
  if (NothingToStop(paused)) return false;  // all of it went; the events come later
  KABAR_RETURN_IF_ERROR(paused);
  metrics::GetCounter("kabar_campaigns_stopped_for_templates_total",
                      "Campaigns stopped because of a provider template, by why.",
                      {{"reason", std::string(ReasonOf(trouble))}})
      .Increment();
  log::Error("campaign stopped because of a provider template", {{"reason", reason}});
  return true;
}

absl::Status Runner::StopFor(const Campaign& taken, const std::string& trouble) {
  ForgetTemplate(taken);
  KABAR_ASSIGN_OR_RETURN(const bool stopped, StopForTroubles(taken));
  if (stopped) return FollowLane(taken);
  return SaveStep(
      taken, options_.check, [](Campaign&) {},
      absl::StrCat("a provider template was in trouble a moment ago (", trouble,
                   "): it is rendered again"));
}

}  // namespace kabar::campaigns
