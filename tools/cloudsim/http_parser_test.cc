#include "tools/cloudsim/http_parser.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::cloudsim {
namespace {

using Result = HttpParser::Result;

constexpr char kPost[] =
    "POST /v23.0/2001/messages?x=1 HTTP/1.1\r\nHost: a\r\nauthorization:  Bearer t\r\n"
    "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"a\":\"b\\n\"}";
constexpr char kChunked[] =
    "POST /m HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, world!!!\r\n"
    "0\r\n\r\n";

// Feeds the bytes in two pieces, the second into a moved buffer as a growing one would be.
struct Fed {
  Result first = Result::kNeedMore;
  Result second = Result::kNeedMore;
  HttpRequest request;
  size_t consumed = 0;
  std::string buffer;
};

void Feed(const std::string& bytes, size_t split, Fed* fed) {
  HttpParser parser;
  std::string head = bytes.substr(0, split);
  fed->first = parser.Parse(head.data(), head.size(), &fed->request, &fed->consumed);
  // What was decoded in place must survive the move, as in the server.
  fed->buffer = head + bytes.substr(split);
  if (fed->first != Result::kNeedMore) return;
  fed->second = parser.Parse(fed->buffer.data(), fed->buffer.size(), &fed->request, &fed->consumed);
}

Result ParseAll(std::string bytes, HttpParser* parser) {
  HttpRequest request;
  size_t consumed = 0;
  return parser->Parse(bytes.data(), bytes.size(), &request, &consumed);
}

TEST_CASE("HttpParser: a request split at every byte", "[cloudsim]") {
  const std::string bytes = kPost;
  for (size_t split = 0; split < bytes.size(); ++split) {
    Fed fed;
    Feed(bytes, split, &fed);
    INFO("split at " << split);
    REQUIRE(fed.first == Result::kNeedMore);
    REQUIRE(fed.second == Result::kRequest);
    CHECK(fed.request.method == "POST");
    CHECK(fed.request.path == "/v23.0/2001/messages");
    CHECK(fed.request.query == "x=1");
    CHECK(fed.request.authorization == "Bearer t");
    CHECK(fed.request.body == "{\"a\":\"b\\n\"}");
    CHECK(fed.request.keep_alive);
    CHECK(fed.consumed == bytes.size());
  }
}

TEST_CASE("HttpParser: a chunked body split at every byte", "[cloudsim]") {
  const std::string bytes = kChunked;
  for (size_t split = 0; split < bytes.size(); ++split) {
    Fed fed;
    Feed(bytes, split, &fed);
    INFO("split at " << split);
    REQUIRE(fed.second == Result::kRequest);
    CHECK(fed.request.body == "hello, world!!!");
    CHECK(fed.consumed == bytes.size());
  }
}

TEST_CASE("HttpParser: byte by byte, in one parser", "[cloudsim]") {
  const std::string bytes = kPost;
  std::string buffer;
  HttpParser parser;
  HttpRequest request;
  size_t consumed = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    buffer.push_back(bytes[i]);
    const Result result = parser.Parse(buffer.data(), buffer.size(), &request, &consumed);
    REQUIRE(result == (i + 1 < bytes.size() ? Result::kNeedMore : Result::kRequest));
  }
}

TEST_CASE("HttpParser: pipelined requests are told apart", "[cloudsim]") {
  std::string bytes = std::string(kPost) + "GET /healthz HTTP/1.1\r\n\r\n";
  HttpParser parser;
  HttpRequest request;
  size_t consumed = 0;
  REQUIRE(parser.Parse(bytes.data(), bytes.size(), &request, &consumed) == Result::kRequest);
  CHECK(consumed == sizeof(kPost) - 1);
  parser.Reset();
  REQUIRE(parser.Parse(bytes.data() + consumed, bytes.size() - consumed, &request, &consumed) ==
          Result::kRequest);
  CHECK(request.method == "GET");
  CHECK(request.path == "/healthz");
  CHECK(request.body.empty());
}

TEST_CASE("HttpParser: connection and continue fields", "[cloudsim]") {
  std::string bytes = "GET / HTTP/1.1\r\nConnection: close\r\n\r\n";
  HttpParser parser;
  HttpRequest request;
  size_t consumed = 0;
  REQUIRE(parser.Parse(bytes.data(), bytes.size(), &request, &consumed) == Result::kRequest);
  CHECK_FALSE(request.keep_alive);

  parser.Reset();
  bytes = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  REQUIRE(parser.Parse(bytes.data(), bytes.size(), &request, &consumed) == Result::kContinue);
  REQUIRE(parser.Parse(bytes.data(), bytes.size(), &request, &consumed) == Result::kNeedMore);
  bytes += "{}";
  REQUIRE(parser.Parse(bytes.data(), bytes.size(), &request, &consumed) == Result::kRequest);
  CHECK(request.body == "{}");
}

TEST_CASE("HttpParser: malformed requests are refused with a status", "[cloudsim]") {
  const auto status = [](const std::string& bytes) {
    HttpParser parser;
    return ParseAll(bytes, &parser) == Result::kBad ? parser.bad_status() : 0;
  };
  CHECK(status("nonsense\r\n\r\n") == 400);
  CHECK(status("GET / HTTP/2.0\r\n\r\n") == 505);
  CHECK(status("GET / HTTP/1.1\r\nno colon\r\n\r\n") == 400);
  CHECK(status("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == 400);
  CHECK(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n") == 400);
  CHECK(status("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n") == 413);
  CHECK(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        400);
  CHECK(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") == 400);
  CHECK(status("GET / HTTP/1.1\r\nA: " + std::string(70000, 'a')) == 431);
}

}  // namespace
}  // namespace kabar::cloudsim
