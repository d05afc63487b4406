// Where a Redis is: the parsed form of ConnectionOptions::url. Internal to libs/redis.
//
// Thread safety: pure functions. Nothing blocks. Errors: INVALID_ARGUMENT, without the password.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::redis {

struct Address {
  std::string socket;  // unix socket; else host and port
  std::string host;
  int port = 6379;
  std::string password;
  int database = 0;

  std::string Label() const;  // for messages: never the password
};

absl::StatusOr<Address> ParseUrl(absl::string_view url);

}  // namespace kabar::redis
