// What is known against the provider templates of a campaign, and what of it a person has accepted.
// A trouble is "name/language REASON", as PinnedTemplate::troubles() has them.
//
// Thread safety: pure functions. Nothing blocks. Errors: FAILED_PRECONDITION with the trouble's
// reason.
#ifndef KABAR_SERVICES_CAMPAIGNS_TROUBLES_H_
#define KABAR_SERVICES_CAMPAIGNS_TROUBLES_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/campaigns/campaign.h"
#include "services/campaigns/peers.h"

namespace kabar::campaigns {

// Every reason of a trouble begins so.
inline constexpr absl::string_view kTroubleReasons = "PROVIDER_TEMPLATE_";
// WhatsApp would send it, at another price.
inline constexpr absl::string_view kRecategorised = "PROVIDER_TEMPLATE_RECATEGORISED";

std::string TroubleOf(absl::string_view name, absl::string_view language, absl::string_view reason);
absl::string_view ReasonOf(absl::string_view trouble);

bool Accepts(const Campaign& campaign, absl::string_view trouble);
// Those that nobody has accepted, each with its sentence.
std::map<std::string, std::string> Unaccepted(const Campaign& campaign,
                                              const PinnedTemplate& pinned);
// Of those that were accepted, the ones that are still so: a trouble that comes again later is
// asked about again. As in Campaign::accepted_troubles.
std::string StillAccepted(const Campaign& campaign, const PinnedTemplate& pinned);
// Of all that is known, for Campaign::accepted_troubles. Another category is not among it: that is
// agreed to in templates.
std::string AllAccepted(const PinnedTemplate& pinned);
// Why the campaign is not resumed: `troubles` (not empty), what to do, what accepting them means.
// The first one's reason is that of the error.
absl::Status NotResumed(const Campaign& campaign,
                        const std::map<std::string, std::string>& troubles);

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_TROUBLES_H_
