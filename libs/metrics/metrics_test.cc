#include "libs/metrics/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "libs/metrics/exposer.h"
#include "libs/metrics/figures.h"
#include "libs/testing/status_matchers.h"

namespace kabar::metrics {
namespace {

using testing::IsOk;
using testing::ReasonIs;

// The number behind a series' name in the text form; -1 if the series is not there.
double ValueOf(absl::string_view series) {
  std::string text = RenderText();
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, absl::StrCat(series, " ")) && absl::SimpleAtod(line, &value)) {
      return value;
    }
  }
  return -1;
}

// GET over a plain socket, so that the test needs no client of ours.
std::string Get(int port, absl::string_view path) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  std::string request =
      absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  REQUIRE(send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  std::string answer;
  char buffer[4096];
  ssize_t got;
  while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, got);
  close(fd);
  return answer;
}

TEST_CASE("GetCounter: the same name and labels are the same series", "[metrics]") {
  Counter& one = GetCounter("kabar_test_sent_total", "Sent.", {{"sender", "a"}});
  Counter& same = GetCounter("kabar_test_sent_total", "Sent.", {{"sender", "a"}});
  Counter& other = GetCounter("kabar_test_sent_total", "Sent.", {{"sender", "b"}});
  CHECK(&one == &same);
  CHECK(&one != &other);
  one.Increment();
  same.Increment(2);
  CHECK(ValueOf("kabar_test_sent_total{sender=\"a\"}") == 3);
  CHECK(ValueOf("kabar_test_sent_total{sender=\"b\"}") == 0);
}

TEST_CASE("GetGauge: goes up and down", "[metrics]") {
  Gauge& gauge = GetGauge("kabar_test_lanes", "Lanes.");
  gauge.Set(5);
  gauge.Decrement();
  CHECK(ValueOf("kabar_test_lanes") == 4);
}

TEST_CASE("GetHistogram: latency buckets unless others are named", "[metrics]") {
  GetHistogram("kabar_test_rpc_seconds", "Time.").Observe(0.003);
  CHECK(ValueOf("kabar_test_rpc_seconds_bucket{le=\"0.0025\"}") == 0);
  CHECK(ValueOf("kabar_test_rpc_seconds_bucket{le=\"0.005\"}") == 1);
  CHECK(ValueOf("kabar_test_rpc_seconds_bucket{le=\"30\"}") == 1);
  CHECK(ValueOf("kabar_test_rpc_seconds_count") == 1);
  GetHistogram("kabar_test_batch_rows", "Rows.", {}, SizeBuckets()).Observe(100);
  CHECK(ValueOf("kabar_test_batch_rows_bucket{le=\"50\"}") == 0);
  CHECK(ValueOf("kabar_test_batch_rows_bucket{le=\"100\"}") == 1);
}

TEST_CASE("CheckName: kabar_<service>_<what>", "[metrics]") {
  for (const char* good : {"kabar_dispatcher_sent_total", "kabar_gateway_up",
                           "kabar_dispatcher_recipients_24h_count"}) {
    CAPTURE(good);
    CHECK_THAT(CheckName(good), IsOk());
  }
  for (const char* bad : {"", "kabar", "kabar_dispatcher", "sent_total", "kabar__sent",
                          "kabar_dispatcher_", "Kabar_dispatcher_sent", "kabar_dispatcher_Sent",
                          "kabar_dispatcher2_sent", "kabar_dispatcher_se-nt", "my_kabar_sent"}) {
    CAPTURE(bad);
    CHECK_THAT(CheckName(bad), ReasonIs("INVALID_METRIC_NAME"));
  }
}

TEST_CASE("CheckLabels: no ids of messages, contacts, campaigns; no personal data", "[metrics]") {
  CHECK_THAT(CheckLabels({}), IsOk());
  CHECK_THAT(CheckLabels({{"sender", "s"}, {"outlet", "o"}, {"code", "131047"}, {"role", "r"}}),
             IsOk());
  for (const char* bad : {"message_id", "message", "contact", "contact_id", "Campaign_Id",
                          "campaign", "run_id", "phone", "recipient_phone", "text", "wamid"}) {
    CAPTURE(bad);
    CHECK_THAT(CheckLabels({{bad, "x"}}), ReasonIs("INVALID_METRIC_LABEL"));
  }
}

TEST_CASE("RenderText: the process's own figures", "[metrics]") {
  CHECK(ValueOf("kabar_process_rss_bytes") > 1e6);
  CHECK(ValueOf("kabar_process_rss_peak_bytes") >= ValueOf("kabar_process_rss_bytes") / 2);
  CHECK(ValueOf("kabar_process_cpu_seconds_total") > 0);
  double before = ValueOf("kabar_process_open_fds");
  CHECK(before >= 3);
  int pipes[2];
  REQUIRE(pipe(pipes) == 0);
  CHECK(ValueOf("kabar_process_open_fds") == before + 2);
  close(pipes[0]);
  close(pipes[1]);
}

TEST_CASE("Exposer: serves /metrics, and both kinds of figures", "[metrics]") {
  auto exposer = Exposer::Start("127.0.0.1:0");
  REQUIRE_THAT(exposer, IsOk());
  GetCounter("kabar_test_exposed_total", "Exposed.").Increment();
  std::string answer = Get((*exposer)->port(), "/metrics");
  CHECK(answer.find("200 OK") != std::string::npos);
  CHECK(answer.find("kabar_test_exposed_total 1") != std::string::npos);
  CHECK(answer.find("kabar_process_open_fds") != std::string::npos);
}

TEST_CASE("Exposer: a taken or wrong address is an error that names it", "[metrics]") {
  auto first = Exposer::Start("127.0.0.1:0");
  REQUIRE_THAT(first, IsOk());
  std::string taken = absl::StrCat("127.0.0.1:", (*first)->port());
  CHECK_THAT(Exposer::Start(taken), ReasonIs("METRICS_BIND_FAILED"));
  CHECK_THAT(Exposer::Start(taken), testing::StatusIs(absl::StatusCode::kUnavailable, taken));
  CHECK_THAT(Exposer::Start("nonsense"), ReasonIs("METRICS_BIND_FAILED"));
}

TEST_CASE("Figures: shown as a whole, replaced as a whole, gone with their publisher",
          "[metrics]") {
  {
    Figures figures;
    figures.Publish({{"kabar_test_backlog_rows", "Rows.", {{"sender", "a"}}, 3},
                     {"kabar_test_backlog_rows", "Rows.", {{"sender", "b"}}, 4}});
    CHECK(ValueOf("kabar_test_backlog_rows{sender=\"a\"}") == 3);
    CHECK(ValueOf("kabar_test_backlog_rows{sender=\"b\"}") == 4);
    figures.Publish({{"kabar_test_backlog_rows", "Rows.", {{"sender", "b"}}, 5}});
    CHECK(RenderText().find("backlog_rows{sender=\"a\"}") == std::string::npos);
    CHECK(ValueOf("kabar_test_backlog_rows{sender=\"b\"}") == 5);
    figures.Publish({{.name = "kabar_test_age_seconds",
                      .help = "Age.",
                      .since = absl::Now() - absl::Hours(1)}});
    CHECK(ValueOf("kabar_test_age_seconds") >= 3600);
  }
  CHECK(RenderText().find("kabar_test_backlog_rows") == std::string::npos);
}

}  // namespace
}  // namespace kabar::metrics
