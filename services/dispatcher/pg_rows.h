// What the pg_*.cc files share: how lanes and senders are read from rows, and days as SQL writes
// them. Internal to the store.
//
// Thread safety: free functions. Errors: as libs/pg/transaction.h's fields, they throw inside
// Transact.
#pragma once

#include <map>
#include <pqxx/result>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/store.h"

// True while one of the targets is paused by an operator. Read without a lock: a claim that did not
// see the pause was asked for before the pause's reply, and starts nothing later than `hold` after.
#define KABAR_IS_HELD(targets) "EXISTS (SELECT 1 FROM pauses p WHERE p.target IN (" targets "))"

// Of `lanes l JOIN senders s ON s.id = l.sender_id`; read by ReadLane.
#define KABAR_LANE_COLUMNS \
  "l.id, l.outlet_id, l.sender_id, s.portfolio_id, l.priority, l.rate, l.run_id, "         \
  "l.asked, l.end_time, l.fresh_for_s, l.max_attempts, l.unknown_policy, l.purpose, "      \
  "l.state, l.state_reason, l.finished_expanding, s.throughput, s.state AS sender_state, " \
  "COALESCE(l.end_time <= clock_timestamp(), false) AS past_end, " KABAR_IS_HELD(          \
      "'lane/' || l.id, 'sender/' || l.sender_id, 'outlet/' || l.outlet_id, 'all'") " AS held, " \
  "l.version"

// Read by ReadSender.
#define KABAR_SENDER_COLUMNS                                                                \
  "s.id, s.outlet_id, s.portfolio_id, s.phone_number_id, s.display_phone, s.sealed_token, " \
  "s.throughput, s.pair_rate, s.state, s.state_reason, " KABAR_IS_HELD(                     \
      "'sender/' || s.id, 'outlet/' || s.outlet_id, 'all'") " AS held, s.version, s.account_id"

namespace kabar::dispatcher {

struct LaneRow {
  Lane lane;
  SenderState sender_state = SenderState::kActive;
  bool past_end = false;  // by the database's clock
};

LaneRow ReadLane(const pqxx::row& row);
Sender ReadSender(const pqxx::row& row);
Portfolio ReadPortfolio(const pqxx::row& row);  // KABAR_PORTFOLIO_COLUMNS

// The lane locked FOR SHARE or FOR UPDATE; nullopt: not there (or another outlet's, if given).
std::optional<LaneRow> LockLaneForShare(pg::Transaction& tx, const std::string& id);
std::optional<LaneRow> LockLaneForUpdate(pg::Transaction& tx, const std::string& id);

// "2026-11-21"
std::string DayText(absl::CivilDay day);
// Message ids by their day, sorted, each once; what is no message id is left out.
std::map<std::string, std::vector<std::string>> ByDay(const std::vector<std::string>& ids);

absl::Status LaneNotFound(absl::string_view id);

// What RunOnce of libs/rpc does, without protos: `answer` is the stored answer of an earlier call
// with this key, or nullopt: do the work, then SaveAnswer.
absl::StatusOr<std::optional<std::string>> ReserveRequest(pg::Transaction& tx,
                                                          const std::string& outlet,
                                                          const std::string& request_id,
                                                          const std::string& method,
                                                          const std::string& fingerprint);
void SaveAnswer(pg::Transaction& tx, const std::string& outlet, const std::string& request_id,
                const std::string& answer);

}  // namespace kabar::dispatcher
