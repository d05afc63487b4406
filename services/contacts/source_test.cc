#include "services/contacts/source.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/http/message.h"
#include "libs/testing/status_matchers.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;

SourceHosts Hosts(const std::vector<std::string>& entries) {
  auto hosts = SourceHosts::Parse(entries);
  INFO(hosts.status());
  REQUIRE(hosts.ok());
  return *std::move(hosts);
}

const SourceRules& Rules() {
  static const auto* const kRules = new SourceRules{
      .hosts = Hosts({"api.kurir.id", "api.kurir.id:8443", "api.kurir.id:80", "127.0.0.1:8080"}),
      .secrets = "/secrets",
      .zone = "Asia/Jakarta"};
  return *kRules;
}

Source Good() {
  Source source;
  source.name = "kurir";
  source.settings.url = "https://api.kurir.id/v1/parcels?outlet=7";
  source.settings.mapping = {
      {"awb", "tracking_number"}, {"consignee.phone", "phone"}, {"state", "status"}};
  return source;
}

TEST_CASE("CheckSource: fills in what is usual", "[sources]") {
  Source source = Good();
  REQUIRE_THAT(CheckSource(Rules(), source), IsOk());
  CHECK(source.schedule == "07:00");
  CHECK(source.settings.auth_header == "Authorization");
  CHECK(source.time_zone == "Asia/Jakarta");
  source.time_zone = "wita";
  REQUIRE_THAT(CheckSource(Rules(), source), IsOk());
  CHECK(source.time_zone == "Asia/Makassar");
}

TEST_CASE("CheckSource: refuses what cannot be pulled", "[sources]") {
  const auto refused = [](const char* field, void (*spoil)(Source&)) {
    Source spoilt = Good();
    spoil(spoilt);
    CHECK_THAT(CheckSource(Rules(), spoilt), HasFieldViolation(field));
  };
  refused("source.name", [](Source& s) { s.name = ""; });
  refused("source.url", [](Source& s) { s.settings.url = "file:///etc/passwd"; });
  refused("source.url", [](Source& s) { s.settings.url = "https://api.kurir.id/a b"; });
  refused("source.auth_secret", [](Source& s) { s.settings.auth_secret = "../toko-b/key"; });
  refused("source.auth_secret", [](Source& s) { s.settings.auth_secret = ".."; });
  refused("source.mapping", [](Source& s) { s.settings.mapping = {}; });
  refused("source.mapping", [](Source& s) { s.settings.mapping = {{"awb", "tracking_number"}}; });
  refused("source.mapping", [](Source& s) { s.settings.mapping["x"] = "telefax"; });
  refused("source.mapping", [](Source& s) { s.settings.mapping["x"] = ""; });
  refused("source.mapping", [](Source& s) { s.settings.mapping["x"] = "hp"; });  // phone, twice
  refused("source.page_parameter", [](Source& s) { s.settings.paging = Paging::kPageNumber; });
  refused("source.next_path", [](Source& s) { s.settings.paging = Paging::kNextLink; });
  refused("source.since_parameter", [](Source& s) { s.settings.since_path = "meta.since"; });
  refused("source.schedule", [](Source& s) { s.schedule = "7 pagi"; });
  refused("source.schedule", [](Source& s) { s.schedule = "2026-11-22 07:00"; });
  refused("source.time_zone", [](Source& s) { s.time_zone = "Bulan"; });
}

TEST_CASE("CheckSource: only the hosts and ports that the installation names", "[sources]") {
  const auto check = [](const char* url) {
    Source source = Good();
    source.settings.url = url;
    return CheckSource(Rules(), source);
  };
  for (const char* url :
       {"https://API.kurir.id/", "https://api.kurir.id:443/x", "https://api.kurir.id:8443/",
        "http://api.kurir.id/x", "http://127.0.0.1:8080/"}) {
    CAPTURE(url);
    CHECK_THAT(check(url), IsOk());
  }
  for (const char* url : {"http://169.254.169.254/secret", "https://api.kurir.id.evil.example/",
                          "https://x@api.kurir.id/", "https://api.kurir.id@evil.example/",
                          "http://api.kurir.id:6379/", "https://api.kurir.id:5432/",
                          "http://127.0.0.1/", "https://evil.example/#api.kurir.id"}) {
    CAPTURE(url);
    CHECK_THAT(check(url), HasFieldViolation("source.url"));
  }
  const SourceHosts v6 = Hosts({"[::1]:8080"});
  CHECK(v6.Allows(*http::ParseUrl("http://[::1]:8080/")));
  CHECK_FALSE(v6.Allows(*http::ParseUrl("http://[::1]:8081/")));
  for (const char* entry : {"https://api.kurir.id", "api.kurir.id:x", "api.kurir.id:0", "*", "::1",
                            "", "[::1", "a/b"}) {
    CAPTURE(entry);
    CHECK_FALSE(SourceHosts::Parse({entry}).ok());
  }
}

