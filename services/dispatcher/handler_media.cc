// Media that messages can have as header.
#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "libs/base/clock.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/rpc/guard.h"
#include "libs/whatsapp/media.h"
#include "services/dispatcher/convert.h"
#include "services/dispatcher/convert_checks.h"
#include "services/dispatcher/handler.h"
#include "services/dispatcher/media.h"

namespace kabar::dispatcher {
namespace {

// Each is held in memory whole: WhatsApp would take documents of 100 MiB.
constexpr int kMaxUploads = 4;
constexpr absl::Duration kLongestUpload = absl::Minutes(10);
constexpr std::size_t kMaxBytes = 16 * 1024 * 1024;

void ToProto(const Medium& from, v1::Medium* to) {
  to->set_name(from.name);
  to->set_mime_type(from.mime_type);
  to->set_sha256(base::HexEncode(from.sha256));
  to->set_size_bytes(from.size);
  SetTime(from.create_time, to->mutable_create_time());
  SetTime(from.update_time, to->mutable_update_time());
  for (const MediumUpload& upload : from.uploads) {
    auto& written = *to->add_uploads();
    written.set_sender_id(upload.sender_id);
    written.set_error(upload.error);
    if (upload.provider_id.empty() || !upload.uploaded_at) continue;
    written.set_media_id(upload.provider_id);
    SetTime(*upload.uploaded_at, written.mutable_upload_time());
    SetTime(*upload.uploaded_at + whatsapp::kMediaIdLife, written.mutable_expire_time());
  }
}

absl::Status CheckName(const std::string& name) {
  if (IsMediumName(name)) return absl::OkStatus();
  return base::InvalidField("name", "must be 1 to 64 small letters, digits, '-', '_' or '.'");
}

absl::Status CheckType(const std::string& mime_type) {
  KABAR_RETURN_IF_ERROR(whatsapp::CheckMedium(mime_type, 1));
  if (whatsapp::MediaKindOf(mime_type) != whatsapp::Media::Kind::kAudio) return absl::OkStatus();
  return base::InvalidField("mime_type", "is no header that a message can have");
}

// All bytes that follow, unless they are too many.
absl::StatusOr<std::string> ReadBytes(grpc::ServerReader<v1::UploadMediaRequest>* reader) {
  std::string bytes;
  v1::UploadMediaRequest part;
  while (reader->Read(&part)) {
    if (part.part_case() != v1::UploadMediaRequest::kData) {
      return base::InvalidField("data", "only the first message names the medium");
    }
    if (bytes.size() + part.data().size() > kMaxBytes) {
      return base::InvalidField("content", "has more than 16 MiB");
    }
    bytes.append(part.data());
  }
  return bytes;
}

}  // namespace

grpc::Status Handler::UploadMedia(grpc::ServerContext* context,
                                  grpc::ServerReader<v1::UploadMediaRequest>* reader,
                                  v1::Medium* response) {
  return rpc::ServeStream(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        KABAR_RETURN_IF_ERROR(NeedOutlet(call));
        if (call.deadline > clock_.Now() + kLongestUpload) {
          return base::Error(absl::StatusCode::kInvalidArgument, "DEADLINE_MISSING",
                             "an upload needs a deadline, of 10 minutes at most: one that stands "
                             "still must not keep others out");
        }
        const absl::Cleanup done = [this] { uploads_.fetch_sub(1); };
        if (uploads_.fetch_add(1) >= kMaxUploads) {
          return base::Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_UPLOADS",
                             "other media are being uploaded: try again in a moment");
        }
        v1::UploadMediaRequest first;
        if (!reader->Read(&first) || !first.has_info()) {
          return base::InvalidField("info", "must come first");
        }
        const v1::UploadMediaRequest::Info& info = first.info();
        KABAR_RETURN_IF_ERROR(CheckRequestId(info.request_id()));
        KABAR_RETURN_IF_ERROR(CheckName(info.name()));
        KABAR_RETURN_IF_ERROR(CheckType(info.mime_type()));  // before the bytes come
        KABAR_ASSIGN_OR_RETURN(const std::string bytes, ReadBytes(reader));
        // Half a medium must not look like a whole one.
        if (call.Cancelled()) return absl::CancelledError("the caller has gone");
        KABAR_RETURN_IF_ERROR(whatsapp::CheckMediumContent(info.mime_type(), bytes));
        const base::Sha256Digest digest = base::Sha256(bytes);
        const std::string sha256(digest.begin(), digest.end());
        RequestKey key = MakeRequestKey(call, "UploadMedia", info.request_id(), info);
        key.fingerprint += sha256;
        KABAR_ASSIGN_OR_RETURN(const Medium kept,
                               store_.PutMedium({.outlet_id = call.outlet,
                                                 .name = info.name(),
                                                 .mime_type = info.mime_type(),
                                                 .sha256 = sha256,
                                                 .size = static_cast<std::int64_t>(bytes.size())},
                                                bytes, key, clock_.Now() + absl::Seconds(30)));
        ToProto(kept, response);
        return absl::OkStatus();
      });
}

grpc::Status Handler::ListMedia(grpc::ServerContext* context, const v1::ListMediaRequest* request,
                                v1::ListMediaResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int limit, PageSize(request->page_size(), 100, 1000));
        KABAR_ASSIGN_OR_RETURN(const std::string after,
                               LastOfPageToken("media", request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::vector<Medium> media,
                               store_.ListMedia(call.outlet, after, limit, call.deadline));
        for (const Medium& medium : media) ToProto(medium, response->add_media());
        if (static_cast<int>(media.size()) == limit) {
          response->set_next_page_token(MakePageToken("media", media.back().name));
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::DeleteMedia(grpc::ServerContext* context,
                                  const v1::DeleteMediaRequest* request,
                                  v1::DeleteMediaResponse* /*response*/) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    KABAR_RETURN_IF_ERROR(NeedOutlet(call));
    KABAR_RETURN_IF_ERROR(CheckRequestId(request->request_id()));
    return store_.DeleteMedium(call.outlet, request->name(),
                               MakeRequestKey(call, "DeleteMedia", request->request_id(), *request),
                               call.deadline);
  });
}

}  // namespace kabar::dispatcher
