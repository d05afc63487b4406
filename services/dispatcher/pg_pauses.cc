// Pauses by operators, and what is still in flight under them.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

using Scope = SendingTarget::Scope;

constexpr std::int64_t kMostCounted = 100'000;

constexpr pg::Query kLaneBelongs{"dispatcher.lane_belongs",
                                 "SELECT sender_id, outlet_id FROM lanes WHERE id = $1"};
constexpr pg::Query kSenderBelongs{"dispatcher.sender_belongs",
                                   "SELECT outlet_id FROM senders WHERE id = $1"};
constexpr pg::Query kInsertPause{
    "dispatcher.insert_pause",
    "INSERT INTO pauses (target, who, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"};
constexpr pg::Query kDeletePause{"dispatcher.delete_pause",
                                 "DELETE FROM pauses WHERE target = $1 RETURNING who, reason"};
// A claim that did not see the pause starts nothing later than half a second after it, and is
// visible by then: after two seconds what is seen is all there is.
constexpr pg::Query kPausesOf{
    "dispatcher.pauses_of",
    "SELECT target, who, reason, created_at,"
    "  created_at <= clock_timestamp() - interval '2 seconds'"
    " FROM pauses WHERE target = ANY($1::text[]) ORDER BY created_at, target"};
// Claims whose lease has not run out: everything that may be SENDING is in them.
constexpr pg::Query kClaimsOf{
    "dispatcher.claims_in_flight",
    "SELECT c.message_ids FROM claims c JOIN lanes l ON l.id = c.lane_id WHERE NOT c.rescued"
    " AND ($1 = '' OR l.id = $1) AND ($2 = '' OR l.sender_id = $2) AND ($3 = '' OR l.outlet_id = "
    "$3)"
    " ORDER BY c.lease_until DESC LIMIT 10000"};
constexpr pg::Query kCountSending{
    "dispatcher.count_sending",
    "SELECT count(*) FROM messages WHERE day = $1::date AND id = ANY($2::text[]) AND state = 2"};

struct Belonging {
  std::vector<std::string> targets;  // itself and what it belongs to, as `pauses` names them
  std::string lane_id, sender_id, outlet_id;  // what narrows its claims
};

absl::Status NoSuchSender(const std::string& id) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kNotFound, "SENDER_NOT_FOUND",
                  "there is no such sender; ListSenders shows those of the outlet"),
      "sender", id);
}

absl::StatusOr<Belonging> Find(pg::Transaction& tx, const std::string& outlet,
                               const SendingTarget& target) {
  Belonging found;
  std::string sender, of_outlet = outlet;
  if (target.scope == Scope::kLane) {
    const auto row = tx.ExecMaybe(kLaneBelongs, target.id);
    if (!row || pg::TextField((*row)[1]) != outlet) return LaneNotFound(target.id);
    found.lane_id = target.id;
    sender = pg::TextField((*row)[0]);
    found.targets = {absl::StrCat("lane/", target.id), absl::StrCat("sender/", sender)};
  } else if (target.scope == Scope::kSender) {
    const auto row = tx.ExecMaybe(kSenderBelongs, target.id);
    if (!row || pg::TextField((*row)[0]) != outlet) return NoSuchSender(target.id);
    found.sender_id = target.id;
    found.targets = {absl::StrCat("sender/", target.id)};
  } else if (target.scope == Scope::kOutlet) {
    found.outlet_id = outlet;
  }
  if (target.scope != Scope::kAll) found.targets.push_back(absl::StrCat("outlet/", outlet));
  found.targets.push_back("all");
  return found;
}

SendingTarget ReadTarget(absl::string_view name) {
  const auto slash = name.find('/');
  const absl::string_view kind = name.substr(0, slash);
  const std::string id(slash == absl::string_view::npos ? "" : name.substr(slash + 1));
  if (kind == "lane") return {Scope::kLane, id};
  if (kind == "sender") return {Scope::kSender, id};
  if (kind == "outlet") return {Scope::kOutlet, id};
  return {Scope::kAll, ""};
}

