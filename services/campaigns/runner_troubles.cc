// What becomes of a campaign whose provider templates WhatsApp has paused, moved to another
// category or changed under way: it stops before WhatsApp refuses its messages, or charges more for
// them.
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/campaigns/runner.h"

namespace kabar::campaigns {
namespace {

constexpr std::size_t kMaxReason = 256;  // of a lane's pause, in bytes

// "PROVIDER_TEMPLATE_PAUSED" of "antar/id PROVIDER_TEMPLATE_PAUSED".
std::string CodeOf(const std::string& trouble) { return trouble.substr(trouble.rfind(' ') + 1); }

std::string ReasonOf(const std::string& trouble, const std::string& text) {
  std::string reason = absl::StrCat(CodeOf(trouble), ": ", text);
  while (reason.size() > kMaxReason) {
    reason = std::string(base::TruncateCodepoints(reason, base::CountCodepoints(reason) - 1));
  }
  return reason;
}

}  // namespace

std::string JoinTroubles(const PinnedTemplate& pinned) {
  return absl::StrJoin(pinned.troubles(), "\n", [](std::string* out, const auto& trouble) {
    absl::StrAppend(out, trouble.first);
  });
}

absl::StatusOr<bool> Runner::StopForTroubles(const Campaign& taken) {
  if (!taken.known_troubles.has_value()) {
    // What it starts with is what its preflight told, or what whoever resumed it knew.
    const auto now = peers_.GetTemplate(taken, taken.template_version);
    if (!now.ok()) return false;
    {
      // What was seen before the resume must not stop it once more.
      std::lock_guard lock(mutex_);
      NotesOf(taken).pinned = *now;
      NotesOf(taken).pinned_at = clock_.Now();
    }
    const std::string known = JoinTroubles(*now);
    KABAR_RETURN_IF_ERROR(
        SaveStep(taken, absl::ZeroDuration(), [&](Campaign& c) { c.known_troubles = known; }));
    return false;
  }
  // Without templates nothing new is rendered; that is for the step that needs it to say.
  const auto pinned = Template(taken);
  if (!pinned.ok()) return false;
  std::map<std::string, std::string> fresh = pinned->troubles();
  for (const absl::string_view known : absl::StrSplit(*taken.known_troubles, '\n')) {
    fresh.erase(std::string(known));
  }
  if (fresh.empty()) return false;
  const auto& [trouble, text] = *fresh.begin();
  const std::string reason = ReasonOf(trouble, text);
  KABAR_RETURN_IF_ERROR(peers_.PauseLane(taken, reason));
  metrics::GetCounter("kabar_campaigns_stopped_for_templates_total",
                      "Campaigns stopped because of a provider template, by why.",
                      {{"reason", CodeOf(trouble)}})
      .Increment();
  log::Error("campaign stopped because of a provider template", {{"reason", reason}});
  return true;
}

}  // namespace kabar::campaigns
