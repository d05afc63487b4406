#include "libs/redis/server.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"

namespace kabar::redis {

absl::StatusOr<absl::Time> ServerTime(Connection& connection, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const Reply reply, connection.Command({"TIME"}, deadline));
  int64_t seconds = 0, micros = 0;
  if (reply.elements.size() != 2 || !absl::SimpleAtoi(reply.elements[0].text, &seconds) ||
      !absl::SimpleAtoi(reply.elements[1].text, &micros)) {
    return absl::InternalError("Redis answered TIME with something else than two numbers");
  }
  return absl::FromUnixSeconds(seconds) + absl::Microseconds(micros);
}

absl::StatusOr<std::string> RunId(Connection& connection, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const Reply reply, connection.Command({"INFO", "server"}, deadline));
  for (absl::string_view line : absl::StrSplit(reply.text, '\n')) {
    if (absl::ConsumePrefix(&line, "run_id:")) {
      return std::string(absl::StripAsciiWhitespace(line));
    }
  }
  return absl::InternalError("Redis answered INFO without a run_id");
}

}  // namespace kabar::redis
