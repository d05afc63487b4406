#include "libs/rpc/server_runner.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "kabar/events/v1/events.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"

namespace kabar::rpc {
namespace {

namespace pb = events::v1;

// Streams one answer, then waits until it is asked to end.
class Streamer : public pb::EventsService::Service {
 public:
  explicit Streamer(Guard& guard) : guard_(guard) {}

  grpc::Status ReadEvents(grpc::ServerContext* context, const pb::ReadEventsRequest*,
                          grpc::ServerWriter<pb::ReadEventsResponse>* writer) override {
    return ServeStream(context, guard_, Access::kService, [&](const Call& call) -> absl::Status {
      writer->Write({});
      absl::Notification asked;
      std::stop_callback wake(call.stop, [&] { asked.Notify(); });
      asked.WaitForNotification();
      return absl::UnavailableError("draining");
    });
  }

 private:
  Guard& guard_;
};

// grpc.health.v1.Health/Check in raw bytes, as the distribution ships no stubs of it:
// HealthCheckResponse{status = 1} is 08 01 (SERVING) or 08 02 (NOT_SERVING). No key, as a probe.
std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(10)));
  grpc::ByteBuffer request, response;
  grpc::Slice empty("");
  request = grpc::ByteBuffer(&empty, 1);
  absl::Notification done;
  grpc::Status status;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                 [&](grpc::Status result) {
                   status = std::move(result);
                   done.Notify();
                 });
  done.WaitForNotification();
  if (!status.ok()) return absl::StrCat("error: ", status.error_message());
  std::vector<grpc::Slice> slices;
  (void)response.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  if (bytes == "\x08\x01") return "SERVING";
  if (bytes == "\x08\x02") return "NOT_SERVING";
  return absl::StrCat("unreadable answer of ", bytes.size(), " bytes");
}

ServerRunner::Options OnFreePort() {
  return {.address = "127.0.0.1:0",
          .drain_pause = absl::ZeroDuration(),
          .shutdown_grace = absl::Seconds(10)};
}

}  // namespace

TEST_CASE("ServerRunner: health answers without a key and follows SetServing", "[rpc]") {
  Guard guard({.service = "runnertest"}, testing::TestKeys());
  testing::LocalServer server(guard, {});
  CHECK(CheckHealth(server.channel()) == "SERVING");
  server.runner().SetServing(false);
  CHECK(CheckHealth(server.channel()) == "NOT_SERVING");
  server.runner().SetServing(true);
  CHECK(CheckHealth(server.channel()) == "SERVING");
}

TEST_CASE("ServerRunner: an address in use is refused and named", "[rpc]") {
  Guard guard({.service = "runnertest"}, testing::TestKeys());
  testing::LocalServer first(guard, {});
  ServerRunner second({.address = first.address()}, guard);
  const absl::Status status = second.Start();
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(base::GetReason(status) == "LISTEN_FAILED");
  CHECK(absl::StrContains(status.message(), first.address()));
}

TEST_CASE("Drain: not serving first, then the parts in order, then streams, then the server",
          "[rpc]") {
  Guard guard({.service = "runnertest"}, testing::TestKeys());
  Streamer streamer(guard);
  ServerRunner runner(OnFreePort(), guard);
  runner.Register(&streamer);
  auto steps = std::make_shared<std::vector<std::string>>();
  std::shared_ptr<grpc::Channel> channel;
  runner.OnStop("first", [&] { steps->push_back("first " + CheckHealth(channel)); });
  runner.OnStop("second", [&] { steps->push_back("second"); });
  REQUIRE(runner.Start().ok());
  channel = MakeChannel(runner.address());

  auto stub = pb::EventsService::NewStub(channel);
  grpc::ClientContext context;
  testing::As(context, "service");
  auto reader = stub->ReadEvents(&context, {});
  pb::ReadEventsResponse response;
  REQUIRE(reader->Read(&response));  // the stream is open and waits

  const absl::Time start = absl::Now();
  runner.Drain();
  CHECK(*steps == std::vector<std::string>{"first NOT_SERVING", "second"});
  CHECK_FALSE(reader->Read(&response));
  const absl::Status end = ToAbsl(reader->Finish());
  CHECK(end.code() == absl::StatusCode::kUnavailable);
  CHECK(end.message() == "draining");             // ended by itself, not cut
  CHECK(absl::Now() - start < absl::Seconds(9));  // nor waited for the grace
  CHECK(absl::StartsWith(CheckHealth(channel), "error: "));
}

TEST_CASE("WaitForShutdownSignal: takes SIGTERM, asked for by a part of the process", "[rpc]") {
  // In a child, because this process has threads already that do not block the signal.
  const pid_t child = fork();
  if (child == 0) {
    BlockShutdownSignals();
    RequestShutdown();
    const bool came = WaitForShutdownSignal(absl::Seconds(10));
    const bool came_again = WaitForShutdownSignal(absl::ZeroDuration());
    _exit(came && !came_again ? 0 : 1);
  }
  REQUIRE(child > 0);
  int outcome = -1;
  REQUIRE(waitpid(child, &outcome, 0) == child);
  CHECK(WIFEXITED(outcome));
  CHECK(WEXITSTATUS(outcome) == 0);
}

TEST_CASE("MakeChannel: finds a restarted server again within its backoff", "[rpc]") {
  Guard guard({.service = "runnertest"}, testing::TestKeys());
  auto first =
      std::make_unique<testing::LocalServer>(guard, std::initializer_list<grpc::Service*>{});
  const std::string address = first->address();
  auto channel = MakeChannel(address);
  REQUIRE(CheckHealth(channel) == "SERVING");
  first.reset();
  CHECK(absl::StartsWith(CheckHealth(channel), "error: "));
  ServerRunner again({.address = address, .drain_pause = absl::ZeroDuration()}, guard);
  REQUIRE(again.Start().ok());
  CHECK(channel->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(10))));
  CHECK(CheckHealth(channel) == "SERVING");
}

}  // namespace kabar::rpc
