// kabarctl campaigns create, and the line that tells of a campaign after a verb.
//
// Thread safety: one command at a time. Blocks: a few calls. Errors: those of the calls, USAGE.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_CREATE_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_CREATE_H_

#include "kabar/campaigns/v1/campaigns.pb.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/session.h"

namespace kabar::kabarctl {

Command CreateCampaignCommand();

void PrintDone(Session& session, const campaigns::v1::Campaign& campaign);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_CREATE_H_
