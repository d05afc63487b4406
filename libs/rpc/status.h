// absl::Status <-> grpc::Status without loss: reason, metadata and field violations of
// libs/base/status.h travel as google.rpc.Status details (ErrorInfo with domain "kabar",
// BadRequest), which every gRPC client can decode (Python: proto/google/rpc).
//
// Thread safety: pure functions. Nothing blocks.
#ifndef KABAR_LIBS_RPC_STATUS_H_
#define KABAR_LIBS_RPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace kabar::rpc {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status ToAbsl(const grpc::Status& status);

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_STATUS_H_
