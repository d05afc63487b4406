#include "tools/cloudsim/simulator.h"

#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/control.h"
#include "tools/cloudsim/http_loop.h"
#include "tools/cloudsim/http_response.h"
#include "tools/cloudsim/management.h"
#include "tools/cloudsim/send_handler.h"
#include "tools/cloudsim/world.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kVerifyForUs = 60 * kMicrosPerSecond;

// /v23.0/{id} or /v23.0/{id}/{edge}
struct GraphPath {
  absl::string_view id;
  absl::string_view edge;
};

bool IsVersion(absl::string_view text) {
  return text.size() >= 4 && text[0] == 'v' &&
         absl::ascii_isdigit(static_cast<unsigned char>(text[1])) &&
         text.find('.') != absl::string_view::npos;
}

bool SplitPath(absl::string_view path, GraphPath* parts) {
  path.remove_prefix(1);
  const size_t first = path.find('/');
  if (first == absl::string_view::npos || !IsVersion(path.substr(0, first))) return false;
  path.remove_prefix(first + 1);
  const size_t second = path.find('/');
  parts->id = path.substr(0, second);
  if (second != absl::string_view::npos) parts->edge = path.substr(second + 1);
  return !parts->id.empty() && parts->edge.find('/') == absl::string_view::npos;
}

}  // namespace

class Simulator::Engine : public HttpHandler {
 public:
  explicit Engine(SimulatorOptions options)
      : options_(std::move(options)),
        world_(options_.seed, options_.summary_record),
        loop_(this),
        sender_(&world_),
        management_(&world_),
        control_(&world_) {
    world_.loop = &loop_;
  }
  ~Engine() override { Stop(); }

  absl::Status Start();
  void Stop();
  uint16_t port() const { return loop_.port(); }

  void OnRequest(const RequestInfo& info, const HttpRequest& request) override;
  bool OnConnect(uint64_t connection_id) override {
    return !world_.faults.ResetsConnection(connection_id, NowUs());
  }
  void OnSentLate(uint64_t token, bool sent) override {
    if (token != 0 && sent) world_.record.MarkSeen(token - 1);
  }

 private:
  const SimulatorOptions options_;
  World world_;
  HttpLoop loop_;
  SendHandler sender_;
  Management management_;
  Control control_;
  std::thread thread_;
};

absl::Status Simulator::Engine::Start() {
  if (!options_.record_file.empty()) {
    const absl::Status opened = world_.record.OpenFile(options_.record_file);
    if (!opened.ok()) return opened;
  }
  const absl::Status listening = loop_.Listen(options_.port);
  if (!listening.ok()) return listening;
  const absl::Status applied = ApplySetup(&world_, options_.setup);
  if (!applied.ok()) return applied;
  ApplyScenario(&world_, options_.scenario);
  if (options_.setup.webhook.verify) world_.webhooks.Verify(kVerifyForUs);
  thread_ = std::thread([this] { loop_.Run(); });
  return absl::OkStatus();
}

void Simulator::Engine::Stop() {
  if (thread_.joinable()) {
    loop_.Stop();
    thread_.join();
  }
  world_.webhooks.Stop();
}

void Simulator::Engine::OnRequest(const RequestInfo& info, const HttpRequest& request) {
  const absl::string_view path = request.path;
  if (absl::StartsWith(path, "/_sim/") || path == "/healthz") {
    control_.Handle(info, request);
    return;
  }
  GraphPath parts;
  if (!absl::StartsWith(path, "/") || !SplitPath(path, &parts)) {
    std::string body;
    AppendErrorBody({2500, 0, "", absl::StrCat("Unknown path components: ", path)}, world_.traces++,
                    &body);
    loop_.Send(info.connection, HttpResponse(400, body));
    return;
  }
  if (request.method == "POST" && parts.edge == "messages") {
    sender_.Handle(info, request, parts.id);
  } else {
    management_.Handle(info, request, parts.id, parts.edge);
  }
}

Simulator::Simulator(SimulatorOptions options)
    : engine_(std::make_unique<Engine>(std::move(options))) {}
Simulator::~Simulator() = default;
absl::Status Simulator::Start() { return engine_->Start(); }
void Simulator::Stop() { engine_->Stop(); }
uint16_t Simulator::port() const { return engine_->port(); }

}  // namespace kabar::cloudsim
