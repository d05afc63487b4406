// `contacts import`: streams a file in pieces, shows how far it is, prints the report and keeps
// the refused rows.
//
// Thread safety: one thread. Blocks: until the report is there, at most --timeout (1 h). Errors:
// FILE, and the service's; whatever was imported before an error stays and may be imported again.
#ifndef KABAR_TOOLS_KABARCTL_CONTACTS_IMPORT_H_
#define KABAR_TOOLS_KABARCTL_CONTACTS_IMPORT_H_

#include "absl/status/statusor.h"
#include "tools/kabarctl/arguments.h"

namespace kabar::kabarctl {

class Session;

absl::StatusOr<int> ImportContacts(Session& session, const Arguments& arguments);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_CONTACTS_IMPORT_H_
