#include "services/gateway/dispatcher_journal.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "kabar/dispatcher/v1/dispatcher.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"

namespace kabar::gateway {
namespace {

namespace pb = dispatcher::v1;

constexpr absl::Duration kCheckTimeout = absl::Seconds(1);

// A timestamp of now never overflows, whatever the field's range.
void SetTime(absl::Time time, google::protobuf::Timestamp& timestamp) {
  const timespec parts = absl::ToTimespec(time);
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int>(parts.tv_nsec));
}

// grpc.health.v1.HealthCheckResponse{status: SERVING}; the distribution ships no stubs of it.
constexpr char kServing[] = "\x08\x01";

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return {};
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// What must live until the answer is there.
struct AppendCall {
  grpc::ClientContext context;
  pb::AppendWebhooksRequest request;
  pb::AppendWebhooksResponse response;
  Journal::Done done;
};

struct CheckCall {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  Journal::Done done;
};

}  // namespace

struct DispatcherJournal::Stubs {
  explicit Stubs(const std::shared_ptr<grpc::Channel>& channel)
      : dispatcher(pb::DispatcherService::NewStub(channel)), generic(channel) {}

  std::unique_ptr<pb::DispatcherService::Stub> dispatcher;
  grpc::GenericStub generic;
};

DispatcherJournal::DispatcherJournal(absl::string_view address, absl::string_view service_key,
                                     absl::Duration timeout)
    : stubs_(std::make_unique<Stubs>(rpc::MakeChannel(address))),
      caller_(service_key),
      timeout_(timeout) {}

DispatcherJournal::~DispatcherJournal() = default;

void DispatcherJournal::Append(std::vector<Payload> payloads, Done done) {
  auto call = std::make_shared<AppendCall>();
  call->done = std::move(done);
  caller_.Prepare(call->context, {.timeout = timeout_});
  for (Payload& payload : payloads) {
    auto* added = call->request.add_payloads();
    added->set_body(std::move(payload.body));
    SetTime(payload.received, *added->mutable_receive_time());
  }
  stubs_->dispatcher->async()->AppendWebhooks(
      &call->context, &call->request, &call->response,
      [call](const grpc::Status& status) { call->done(rpc::ToAbsl(status)); });
}

void DispatcherJournal::Check(Done done) {
  auto call = std::make_shared<CheckCall>();
  call->done = std::move(done);
  caller_.Prepare(call->context, {.timeout = kCheckTimeout});
  const grpc::Slice empty("");
  call->request = grpc::ByteBuffer(&empty, 1);
  stubs_->generic.UnaryCall(&call->context, "/grpc.health.v1.Health/Check", {}, &call->request,
                            &call->response, [call](const grpc::Status& status) {
                              absl::Status result = rpc::ToAbsl(status);
                              if (result.ok() && Bytes(call->response) != kServing) {
                                result = base::Error(absl::StatusCode::kUnavailable,
                                                     "DISPATCHER_NOT_SERVING",
                                                     "the dispatcher answers but does not serve");
                              }
                              call->done(result);
                            });
}

}  // namespace kabar::gateway
