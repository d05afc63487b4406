#include "libs/rpc/server_runner.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/rpc/channel.h"
#include "libs/rpc/guard.h"

namespace kabar::rpc {
namespace {

// Once in the process: both are switches for every server built afterwards.
void EnablePlugins(bool reflection) {
  grpc::EnableDefaultHealthCheckService(true);
  if (reflection) {
    static const bool done = (grpc::reflection::InitProtoReflectionServerBuilderPlugin(), true);
    (void)done;
  }
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

struct ServerRunner::State {
  Options options;
  Guard& guard;
  std::vector<grpc::Service*> services = {};
  std::vector<std::pair<std::string, std::function<void()>>> stops = {};
  std::unique_ptr<grpc::Server> server = nullptr;
  int port = 0;
};

ServerRunner::ServerRunner(Options options, Guard& guard)
    : state_(new State{.options = std::move(options), .guard = guard}) {}

ServerRunner::~ServerRunner() {
  state_->options.drain_pause = absl::ZeroDuration();
  Drain();
}

void ServerRunner::Register(grpc::Service* service) { state_->services.push_back(service); }

void ServerRunner::OnStop(absl::string_view name, std::function<void()> stop) {
  state_->stops.emplace_back(name, std::move(stop));
}

absl::Status ServerRunner::Start() {
  const Options& options = state_->options;
  EnablePlugins(options.reflection);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &state_->port);
  grpc::ResourceQuota quota("kabar");
  quota.SetMaxThreads(options.max_threads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  // Without it a second process could share the port in silence and take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                             Milliseconds(options.max_connection_age));
  for (grpc::Service* service : state_->services) builder.RegisterService(service);
  state_->server = builder.BuildAndStart();
  if (state_->server == nullptr) {
    return base::Error(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                       absl::StrCat("cannot listen on ", options.address,
                                    ": in use by another process, or not an address of this "
                                    "machine; choose another one"));
  }
  SetServing(true);
  log::Info("serving", {{"listen", this->address()}});
  return absl::OkStatus();
}

int ServerRunner::port() const { return state_->port; }

std::string ServerRunner::address() const {
  const std::string& configured = state_->options.address;
  if (absl::StartsWith(configured, "unix:")) return configured;
  return absl::StrCat(configured.substr(0, configured.rfind(':')), ":", state_->port);
}

void ServerRunner::SetServing(bool serving) {
  if (state_->server == nullptr) return;
  state_->server->GetHealthCheckService()->SetServingStatus(serving);
}

void ServerRunner::WaitForSignal() {
  const int signal_number = WaitForShutdownSignal();
  log::Info("shutdown requested", {{"signal", signal_number}});
}

void ServerRunner::Drain() {
  if (state_->server == nullptr) return;
  const absl::Time start = absl::Now();
  SetServing(false);
  if (state_->options.drain_pause > absl::ZeroDuration()) {
    WaitForShutdownSignal(state_->options.drain_pause);
  }
  for (auto& [name, stop] : state_->stops) {
    log::Debug("stopping", {{"part", name}});
    stop();
  }
  state_->guard.StopStreams();
  state_->server->Shutdown(absl::ToChronoTime(absl::Now() + state_->options.shutdown_grace));
  state_->server->Wait();
  state_->server.reset();
  log::Info("drained", {{"took", absl::Now() - start}});
}

}  // namespace kabar::rpc
