#include "libs/http/wire.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"

namespace kabar::http {
namespace {

void AppendFields(const Headers& headers, std::string* out) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (IsSafeOnWire(headers.name(i)) && IsSafeOnWire(headers.value(i))) {
      absl::StrAppend(out, headers.name(i), ": ", headers.value(i), "\r\n");
    }
  }
}

}  // namespace

std::int64_t BootMicros() { return base::SystemClock().BoottimeMicros(); }

std::int64_t ToBootMicros(absl::Time deadline) {
  constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  if (deadline == absl::InfiniteFuture()) return kNever;
  const absl::Duration left = deadline - absl::Now();
  if (left > absl::Hours(24 * 3650)) return kNever;
  if (left < absl::ZeroDuration()) return 0;
  return BootMicros() + absl::ToInt64Microseconds(left);
}

bool IsSafeOnWire(absl::string_view text) {
  for (const char c : text) {
    if (c == '\r' || c == '\n' || c == '\0') return false;
  }
  return true;
}

void AppendResponseHead(const Response& response, std::size_t body_size, bool keep_alive,
                        std::string* out) {
  absl::StrAppend(out, "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status), "\r\n");
  AppendFields(response.headers, out);
  // 204 and 304 have no body by definition, and a length would be wrong there.
  if (response.status != 204 && response.status != 304) {
    absl::StrAppend(out, "Content-Length: ", body_size, "\r\n");
  }
  absl::StrAppend(out, keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

void AppendRequestHead(absl::string_view method, absl::string_view prefix, absl::string_view target,
                       absl::string_view host, const Headers& headers, std::size_t body_size,
                       std::string* out) {
  absl::StrAppend(out, method, " ", prefix, target);
  if (prefix.empty() && target.empty()) out->push_back('/');
  absl::StrAppend(out, " HTTP/1.1\r\nHost: ", host, "\r\n");
  AppendFields(headers, out);
  if (body_size > 0 || method == "POST" || method == "PUT" || method == "PATCH") {
    absl::StrAppend(out, "Content-Length: ", body_size, "\r\n");
  }
  absl::StrAppend(out, "\r\n");
}

}  // namespace kabar::http
