#include "libs/redis/url.h"

#include <catch2/catch.hpp>

#include "libs/redis/connection.h"
#include "libs/redis/errors.h"
#include "libs/testing/status_matchers.h"

namespace kabar::redis {
namespace {

using testing::StatusIs;

TEST_CASE("ParseUrl: sockets, hosts, passwords, databases", "[redis]") {
  CHECK(ParseUrl("unix:///run/redis.sock")->socket == "/run/redis.sock");
  const Address plain = *ParseUrl("redis://localhost");
  CHECK(plain.Label() == "localhost:6379");
  const Address full = *ParseUrl("redis://:p@ss:w/rd@redis.internal:6380/2");
  CHECK(full.Label() == "redis.internal:6380");
  CHECK(full.password == "p@ss:w/rd");
  CHECK(full.database == 2);
  CHECK(ParseUrl("redis://[::1]:7000")->Label() == "::1:7000");
  CHECK(ParseUrl("redis://[::1]")->port == 6379);
}

TEST_CASE("ParseUrl: refuses what it cannot mean, without the password", "[redis]") {
  for (const char* bad :
       {"", "localhost:6379", "http://x", "unix://redis.sock", "redis://", "redis://host:0",
        "redis://host:66000", "redis://host:x", "redis://host/x", "redis://user:geheim@host"}) {
    CAPTURE(bad);
    const absl::Status status = CheckUrl(bad);
    CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "redis://"));
    CHECK(std::string(status.message()).find("geheim") == std::string::npos);
  }
}

TEST_CASE("StatusOfErrorReply: says whether anything was executed", "[redis]") {
  const auto code = [](const char* error) { return StatusOfErrorReply("X", error).code(); };
  CHECK(code("LOADING Redis is loading the dataset in memory") == absl::StatusCode::kUnavailable);
  CHECK(code("READONLY You can't write against a read only replica.") ==
        absl::StatusCode::kUnavailable);
  CHECK(code("NOSCRIPT No matching script. Please use EVAL.") == absl::StatusCode::kNotFound);
  CHECK(code("WRONGTYPE Operation against a key") == absl::StatusCode::kInvalidArgument);
  CHECK(code("ERR unknown command 'X'") == absl::StatusCode::kInvalidArgument);
  CHECK(code("ERR Wrong number of args script: abc, on @user_script:1.") ==
        absl::StatusCode::kInternal);
  CHECK(code("WRONGTYPE Operation script: abc, on @user_script:1.") == absl::StatusCode::kInternal);
  CHECK(code("MINE a script's own error") == absl::StatusCode::kInternal);
  CHECK(DefinitelyNotExecuted(StatusOfErrorReply("X", "OOM command not allowed")));
  CHECK_FALSE(DefinitelyNotExecuted(StatusOfErrorReply("X", "MINE own")));
  CHECK_FALSE(DefinitelyNotExecuted(absl::UnknownError("")));
  CHECK_FALSE(DefinitelyNotExecuted(absl::OkStatus()));
}

}  // namespace
}  // namespace kabar::redis
