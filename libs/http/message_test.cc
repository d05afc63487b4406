#include "libs/http/message.h"

#include <catch2/catch.hpp>

#include "libs/testing/status_matchers.h"

namespace kabar::http {
namespace {

using testing::StatusIs;

TEST_CASE("Headers: order kept, names found in any case, the first of a name wins", "[http]") {
  Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}};
  headers.Add("x-a", "2");
  REQUIRE(headers.size() == 3);
  CHECK(*headers.Find("CONTENT-TYPE") == "text/plain");
  CHECK(*headers.Find("x-A") == "1");
  CHECK(headers.value(2) == "2");
  CHECK_FALSE(headers.Find("Content").has_value());
}

TEST_CASE("Request: path and query", "[http]") {
  Request request;
  request.target = "/webhook?a=b";
  CHECK(request.path() == "/webhook");
  CHECK(request.query() == "a=b");
  request.target = "/webhook";
  CHECK(request.path() == "/webhook");
  CHECK(request.query().empty());
}

TEST_CASE("QueryParameter: decodes names and values", "[http]") {
  const absl::string_view query = "hub.mode=subscribe&hub%2Everify_token=a%20b+c%&empty=&flag";
  CHECK(QueryParameter(query, "hub.mode") == "subscribe");
  CHECK(QueryParameter(query, "hub.verify_token") == "a b c%");
  CHECK(QueryParameter(query, "empty") == "");
  CHECK(QueryParameter(query, "flag") == "");
  CHECK_FALSE(QueryParameter(query, "hub").has_value());
  CHECK_FALSE(QueryParameter("", "hub").has_value());
}

TEST_CASE("ParseUrl: takes URLs apart", "[http]") {
  const auto plain = ParseUrl("http://127.0.0.1:8080/a/b?c=d");
  REQUIRE(plain.ok());
  CHECK_FALSE(plain->tls);
  CHECK(plain->host == "127.0.0.1");
  CHECK(plain->port == 8080);
  CHECK(plain->target == "/a/b?c=d");
  const auto tls = ParseUrl("https://graph.facebook.com");
  REQUIRE(tls.ok());
  CHECK(tls->tls);
  CHECK(tls->port == 443);
  CHECK(tls->target.empty());
  const auto v6 = ParseUrl("http://[::1]:9/");
  REQUIRE(v6.ok());
  CHECK(v6->host == "::1");
  CHECK(v6->port == 9);
}

TEST_CASE("ParseUrl: refuses what it cannot serve", "[http]") {
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  CHECK_THAT(ParseUrl("ftp://host"), StatusIs(kInvalid, "neither http://"));
  CHECK_THAT(ParseUrl("http://"), StatusIs(kInvalid, "no host"));
  CHECK_THAT(ParseUrl("http://host:0/"), StatusIs(kInvalid, "port"));
  CHECK_THAT(ParseUrl("http://host:65536/"), StatusIs(kInvalid, "port"));
  CHECK_THAT(ParseUrl("http://host:x/"), StatusIs(kInvalid, "port"));
  CHECK_THAT(ParseUrl("http://[::1/"), StatusIs(kInvalid, "]"));
  CHECK_THAT(ParseUrl("http://user@host/"), StatusIs(kInvalid, "user information"));
  CHECK_THAT(ParseUrl("http://host/a#b"), StatusIs(kInvalid, "fragment"));
  CHECK_THAT(ParseUrl("http://host/a b"), StatusIs(kInvalid, "space"));
  CHECK_THAT(ParseUrl("http://host/a\r\nX: y"), StatusIs(kInvalid, "control"));
}

}  // namespace
}  // namespace kabar::http
