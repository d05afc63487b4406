// The caller's side: channels, and what every outgoing call must carry.
//
//   auto channel = rpc::MakeChannel(config.contacts_address);
//   auto stub = contacts::v1::ContactsService::NewStub(channel);
//   rpc::Caller caller(config.service_key);
//   ...
//   grpc::ClientContext context;
//   caller.Prepare(context, {.outlet = run.outlet, .timeout = absl::Seconds(5)});
//   absl::Status status = rpc::ToAbsl(stub->CountSegment(&context, request, &response));
//
// Thread safety: Caller is immutable; a ClientContext belongs to one call. Nothing blocks.
#ifndef KABAR_LIBS_RPC_CHANNEL_H_
#define KABAR_LIBS_RPC_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace kabar::rpc {

struct Call;

// `target`: "host:port" (becomes dns:///host:port), "dns:///name:port" or "unix:/path". Round robin
// over all addresses, keepalive, quick reconnects, messages up to kMaxMessageBytes, no HTTP proxy.
// Plain text: the suite's traffic stays inside one trusted network.
std::shared_ptr<grpc::Channel> MakeChannel(absl::string_view target);

// Of one message in either direction.
inline constexpr int kMaxMessageBytes = 16 * 1024 * 1024;

class Caller {
 public:
  struct Options {
    std::string outlet = {};      // acted for; empty for outlet-less internal calls and outlet keys
    std::string request_id = {};  // passes on the log's request id; empty: a new one there
    absl::Duration timeout = absl::Seconds(10);  // InfiniteDuration for long streams
    bool wait_for_ready = false;  // wait for the server (up to the deadline) instead of failing
  };

  // `key`: the service's own API key (or a person's, in kabarctl).
  explicit Caller(absl::string_view key);

  // Sets deadline, key, outlet and request id.
  void Prepare(grpc::ClientContext& context, const Options& options) const;
  // On behalf of an incoming call: its outlet and request id, and never past its deadline.
  void Prepare(grpc::ClientContext& context, const Call& on_behalf_of,
               absl::Duration timeout = absl::Seconds(10)) const;

 private:
  std::string authorization_;
};

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_CHANNEL_H_
