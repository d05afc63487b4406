#include "libs/rpc/status.h"

#include <string>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::rpc {
namespace {

constexpr char kDomain[] = "kabar";

// Clients accept 8 KiB of trailing metadata by default, and the message travels twice, once
// percent-encoded and once inside the details in base64.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxDetailsBytes = 3500;

// proto3 strings are UTF-8; a client that checks would throw the whole status away.
std::string Clean(absl::string_view text, size_t max_bytes) {
  std::string clean(text);
  for (size_t bad = base::FirstInvalidUtf8(clean); bad != absl::string_view::npos;
       bad = base::FirstInvalidUtf8(clean)) {
    clean[bad] = '?';
  }
  if (clean.size() <= max_bytes) return clean;
  size_t end = max_bytes - 3;
  while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat(clean.substr(0, end), "...");
}

google::rpc::ErrorInfo MakeErrorInfo(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  std::string reason = base::GetReason(status);
  info.set_reason(reason.empty() ? absl::StatusCodeToString(status.code()) : reason);
  info.set_domain(kDomain);
  for (const auto& [key, value] : base::GetAllMeta(status)) {
    (*info.mutable_metadata())[Clean(key, 64)] = Clean(value, 256);
  }
  return info;
}

// As many violations as fit; the last one then says how many more there are.
google::rpc::BadRequest MakeBadRequest(const std::vector<base::FieldViolation>& violations,
                                       size_t room) {
  google::rpc::BadRequest bad;
  for (size_t i = 0; i < violations.size(); ++i) {
    auto* entry = bad.add_field_violations();
    entry->set_field(Clean(violations[i].field, 128));
    entry->set_description(Clean(violations[i].description, 512));
    if (i > 0 && bad.ByteSizeLong() > room) {
      entry->set_field("");
      entry->set_description(absl::StrCat("and ", violations.size() - i, " more"));
      break;
    }
  }
  return bad;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(Clean(status.message(), kMaxMessageBytes));
  details.add_details()->PackFrom(MakeErrorInfo(status));
  if (auto violations = base::GetFieldViolations(status); !violations.empty()) {
    const size_t used = details.ByteSizeLong();
    details.add_details()->PackFrom(
        MakeBadRequest(violations, kMaxDetailsBytes > used ? kMaxDetailsBytes - used : 0));
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), details.message(),
                      details.SerializeAsString());
}

absl::Status ToAbsl(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  absl::Status result(code, status.error_message());
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return result;
  google::rpc::ErrorInfo info;
  google::rpc::BadRequest bad;
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) {
      result = base::Error(code, info.reason(), status.error_message());
      break;
    }
  }
  for (const auto& [key, value] : info.metadata()) {
    result = base::WithMeta(std::move(result), key, value);
  }
  // By way of a second status, because AddFieldViolation also writes into the message, which has
  // them already.
  absl::Status fields(code, "");
  for (const auto& detail : details.details()) {
    if (!detail.UnpackTo(&bad)) continue;
    for (const auto& violation : bad.field_violations()) {
      base::AddFieldViolation(fields, violation.field(), violation.description());
    }
  }
  fields.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { result.SetPayload(url, payload); });
  return result;
}

}  // namespace kabar::rpc
