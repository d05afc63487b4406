#include "services/dispatcher/pg_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kLockLaneShare{
    "dispatcher.lock_lane_share",
    "SELECT " KABAR_LANE_COLUMNS
    " FROM lanes l JOIN senders s ON s.id = l.sender_id WHERE l.id = $1 FOR SHARE OF l"};
constexpr pg::Query kLockLaneUpdate{
    "dispatcher.lock_lane_update",
    "SELECT " KABAR_LANE_COLUMNS
    " FROM lanes l JOIN senders s ON s.id = l.sender_id WHERE l.id = $1 FOR UPDATE OF l"};
constexpr pg::Query kReserveRequest{
    "dispatcher.reserve_request",
    "INSERT INTO request_log (outlet_id, request_id, method, fingerprint) "
    "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr pg::Query kReadRequest{"dispatcher.read_request",
                                 "SELECT method, fingerprint, response FROM request_log "
                                 "WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kSaveAnswer{
    "dispatcher.save_answer",
    "UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2"};

// Rates were validated when they were written.
base::Rate StoredRate(const pqxx::field& field) {
  auto rate = base::ParseRate(field.c_str());
  if (!rate.ok()) throw pqxx::conversion_error("column " + std::string(field.name()) + ": no rate");
  return *rate;
}

double PerSecond(const base::Rate& rate) {
  return static_cast<double>(rate.limit) / absl::ToDoubleSeconds(rate.window);
}

}  // namespace

LaneRow ReadLane(const pqxx::row& row) {
  LaneRow result;
  Lane& lane = result.lane;
  lane.id = pg::TextField(row[0]);
  lane.outlet_id = pg::TextField(row[1]);
  lane.sender_id = pg::TextField(row[2]);
  lane.portfolio_id = pg::TextField(row[3]);
  lane.priority = row[4].as<std::int32_t>();
  if (row[5].size() > 0) lane.rate = StoredRate(row[5]);
  lane.run_id = pg::TextField(row[6]);
  lane.asked = row[7].as<std::int64_t>();
  lane.end_time = pg::OptTimeField(row[8]);
  lane.fresh_for = absl::Seconds(row[9].as<std::int64_t>());
  lane.max_attempts = row[10].as<std::int32_t>();
  lane.unknown_policy = static_cast<UnknownPolicy>(row[11].as<int>());
  lane.purpose = pg::TextField(row[12]);
  lane.state = static_cast<LaneState>(row[13].as<int>());
  lane.state_reason = pg::TextField(row[14]);
  lane.finished_expanding = row[15].as<bool>();
  lane.rate_per_s = PerSecond(StoredRate(row[16]));
  if (lane.rate) lane.rate_per_s = std::min(lane.rate_per_s, PerSecond(*lane.rate));
  result.sender_state = static_cast<SenderState>(row[17].as<int>());
  result.past_end = row[18].as<bool>();
  lane.held = row[19].as<bool>();
  lane.version = row[20].as<std::int64_t>();
  return result;
}

Sender ReadSender(const pqxx::row& row) {
  Sender sender;
  sender.id = pg::TextField(row[0]);
  sender.outlet_id = pg::TextField(row[1]);
  sender.portfolio_id = pg::TextField(row[2]);
  sender.phone_number_id = pg::TextField(row[3]);
  sender.display_phone = pg::TextField(row[4]);
  sender.sealed_token = pg::BytesField(row[5]);
  sender.throughput = StoredRate(row[6]);
  sender.pair_rate = StoredRate(row[7]);
  sender.state = static_cast<SenderState>(row[8].as<int>());
  sender.state_reason = pg::TextField(row[9]);
  sender.held = row[10].as<bool>();
  sender.version = row[11].as<std::int64_t>();
  sender.account_id = pg::TextField(row[12]);
  return sender;
}

Portfolio ReadPortfolio(const pqxx::row& row) {
  return {.id = pg::TextField(row[0]),
          .outlet_id = pg::TextField(row[1]),
          .name = pg::TextField(row[2]),
          .messaging_limit = row[3].as<std::int64_t>(),
          .trigger_reserve = pg::OptIntField(row[4]),
          .version = row[5].as<std::int64_t>()};
}

std::optional<LaneRow> LockLaneForShare(pg::Transaction& tx, const std::string& id) {
  const auto row = tx.ExecMaybe(kLockLaneShare, id);
  if (!row) return std::nullopt;
  return ReadLane(*row);
}

std::optional<LaneRow> LockLaneForUpdate(pg::Transaction& tx, const std::string& id) {
  const auto row = tx.ExecMaybe(kLockLaneUpdate, id);
  if (!row) return std::nullopt;
  return ReadLane(*row);
}

std::string DayText(absl::CivilDay day) { return absl::FormatCivilTime(day); }

std::map<std::string, std::vector<std::string>> ByDay(const std::vector<std::string>& ids) {
  std::map<std::string, std::vector<std::string>> days;
  for (const std::string& id : ids) {
    const absl::StatusOr<absl::CivilDay> day = base::ParseMessageDay(id);
    if (day.ok()) days[DayText(*day)].push_back(id);
  }
  for (auto& [day, of_day] : days) {
    std::sort(of_day.begin(), of_day.end());
    of_day.erase(std::unique(of_day.begin(), of_day.end()), of_day.end());
  }
  return days;
}

absl::Status LaneNotFound(absl::string_view id) {
  return base::WithMeta(base::Error(absl::StatusCode::kNotFound, "LANE_NOT_FOUND",
                                    "there is no such lane; create it with CreateLane"),
                        "lane", id);
}

absl::StatusOr<std::optional<std::string>> ReserveRequest(pg::Transaction& tx,
                                                          const std::string& outlet,
                                                          const std::string& request_id,
                                                          const std::string& method,
                                                          const std::string& fingerprint) {
  if (request_id.empty()) return std::nullopt;
  const pqxx::result inserted =
      tx.Exec(kReserveRequest, outlet, request_id, method, pg::Bytes(fingerprint));
  if (inserted.affected_rows() == 1) return std::nullopt;
  const pqxx::row row = tx.ExecOne(kReadRequest, outlet, request_id);
  if (pg::TextField(row[0]) != method || pg::BytesField(row[1]) != fingerprint) {
    return base::Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                       "this request_id came with another request; use a new one for each request");
  }
  return pg::BytesField(row[2]);
}

void SaveAnswer(pg::Transaction& tx, const std::string& outlet, const std::string& request_id,
                const std::string& answer) {
  if (!request_id.empty()) tx.Exec(kSaveAnswer, outlet, request_id, pg::Bytes(answer));
}

}  // namespace kabar::dispatcher
