// kabarctl campaigns preflight ID: what would be sent, what not and why, before anything is sent.
//
// Thread safety: one command at a time. Blocks: until the whole audience has been judged. Errors:
// those of the call and of the file.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_PREFLIGHT_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_PREFLIGHT_H_

#include <string>

#include "absl/status/statusor.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "tools/kabarctl/arguments.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

absl::StatusOr<int> PreflightCampaign(Session& session, const Arguments& arguments);

// The summary for people.
std::string PreflightText(const campaigns::v1::PreflightSummary& summary);

// One line of the CSV; without a row its header.
std::string PreflightCsvHeader();
std::string PreflightCsvLine(const campaigns::v1::PreflightRow& row);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_PREFLIGHT_H_
