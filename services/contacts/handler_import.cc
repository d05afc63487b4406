// The morning file: bytes in, report out.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/import_writer.h"
#include "services/contacts/importer.h"
#include "services/contacts/mutate.h"

namespace kabar::contacts {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(30);
constexpr std::size_t kMaxRequestId = 128;

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
  options.sheet = first.options().sheet();
  options.zone = zone;
  options.chunks_at_once = kChunksAtOnce;
  if (first.options().request_id().size() > kMaxRequestId) {
    return base::InvalidField("options.request_id",
                              absl::StrCat("has more than ", kMaxRequestId, " bytes"));
  }
  return options;
}

std::string OptionsKey(const ImportOptions& options) {
  std::string key(1, options.delimiter);
  for (const auto& [header, field] : options.mapping) {
    absl::StrAppend(&key, header.size(), ":", header, field.size(), ":", field);
  }
  absl::StrAppend(&key, options.sheet.size(), ":", options.sheet);
  return key;
}

std::string Bytes(const base::Sha256Digest& digest) {
  return std::string(digest.begin(), digest.end());
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
  const std::string request_id = message.options().request_id();
  const std::string key = OptionsKey(options);
  // A complete one is answered as before, once the file is known to be the same.
  bool known = false;
  ImportTurn turn;
  KABAR_RETURN_IF_ERROR(store_.Write(
      call.outlet, "BeginImport", absl::Now() + kTimeout, [&](Store::Unit& unit) -> absl::Status {
        if (!request_id.empty()) {
          KABAR_ASSIGN_OR_RETURN(known, unit.KnowsRequest(request_id));
        }
        if (known) return absl::OkStatus();
        KABAR_ASSIGN_OR_RETURN(options.attribute_kinds, unit.GetAttributeKinds());
        KABAR_ASSIGN_OR_RETURN(turn, unit.BeginImport(request_id, Bytes(base::Sha256(key))));
        return absl::OkStatus();
      }));
  if (known) return AnswerAgain(call, reader, key, request_id, response);

  const absl::Status status = ImportFile(call, reader, options, request_id, turn, response);
  if (!status.ok()) NoteStopped(store_, call.outlet, turn, status);
  return status;
}

absl::Status Handler::ImportFile(const rpc::Call& call,
                                 grpc::ServerReader<v1::ImportContactsRequest>* reader,
                                 const ImportOptions& options, const std::string& request_id,
                                 const ImportTurn& turn, v1::ImportContactsResponse* response) {
  // What the request id stands for: the options and the file, by their hash.
  base::Sha256Stream hash;
  hash.Add(OptionsKey(options));
  Importer importer(options, WriteChunksTo(store_, call.outlet, turn), turn.done);
  v1::ImportContactsRequest message;
  while (reader->Read(&message)) {
    if (!message.has_data()) {
      return base::InvalidField("options", "stand only in the first message of the stream");
    }
    hash.Add(message.data());
    KABAR_RETURN_IF_ERROR(importer.Feed(message.data()));
  }
  // The stream ends in the same way when the caller has gone: then the file is not whole.
  if (call.Cancelled()) {
    return base::Error(absl::StatusCode::kCancelled, "IMPORT_CUT_OFF",
                       "the connection ended before the file did; import the same file again (with "
                       "the same request id it goes on behind the rows that were taken)");
  }
  KABAR_RETURN_IF_ERROR(importer.Finish());
  v1::ImportContactsRequest whole;
  whole.set_data(Bytes(hash.Digest()));
  return Mutate(call, "ImportContacts", request_id, whole, response,
                [&](Store::Unit& unit) -> absl::Status {
                  ToProto(importer.report(), response);
                  response->set_import_id(turn.id);
                  return unit.EndImport(turn, ImportState::kCompleted, "", importer.report().rows);
                });
}

absl::Status Handler::AnswerAgain(const rpc::Call& call,
                                  grpc::ServerReader<v1::ImportContactsRequest>* reader,
                                  const std::string& options, const std::string& request_id,
                                  v1::ImportContactsResponse* response) {
  base::Sha256Stream hash;
  hash.Add(options);
  v1::ImportContactsRequest message;
  while (reader->Read(&message)) hash.Add(message.data());
  v1::ImportContactsRequest whole;
  whole.set_data(Bytes(hash.Digest()));
  return Mutate(call, "ImportContacts", request_id, whole, response,
                [&](Store::Unit&) -> absl::Status {
                  return base::Error(
                      absl::StatusCode::kAborted, "REQUEST_ID_EXPIRED",
                      "the request id was forgotten at this moment; import again under another");
                });
}

}  // namespace kabar::contacts
