#include "libs/redis/connection.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <thread>

#include "libs/redis/pool.h"
#include "libs/redis/script.h"
#include "libs/redis/server.h"
#include "libs/testing/eventually.h"
#include "libs/testing/private_redis.h"
#include "libs/testing/status_matchers.h"
#include "libs/testing/temp_dir.h"

namespace kabar::redis {
namespace {

using testing::Eventually;
using testing::IsOk;
using testing::StatusIs;
using testing::TestRedis;

absl::Time In(absl::Duration d = absl::Seconds(20)) { return absl::Now() + d; }

// A server that does what the test says with one connection, then closes it. On a thread of its
// own: no Catch2 macros in there.
class FakeServer {
 public:
  explicit FakeServer(std::function<void(int)> serve, bool tcp = false) {
    listener_ = tcp ? ListenTcp() : ListenUnix();
    thread_ = std::thread([this, serve = std::move(serve)] {
      const int fd = accept(listener_, nullptr, nullptr);
      serve(fd);
      close(fd);
    });
  }
  ~FakeServer() {
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "unix://" + path_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int ListenUnix() {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(fd, 4) == 0);
    return fd;
  }

  int ListenTcp() {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(fd, 4) == 0);
    socklen_t size = sizeof(address);
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    return fd;
  }

  testing::TempDir folder_;
  std::string path_ = folder_.File("s");
  int port_ = 0;
  int listener_ = -1;
  std::thread thread_;
};

TEST_CASE("Command: every kind of reply", "[redis]") {
  TestRedis().FlushAll();
  Connection redis({.url = TestRedis().url()});
  CHECK((*redis.Command({"SET", "k", absl::string_view("a\0b\r\n", 5)}, In())).text == "OK");
  CHECK((*redis.Command({"GET", "k"}, In())).text == std::string("a\0b\r\n", 5));
  CHECK((*redis.Command({"GET", "none"}, In())).nil());
  CHECK((*redis.Command({"INCRBY", "n", "41"}, In())).integer == 41);
  CHECK_THAT(redis.Command({"RPUSH", "l", "x", "", "z"}, In()), IsOk());
  const Reply list = *redis.Command({"LRANGE", "l", "0", "-1"}, In());
  REQUIRE(list.elements.size() == 3);
  CHECK(list.elements[2].text == "z");
  CHECK_THAT(redis.Command({"INCR", "l"}, In()),
             StatusIs(absl::StatusCode::kInvalidArgument, "WRONGTYPE"));
  CHECK_THAT(redis.Command({"GET"}, In()), StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(redis.connected());
}

TEST_CASE("Pipeline: answers in order, each its own, also when larger than the buffers",
          "[redis]") {
  TestRedis().FlushAll();
  Connection redis({.url = TestRedis().url()});
  const auto replies =
      redis.Pipeline({{"SET", "a", "1"}, {"INCR", "a"}, {"LPOP", "a"}, {"GET", "a"}}, In());
  REQUIRE(replies.size() == 4);
  CHECK(replies[1]->integer == 2);
  CHECK_THAT(replies[2], StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(replies[3]->text == "2");

  const std::string big(64 * 1024, 'x');
  const std::vector<Connection::Args> many(500, Connection::Args{"ECHO", big});
  const auto echoes = redis.Pipeline(many, In());
  REQUIRE(echoes.size() == 500);
  for (const auto& echo : echoes) {
    if (!echo.ok() || echo->text != big) FAIL(echo.status());
  }
}

TEST_CASE("Command: no server is UNAVAILABLE: not executed", "[redis]") {
  Connection redis(
      {.url = "unix:///nonexistent/redis.sock", .max_backoff = absl::Milliseconds(50)});
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = redis.Command({"PING"}, In()).status();
    CHECK_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "/nonexistent/redis.sock"));
    CHECK(DefinitelyNotExecuted(status));
  }
  CHECK_THAT(redis.Command({"PING"}, absl::InfinitePast()),
             StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_CASE("Command: a server that hangs is UNKNOWN at the deadline, then works again", "[redis]") {
  testing::PrivateRedis server;
  Connection redis({.url = server.url()});
  REQUIRE_THAT(redis.Command({"SET", "n", "0"}, In()), IsOk());
  server.Freeze();
  const absl::Status status = redis.Command({"INCR", "n"}, In(absl::Milliseconds(100))).status();
  CHECK_THAT(status, StatusIs(absl::StatusCode::kUnknown, "may have been executed"));
  CHECK_FALSE(DefinitelyNotExecuted(status));
  CHECK_FALSE(redis.connected());
  server.Thaw();
  // The late answer of INCR does not meet GET; it was executed indeed.
  CHECK(Eventually([&] { return (*redis.Command({"GET", "n"}, In())).text == "1"; }));
}

TEST_CASE("Command: a connection lost after the command is UNKNOWN and nothing is repeated",
          "[redis]") {
  int commands = 0;
  {
    FakeServer server([&](int fd) {
      char buffer[256];
      if (read(fd, buffer, sizeof(buffer)) > 0) ++commands;
    });
    Connection redis({.url = server.url()});
    CHECK_THAT(redis.Command({"INCR", "n"}, In()), StatusIs(absl::StatusCode::kUnknown));
  }
  CHECK(commands == 1);
}

TEST_CASE("Pipeline: commands behind a lost connection tell what went out", "[redis]") {
  FakeServer server([&](int fd) {
    char buffer[64];
    if (read(fd, buffer, sizeof(buffer)) <= 0) return;
    if (write(fd, "+OK\r\n", 5) != 5) return;
    // Closes with the rest unread: what did not fit into the socket was never sent.
  });
  Connection redis({.url = server.url()});
  const std::string big(8 * 1024 * 1024, 'x');
  const auto replies =
      redis.Pipeline({{"SET", "a", "1"}, {"SET", "b", "1"}, {"SET", "c", big}}, In());
  CHECK_THAT(replies[0], IsOk());
  CHECK_THAT(replies[1], StatusIs(absl::StatusCode::kUnknown));
  CHECK_THAT(replies[2], StatusIs(absl::StatusCode::kUnavailable));
}

TEST_CASE("Command: a restart between two commands costs no error; the run id tells", "[redis]") {
  testing::PrivateRedis server;
  Connection redis({.url = server.url()});
  const std::string before = *RunId(redis, In());
  REQUIRE_THAT(redis.Command({"SET", "k", "v"}, In()), IsOk());
  server.RestartWithData();
  CHECK((*redis.Command({"GET", "k"}, In())).text == "v");
  const std::string after = *RunId(redis, In());
  CHECK(before.size() == 40);
  CHECK(after != before);
  server.RestartWithoutData();
  CHECK((*redis.Command({"GET", "k"}, In())).nil());
  server.Kill();
  CHECK_THAT(redis.Command({"GET", "k"}, In()), StatusIs(absl::StatusCode::kUnavailable));
  server.Start();
  CHECK_THAT(redis.Command({"GET", "k"}, In()), IsOk());
}

TEST_CASE("ServerTime: the server's clock in microseconds", "[redis]") {
  Connection redis({.url = TestRedis().url()});
  bool fraction = false;
  for (int i = 0; i < 5; ++i) {
    const absl::Time time = *ServerTime(redis, In());
    CHECK(absl::AbsDuration(time - absl::Now()) < absl::Seconds(5));  // one machine, one clock
    fraction = fraction || absl::ToUnixMicros(time) % 1000 != 0;
  }
  CHECK(fraction);
}

TEST_CASE("Script: by its hash, loaded where unknown, errors in the middle tell", "[redis]") {
  TestRedis().FlushAll();
  Connection redis({.url = TestRedis().url()});
  const Script add("add", "return redis.call('INCRBY', KEYS[1], ARGV[1])");
  CHECK(add.sha1().size() == 40);
  REQUIRE_THAT(redis.Command({"SCRIPT", "FLUSH"}, In()), IsOk());
  CHECK(add.Run(redis, {"n"}, {"5"}, In())->integer == 5);  // once, not twice
  CHECK((*redis.Command({"SCRIPT", "EXISTS", add.sha1()}, In())).elements[0].integer == 1);
  CHECK(add.Run(redis, {"n"}, {"5"}, In())->integer == 10);
  const absl::Status status = add.Run(redis, {"n"}, {"x"}, In()).status();
  CHECK_THAT(status, StatusIs(absl::StatusCode::kInternal, "script add"));
  CHECK_FALSE(DefinitelyNotExecuted(status));
  const Script own("own", "return redis.error_reply('MINE no')");
  CHECK_THAT(own.Run(redis, {}, {}, In()), StatusIs(absl::StatusCode::kInternal, "MINE"));
}

TEST_CASE("Pool: few connections, waiters in turn, bounded in number and time", "[redis]") {
  Pool pool({.connection = {.url = TestRedis().url()}, .max_connections = 1, .max_waiters = 1});
  auto held = pool.Acquire(In());
  REQUIRE_THAT(held, IsOk());
  CHECK_THAT(pool.Command({"PING"}, In(absl::Milliseconds(30))),
             StatusIs(absl::StatusCode::kDeadlineExceeded));
  absl::Status status;
  std::thread waiter([&] { status = pool.Command({"PING"}, In()).status(); });
  REQUIRE(Eventually([&] { return pool.waiting() == 1; }));
  CHECK_THAT(pool.Command({"PING"}, In()), StatusIs(absl::StatusCode::kResourceExhausted));
  { const auto released = std::move(*held); }
  waiter.join();
  CHECK_THAT(status, IsOk());
}

TEST_CASE("Connection: gives password and database first", "[redis]") {
  std::string greeting;
  {
    FakeServer server(
        [&](int fd) {
          char buffer[512];
          const ssize_t n = read(fd, buffer, sizeof(buffer));
          greeting.assign(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0)));
          if (write(fd, "-WRONGPASS invalid\r\n+OK\r\n", 25) != 25) return;
          [[maybe_unused]] const ssize_t rest = read(fd, buffer, sizeof(buffer));
        },
        /*tcp=*/true);
    Connection redis({.url = "redis://:pass:word@" + server.address() + "/3"});
    CHECK_THAT(redis.Command({"GET", "k"}, In()),
               StatusIs(absl::StatusCode::kUnavailable, "WRONGPASS"));
  }
  CHECK(greeting == "*2\r\n$4\r\nAUTH\r\n$9\r\npass:word\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n");
}

TEST_CASE("Command: a server that wants a password is UNAVAILABLE", "[redis]") {
  testing::PrivateRedis server;
  Connection redis({.url = server.url()});
  REQUIRE_THAT(redis.Command({"CONFIG", "SET", "requirepass", "geheim"}, In()), IsOk());
  Connection other({.url = server.url()});
  const absl::Status status = other.Command({"GET", "k"}, In()).status();
  CHECK_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "NOAUTH"));
  CHECK(DefinitelyNotExecuted(status));
}

}  // namespace
}  // namespace kabar::redis
