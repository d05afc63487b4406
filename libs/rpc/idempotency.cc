#include "libs/rpc/idempotency.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include "absl/strings/str_cat.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"

namespace kabar::rpc {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;

std::string Fingerprint(const google::protobuf::Message& request) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // else a map gives other bytes each time
    request.SerializeToCodedStream(&coded);
  }
  const base::Sha256Digest digest = base::Sha256(bytes);
  return std::string(digest.begin(), digest.end());
}

}  // namespace

absl::Status RunOnce(absl::string_view request_id, absl::string_view method,
                     const google::protobuf::Message& request, google::protobuf::Message* response,
                     const RequestLog& log, absl::FunctionRef<absl::Status()> work) {
  response->Clear();  // a transaction that is tried again
  if (request_id.empty()) return work();
  if (request_id.size() > kMaxRequestIdBytes) {
    return base::InvalidField("request_id",
                              absl::StrCat("must have at most ", kMaxRequestIdBytes, " bytes"));
  }
  RequestRecord mine{std::string(method), Fingerprint(request), {}};
  absl::StatusOr<std::optional<RequestRecord>> earlier = log.reserve(mine);
  if (!earlier.ok()) return earlier.status();
  if (earlier->has_value()) {
    const RequestRecord& record = **earlier;
    if (record.method != mine.method || record.fingerprint != mine.fingerprint) {
      return base::WithMeta(
          base::Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                      absl::StrCat("request_id ", request_id, " was used before with another ",
                                   "request (", record.method, "); take a new one")),
          "method", record.method);
    }
    if (!response->ParseFromString(record.response)) {
      return base::Error(absl::StatusCode::kDataLoss, "REQUEST_LOG_UNREADABLE",
                         absl::StrCat("the answer kept for request_id ", request_id, " of ", method,
                                      " cannot be read"));
    }
    return absl::OkStatus();
  }
  if (absl::Status status = work(); !status.ok()) return status;
  return log.save(response->SerializeAsString());
}

}  // namespace kabar::rpc
