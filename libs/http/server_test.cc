#include "libs/http/server.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/http/testing/raw_socket.h"
#include "libs/testing/status_matchers.h"

namespace kabar::http {
namespace {

using testing::IsOk;
using testing::StatusIs;

std::unique_ptr<Server> MustStart(ServerOptions options, Server::Handler handler) {
  auto server = Server::Start(std::move(options), std::move(handler));
  if (!server.ok()) throw std::runtime_error(server.status().ToString());
  return *std::move(server);
}

void Echo(Request&& request, Responder responder) {
  responder.Send(Response{.status = 200,
                          .headers = {{"X-Target", request.target}},
                          .body = request.method + ":" + request.body});
}

// Keeps what the handler got until the test answers it.
class Holder {
 public:
  Server::Handler handler() {
    return [this](Request&& request, Responder responder) {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(request));
      responders_.push_back(std::move(responder));
      changed_.notify_all();
    };
  }
  void AwaitCount(std::size_t n) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), [&] { return responders_.size() >= n; }))
      throw std::runtime_error("the handler was not called in 10 s");
  }
  std::size_t count() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return responders_.size();
  }
  Responder Take(std::size_t i) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::move(responders_[i]);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Request> requests_;
  std::vector<Responder> responders_;
};

constexpr char kOkEmpty[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

TEST_CASE("Server: answers with exactly these bytes and keeps the connection", "[http]") {
  auto server = MustStart({}, Echo);
  auto client = RawSocket::ConnectTo(server->port());
  for (int i = 0; i < 3; ++i) {
    client.Send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    const std::string expected =
        "HTTP/1.1 200 OK\r\nX-Target: /a?b=c\r\nContent-Length: 8\r\n\r\nPOST:abc";
    CHECK(client.ReadExactly(expected.size()) == expected);
  }
}

TEST_CASE("Server: the body is kept byte by byte", "[http]") {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  std::string received;
  auto server = MustStart({}, [&](Request&& request, Responder responder) {
    received = request.body;
    responder.Send({});
  });
  auto client = RawSocket::ConnectTo(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 256\r\n\r\n" + all);
  client.ReadExactly(sizeof(kOkEmpty) - 1);
  CHECK(received == all);

  client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.Send("80;ext=1\r\n" + all.substr(0, 128) + "\r\n");
  client.Send("80\r\n" + all.substr(128) + "\r\n0\r\n\r\n");
  client.ReadExactly(sizeof(kOkEmpty) - 1);
  CHECK(received == all);
}

TEST_CASE("Server: one byte at a time is understood as well", "[http]") {
  auto server = MustStart({}, Echo);
  auto client = RawSocket::ConnectTo(server->port());
  for (const char c :
       absl::string_view("PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")) {
    client.Send(absl::string_view(&c, 1));
  }
  CHECK(client.ReadUntil("PUT:hi").find("200 OK") != std::string::npos);
}

TEST_CASE("Server: pipelined requests are handled one after the other, answered in order",
          "[http]") {
  Holder holder;
  auto server = MustStart({}, holder.handler());
  auto client = RawSocket::ConnectTo(server->port());
  client.Send(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  holder.AwaitCount(1);
  CHECK(holder.count() == 1);  // the second waits for the first one's answer
  holder.Take(0).Send(TextResponse(200, "one"));
  holder.AwaitCount(2);
  holder.Take(1).Send(TextResponse(200, "two"));
  const std::string first = client.ReadUntil("one");
  CHECK(first.find("two") == std::string::npos);
  client.ReadUntil("two");
}

TEST_CASE("Server: a thousand pipelined requests do not pile up on the stack", "[http]") {
  auto server = MustStart({}, Echo);
  auto client = RawSocket::ConnectTo(server->port());
  std::string requests;
  for (int i = 0; i < 1000; ++i) {
    absl::StrAppend(&requests, "GET /", i, " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  client.Send(requests);
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(client.ReadUntil("GET:").find(absl::StrCat("X-Target: /", i, "\r\n")) !=
            std::string::npos);
  }
}

TEST_CASE("Server: answered from another thread, all together", "[http]") {
  Holder holder;
  auto server = MustStart({.threads = 2}, holder.handler());
  std::vector<RawSocket> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(RawSocket::ConnectTo(server->port()));
    clients.back().Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  holder.AwaitCount(20);
  for (std::size_t i = 0; i < 20; ++i) holder.Take(i).Send(Response{});
  for (RawSocket& client : clients) CHECK(client.ReadExactly(sizeof(kOkEmpty) - 1) == kOkEmpty);
}

TEST_CASE("Server: a body over the limit is refused with 413", "[http]") {
  std::atomic<int> handled{0};
  auto server = MustStart({.max_body_bytes = 100}, [&](Request&&, Responder responder) {
    ++handled;
    responder.Send({});
  });
  SECTION("by its length, before it is read") {
    auto client = RawSocket::ConnectTo(server->port());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n");
    CHECK(client.ReadToEnd().find("HTTP/1.1 413 Payload Too Large\r\n") == 0);
  }
  SECTION("by its chunks") {
    auto client = RawSocket::ConnectTo(server->port());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.Send("65\r\n" + std::string(101, 'x') + "\r\n0\r\n\r\n");
    CHECK(client.ReadToEnd().find("HTTP/1.1 413 ") == 0);
  }
  SECTION("while the client goes on sending") {
    auto client = RawSocket::ConnectTo(server->port());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
    client.Send(std::string(200000, 'x'));
    CHECK(client.ReadToEnd().find("HTTP/1.1 413 ") == 0);
  }
  SECTION("one at the limit is taken") {
    auto client = RawSocket::ConnectTo(server->port());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" +
                std::string(100, 'x'));
    CHECK(client.ReadExactly(sizeof(kOkEmpty) - 1) == kOkEmpty);
    CHECK(handled == 1);
    return;
  }
  CHECK(handled == 0);
}

TEST_CASE("Server: a header over the limit is 431, no HTTP is 400", "[http]") {
  auto server = MustStart({.max_header_bytes = 1000}, Echo);
  auto big = RawSocket::ConnectTo(server->port());
  big.Send("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
  CHECK(big.ReadToEnd().find("HTTP/1.1 431 ") == 0);
  auto endless = RawSocket::ConnectTo(server->port());
  endless.Send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;" + std::string(20000, 'x'));
  CHECK(endless.ReadToEnd().find("HTTP/1.1 4") == 0);
  auto garbage = RawSocket::ConnectTo(server->port());
  garbage.Send("\x16\x03\x01 hello\r\n\r\n");
  CHECK(garbage.ReadToEnd().find("HTTP/1.1 400 Bad Request\r\n") == 0);
}

TEST_CASE("Server: Connection: close and HTTP/1.0 end the connection", "[http]") {
  auto server = MustStart({}, Echo);
  auto client = RawSocket::ConnectTo(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string answer = client.ReadToEnd();
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.find("GET:") != std::string::npos);
  auto old = RawSocket::ConnectTo(server->port());
  old.Send("GET / HTTP/1.0\r\n\r\n");
  CHECK(old.ReadToEnd().find("GET:") != std::string::npos);
}

TEST_CASE("Server: Expect: 100-continue is answered before the body", "[http]") {
  auto server = MustStart({}, Echo);
  auto client = RawSocket::ConnectTo(server->port());
  client.Send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.Send("hi");
  client.ReadUntil("POST:hi");
}

TEST_CASE("Server: a forgotten responder answers 500", "[http]") {
  auto server = MustStart({}, [](Request&&, Responder) {});
  auto client = RawSocket::ConnectTo(server->port());
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(client.ReadUntil("\r\n").find("500 Internal Server Error") != std::string::npos);
}

TEST_CASE("Server: Abort closes without an answer", "[http]") {
  auto server = MustStart({}, [](Request&& request, Responder responder) {
    responder.Abort(/*reset=*/request.target == "/reset");
  });
  for (const absl::string_view target : {"/close", "/reset"}) {
    auto client = RawSocket::ConnectTo(server->port());
    client.Send(absl::StrCat("GET ", target, " HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK(client.AtEnd());
  }
}

TEST_CASE("Server: slow clients are cut off", "[http]") {
  Holder holder;
  auto server = MustStart({.idle_timeout = absl::Milliseconds(200),
                           .request_timeout = absl::Milliseconds(60),
                           .write_timeout = absl::Milliseconds(60)},
                          [&](Request&& request, Responder responder) {
                            if (request.target == "/big") {
                              responder.Send(TextResponse(200, std::string(32 << 20, 'x')));
                            } else {
                              holder.handler()(std::move(request), std::move(responder));
                            }
                          });
  auto half = RawSocket::ConnectTo(server->port());
  half.Send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(half.ReadToEnd().find("HTTP/1.1 408 ") == 0);
  auto idle = RawSocket::ConnectTo(server->port());
  CHECK(idle.AtEnd());
  auto reader = RawSocket::ConnectTo(server->port());  // takes one byte of its answer, no more
  reader.Send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  reader.ReadExactly(1);
  auto waiting = RawSocket::ConnectTo(server->port());  // waiting for us is not being slow
  waiting.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  auto idle_again = RawSocket::ConnectTo(server->port());
  CHECK(idle_again.AtEnd());  // so 200 ms have passed
  holder.AwaitCount(1);
  holder.Take(0).Send({});
  CHECK(waiting.ReadExactly(sizeof(kOkEmpty) - 1) == kOkEmpty);
  CHECK(reader.ReadToEnd().size() < (32u << 20));
}

TEST_CASE("Server: beyond max_connections a client waits until another leaves", "[http]") {
  auto server = MustStart({.max_connections = 1}, Echo);
  std::optional<RawSocket> first = RawSocket::ConnectTo(server->port());
  first->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  first->ReadUntil("GET:");
  auto second = RawSocket::ConnectTo(server->port());  // in the backlog
  second.Send("GET /second HTTP/1.1\r\nHost: x\r\n\r\n");
  first->Send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
  first->ReadUntil("GET:");
  first.reset();
  CHECK(second.ReadUntil("GET:").find("/second") != std::string::npos);
}

TEST_CASE("Server: Stop answers what is in flight and closes what is idle", "[http]") {
  Holder holder;
  // One thread: once the idle one is closed, the busy one's thread knows of the stop.
  auto server = MustStart({}, holder.handler());
  auto idle = RawSocket::ConnectTo(server->port());
  auto busy = RawSocket::ConnectTo(server->port());
  busy.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  holder.AwaitCount(1);
  absl::Status stopped;
  std::thread stopper([&] { stopped = server->Stop(absl::Now() + absl::Seconds(10)); });
  CHECK(idle.AtEnd());
  holder.Take(0).Send(TextResponse(200, "late but whole"));
  const std::string answer = busy.ReadToEnd();
  CHECK(answer.find("late but whole") != std::string::npos);
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  busy.Close();
  stopper.join();
  CHECK_THAT(stopped, IsOk());
}

TEST_CASE("Server: Stop gives up at its deadline and says how many were cut", "[http]") {
  Holder holder;
  auto server = MustStart({}, holder.handler());
  auto busy = RawSocket::ConnectTo(server->port());
  busy.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  holder.AwaitCount(1);
  CHECK_THAT(server->Stop(absl::Now() + absl::Milliseconds(30)),
             StatusIs(absl::StatusCode::kDeadlineExceeded, "1 request(s)"));
  CHECK(busy.AtEnd());
  server.reset();
  holder.Take(0).Send({});  // later than the server's life: nothing happens
}

TEST_CASE("Server: a port in use is an error that names it", "[http]") {
  auto server = MustStart({}, Echo);
  ServerOptions same;
  same.port = server->port();
  CHECK_THAT(Server::Start(same, Echo).status(),
             StatusIs(absl::StatusCode::kUnavailable, absl::StrCat(server->port())));
  CHECK_THAT(Server::Start({.address = "nowhere"}, Echo).status(),
             StatusIs(absl::StatusCode::kUnavailable, "nowhere"));
  CHECK_THAT(Server::Start({.threads = 0}, Echo).status(),
             StatusIs(absl::StatusCode::kInvalidArgument, "threads"));
}

}  // namespace
}  // namespace kabar::http