// True if one of them is old enough for what is in flight to be all there is.
bool ReadPauses(pg::Transaction& tx, const std::vector<std::string>& targets,
                std::vector<SendingPause>& pauses) {
  bool settled = false;
  for (const pqxx::row& row : tx.Exec(kPausesOf, pg::TextArray(targets))) {
    pauses.push_back({.target = ReadTarget(row[0].c_str()),
                      .who = pg::TextField(row[1]),
                      .reason = pg::TextField(row[2]),
                      .since = pg::TimeField(row[3])});
    settled |= row[4].as<bool>();
  }
  return settled;
}

std::int64_t CountInFlight(pg::Transaction& tx, const Belonging& of) {
  std::vector<std::string> ids;
  for (const pqxx::row& claim : tx.Exec(kClaimsOf, of.lane_id, of.sender_id, of.outlet_id)) {
    for (std::string& id : pg::TextArrayField(claim[0])) ids.push_back(std::move(id));
    if (static_cast<std::int64_t>(ids.size()) >= kMostCounted) break;
  }
  std::int64_t sending = 0;
  for (const auto& [day, of_day] : ByDay(ids)) {
    sending += tx.ExecOne(kCountSending, day, pg::TextArray(of_day))[0].as<std::int64_t>();
  }
  return sending;
}

absl::Status Read(pg::Transaction& tx, const std::string& outlet, const SendingTarget& target,
                  Sending& sending) {
  KABAR_ASSIGN_OR_RETURN(const Belonging of, Find(tx, outlet, target));
  sending = {.target = target};
  const bool settled = ReadPauses(tx, of.targets, sending.pauses);
  sending.in_flight = CountInFlight(tx, of);
  sending.drained = settled && sending.in_flight == 0;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Sending> PgStore::PauseSending(const std::string& outlet,
                                              const SendingTarget& target,
                                              const std::string& reason, const RequestKey& request,
                                              absl::Time deadline) {
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "PauseSending", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        if (answered) return absl::OkStatus();
        KABAR_ASSIGN_OR_RETURN(const Belonging of, Find(tx, outlet, target));
        const std::string& name = of.targets.front();
        if (tx.Exec(kInsertPause, name, request.by.key_name, reason).affected_rows() == 1) {
          audit::Append(tx, request.by,
                        {.outlet = outlet,
                         .action = "PauseSending",
                         .target = name,
                         .reason = reason,
                         .before = {{"paused", "false"}},
                         .after = {{"paused", "true"}}});
        }
        SaveAnswer(tx, outlet, request.request_id, "paused");
        return absl::OkStatus();
      }));
  return GetSending(outlet, target, deadline);
}

absl::StatusOr<Sending> PgStore::ResumeSending(const std::string& outlet,
                                               const SendingTarget& target,
                                               const std::string& reason, const RequestKey& request,
                                               absl::Time deadline) {
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ResumeSending", {.deadline = deadline, .attempts = 3},
      [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        if (answered) return absl::OkStatus();
        KABAR_ASSIGN_OR_RETURN(const Belonging of, Find(tx, outlet, target));
        const std::string& name = of.targets.front();
        if (const auto lifted = tx.ExecMaybe(kDeletePause, name)) {
          audit::Append(tx, request.by,
                        {.outlet = outlet,
                         .action = "ResumeSending",
                         .target = name,
                         .reason = reason,
                         .before = {{"paused", "true"},
                                    {"by", pg::TextField((*lifted)[0])},
                                    {"reason", pg::TextField((*lifted)[1])}},
                         .after = {{"paused", "false"}}});
        }
        SaveAnswer(tx, outlet, request.request_id, "resumed");
        return absl::OkStatus();
      }));
  return GetSending(outlet, target, deadline);
}

absl::StatusOr<Sending> PgStore::GetSending(const std::string& outlet, const SendingTarget& target,
                                            absl::Time deadline) {
  Sending sending;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "GetSending", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) { return Read(tx, outlet, target, sending); }));
  return sending;
}

absl::StatusOr<std::vector<SendingPause>> PgStore::ListPauses(const std::string& outlet,
                                                              const SendingTarget& target,
                                                              absl::Time deadline) {
  std::vector<SendingPause> pauses;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListPauses", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       pauses.clear();
                                       KABAR_ASSIGN_OR_RETURN(const Belonging of,
                                                              Find(tx, outlet, target));
                                       ReadPauses(tx, of.targets, pauses);
                                       return absl::OkStatus();
                                     }));
  return pauses;
}

}  // namespace kabar::dispatcher
