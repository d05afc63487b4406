#include "libs/http/fetch.h"

#include <catch2/catch.hpp>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "libs/http/server.h"
#include "libs/http/testing/raw_socket.h"
#include "libs/testing/status_matchers.h"

namespace kabar::http {
namespace {

using testing::StatusIs;

TEST_CASE("Fetch: GET with a query, POST of JSON, any status is a response", "[http]") {
  auto server = Server::Start({}, [](Request&& request, Responder responder) {
    const auto type = request.headers.Find("content-type").value_or("none");
    responder.Send(TextResponse(
        404, absl::StrCat(request.method, " ", request.target, " ", type, " ", request.body)));
  });
  REQUIRE(server.ok());
  const std::string base = absl::StrCat("http://localhost:", (*server)->port());
  const auto got = Get(base + "/a?b=c");
  REQUIRE_THAT(got, testing::IsOk());
  CHECK(got->status == 404);
  CHECK(got->body == "GET /a?b=c none ");
  const auto posted = PostJson(base, "[1]");
  REQUIRE_THAT(posted, testing::IsOk());
  CHECK(posted->body == "POST / application/json [1]");
  const auto deleted = Fetch("DELETE", base + "/x", {}, "");
  REQUIRE_THAT(deleted, testing::IsOk());
  CHECK(deleted->body == "DELETE /x none ");
}

TEST_CASE("Fetch: failures by kind", "[http]") {
  std::uint16_t port = 0;
  {
    RawListener gone;
    port = gone.port();
  }
  CHECK_THAT(Get(absl::StrCat("http://127.0.0.1:", port)),
             StatusIs(absl::StatusCode::kUnavailable, absl::StrCat("127.0.0.1:", port)));
  CHECK_THAT(Get("nonsense"), StatusIs(absl::StatusCode::kInvalidArgument));

  RawListener listener;
  const std::string url = absl::StrCat("http://127.0.0.1:", listener.port());
  CHECK_THAT(Get(url, absl::Milliseconds(50)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  listener.Accept().Close();
  std::thread closer([&] {
    RawSocket peer = listener.Accept();
    peer.ReadUntil("\r\n\r\n");
  });
  CHECK_THAT(Get(url), StatusIs(absl::StatusCode::kUnknown));
  closer.join();
}

TEST_CASE("Fetch: no more bytes than wanted, and broken off when stopped", "[http]") {
  auto server = Server::Start({}, [](Request&&, Responder responder) {
    responder.Send(TextResponse(200, std::string(2000, 'x')));
  });
  REQUIRE(server.ok());
  const std::string url = absl::StrCat("http://localhost:", (*server)->port());
  CHECK_THAT(Fetch("GET", url, {}, "", FetchOptions{.max_response_bytes = 1000}),
             StatusIs(absl::StatusCode::kUnknown));
  CHECK_THAT(Fetch("GET", url, {}, "", FetchOptions{.max_response_bytes = 4000}), testing::IsOk());

  RawListener silent;
  std::stop_source stop;
  std::thread stopper([&] {
    RawSocket peer = silent.Accept();
    peer.ReadUntil("\r\n\r\n");
    stop.request_stop();
  });
  CHECK_THAT(Fetch("GET", absl::StrCat("http://127.0.0.1:", silent.port()), {}, "",
                   FetchOptions{.timeout = absl::Hours(1), .stop = stop.get_token()}),
             StatusIs(absl::StatusCode::kCancelled));
  stopper.join();
  CHECK_THAT(Fetch("GET", url, {}, "", FetchOptions{.stop = stop.get_token()}),
             StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace kabar::http
