// The morning file: bytes in, report out.
#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/import_chunk.h"
#include "services/contacts/importer.h"
#include "services/contacts/mutate.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kChunkTimeout = absl::Seconds(30);

// SHA-256 of what comes in pieces.
class RunningHash {
 public:
  RunningHash() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
  }
  void Add(absl::string_view bytes) {
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  }
  std::string Finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &size);
    return std::string(digest, digest + size);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

absl::StatusOr<ImportOptions> OptionsOf(const v1::ImportContactsRequest& first,
                                        absl::TimeZone zone) {
  if (!first.has_options()) {
    return base::InvalidField("options",
                              "is required: the first message of the stream holds the options, the "
                              "following ones the file's bytes");
  }
  ImportOptions options;
  options.mapping.insert(first.options().mapping().begin(), first.options().mapping().end());
  KABAR_ASSIGN_OR_RETURN(options.delimiter, DelimiterFromProto(first.options().delimiter()));
  options.zone = zone;
  return options;
}

std::string OptionsKey(const ImportOptions& options) {
  std::string key(1, options.delimiter);
  for (const auto& [header, field] : options.mapping) {
    absl::StrAppend(&key, header.size(), ":", header, field.size(), ":", field);
  }
  return key;
}

}  // namespace

grpc::Status Handler::ImportContacts(grpc::ServerContext* context,
                                     grpc::ServerReader<v1::ImportContactsRequest>* reader,
                                     v1::ImportContactsResponse* response) {
  return rpc::ServeStream(context, guard_, rpc::Access::kWrite,
                          [&](const rpc::Call& call) { return Import(call, reader, response); });
}

absl::Status Handler::Import(const rpc::Call& call,
                             grpc::ServerReader<v1::ImportContactsRequest>* reader,
                             v1::ImportContactsResponse* response) {
  v1::ImportContactsRequest message;
  if (!reader->Read(&message)) return base::InvalidField("options", "is required");
  KABAR_ASSIGN_OR_RETURN(ImportOptions options, OptionsOf(message, zone_));
  // What the request id stands for: the options and the file, by their hash.
  RunningHash hash;
  hash.Add(OptionsKey(options));
  const std::string request_id = message.options().request_id();
  bool known = false;
  if (!request_id.empty()) {
    KABAR_RETURN_IF_ERROR(store_.Read(call.outlet, "ImportContacts", absl::Now() + kChunkTimeout,
                                      [&](Store::Unit& unit) -> absl::Status {
                                        KABAR_ASSIGN_OR_RETURN(known,
                                                               unit.KnowsRequest(request_id));
                                        return absl::OkStatus();
                                      }));
  }

  Importer importer(
      std::move(options), [&](absl::Span<ImportRow> rows) -> absl::StatusOr<ChunkCounts> {
        const ImportChunk chunk = MergeRows(rows);
        ChunkCounts counts;
        KABAR_RETURN_IF_ERROR(store_.Write(call.outlet, "ImportChunk", absl::Now() + kChunkTimeout,
                                           [&](Store::Unit& unit) -> absl::Status {
                                             KABAR_ASSIGN_OR_RETURN(counts, unit.Import(chunk));
                                             return absl::OkStatus();
                                           }));
        return counts;
      });
  while (reader->Read(&message)) {
    if (!message.has_data()) {
      return base::InvalidField("options", "stand only in the first message of the stream");
    }
    hash.Add(message.data());
    if (!known) KABAR_RETURN_IF_ERROR(importer.Feed(message.data()));
  }
  // The stream ends in the same way when the caller has gone: then the file is not whole.
  if (call.Cancelled()) {
    return base::Error(absl::StatusCode::kCancelled, "IMPORT_CUT_OFF",
                       "the connection ended before the file did; import the same file again, rows "
                       "already taken change nothing");
  }
  if (!known) KABAR_RETURN_IF_ERROR(importer.Finish());
  v1::ImportContactsRequest whole;
  whole.set_data(hash.Finish());
  return Mutate(call, "ImportContacts", request_id, whole, response,
                [&](Store::Unit&) -> absl::Status {
                  if (known) {
                    return base::Error(absl::StatusCode::kAborted, "REQUEST_ID_EXPIRED",
                                       "the request id was forgotten at this moment; import again");
                  }
                  ToProto(importer.report(), response);
                  return absl::OkStatus();
                });
}

}  // namespace kabar::contacts
