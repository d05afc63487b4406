// What operators did: one row of a service's table `audit_log` for each of their actions, written
// in the transaction of its effect, so that neither is there without the other. The table comes
// with libs/audit/sql/audit_log_v1.sql, which a migration of the service includes with `\ir`; it
// refuses UPDATE and DELETE. Read through kabar.audit.v1.AuditService (handler.h).
//
// Thread safety: values; Append as its transaction. Blocks: one INSERT. Errors: like every
// statement it throws libpqxx's exceptions to the enclosing pg::Transact.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace kabar::pg {
class Transaction;
}
namespace kabar::rpc {
struct Call;
}

namespace kabar::audit {

// Who acts. Empty: no operator (the error table, the keeper), and nothing is written.
struct Actor {
  std::string key_name = {};
  std::string role = {};
  std::string request_id = {};

  bool empty() const { return key_name.empty(); }
};

// `request_id`: of the request; if it has none, the call's own.
Actor ActorOf(const rpc::Call& call, const std::string& request_id = {});

// Small and harmless: no tokens, no phones, no texts.
using Fields = std::vector<std::pair<std::string, std::string>>;

struct Entry {
  std::string outlet = {};  // empty: all of them
  std::string action = {};  // the call's name
  std::string target = {};  // "lane/run_1"
  std::string reason = {};
  Fields before = {};
  Fields after = {};
};

void Append(pg::Transaction& tx, const Actor& by, const Entry& entry);

}  // namespace kabar::audit
