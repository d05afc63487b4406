// A client of a server that the test plays, and the bytes that they exchange.
//
// Thread safety: free functions. Blocks: no. Errors: MustCreate throws, which fails the test.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "libs/http/client.h"

namespace kabar::http {

inline constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline constexpr char kEndOfHead[] = "\r\n\r\n";

inline std::unique_ptr<Client> MustCreate(std::uint16_t port, ClientOptions options = {}) {
  options.base_url = absl::StrCat("http://127.0.0.1:", port, "/base/");
  auto client = Client::Create(std::move(options));
  if (!client.ok()) throw std::runtime_error(client.status().ToString());
  return *std::move(client);
}

inline ClientRequest To(absl::string_view target, absl::Duration timeout = absl::Seconds(10)) {
  return ClientRequest{.target = std::string(target), .deadline = absl::Now() + timeout};
}

}  // namespace kabar::http
