#include "libs/redis/url.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace kabar::redis {
namespace {

absl::Status BadUrl(absl::string_view what) {
  return base::Error(absl::StatusCode::kInvalidArgument, "REDIS_URL",
                     absl::StrCat("Redis url: ", what,
                                  "; use unix:///path/redis.sock or "
                                  "redis://[:password@]host[:port][/database]"));
}

}  // namespace

std::string Address::Label() const {
  return socket.empty() ? absl::StrCat(host, ":", port) : socket;
}

absl::StatusOr<Address> ParseUrl(absl::string_view url) {
  Address address;
  if (absl::ConsumePrefix(&url, "unix://")) {
    if (url.empty() || url.front() != '/') return BadUrl("the socket's path is not absolute");
    address.socket = std::string(url);
    return address;
  }
  if (!absl::ConsumePrefix(&url, "redis://")) return BadUrl("unknown scheme");
  if (const size_t at = url.rfind('@'); at != absl::string_view::npos) {
    absl::string_view password = url.substr(0, at);
    if (!absl::ConsumePrefix(&password, ":")) return BadUrl("user names are not supported");
    address.password = std::string(password);
    url.remove_prefix(at + 1);
  }
  if (const size_t slash = url.find('/'); slash != absl::string_view::npos) {
    const absl::string_view database = url.substr(slash + 1);
    if (!database.empty() &&
        (!absl::SimpleAtoi(database, &address.database) || address.database < 0)) {
      return BadUrl("the database is not a number");
    }
    url = url.substr(0, slash);
  }
  // The last colon: IPv6 hosts come in brackets.
  const size_t colon = url.rfind(':');
  if (colon != absl::string_view::npos && url.find(']', colon) == absl::string_view::npos) {
    if (!absl::SimpleAtoi(url.substr(colon + 1), &address.port) || address.port < 1 ||
        address.port > 65535) {
      return BadUrl("the port is not a number of 1 to 65535");
    }
    url = url.substr(0, colon);
  }
  absl::ConsumePrefix(&url, "[");
  absl::ConsumeSuffix(&url, "]");
  if (url.empty()) return BadUrl("no host");
  address.host = std::string(url);
  return address;
}

}  // namespace kabar::redis