TEST_CASE("CheckSource: a secret goes in its header alone, and never in the clear", "[sources]") {
  const auto check = [](const std::string& url, const std::string& secret,
                        const std::string& header) {
    Source source = Good();
    source.settings.url = url;
    source.settings.auth_secret = secret;
    source.settings.auth_header = header;
    return CheckSource(Rules(), source);
  };
  CHECK_THAT(check("https://api.kurir.id/", "kurir", "X-Api-Key"), IsOk());
  CHECK_THAT(check("http://127.0.0.1:8080/", "kurir", ""), IsOk());
  CHECK_THAT(check("http://api.kurir.id/", "kurir", ""), HasFieldViolation("source.url"));
  for (const char* header :
       {"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade",
        "Proxy-Authorization", "X-Forwarded-For", "Te", "Expect", "X: y\r\nHost", "X Y", "X:"}) {
    CAPTURE(header);
    CHECK_THAT(check("https://api.kurir.id/", "kurir", header),
               HasFieldViolation("source.auth_header"));
  }
  for (const char* query : {"api_key=1", "x=1&access-token=2", "APIKEY=3", "sig=4", "pwd=5",
                            "%6bey=8", "key=9", "client_secret=6", "x&auth=7"}) {
    CAPTURE(query);
    CHECK_THAT(check(absl::StrCat("https://api.kurir.id/v1?", query), "", ""),
               HasFieldViolation("source.url"));
  }
  CHECK_THAT(
      check("https://api.kurir.id/token/x?outlet=7&author=a&design=b&sort_key=c&monkey=d", "", ""),
      IsOk());
  SourceRules elsewhere = Rules();
  elsewhere.hosts = Hosts({"127.evil.example:80"});
  Source clear = Good();
  clear.settings.url = "http://127.evil.example/";
  clear.settings.auth_secret = "kurir";
  CHECK_THAT(CheckSource(elsewhere, clear), HasFieldViolation("source.url"));
  SourceRules none = Rules();
  none.secrets = "";
  Source source = Good();
  source.settings.auth_secret = "kurir";
  CHECK_THAT(CheckSource(none, source), HasFieldViolation("source.auth_secret"));
}

TEST_CASE("NextPull: each morning in the source's zone", "[sources]") {
  Source source = Good();
  source.time_zone = "WIT";
  REQUIRE_THAT(CheckSource(Rules(), source), IsOk());
  const absl::Time night = absl::FromUnixSeconds(1795305600);  // 2026-11-22 00:00 UTC, 09:00 WIT
  const auto next = NextPull(source, night);
  REQUIRE_THAT(next, IsOk());
  CHECK(absl::FormatTime(*next, absl::UTCTimeZone()) == "2026-11-22T22:00:00+00:00");
  CHECK(*NextPull(source, *next) == *next + absl::Hours(24));
}

TEST_CASE("ResolveLink: as a browser would", "[sources]") {
  const std::string from = "https://api.kurir.id/v1/parcels?page=1";
  CHECK(ResolveLink(from, "https://api.kurir.id/x") == "https://api.kurir.id/x");
  CHECK(ResolveLink(from, "/v2?page=2") == "https://api.kurir.id/v2?page=2");
  CHECK(ResolveLink(from, "?page=2") == "https://api.kurir.id/v1/parcels?page=2");
  CHECK(ResolveLink(from, "more?to=http://x/") == "https://api.kurir.id/v1/more?to=http://x/");
  CHECK(ResolveLink(from, "//evil.example/") == "https://evil.example/");
  CHECK(ResolveLink("https://api.kurir.id", "x") == "https://api.kurir.id/x");
}

}  // namespace
}  // namespace kabar::contacts
