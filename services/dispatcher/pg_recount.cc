// A lane counted anew: what its rows say, and what the events that others may not have counted yet
// say of it. One snapshot, so that each change is in both or in neither.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

constexpr std::int64_t kMaxBatches = 200000;
constexpr int kPageRows = 500;
constexpr std::int64_t kPageBytes = 4 << 20;

constexpr pg::Query kRecountedLane{
    "dispatcher.recounted_lane",
    "SELECT " KABAR_LANE_COLUMNS
    ", l.rows_deleted FROM lanes l JOIN senders s ON s.id = l.sender_id "
    "WHERE l.id = $1 AND l.outlet_id = $2"};
constexpr pg::Query kRecountEnqueued{
    "dispatcher.recount_enqueued",
    "SELECT COALESCE(sum(enqueued), 0)::bigint FROM lane_days WHERE lane_id = $1"};
constexpr pg::Query kRecountRows{"dispatcher.recount_rows",
                                 "SELECT state, reached, count(*) FROM messages WHERE lane_id = $1 "
                                 "GROUP BY state, reached"};
constexpr pg::Query kRecountNumbers{
    "dispatcher.recount_numbers",
    "SELECT p.next_number - 1, t.trimmed_number, "
    "p.next_number - 1 - t.trimmed_number - "
    "(SELECT count(*) FROM outbox WHERE number > t.trimmed_number AND number < p.next_number), "
    "(SELECT count(*) FROM outbox WHERE number IS NULL) "
    "FROM event_publisher p, event_trimming t"};
// A page of them: bounded by bytes too, the first row always comes. length() reads no content.
constexpr pg::Query kRecountNumbered{
    "dispatcher.recount_numbered",
    "SELECT number, batch FROM "
    "  (SELECT number, batch, sum(length(batch)) OVER (ORDER BY number) - length(batch) AS before "
    "   FROM outbox WHERE number > $1 ORDER BY number LIMIT $2) AS page "
    "WHERE before < $3 ORDER BY number"};
constexpr pg::Query kRecountUnnumbered{
    "dispatcher.recount_unnumbered",
    "SELECT id, batch FROM "
    "  (SELECT id, batch, sum(length(batch)) OVER (ORDER BY id) - length(batch) AS before "
    "   FROM outbox WHERE number IS NULL AND id > $1 ORDER BY id LIMIT $2) AS page "
    "WHERE before < $3 ORDER BY id"};

// 0: none of them; 1, 2, 3: as far as SENT, DELIVERED, READ.
int Reach(int state) {
  const bool reaches = state >= static_cast<int>(MessageState::kSent) &&
                       state <= static_cast<int>(MessageState::kRead);
  return reaches ? state - static_cast<int>(MessageState::kSent) + 1 : 0;
}

void AddState(MessageFigures& figures, int state, std::int64_t messages) {
  if (state < 1 || state > static_cast<int>(figures.states.size())) return;  // 0: new
  figures.states[static_cast<std::size_t>(state - 1)] += messages;
}

// From `before` (Reach) to `now`.
void AddReached(MessageFigures& figures, int before, int now, std::int64_t messages) {
  for (int step = before; step < now; ++step) {
    figures.reached[static_cast<std::size_t>(step)] += messages;
  }
}

void AddEvents(const events::v1::EventBatch& batch, const Lane& lane, MessageFigures& changes) {
  for (const events::v1::Event& event : batch.events()) {
    if (!event.has_message_changed() || event.outlet_id() != lane.outlet_id) continue;
    const events::v1::MessageChanged& changed = event.message_changed();
    if (changed.lane_id() != lane.id) continue;
    AddState(changes, changed.from(), -1);
    AddState(changes, changed.to(), 1);
    AddReached(changes, Reach(changed.reached_before()), Reach(changed.to()), 1);
  }
}

