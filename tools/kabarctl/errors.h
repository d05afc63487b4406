// A status as one clear sentence, as JSON, and as an exit code.
//
// Thread safety: pure functions. Nothing blocks. Errors: they are the subject.
#ifndef KABAR_TOOLS_KABARCTL_ERRORS_H_
#define KABAR_TOOLS_KABARCTL_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::kabarctl {

struct Command;

// Says which service a failed call went to.
absl::Status FromCall(absl::Status status, absl::string_view service, absl::string_view address,
                      absl::Duration timeout);

// What the person should know or do beside what the error says.
absl::Status WithHint(absl::Status status, absl::string_view hint);

// "--rate: 45/mim: unknown unit at 4; use s, min, h or d". Fields of the request are named by the
// option of `command` (may be null) that fills them.
std::string ErrorSentence(const absl::Status& status, const Command* command);

// {"error": {"code", "reason", "message", "fields": [{"field", "option", "description"}]}}
std::string ErrorJson(const absl::Status& status, const Command* command);

int ExitCode(const absl::Status& status);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_ERRORS_H_
