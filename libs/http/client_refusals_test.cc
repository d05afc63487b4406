// What a client refuses before a byte is written, and what it is not made with.
#include <catch2/catch.hpp>

#include "libs/http/client.h"
#include "libs/http/testing/awaiter.h"
#include "libs/http/testing/raw_socket.h"
#include "libs/http/testing/test_client.h"
#include "libs/testing/status_matchers.h"

namespace kabar::http {
namespace {

using testing::StatusIs;

TEST_CASE("Client: too many waiting are turned away at once", "[http]") {
  RawListener listener;
  Awaiter in_flight, rest;
  auto client = MustCreate(listener.port(), {.max_connections = 1, .max_waiting = 2});
  client->Post(To("/"), nullptr, in_flight.Done());
  RawSocket peer = listener.Accept();
  peer.ReadUntil(kEndOfHead);
  for (int i = 0; i < 4; ++i) client->Post(To("/"), nullptr, rest.Done());
  const Completion done = rest.One();
  CHECK(done.outcome == Outcome::kNotSent);
  CHECK(done.reason == Reason::kTooManyWaiting);
}

TEST_CASE("Client: line breaks in target or headers are refused unsent", "[http]") {
  RawListener listener;
  Awaiter awaiter;
  auto client = MustCreate(listener.port());
  client->Post(To("/a\r\nX: y"), nullptr, awaiter.Done());
  client->Post(To("/a b"), nullptr, awaiter.Done());
  ClientRequest request = To("/");
  request.headers = {{"Authorization", "Bearer x\r\nX: y"}};
  client->Post(std::move(request), nullptr, awaiter.Done());
  for (const Completion& done : awaiter.Await(3)) CHECK(done.reason == Reason::kBadRequest);
}

TEST_CASE("Client: options and base URLs that cannot work are refused", "[http]") {
  const auto create = [](ClientOptions options) { return Client::Create(options).status(); };
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  CHECK_THAT(create({.base_url = "localhost:80"}), StatusIs(kInvalid, "http://"));
  CHECK_THAT(create({.base_url = "http://h/a?b"}), StatusIs(kInvalid, "query"));
  CHECK_THAT(create({.base_url = "http://h", .threads = 2, .max_connections = 1}),
             StatusIs(kInvalid, "max_connections"));
  CHECK_THAT(create({.base_url = "https://h", .ca_file = "/nonexistent.pem"}),
             StatusIs(kInvalid, "/nonexistent.pem"));
}

}  // namespace
}  // namespace kabar::http
