// kabarctl campaigns test-send and test-numbers: a message to an operator's own number.
//
// Thread safety: one command at a time. Blocks: one call. Errors: those of the call.
#ifndef KABAR_TOOLS_KABARCTL_CAMPAIGNS_TEST_SEND_H_
#define KABAR_TOOLS_KABARCTL_CAMPAIGNS_TEST_SEND_H_

#include "absl/status/statusor.h"
#include "tools/kabarctl/command.h"

namespace kabar::kabarctl {

Command TestSendCommand();
Command TestNumbersCommand();

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CAMPAIGNS_TEST_SEND_H_
