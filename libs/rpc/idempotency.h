// request_id: a mutating call repeated with the same request_id (within 24 h) changes nothing and
// gets the first answer again. The store keeps a table per schema (copy into a migration):
//
//   CREATE TABLE request_log (
//     outlet_id text NOT NULL, request_id text NOT NULL, method text NOT NULL,
//     fingerprint bytea NOT NULL, response bytea, created_at timestamptz NOT NULL DEFAULT now(),
//     PRIMARY KEY (outlet_id, request_id));
//   CREATE INDEX ON request_log (created_at);   -- for the daily DELETE of rows older than 24 h
//
// and offers two statements inside the SAME transaction as the work itself:
//
//   reserve: INSERT INTO request_log (outlet_id, request_id, method, fingerprint)
//            VALUES ($1,$2,$3,$4) ON CONFLICT DO NOTHING;   -- waits for a twin still at work
//            0 rows: SELECT method, fingerprint, response ... -> the RequestRecord
//   save:    UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2
//
// Because the reservation rolls back with the work, a failed call may be repeated.
// Thread safety: pure function of its arguments. Blocks: as its callbacks do. Errors: those of the
// callbacks and the work; INVALID_ARGUMENT REQUEST_ID_REUSED when the id came with another request,
// and for an id longer than 128 bytes.
#ifndef KABAR_LIBS_RPC_IDEMPOTENCY_H_
#define KABAR_LIBS_RPC_IDEMPOTENCY_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace google::protobuf {
class Message;
}

namespace kabar::rpc {

struct RequestRecord {
  std::string method = {};
  std::string fingerprint = {};  // SHA-256 of the request's bytes, 32 bytes
  std::string response = {};     // serialised answer
};

struct RequestLog {
  // Reserves the id for this request; the record of the earlier call if there was one.
  std::function<absl::StatusOr<std::optional<RequestRecord>>(const RequestRecord& mine)> reserve =
      {};
  std::function<absl::Status(const std::string& response)> save = {};
};

// Runs `work`, which fills `response` (empty before), at most once per request_id; an empty
// request_id (allowed) runs it always. Call it inside the store's transaction; commit only if it
// returns OK.
absl::Status RunOnce(absl::string_view request_id, absl::string_view method,
                     const google::protobuf::Message& request, google::protobuf::Message* response,
                     const RequestLog& log, absl::FunctionRef<absl::Status()> work);

// The same with the two statements of a store's unit: ReserveRequest(id, record) and
// SaveResponse(id, answer).
template <typename Unit>
absl::Status RunOnceIn(Unit& unit, const std::string& request_id, absl::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message* response,
                       absl::FunctionRef<absl::Status()> work) {
  RequestLog log;
  log.reserve = [&](const RequestRecord& mine) { return unit.ReserveRequest(request_id, mine); };
  log.save = [&](const std::string& answer) { return unit.SaveResponse(request_id, answer); };
  return RunOnce(request_id, method, request, response, log, work);
}

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_IDEMPOTENCY_H_
