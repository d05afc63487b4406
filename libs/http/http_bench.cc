// CPU per small request of the server and of the client, measured apart: both run in this process
// on threads of their own, and the kernel counts each thread's time on the CPU.
//
//   http_bench [requests] [connections]
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "libs/http/client.h"
#include "libs/http/server.h"

namespace kabar::http {
namespace {

// Nanoseconds on the CPU so far, summed by thread name.
std::map<std::string, double> CpuByThread() {
  std::map<std::string, double> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    double nanos = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> nanos;
    out[name] += nanos;
  }
  return out;
}

int Run(int requests, int connections) {
  auto server = Server::Start({}, [](Request&&, Responder responder) {
    responder.Send(
        JsonResponse(200, R"({"messages":[{"id":"wamid.HBgNNjI4MTIzNDU2Nzg5MBUCABE"}]})"));
  });
  if (!server.ok()) return 1;
  ClientOptions options;
  options.base_url = absl::StrCat("http://127.0.0.1:", (*server)->port());
  options.max_connections = connections;
  options.max_waiting = static_cast<std::size_t>(requests) + 1;
  auto client = Client::Create(options);
  if (!client.ok()) return 1;

  std::atomic<int> left{requests};
  std::atomic<int> failed{0};
  absl::Notification finished;
  const std::string body(300, 'x');
  const auto before = CpuByThread();
  const absl::Time started = absl::Now();
  for (int i = 0; i < requests; ++i) {
    (*client)->Post(
        ClientRequest{.target = "/v23.0/106540352242922/messages",
                      .headers = {{"Authorization", "Bearer EAAJB0000000000000000000000000000000"},
                                  {"Content-Type", "application/json"}},
                      .body = body,
                      .deadline = absl::Now() + absl::Minutes(5)},
        [] { return true; },
        [&](Completion completion) {
          if (completion.outcome != Outcome::kResponse) ++failed;
          if (--left == 0) finished.Notify();
        });
  }
  finished.WaitForNotification();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started);
  auto after = CpuByThread();
  std::printf("%d requests over %d connections in %.2f s (%.0f/s), %d failed\n", requests,
              connections, seconds, requests / seconds, failed.load());
  for (const char* thread : {"http-server", "http-client"}) {
    std::printf("%s: %.2f us CPU a request\n", thread,
                (after[thread] - before.at(thread)) / 1000.0 / requests);
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kabar::http

int main(int argc, char** argv) {
  const int requests = argc > 1 ? std::atoi(argv[1]) : 200000;
  const int connections = argc > 2 ? std::atoi(argv[2]) : 32;
  return kabar::http::Run(requests, connections);
}
