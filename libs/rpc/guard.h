// What stands before every handler method: key and role, deadline, a bounded number of calls at
// work, the log line and the metrics. A handler method reads:
//
//   grpc::Status PauseCampaign(grpc::ServerContext* context, const PauseCampaignRequest* request,
//                              Campaign* response) override {
//     return rpc::Serve(context, guard_, rpc::Access::kWrite,
//                       [&](const rpc::Call& call) -> absl::Status { ... });
//   }
//
// Streams use ServeStream, in the same way, with the reader or writer captured by the lambda.
// The method's name in logs and metrics is that of the calling function.
//
// Thread safety: Guard is safe for concurrent use and outlives its server. Blocks: Serve waits for
// a free place until the call's deadline. Errors (all with ErrorInfo): UNAUTHENTICATED (API_KEY_
// MISSING, API_KEY_UNKNOWN), PERMISSION_DENIED (ROLE_TOO_LOW, OUTLET_NOT_YOURS), INVALID_ARGUMENT
// (OUTLET_MISSING), DEADLINE_EXCEEDED (DEADLINE_PASSED), RESOURCE_EXHAUSTED (SERVER_BUSY),
// UNAVAILABLE (SERVER_DRAINING); else what the body returned. An exception out of the body is
// logged and becomes INTERNAL.
#ifndef KABAR_LIBS_RPC_GUARD_H_
#define KABAR_LIBS_RPC_GUARD_H_

#include <grpcpp/support/status.h>

#include <memory>
#include <stop_token>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/access.h"
#include "libs/rpc/key_file.h"

namespace grpc {
class ServerContext;
}

namespace kabar::rpc {

// One call as its handler sees it.
struct Call {
  std::string outlet = {};  // the tenant; empty only under Access::kService
  Role role = Role::kViewer;
  std::string key_name = {};
  std::string request_id = {};  // of the log: the caller's `x-kabar-request-id`, or a new one
  absl::Time deadline = absl::InfiniteFuture();  // never infinite for Serve
  std::stop_token stop = {};  // asked to stop when the server drains: long streams end then
  grpc::ServerContext* context = nullptr;

  // The caller hung up, the deadline passed, or the server drains. Streams ask between messages.
  bool Cancelled() const;
};

class Guard {
 public:
  struct Options {
    std::string service = {};  // "campaigns": prefix of the metrics
    int max_calls = 64;        // unary calls at work
    int max_waiting = 128;     // unary calls waiting for a place; one more is refused at once
    int max_streams = 64;      // open streams; one more is refused at once
    absl::Duration default_timeout = absl::Seconds(30);  // where the caller set no deadline
  };

  // `keys` outlives the guard. Metrics: kabar_<service>_rpc_duration_seconds{method,code},
  // kabar_<service>_rpc_streams{method}.
  Guard(Options options, const KeyFile& keys);
  ~Guard();
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // From now on streams are asked to end and new ones are refused. Called by ServerRunner::Drain.
  void StopStreams();

 private:
  friend grpc::Status Serve(grpc::ServerContext*, Guard&, Access,
                            absl::FunctionRef<absl::Status(const Call&)>, const char*);
  friend grpc::Status ServeStream(grpc::ServerContext*, Guard&, Access,
                                  absl::FunctionRef<absl::Status(const Call&)>, const char*);
  grpc::Status Handle(grpc::ServerContext* context, Access access, bool stream,
                      absl::FunctionRef<absl::Status(const Call&)> body, const char* method);
  absl::Status Work(const Call& call, bool stream,
                    absl::FunctionRef<absl::Status(const Call&)> body, const char* method);

  struct State;
  std::unique_ptr<State> state_;
};

// A unary method. Has a deadline always (Options::default_timeout when the caller sent none).
grpc::Status Serve(grpc::ServerContext* context, Guard& guard, Access access,
                   absl::FunctionRef<absl::Status(const Call&)> body,
                   const char* method = __builtin_FUNCTION());

// A streaming method (client, server or both). No deadline of its own; ends when the server drains
// if the body heeds Call::Cancelled() or Call::stop.
grpc::Status ServeStream(grpc::ServerContext* context, Guard& guard, Access access,
                         absl::FunctionRef<absl::Status(const Call&)> body,
                         const char* method = __builtin_FUNCTION());

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_GUARD_H_
