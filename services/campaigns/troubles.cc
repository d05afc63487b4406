#include "services/campaigns/troubles.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"

namespace kabar::campaigns {

std::string TroubleOf(absl::string_view name, absl::string_view language,
                      absl::string_view reason) {
  return absl::StrCat(name, "/", language, " ", reason);
}

// Neither names nor languages hold a blank.
absl::string_view ReasonOf(absl::string_view trouble) {
  return trouble.substr(trouble.rfind(' ') + 1);
}

bool Accepts(const Campaign& campaign, absl::string_view trouble) {
  for (const absl::string_view accepted : absl::StrSplit(campaign.accepted_troubles, '\n')) {
    if (accepted == trouble) return true;
  }
  return false;
}

std::map<std::string, std::string> Unaccepted(const Campaign& campaign,
                                              const PinnedTemplate& pinned) {
  std::map<std::string, std::string> left;
  for (const auto& [trouble, sentence] : pinned.troubles()) {
    if (!Accepts(campaign, trouble)) left[trouble] = sentence;
  }
  return left;
}

std::string StillAccepted(const Campaign& campaign, const PinnedTemplate& pinned) {
  std::vector<absl::string_view> still;
  const auto troubles = pinned.troubles();
  for (const absl::string_view accepted : absl::StrSplit(campaign.accepted_troubles, '\n')) {
    if (troubles.count(std::string(accepted)) > 0) still.push_back(accepted);
  }
  return absl::StrJoin(still, "\n");
}

std::string AllAccepted(const PinnedTemplate& pinned) {
  std::vector<std::string> accepted;
  for (const auto& [trouble, sentence] : pinned.troubles()) {
    if (ReasonOf(trouble) != kRecategorised) accepted.push_back(trouble);
  }
  return absl::StrJoin(accepted, "\n");
}

absl::Status NotResumed(const Campaign& campaign,
                        const std::map<std::string, std::string>& troubles) {
  std::vector<absl::string_view> sentences;
  bool moved = false;
  bool unsendable = false;
  for (const auto& [trouble, sentence] : troubles) {
    sentences.push_back(sentence);
    (ReasonOf(trouble) == kRecategorised ? moved : unsendable) = true;
  }
  std::vector<absl::string_view> meanings;
  if (moved) {
    meanings.push_back("what is in another category is sent at its new price, by every campaign");
  }
  if (unsendable) {
    meanings.push_back(
        "of what cannot be sent, customers who wrote within 24 hours get the text and all others "
        "are recorded as FAILED");
  }
  return base::Error(
      absl::StatusCode::kFailedPrecondition, ReasonOf(troubles.begin()->first),
      absl::StrCat("campaign ", campaign.id, " stays paused: ", absl::StrJoin(sentences, "; "),
                   ". Or go on all the same (accept_troubles; kabarctl campaigns resume "
                   "--accept-troubles): ",
                   absl::StrJoin(meanings, "; ")));
}

}  // namespace kabar::campaigns
