#include "libs/http/fetch.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/client.h"

namespace kabar::http {

absl::StatusOr<Response> Fetch(absl::string_view method, absl::string_view url, Headers headers,
                               std::string body, const FetchOptions& fetch) {
  auto parts = ParseUrl(url);
  if (!parts.ok()) return parts.status();
  ClientOptions options;
  options.base_url = std::string(url.substr(0, url.size() - parts->target.size()));
  options.connect_timeout = fetch.timeout;
  options.max_response_bytes = fetch.max_response_bytes;
  auto client = Client::Create(std::move(options));
  if (!client.ok()) return client.status();

  if (parts->target.empty() || parts->target[0] != '/') {
    parts->target = absl::StrCat("/", parts->target);
  }
  // Not absl::Notification: the distribution's absl hides its locks from the thread sanitizer.
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Completion> arrived;
  (*client)->Post(ClientRequest{.method = std::string(method),
                                .target = std::move(parts->target),
                                .headers = std::move(headers),
                                .body = std::move(body),
                                .deadline = absl::Now() + fetch.timeout},
                  nullptr, [&](Completion result) {
                    const std::lock_guard<std::mutex> lock(mutex);
                    arrived = std::move(result);
                    changed.notify_one();
                  });
  // Its end, which is awaited below, comes at once after the stop.
  const std::stop_callback stopped(fetch.stop, [&] { (*client)->Stop(absl::InfinitePast()); });
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return arrived.has_value(); });
  Completion completion = *std::move(arrived);
  if (completion.outcome == Outcome::kResponse) return std::move(completion.response);
  const std::string what = absl::StrCat(method, " ", url, ": ", completion.detail);
  if (completion.reason == Reason::kStopped) return absl::CancelledError(what);
  if (completion.reason == Reason::kDeadline) return absl::DeadlineExceededError(what);
  if (completion.reason == Reason::kBadRequest) return absl::InvalidArgumentError(what);
  if (completion.outcome == Outcome::kNotSent) return absl::UnavailableError(what);
  return absl::UnknownError(what);
}

absl::StatusOr<Response> Fetch(absl::string_view method, absl::string_view url, Headers headers,
                               std::string body, absl::Duration timeout) {
  return Fetch(method, url, std::move(headers), std::move(body), FetchOptions{.timeout = timeout});
}

absl::StatusOr<Response> Get(absl::string_view url, absl::Duration timeout) {
  return Fetch("GET", url, {}, "", timeout);
}

absl::StatusOr<Response> PostJson(absl::string_view url, std::string json, absl::Duration timeout) {
  return Fetch("POST", url, {{"Content-Type", "application/json"}}, std::move(json), timeout);
}

}  // namespace kabar::http
