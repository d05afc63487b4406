// HTTP messages as plain values: header fields, requests, responses, and a base URL taken apart.
//
// Thread safety: none needed, they are values. Nothing blocks. Only ParseUrl() has an error:
// INVALID_ARGUMENT that names what is wrong with the URL.
#ifndef KABAR_LIBS_HTTP_MESSAGE_H_
#define KABAR_LIBS_HTTP_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::http {

// The fields of one message in the order they came. All bytes stand in one string, because a
// string a field would cost an allocation each on the hot path. Views die with the next Add().
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<absl::string_view, absl::string_view>> fields);

  void Add(absl::string_view name, absl::string_view value);
  void Clear();

  // The first field of that name, compared without regard to case.
  std::optional<absl::string_view> Find(absl::string_view name) const;

  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }
  absl::string_view name(std::size_t i) const;
  absl::string_view value(std::size_t i) const;

 private:
  struct Field {
    std::uint32_t name_at = 0, name_size = 0, value_at = 0, value_size = 0;
  };
  std::string bytes_;
  std::vector<Field> fields_;
};

// What a server hands to its handler. `body` is exactly what came over the wire (chunks joined),
// so a signature over it can be checked.
struct Request {
  std::string method = {};  // "GET", "POST", ... in capitals as sent
  std::string target = {};  // path and query as sent: "/webhook?hub.mode=subscribe"
  Headers headers = {};
  std::string body = {};

  absl::string_view path() const;   // the target before '?'
  absl::string_view query() const;  // the target after '?', still percent-encoded
};

struct Response {
  int status = 200;
  Headers headers = {};  // without Content-Length and Connection: those are written by the server
  std::string body = {};
};

// A response with a Content-Type.
Response TextResponse(int status, absl::string_view body);
Response JsonResponse(int status, std::string body);

// The value of `name` in a query string, percent-decoded ('+' is a space); nullopt when absent.
std::optional<std::string> QueryParameter(absl::string_view query, absl::string_view name);

// "Not Found" for 404; "Unknown" for a number nobody has given a name.
absl::string_view ReasonPhrase(int status);

struct Url {
  bool tls = false;
  std::string host = {};  // without brackets for IPv6
  std::uint16_t port = 80;
  std::string target = {};  // path and query; empty when the URL ends after the authority
};

// http://host[:port][/path] or https://...; user information and fragments are refused.
absl::StatusOr<Url> ParseUrl(absl::string_view url);

}  // namespace kabar::http

#endif  // KABAR_LIBS_HTTP_MESSAGE_H_
