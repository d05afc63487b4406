// URLs of tracking APIs: where pulls may go, and what may stand in a URL.
//
// Thread safety: plain values and pure functions. Nothing blocks. Errors: INVALID_ARGUMENT
// (SourceHosts::Parse); faults as texts for people, which never hold the URL.
#ifndef KABAR_SERVICES_CONTACTS_SOURCE_URL_H_
#define KABAR_SERVICES_CONTACTS_SOURCE_URL_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::http {
struct Url;
}

namespace kabar::contacts {

// The places that this installation pulls from: whoever may write a source cannot make the service
// ask any other one.
class SourceHosts {
 public:
  // "api.kurir.id" (port 443), "api.kurir.id:8443", "[::1]:8080".
  static absl::StatusOr<SourceHosts> Parse(const std::vector<std::string>& entries);

  bool Allows(const http::Url& url) const;

 private:
  std::set<std::pair<std::string, std::uint16_t>> places_;
};

// What is wrong with it; "" if nothing. `with_secret`: a secret goes there in a header.
std::string UrlFault(absl::string_view url, const SourceHosts& hosts, bool with_secret);

// The name of a parameter in it that says of itself that it is a secret; "" if none does.
std::string SecretParameter(absl::string_view url);

// `url` with one parameter more; an empty name: as it is.
std::string WithParameter(const std::string& url, const std::string& name,
                          const std::string& value);

// Where `link` leads from the page `from`: a whole URL, "/path", "?query" or "name".
std::string ResolveLink(const std::string& from, const std::string& link);

// "https://api.kurir.id" of a URL.
absl::string_view OriginOf(absl::string_view url);

// `link` with the origin of `url` as that is written, if it is the same one; else nullopt. Plain
// http: for https at the usual ports is the same too: behind a proxy many write their links so.
std::optional<std::string> AtSameOrigin(const std::string& url, const std::string& link);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_SOURCE_URL_H_
