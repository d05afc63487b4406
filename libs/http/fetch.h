// One blocking request on a connection of its own: for tools, tests, the simulator's control API
// and what happens once a morning. Not for the hot path (a connection and a thread each).
//
// Thread safety: free functions without state. Blocks: up to `timeout`.
// Errors: INVALID_ARGUMENT (URL), UNAVAILABLE (nothing was sent), UNKNOWN (sent, but no complete
// response came, or one beyond max_response_bytes), DEADLINE_EXCEEDED, CANCELLED (stopped). Any
// HTTP status is a Response, not an error.
#ifndef KABAR_LIBS_HTTP_FETCH_H_
#define KABAR_LIBS_HTTP_FETCH_H_

#include <cstddef>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/http/message.h"

namespace kabar::http {

struct FetchOptions {
  absl::Duration timeout = absl::Seconds(10);
  std::size_t max_response_bytes = 256 * 1024 * 1024;  // the simulator's record of a long run
  std::stop_token stop = {};                           // breaks it off
};

absl::StatusOr<Response> Fetch(absl::string_view method, absl::string_view url, Headers headers,
                               std::string body, const FetchOptions& options);
absl::StatusOr<Response> Fetch(absl::string_view method, absl::string_view url, Headers headers,
                               std::string body, absl::Duration timeout = absl::Seconds(10));

absl::StatusOr<Response> Get(absl::string_view url, absl::Duration timeout = absl::Seconds(10));
absl::StatusOr<Response> PostJson(absl::string_view url, std::string json,
                                  absl::Duration timeout = absl::Seconds(10));

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_FETCH_H_
