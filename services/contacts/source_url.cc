#include "services/contacts/source_url.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/http/message.h"

namespace kabar::contacts {
namespace {

// With a token of 2,000 characters, each of them escaped.
constexpr std::size_t kMaxUrl = 8000;
constexpr std::uint16_t kHttps = 443;
constexpr std::uint16_t kHttp = 80;

std::string Escaped(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || c == '-' || c == '_' || c == '.' || c == '~') {
      out.push_back(c);
    } else {
      absl::StrAppendFormat(&out, "%%%02X", byte);
    }
  }
  return out;
}

// This machine itself: nobody listens on the way.
bool IsLoopback(absl::string_view host) {
  return host == "localhost" || host == "::1" ||
         (absl::StartsWith(host, "127.") &&
          host.find_first_not_of("0123456789.") == absl::string_view::npos);
}

// "X-Api_Key" -> x, api, key; "%6bey" -> key.
std::vector<std::string> WordsOf(absl::string_view name) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (c == '%' && i + 2 < name.size()) {
      int code = 0;
      if (absl::SimpleHexAtoi(name.substr(i + 1, 2), &code)) {
        c = static_cast<char>(code);
        i += 2;
      }
    }
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte)) {
      words.back().push_back(absl::ascii_tolower(byte));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

bool IsOneOf(const std::string& word, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* one) { return word == one; });
}

bool IsSecretName(absl::string_view name) {
  const std::vector<std::string> words = WordsOf(name);
  if (words.empty()) return false;
  const std::string& last = words.back();
  if (last == "key") {  // but not sort_key
    return words.size() == 1 ||
           IsOneOf(words[words.size() - 2], {"api", "access", "secret", "private", "auth", "app",
                                             "client", "subscription", "license"});
  }
  return IsOneOf(last, {"token",  "secret",      "password",  "passwd",     "pwd",
                        "pass",   "signature",   "sig",       "auth",       "authorization",
                        "apikey", "accesskey",   "secretkey", "privatekey", "authkey",
                        "appkey", "accesstoken", "authtoken", "apitoken",   "clientsecret"});
}

}  // namespace

absl::StatusOr<SourceHosts> SourceHosts::Parse(const std::vector<std::string>& entries) {
  SourceHosts out;
  for (const std::string& entry : entries) {
    const auto wrong = [&] {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", entry, "\" is no host; write api.kurir.id, api.kurir.id:8443 or [::1]:8080"));
    };
    absl::string_view host = entry;
    std::uint16_t port = kHttps;
    const std::size_t colon = entry.rfind(':');
    const bool v6 = absl::StartsWith(entry, "[");
    if (colon != std::string::npos && (!v6 || colon > entry.find(']'))) {
      int number = 0;
      if (!absl::SimpleAtoi(entry.substr(colon + 1), &number) || number < 1 || number > 65535) {
        return wrong();
      }
      port = static_cast<std::uint16_t>(number);
      host = host.substr(0, colon);
    }
    if (v6) {
      if (host.back() != ']') return wrong();
      host = host.substr(1, host.size() - 2);
    }
    if (host.empty() || host.find_first_of("/@?# *") != absl::string_view::npos ||
        (!v6 && absl::StrContains(host, ':'))) {
      return wrong();
    }
    out.places_.emplace(absl::AsciiStrToLower(host), port);
  }
  return out;
}

bool SourceHosts::Allows(const http::Url& url) const {
  return places_.count({absl::AsciiStrToLower(url.host), url.port}) > 0;
}

std::string UrlFault(absl::string_view url, const SourceHosts& hosts, bool with_secret) {
  if (url.size() > kMaxUrl) return "is longer than 8,000 characters";
  for (const char c : url) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7F') return "has blanks or line breaks";
  }
  if (absl::StrContains(url, '#')) return "names a place in a page (#); leave that out";
  const auto parts = http::ParseUrl(url);
  if (!parts.ok()) return "is no http:// or https:// address, or holds a user's name";
  if (!hosts.Allows(*parts)) {
    return "names a host and port that this installation does not pull from; its administrator "
           "names them in --source-hosts of kabar-contacts";
  }
  if (with_secret && !parts->tls && !IsLoopback(parts->host)) {
    return "would carry the secret of auth_secret in the clear; use https";
  }
  return "";
}

std::string SecretParameter(absl::string_view url) {
  const std::size_t query = url.find('?');
  if (query == absl::string_view::npos) return "";
  for (const absl::string_view parameter : absl::StrSplit(url.substr(query + 1), '&')) {
    const absl::string_view name = parameter.substr(0, parameter.find('='));
    if (IsSecretName(name)) return std::string(name);
  }
  return "";
}

std::string WithParameter(const std::string& url, const std::string& name,
                          const std::string& value) {
  if (name.empty()) return url;
  return absl::StrCat(url, absl::StrContains(url, '?') ? "&" : "?", Escaped(name), "=",
                      Escaped(value));
}

absl::string_view OriginOf(absl::string_view url) {
  const std::size_t scheme = url.find("://");
  return url.substr(0,
                    url.find_first_of("/?#", scheme == absl::string_view::npos ? 0 : scheme + 3));
}

std::optional<std::string> AtSameOrigin(const std::string& url, const std::string& link) {
  const auto own = http::ParseUrl(url);
  const auto to = http::ParseUrl(link);
  if (!own.ok() || !to.ok()) return std::nullopt;
  if (absl::AsciiStrToLower(own->host) != absl::AsciiStrToLower(to->host)) return std::nullopt;
  const bool same = own->tls == to->tls && own->port == to->port;
  const bool behind_proxy = own->tls && own->port == kHttps && !to->tls && to->port == kHttp;
  if (!same && !behind_proxy) return std::nullopt;
  return absl::StrCat(OriginOf(url), to->target);
}

std::string ResolveLink(const std::string& from, const std::string& link) {
  const std::size_t scheme = link.find("://");
  if (scheme != std::string::npos && scheme < link.find_first_of("/?#")) return link;
  if (absl::StartsWith(link, "//")) {  // another host by the same scheme
    return absl::StrCat(from.substr(0, from.find("//")), link);
  }
  const absl::string_view origin = OriginOf(from);
  if (absl::StartsWith(link, "/")) return absl::StrCat(origin, link);
  const std::string path = from.substr(0, from.find_first_of("?#"));
  if (absl::StartsWith(link, "?")) return absl::StrCat(path, link);
  const std::size_t slash = path.rfind('/');
  if (slash < origin.size()) return absl::StrCat(origin, "/", link);
  return absl::StrCat(path.substr(0, slash + 1), link);
}

}  // namespace kabar::contacts
