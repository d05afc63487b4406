// cloudsim-bench: how many requests a second the simulator takes and what one costs it in CPU.
//
// Starts the cloudsim binary beside this one, keeps N connections busy with one template send each,
// and reads the simulator's CPU time from /proc. With --webhook-url it also tells three statuses a
// message to that receiver and waits until all are delivered.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

constexpr char kHelp[] =
    "cloudsim-bench [--requests N] [--connections N] [--record full|summary] [--json FILE]\n"
    "  starts cloudsim without faults and webhooks and sends N template messages (default 200000)\n"
    "  over kept-alive connections (default 64); prints requests_per_s and cpu_us_per_request\n"
    "  --webhook-url URL: statuses without delay to a receiver of yours; prints statuses_per_s, "
    "and\n"
    "  cpu_us_per_request then includes three webhooks a message\n";

struct Options {
  int64_t requests = 200000;
  int connections = 64;
  std::string record = "full";
  std::string json;
  std::string webhook_url;
};

// No limit binds; all are checked.
constexpr char kSetup[] =
    R"({"tokens":[{"token":"bench"}],"wabas":[{"id":"1","name":"bench","phone_numbers":[
{"id":"2","display_phone_number":"+62 811","throughput":1000000000}],"templates":[
{"name":"update","language":"id","body":"Halo {{1}}, paket {{2}} dari {{3}} sekarang {{4}} di {{5}}. )"
    R"(Perkiraan tiba {{6}}. Balas YA bila Anda di rumah, TIDAK bila tidak. Terima kasih, salam kurir."}]}]})";

constexpr char kScenario[] =
    R"({"statuses":{"sent_ms":0,"delivered_ms":0,"read_ms":0,"delivered":1,"read":1}})";

struct Child {
  pid_t pid = -1;
  uint16_t port = 0;
};

// The path of a new file with this content; empty when it cannot be written.
std::string TemporaryFile(const char* content) {
  char path[] = "/tmp/cloudsim-bench-XXXXXX";
  const int file = mkstemp(path);
  if (file < 0) return "";
  const bool written =
      write(file, content, strlen(content)) == static_cast<ssize_t>(strlen(content));
  close(file);
  return written ? path : "";
}

bool StartSimulator(const char* self, const Options& options, Child* child) {
  const std::string directory = std::string(self).substr(0, std::string(self).rfind('/') + 1);
  const std::string program = directory + "cloudsim";
  const std::string setup = TemporaryFile(kSetup);
  const std::string scenario = TemporaryFile(kScenario);
  if (setup.empty() || scenario.empty()) return false;
  int out[2];
  if (pipe(out) != 0) return false;
  child->pid = fork();
  if (child->pid == 0) {
    dup2(out[1], STDOUT_FILENO);
    close(out[0]);
    execl(program.c_str(), "cloudsim", "--setup", setup.c_str(), "--scenario", scenario.c_str(),
          "--record", options.record.c_str(), "--webhook-url", options.webhook_url.c_str(),
          static_cast<char*>(nullptr));
    fprintf(stderr, "cloudsim-bench: cannot start %s: %s\n", program.c_str(), strerror(errno));
    _exit(127);
  }
  close(out[1]);
  char line[512];
  FILE* const ready = fdopen(out[0], "r");
  const bool answered = fgets(line, sizeof(line), ready) != nullptr;
  fclose(ready);
  unlink(setup.c_str());
  unlink(scenario.c_str());
  int port = 0;
  const char* const at = answered ? strstr(line, "\"port\":") : nullptr;
  if (at != nullptr) port = atoi(at + 7);
  child->port = static_cast<uint16_t>(port);
  return port > 0;
}

// User and system time of a process, in microseconds.
int64_t CpuUs(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::vector<std::string> fields = absl::StrSplit(text.substr(text.rfind(')') + 2), ' ');
  int64_t user = 0;
  int64_t system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    return 0;
  }
  return (user + system) * kMicrosPerSecond / sysconf(_SC_CLK_TCK);
}

int64_t PeakRssMb(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "VmHWM:")) return atoll(line.c_str() + 6) / 1024;
  }
  return 0;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

// Waits until the simulator has no webhook left to deliver.
bool WaitForQuiet(uint16_t port) {
  constexpr char kRequest[] = "GET /_sim/quiet HTTP/1.1\r\n\r\n";
  const int fd = Connect(port);
  bool quiet = false;
  while (fd >= 0 && !quiet) {
    char answer[1024];
    if (send(fd, kRequest, sizeof(kRequest) - 1, MSG_NOSIGNAL) < 0) break;
    const ssize_t got = recv(fd, answer, sizeof(answer), 0);
    if (got <= 0) break;
    quiet =
        absl::StrContains(absl::string_view(answer, static_cast<size_t>(got)), "\"quiet\":true");
    if (!quiet) usleep(1000);
  }
  if (fd >= 0) close(fd);
  return quiet;
}

class Load {
 public:
  Load(const Options& options, uint16_t port) : options_(options), port_(port) {}

