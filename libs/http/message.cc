#include "libs/http/message.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace kabar::http {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentDecode(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() && HexValue(text[i + 1]) >= 0 &&
               HexValue(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2])));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

absl::Status UrlError(absl::string_view url, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("URL \"", url, "\": ", what, "; write http://host[:port][/path] or https://"));
}

// "host", "host:port", "[v6]:port".
absl::Status ParseAuthority(absl::string_view url, absl::string_view authority, Url* out) {
  absl::string_view port;
  if (absl::ConsumePrefix(&authority, "[")) {
    const std::size_t end = authority.find(']');
    if (end == absl::string_view::npos) return UrlError(url, "']' is missing after the address");
    out->host = std::string(authority.substr(0, end));
    port = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    out->host = std::string(authority.substr(0, colon));
    port = colon == absl::string_view::npos ? "" : authority.substr(colon);
  }
  if (out->host.empty()) return UrlError(url, "there is no host");
  if (port.empty()) return absl::OkStatus();
  int number = 0;
  if (!absl::ConsumePrefix(&port, ":") || !absl::SimpleAtoi(port, &number) || number < 1 ||
      number > 65535) {
    return UrlError(url, "the port is not a number from 1 to 65535");
  }
  out->port = static_cast<std::uint16_t>(number);
  return absl::OkStatus();
}

}  // namespace

Headers::Headers(std::initializer_list<std::pair<absl::string_view, absl::string_view>> fields) {
  for (const auto& [field_name, field_value] : fields) Add(field_name, field_value);
}

void Headers::Add(absl::string_view field_name, absl::string_view field_value) {
  Field field;
  field.name_at = static_cast<std::uint32_t>(bytes_.size());
  field.name_size = static_cast<std::uint32_t>(field_name.size());
  bytes_.append(field_name.data(), field_name.size());
  field.value_at = static_cast<std::uint32_t>(bytes_.size());
  field.value_size = static_cast<std::uint32_t>(field_value.size());
  bytes_.append(field_value.data(), field_value.size());
  fields_.push_back(field);
}

void Headers::Clear() {
  bytes_.clear();
  fields_.clear();
}

absl::string_view Headers::name(std::size_t i) const {
  return absl::string_view(bytes_).substr(fields_[i].name_at, fields_[i].name_size);
}

absl::string_view Headers::value(std::size_t i) const {
  return absl::string_view(bytes_).substr(fields_[i].value_at, fields_[i].value_size);
}

std::optional<absl::string_view> Headers::Find(absl::string_view wanted) const {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (absl::EqualsIgnoreCase(name(i), wanted)) return value(i);
  }
  return std::nullopt;
}

absl::string_view Request::path() const {
  return absl::string_view(target).substr(0, target.find('?'));
}

absl::string_view Request::query() const {
  const std::size_t mark = target.find('?');
  return mark == std::string::npos ? absl::string_view()
                                   : absl::string_view(target).substr(mark + 1);
}

Response TextResponse(int status, absl::string_view body) {
  return Response{.status = status,
                  .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                  .body = std::string(body)};
}

Response JsonResponse(int status, std::string body) {
  return Response{
      .status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

std::optional<std::string> QueryParameter(absl::string_view query, absl::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const absl::string_view pair = query.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (PercentDecode(pair.substr(0, equals)) == name) {
      return equals == absl::string_view::npos ? std::string()
                                               : PercentDecode(pair.substr(equals + 1));
    }
    if (end == absl::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return std::nullopt;
}

absl::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

absl::StatusOr<Url> ParseUrl(absl::string_view url) {
  Url out;
  absl::string_view rest = url;
  if (absl::ConsumePrefix(&rest, "https://")) {
    out.tls = true;
    out.port = 443;
  } else if (!absl::ConsumePrefix(&rest, "http://")) {
    return UrlError(url, "it begins with neither http:// nor https://");
  }
  for (const char c : rest) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c)) || c == ' ') {
      return UrlError("(not shown)", "it holds a space or a control character");
    }
  }
  const std::size_t slash = rest.find_first_of("/?#");
  const absl::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != absl::string_view::npos) {
    return UrlError("(not shown)", "user information is not supported; use a header");
  }
  if (rest.find('#') != absl::string_view::npos) return UrlError(url, "it has a fragment");
  if (absl::Status status = ParseAuthority(url, authority, &out); !status.ok()) return status;
  if (slash != absl::string_view::npos) out.target = std::string(rest.substr(slash));
  return out;
}

}  // namespace kabar::http
