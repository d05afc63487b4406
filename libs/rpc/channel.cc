#include "libs/rpc/channel.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/rpc/guard.h"

namespace kabar::rpc {

std::shared_ptr<grpc::Channel> MakeChannel(absl::string_view target) {
  grpc::ChannelArguments arguments;
  arguments.SetLoadBalancingPolicyName("round_robin");
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // gRPC waits up to two minutes by default before it looks for a restarted server again.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1'000);
  // An http_proxy in the environment is meant for the outside, not for calls between services.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  const bool has_scheme = absl::StrContains(target, "://") || absl::StartsWith(target, "unix:") ||
                          absl::StartsWith(target, "dns:") || absl::StartsWith(target, "ipv4:") ||
                          absl::StartsWith(target, "ipv6:");
  return grpc::CreateCustomChannel(
      has_scheme ? std::string(target) : absl::StrCat("dns:///", target),
      grpc::InsecureChannelCredentials(), arguments);
}

Caller::Caller(absl::string_view key) : authorization_(absl::StrCat("Bearer ", key)) {}

void Caller::Prepare(grpc::ClientContext& context, const Options& options) const {
  context.AddMetadata("authorization", authorization_);
  if (!options.outlet.empty()) context.AddMetadata("x-kabar-outlet", options.outlet);
  if (!options.request_id.empty()) context.AddMetadata("x-kabar-request-id", options.request_id);
  if (options.timeout != absl::InfiniteDuration()) {
    context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  }
  context.set_wait_for_ready(options.wait_for_ready);
}

void Caller::Prepare(grpc::ClientContext& context, const Call& on_behalf_of,
                     absl::Duration timeout) const {
  Prepare(context, {.outlet = on_behalf_of.outlet,
                    .request_id = on_behalf_of.request_id,
                    .timeout = std::min(timeout, on_behalf_of.deadline - absl::Now())});
}

}  // namespace kabar::rpc
