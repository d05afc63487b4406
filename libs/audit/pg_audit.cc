#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <limits>
#include <pqxx/result>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "libs/audit/audit.h"
#include "libs/audit/handler.h"
#include "libs/base/status.h"
#include "libs/log/json.h"
#include "libs/pg/transaction.h"
#include "libs/rpc/guard.h"

namespace kabar::audit {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 500;

constexpr pg::Query kAppend{
    "audit.append",
    "INSERT INTO audit_log (outlet_id, who, role, action, target, reason, was, became, request_id)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::jsonb, $9)"};
constexpr pg::Query kList{
    "audit.list",
    "SELECT id, created_at, outlet_id, who, role, action, target, reason, was, became, request_id"
    " FROM audit_log WHERE ($1::boolean OR outlet_id IN ($2, '')) AND id < $3::bigint"
    " AND ($4 = '' OR action = $4) AND ($5 = '' OR who = $5) AND ($6 = '' OR target = $6)"
    " AND created_at >= $7::timestamptz ORDER BY id DESC LIMIT $8::bigint"};

std::string Json(const Fields& fields) {
  std::string json = "{";
  for (const auto& [key, value] : fields) {
    if (json.size() > 1) json += ",";
    log::AppendJsonString(key, json);
    json += ":";
    log::AppendJsonString(value, json);
  }
  return json + "}";
}

void ToProto(const pqxx::row& row, v1::AuditEntry* to) {
  to->set_id(pg::TextField(row[0]));
  *to->mutable_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(pg::TimeField(row[1])));
  to->set_outlet(pg::TextField(row[2]));
  to->set_who(pg::TextField(row[3]));
  to->set_role(pg::TextField(row[4]));
  to->set_action(pg::TextField(row[5]));
  to->set_target(pg::TextField(row[6]));
  to->set_reason(pg::TextField(row[7]));
  to->set_before(pg::TextField(row[8]));
  to->set_after(pg::TextField(row[9]));
  to->set_request_id(pg::TextField(row[10]));
}

}  // namespace

Actor ActorOf(const rpc::Call& call, const std::string& request_id) {
  return {.key_name = call.key_name,
          .role = std::string(rpc::RoleName(call.role)),
          .request_id = request_id.empty() ? call.request_id : request_id};
}

void Append(pg::Transaction& tx, const Actor& by, const Entry& entry) {
  if (by.empty()) return;
  tx.Exec(kAppend, entry.outlet, by.key_name, by.role, entry.action, entry.target, entry.reason,
          Json(entry.before), Json(entry.after), by.request_id);
}

grpc::Status Handler::ListAuditLog(grpc::ServerContext* context,
                                   const v1::ListAuditLogRequest* request,
                                   v1::ListAuditLogResponse* response) {
  const rpc::Access access = request->all_outlets() ? rpc::Access::kService : rpc::Access::kRead;
  return rpc::Serve(context, guard_, access, [&](const rpc::Call& call) -> absl::Status {
    std::int64_t before = std::numeric_limits<std::int64_t>::max();
    if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &before)) {
      return base::InvalidField("page_token", "is not from an answer to the same list");
    }
    if (request->page_size() < 0) return base::InvalidField("page_size", "must not be below 0");
    // A key that is bound to an outlet sees no other's, whatever it asks for.
    const bool all = request->all_outlets() && call.outlet.empty();
    const int size =
        request->page_size() == 0 ? kDefaultPageSize : std::min(request->page_size(), kMaxPageSize);
    const absl::Time since =
        absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(request->since()));
    return pg::Transact(
        pool_, "ListAuditLog", {.deadline = call.deadline, .read_only = true},
        [&](pg::Transaction& tx) -> absl::Status {
          response->Clear();
          for (const pqxx::row& row : tx.Exec(kList, all, call.outlet, before, request->action(),
                                              request->who(), request->target(), since, size)) {
            ToProto(row, response->add_entries());
          }
          if (response->entries_size() == size) {
            response->set_next_page_token(response->entries(size - 1).id());
          }
          return absl::OkStatus();
        });
  });
}

}  // namespace kabar::audit
