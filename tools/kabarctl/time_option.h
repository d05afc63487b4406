// --time as people write it, for what happened at a moment.
//
// Thread safety: free functions. Nothing blocks. Errors: USAGE naming the option.
#ifndef KABAR_TOOLS_KABARCTL_TIME_OPTION_H_
#define KABAR_TOOLS_KABARCTL_TIME_OPTION_H_

#include <google/protobuf/timestamp.pb.h>

#include "absl/status/status.h"
#include "tools/kabarctl/arguments.h"

namespace kabar::kabarctl {

// Of --time; now if it was not given.
absl::Status TimeOption(const Arguments& arguments, google::protobuf::Timestamp* timestamp);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_TIME_OPTION_H_
