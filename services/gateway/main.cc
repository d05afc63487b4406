// kabar-gateway: HTTP in (webhooks), gRPC out.
#include "libs/base/clock.h"
#include "libs/log/log.h"
#include "libs/rpc/server_runner.h"
#include "services/gateway/config.h"
#include "services/gateway/gateway.h"

int main(int argc, char** argv) {
  using namespace kabar;
  rpc::BlockShutdownSignals();
  gateway::Gateway gateway(gateway::ParseConfigOrExit(argc, argv), base::SystemClock());
  if (absl::Status status = gateway.Start(); !status.ok()) {
    log::Error("cannot start", {{"error", status}});
    return 1;
  }
  log::Info("shutdown requested", {{"signal", rpc::WaitForShutdownSignal()}});
  gateway.Drain();
  return 0;
}