  bool Run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    lines_.resize(static_cast<size_t>(options_.connections));
    for (Line& line : lines_) {
      if (!Open(&line)) return false;
    }
    for (Line& line : lines_) Next(&line);
    epoll_event events[256];
    while (answered_ < options_.requests && !failed_) {
      const int count = epoll_wait(epoll_, events, 256, 10000);
      if (count <= 0) return false;
      for (int i = 0; i < count; ++i) Receive(static_cast<Line*>(events[i].data.ptr));
    }
    for (const Line& line : lines_) close(line.fd);
    close(epoll_);
    return !failed_;
  }

 private:
  struct Line {
    int fd = -1;
  };

  bool Open(Line* line) {
    line->fd = Connect(port_);
    if (line->fd < 0) return false;
    const int on = 1;
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = line;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, line->fd, &event);
    return true;
  }

  void Next(Line* line) {
    if (started_ >= options_.requests) return;
    const int64_t n = started_++;
    const auto text = [](absl::string_view value) {
      return absl::StrCat("{\"type\":\"text\",\"text\":\"", value, "\"}");
    };
    const std::string body = absl::StrCat(
        "{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",\"to\":\"",
        6281000000000 + n, "\",\"biz_opaque_callback_data\":\"20260101bench", n,
        ".1\",\"type\":\"template\",\"template\":{\"name\":\"update\",\"language\":{\"code\":"
        "\"id\"},"
        "\"components\":[{\"type\":\"body\",\"parameters\":[",
        text("Budi Santoso"), ",", text(absl::StrCat("JX", n)), ",", text("Toko Maju"), ",",
        text("dalam perjalanan"), ",", text("Jakarta Selatan"), ",", text("14:00-16:00"), "]}]}}");
    const std::string request = absl::StrCat(
        "POST /v23.0/2/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench\r\n"
        "Content-Type: application/json\r\nContent-Length: ",
        body.size(), "\r\n\r\n", body);
    if (send(line->fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      failed_ = true;
    }
  }

  void Receive(Line* line) {
    char answer[4096];
    const ssize_t got = recv(line->fd, answer, sizeof(answer) - 1, 0);
    if (got < 12 || memcmp(answer, "HTTP/1.1 200", 12) != 0) {
      answer[got < 0 ? 0 : got] = '\0';
      fprintf(stderr, "cloudsim-bench: not accepted: %s\n", answer);
      failed_ = true;
      return;
    }
    ++answered_;
    Next(line);
  }

  const Options options_;
  const uint16_t port_;
  int epoll_ = -1;
  std::vector<Line> lines_;
  int64_t started_ = 0;
  int64_t answered_ = 0;
  bool failed_ = false;
};

int Measure(const char* self, const Options& options) {
  Child child;
  if (!StartSimulator(self, options, &child)) {
    fprintf(stderr, "cloudsim-bench: the simulator did not start\n");
    return 1;
  }
  const int64_t cpu_before = CpuUs(child.pid);
  const int64_t begin_us = NowUs();
  bool good = Load(options, child.port).Run();
  const double seconds = static_cast<double>(NowUs() - begin_us) / 1e6;
  if (!options.webhook_url.empty()) good = WaitForQuiet(child.port) && good;
  const double quiet_seconds = static_cast<double>(NowUs() - begin_us) / 1e6;
  const int64_t cpu_us = CpuUs(child.pid) - cpu_before;
  const int64_t rss_mb = PeakRssMb(child.pid);
  kill(child.pid, SIGTERM);
  int status = 0;
  waitpid(child.pid, &status, 0);
  if (!good) return 1;
  const auto requests = static_cast<double>(options.requests);
  char report[256];
  snprintf(report, sizeof(report),
           "{\"requests\":%lld,\"connections\":%d,\"requests_per_s\":%.0f,"
           "\"cpu_us_per_request\":%.2f,\"peak_rss_mb\":%lld,\"seconds\":%.2f,"
           "\"statuses_per_s\":%.0f}\n",
           static_cast<long long>(options.requests), options.connections, requests / seconds,
           static_cast<double>(cpu_us) / requests, static_cast<long long>(rss_mb), seconds,
           options.webhook_url.empty() ? 0 : 3 * requests / quiet_seconds);
  fputs(report, stdout);
  if (!options.json.empty()) std::ofstream(options.json) << report;
  return 0;
}

int Run(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    std::string value;
    const size_t equals = name.find('=');
    if (name == "--help") {
      fputs(kHelp, stdout);
      return 0;
    }
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    bool known = true;
    if (name == "--requests") {
      known = absl::SimpleAtoi(value, &options.requests) && options.requests > 0;
    } else if (name == "--connections") {
      known = absl::SimpleAtoi(value, &options.connections) && options.connections > 0;
    } else if (name == "--record") {
      options.record = value;
    } else if (name == "--webhook-url") {
      options.webhook_url = value;
    } else if (name == "--json") {
      options.json = value;
    } else {
      known = false;
    }
    if (!known) {
      fprintf(stderr, "cloudsim-bench: %s: unknown or wrong\n%s", argv[i], kHelp);
      return 2;
    }
  }
  return Measure(argv[0], options);
}

}  // namespace
}  // namespace kabar::cloudsim

int main(int argc, char** argv) { return kabar::cloudsim::Run(argc, argv); }
