#include "services/analytics/pg_store.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/arrays.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"

namespace kabar::analytics {
namespace {

// The arrays are added element by element; both have kStates elements always.
constexpr pg::Query kAddLane{
    "analytics.add_lane",
    "INSERT INTO lane_figures AS f (outlet_id, lane_id, asked, lane_state, lane_reason, "
    "lane_rate_per_s, states, reached_sent, reached_delivered, reached_read, first_sent_at, "
    "last_sent_at) "
    "VALUES ($1, $2, coalesce($3, 0), coalesce($4, 0), $5, $6, $7::bigint[], $8, $9, $10, $11, "
    "$12) "
    "ON CONFLICT (outlet_id, lane_id) DO UPDATE SET "
    "asked = coalesce($3, f.asked), lane_state = coalesce($4, f.lane_state), "
    "lane_reason = CASE WHEN $4 IS NULL THEN f.lane_reason ELSE $5 END, "
    "lane_rate_per_s = CASE WHEN $4 IS NULL THEN f.lane_rate_per_s ELSE $6 END, "
    "states = (SELECT array_agg(a + b ORDER BY i) FROM "
    "unnest(f.states, excluded.states) WITH ORDINALITY AS s(a, b, i)), "
    "reached_sent = f.reached_sent + excluded.reached_sent, "
    "reached_delivered = f.reached_delivered + excluded.reached_delivered, "
    "reached_read = f.reached_read + excluded.reached_read, "
    "first_sent_at = least(f.first_sent_at, excluded.first_sent_at), "
    "last_sent_at = greatest(f.last_sent_at, excluded.last_sent_at)"};
constexpr pg::Query kAddFailures{
    "analytics.add_failures",
    "INSERT INTO lane_failures AS f (outlet_id, lane_id, reason, messages) "
    "SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) "
    "ON CONFLICT (outlet_id, lane_id, reason) DO UPDATE SET "
    "messages = f.messages + excluded.messages"};
constexpr pg::Query kAddSeconds{
    "analytics.add_seconds",
    "INSERT INTO lane_seconds AS s (outlet_id, lane_id, second, sent) "
    "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) "
    "ON CONFLICT (outlet_id, lane_id, second) DO UPDATE SET sent = s.sent + excluded.sent"};
constexpr pg::Query kAddAnswers{
    "analytics.add_answers",
    "INSERT INTO run_answers AS a (outlet_id, run_id, yes, no, other) "
    "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) "
    "ON CONFLICT (outlet_id, run_id) DO UPDATE SET yes = a.yes + excluded.yes, "
    "no = a.no + excluded.no, other = a.other + excluded.other"};

constexpr pg::Query kRead{
    "analytics.read_lane",
    "SELECT f.asked, f.lane_state, f.lane_rate_per_s, f.states, f.reached_sent, "
    "f.reached_delivered, f.reached_read, f.first_sent_at, f.last_sent_at, "
    "coalesce(a.yes, 0), coalesce(a.no, 0), coalesce(a.other, 0) "
    "FROM lane_figures f LEFT JOIN run_answers a "
    "ON a.outlet_id = f.outlet_id AND a.run_id = f.lane_id "
    "WHERE f.outlet_id = $1 AND f.lane_id = $2"};
// The second that is not over yet is left out: it would pull the rate down.
constexpr pg::Query kReadWindow{
    "analytics.read_window",
    "SELECT second, sent FROM lane_seconds WHERE outlet_id = $1 AND lane_id = $2 "
    "AND second >= $3 AND second < $4 AND sent > 0 ORDER BY second"};
constexpr pg::Query kReadFailures{"analytics.read_failures",
                                  "SELECT reason, messages FROM lane_failures "
                                  "WHERE outlet_id = $1 AND lane_id = $2 AND messages <> 0"};
constexpr pg::Query kReadPositions{"analytics.read_positions",
                                   "SELECT source, number FROM event_positions"};
constexpr pg::Query kForget{"analytics.forget_seconds",
                            "DELETE FROM lane_seconds WHERE second < $1"};

void WriteLanes(pg::Transaction& tx, const Tally& tally) {
  for (const auto& [key, d] : tally.lanes()) {
    tx.Exec(kAddLane, key.first, key.second, d.asked, d.lane_state, d.lane_reason,
            d.lane_rate_per_s, pg::BigintArray(d.states), d.reached_sent, d.reached_delivered,
            d.reached_read, d.first_sent, d.last_sent);
  }
}

void WriteFailures(pg::Transaction& tx, const Tally& tally) {
  if (tally.failures().empty()) return;
  const auto& all = tally.failures();
  tx.Exec(kAddFailures, pg::ArrayOf(all, [](const auto& f) { return f.first.first.first; }),
          pg::ArrayOf(all, [](const auto& f) { return f.first.first.second; }),
          pg::ArrayOf(all, [](const auto& f) { return f.first.second; }),
          pg::ArrayOf(all, [](const auto& f) { return f.second; }));
}

void WriteSeconds(pg::Transaction& tx, const Tally& tally) {
  if (tally.seconds().empty()) return;
  const auto& all = tally.seconds();
  tx.Exec(kAddSeconds, pg::ArrayOf(all, [](const auto& s) { return s.first.first.first; }),
          pg::ArrayOf(all, [](const auto& s) { return s.first.first.second; }),
          pg::ArrayOf(all, [](const auto& s) { return s.first.second; }),
          pg::ArrayOf(all, [](const auto& s) { return s.second; }));
}

void WriteAnswers(pg::Transaction& tx, const Tally& tally) {
  if (tally.answers().empty()) return;
  const auto& all = tally.answers();
  tx.Exec(kAddAnswers, pg::ArrayOf(all, [](const auto& a) { return a.first.first; }),
          pg::ArrayOf(all, [](const auto& a) { return a.first.second; }),
          pg::ArrayOf(all, [](const auto& a) { return a.second.yes; }),
          pg::ArrayOf(all, [](const auto& a) { return a.second.no; }),
          pg::ArrayOf(all, [](const auto& a) { return a.second.other; }));
}

LaneFigures FiguresOf(const pqxx::row& row) {
  LaneFigures f;
  f.asked = row[0].as<std::int64_t>();
  f.lane_state = row[1].as<int>();
  f.lane_rate_per_s = row[2].as<double>();
  const auto states = pg::BigintArrayField(row[3]);
  for (std::size_t i = 0; i < states.size() && i < f.states.size(); ++i) f.states[i] = states[i];
  f.reached_sent = row[4].as<std::int64_t>();
  f.reached_delivered = row[5].as<std::int64_t>();
  f.reached_read = row[6].as<std::int64_t>();
  f.first_sent = pg::OptTimeField(row[7]);
  f.last_sent = pg::OptTimeField(row[8]);
  f.answers_yes = row[9].as<std::int64_t>();
  f.answers_no = row[10].as<std::int64_t>();
  f.answers_other = row[11].as<std::int64_t>();
  return f;
}

void ReadWindow(pg::Transaction& tx, const std::string& outlet, const std::string& lane_id,
                absl::Time now, LaneFigures& f) {
  const std::int64_t end = absl::ToUnixSeconds(now);
  std::vector<SecondCount> seconds;
  for (const pqxx::row& row :
       tx.Exec(kReadWindow, outlet, lane_id, end - RateWindowSeconds(f.lane_rate_per_s), end)) {
    seconds.push_back({row[0].as<std::int64_t>(), row[1].as<std::int64_t>()});
  }
  f.MeasureRate(seconds, end);
}

// Says up to which event there was nothing of the run: all of its figures are 0 there.
absl::Status RunNotFound(const std::string& lane_id,
                         const std::map<std::string, std::int64_t>& positions) {
  absl::Status status = base::Error(
      absl::StatusCode::kNotFound, "RUN_NOT_FOUND",
      absl::StrCat("no events of a run ", lane_id, " of this outlet have been counted"));
  for (const auto& [source, number] : positions) {
    status = base::WithMeta(std::move(status), absl::StrCat("event_number_", source),
                            absl::StrCat(number));
  }
  return status;
}

}  // namespace

absl::StatusOr<LaneFigures> PgStore::Read(const std::string& outlet, const std::string& lane_id,
                                          absl::Time now, absl::Time deadline) {
  LaneFigures figures;
  // One snapshot: figures and the event numbers up to which they count belong together.
  const pg::TransactOptions options{
      .deadline = deadline, .isolation = pg::Isolation::kRepeatableRead, .read_only = true};
  const auto read = [&](pg::Transaction& tx) -> absl::Status {
    std::map<std::string, std::int64_t> positions;
    for (const pqxx::row& p : tx.Exec(kReadPositions)) {
      positions[pg::TextField(p[0])] = p[1].as<std::int64_t>();
    }
    const auto row = tx.ExecMaybe(kRead, outlet, lane_id);
    if (!row) return RunNotFound(lane_id, positions);
    figures = FiguresOf(*row);
    figures.positions = std::move(positions);
    ReadWindow(tx, outlet, lane_id, now, figures);
    for (const pqxx::row& f : tx.Exec(kReadFailures, outlet, lane_id)) {
      figures.failed_by_reason[pg::TextField(f[0])] = f[1].as<std::int64_t>();
    }
    return absl::OkStatus();
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ReadFigures", options, read));
  return figures;
}

std::unique_ptr<events::Sink> PgStore::MakeSink(const std::string& source) {
  return events::MakePgSink(
      pool_, source,
      [](pg::Transaction& tx,
         absl::Span<const events::v1::NumberedBatch* const> batches) -> absl::Status {
        Tally tally;
        for (const auto* batch : batches) {
          for (const auto& event : batch->batch().events()) tally.Add(event);
        }
        WriteLanes(tx, tally);
        WriteFailures(tx, tally);
        WriteSeconds(tx, tally);
        WriteAnswers(tx, tally);
        return absl::OkStatus();
      });
}

absl::Status PgStore::ForgetSeconds(absl::Time before, absl::Time deadline) {
  return pg::Transact(pool_, "ForgetSeconds", deadline, [&](pg::Transaction& tx) {
    tx.Exec(kForget, absl::ToUnixSeconds(before));
    return absl::OkStatus();
  });
}

}  // namespace kabar::analytics