// All pages of one of the two queries; `after` is the first column of the last row read.
absl::Status AddPages(pg::Transaction& tx, const pg::Query& query, std::int64_t after,
                      const Lane& lane, MessageFigures& changes) {
  events::v1::EventBatch batch;
  while (true) {
    const pqxx::result page = tx.Exec(query, after, kPageRows, kPageBytes);
    if (page.empty()) return absl::OkStatus();
    for (const pqxx::row& row : page) {
      after = row[0].as<std::int64_t>();
      if (!batch.ParseFromString(pg::BytesField(row[1]))) {
        return base::Error(absl::StatusCode::kInternal, "EVENTS_UNREADABLE",
                           absl::StrCat("outbox row ", after, " of ", query.name,
                                        " cannot be parsed; restore it from a backup"));
      }
      AddEvents(batch, lane, changes);
    }
  }
}

absl::Status RowsDeleted(const std::string& lane_id) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kOutOfRange, "LANE_ROWS_DELETED",
                  "messages of this lane were deleted for their age (--message-retention); what "
                  "there was of it analytics tells alone"),
      "lane", lane_id);
}

absl::Status CheckRange(std::int64_t after, std::int64_t trimmed, const LaneRecount& recount) {
  if (after < trimmed) {
    return base::Error(absl::StatusCode::kOutOfRange, "EVENTS_TRIMMED",
                       absl::StrCat("events after number ", after, " are gone: up to ", trimmed,
                                    " are deleted; ask for newer figures first"));
  }
  const std::int64_t batches = recount.newest_event_number - after + recount.events_without_number;
  if (batches <= kMaxBatches) return absl::OkStatus();
  return base::Error(
      absl::StatusCode::kResourceExhausted, "TOO_MANY_EVENTS",
      absl::StrCat(batches, " batches of events come after number ", after, ", more than the ",
                   kMaxBatches, " that are read; try again when their reader has caught up"));
}

void CountRows(pg::Transaction& tx, LaneRecount& recount) {
  for (const pqxx::row& row : tx.Exec(kRecountRows, recount.lane.id)) {
    const std::int64_t messages = row[2].as<std::int64_t>();
    AddState(recount.ledger, row[0].as<int>(), messages);
    AddReached(recount.ledger, 0, Reach(row[1].as<int>()), messages);
    recount.rows += messages;
  }
}

}  // namespace

absl::StatusOr<LaneRecount> PgStore::RecountLane(const std::string& outlet,
                                                 const std::string& lane_id,
                                                 std::int64_t after_event_number,
                                                 absl::Time deadline) {
  LaneRecount recount;
  const pg::TransactOptions options{
      .deadline = deadline, .isolation = pg::Isolation::kRepeatableRead, .read_only = true};
  const auto count = [&](pg::Transaction& tx) -> absl::Status {
    recount = {};
    const auto lane = tx.ExecMaybe(kRecountedLane, lane_id, outlet);
    if (!lane) return LaneNotFound(lane_id);
    recount.lane = ReadLane(*lane).lane;
    if (lane->back().as<bool>()) return RowsDeleted(lane_id);
    recount.lane.enqueued = tx.ExecOne(kRecountEnqueued, lane_id)[0].as<std::int64_t>();
    const pqxx::row numbers = tx.ExecOne(kRecountNumbers);
    recount.newest_event_number = numbers[0].as<std::int64_t>();
    recount.missing_event_numbers = numbers[2].as<std::int64_t>();
    recount.events_without_number = numbers[3].as<std::int64_t>();
    KABAR_RETURN_IF_ERROR(CheckRange(after_event_number, numbers[1].as<std::int64_t>(), recount));
    CountRows(tx, recount);
    KABAR_RETURN_IF_ERROR(
        AddPages(tx, kRecountNumbered, after_event_number, recount.lane, recount.changes_after));
    return AddPages(tx, kRecountUnnumbered, 0, recount.lane, recount.changes_after);
  };
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "RecountLane", options, count));
  return recount;
}

}  // namespace kabar::dispatcher
