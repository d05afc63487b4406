// Portfolios and senders.
#include <pqxx/result>

#include "absl/strings/str_cat.h"
#include "libs/audit/audit.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/pg_lane_state.h"
#include "services/dispatcher/pg_media.h"
#include "services/dispatcher/pg_rows.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {
namespace {

#define KABAR_PORTFOLIO_COLUMNS "id, outlet_id, name, messaging_limit, trigger_reserve, version"

constexpr pg::Query kAllPortfolios{
    "dispatcher.all_portfolios", "SELECT " KABAR_PORTFOLIO_COLUMNS " FROM portfolios ORDER BY id"};
constexpr pg::Query kAllSenders{"dispatcher.all_senders",
                                "SELECT " KABAR_SENDER_COLUMNS " FROM senders s ORDER BY s.id"};
constexpr pg::Query kListPortfolios{
    "dispatcher.list_portfolios",
    "SELECT " KABAR_PORTFOLIO_COLUMNS
    " FROM portfolios WHERE outlet_id = $1 AND id > $2 ORDER BY id LIMIT $3::bigint"};
constexpr pg::Query kGetPortfolio{"dispatcher.get_portfolio",
                                  "SELECT " KABAR_PORTFOLIO_COLUMNS
                                  " FROM portfolios WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kLockPortfolio{"dispatcher.lock_portfolio",
                                   "SELECT " KABAR_PORTFOLIO_COLUMNS
                                   " FROM portfolios WHERE outlet_id = $1 AND id = $2 FOR UPDATE"};
constexpr pg::Query kInsertPortfolio{
    "dispatcher.insert_portfolio",
    "INSERT INTO portfolios (id, outlet_id, name, messaging_limit, trigger_reserve)"
    " VALUES ($1, $2, $3, $4, $5::bigint)"};
constexpr pg::Query kUpdatePortfolio{
    "dispatcher.update_portfolio",
    "UPDATE portfolios SET name = COALESCE($3, name),"
    " messaging_limit = COALESCE($4::bigint, messaging_limit),"
    " trigger_reserve = CASE WHEN $5 THEN $6::bigint ELSE trigger_reserve END,"
    " version = version + 1"
    " WHERE outlet_id = $1 AND id = $2"};

constexpr pg::Query kListSenders{
    "dispatcher.list_senders",
    "SELECT " KABAR_SENDER_COLUMNS
    " FROM senders s WHERE s.outlet_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3::bigint"};
constexpr pg::Query kGetSender{"dispatcher.get_sender",
                               "SELECT " KABAR_SENDER_COLUMNS
                               " FROM senders s WHERE s.outlet_id = $1 AND s.id = $2"};
constexpr pg::Query kLockSender{"dispatcher.lock_sender",
                                "SELECT " KABAR_SENDER_COLUMNS
                                " FROM senders s WHERE s.outlet_id = $1 AND s.id = $2"
                                " FOR UPDATE"};
constexpr pg::Query kInsertSender{
    "dispatcher.insert_sender",
    "INSERT INTO senders (id, outlet_id, portfolio_id, phone_number_id, display_phone,"
    " sealed_token, throughput, pair_rate, state, account_id)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};
// An operator's state has no reason; the error table's stays until then.
constexpr pg::Query kUpdateSender{
    "dispatcher.update_sender",
    "UPDATE senders SET display_phone = COALESCE($3, display_phone),"
    " sealed_token = COALESCE($4::bytea, sealed_token), throughput = COALESCE($5, throughput),"
    " pair_rate = COALESCE($6, pair_rate), state = COALESCE($7::smallint, state),"
    " state_reason = CASE WHEN $7::smallint IS NULL THEN state_reason ELSE '' END,"
    " account_id = COALESCE($8, account_id), version = version + 1"
    " WHERE outlet_id = $1 AND id = $2"};
// STOPPED is worse than PAUSED, whoever comes first: only an operator takes it back. In
// order of the ids: two may do it at once.
constexpr pg::Query kStopSenders{
    "dispatcher.stop_senders",
    "UPDATE senders SET state = $2::smallint, state_reason = $4, version = version + 1"
    " WHERE id IN (SELECT s.id"
    "  FROM senders s WHERE (s.id = $1 OR ($3::boolean AND s.portfolio_id ="
    "    (SELECT portfolio_id FROM senders WHERE id = $1))) AND s.state < $2::smallint"
    "  ORDER BY s.id FOR UPDATE)"};

constexpr pg::Query kTemplateNews{
    "dispatcher.list_template_news",
    "SELECT number, account_id, name, language, status, category, quality, reason, told_at"
    " FROM template_news WHERE number > $1::bigint ORDER BY number LIMIT $2::bigint"};

absl::Status PortfolioNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "PORTFOLIO_NOT_FOUND",
                     "there is no such portfolio; ListPortfolios shows those of the outlet");
}

absl::Status SenderNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "SENDER_NOT_FOUND",
                     "there is no such sender; ListSenders shows those of the outlet");
}

absl::StatusOr<Portfolio> FindPortfolio(pg::Transaction& tx, const std::string& outlet,
                                        const std::string& id) {
  const auto row = tx.ExecMaybe(kGetPortfolio, outlet, id);
  if (!row) return PortfolioNotFound();
  return ReadPortfolio(*row);
}

absl::StatusOr<Sender> FindSender(pg::Transaction& tx, const std::string& outlet,
                                  const std::string& id) {
  const auto row = tx.ExecMaybe(kGetSender, outlet, id);
  if (!row) return SenderNotFound();
  return ReadSender(*row);
}

std::optional<std::string> RateText(const std::optional<base::Rate>& rate) {
  return rate ? std::optional<std::string>(base::FormatRate(*rate)) : std::nullopt;
}

absl::Status ExplainDuplicate(const absl::Status& status) {
  if (pg::IsDuplicate(status, "senders_phone_number_id")) {
    return base::Error(absl::StatusCode::kAlreadyExists, "PHONE_NUMBER_ID_TAKEN",
                       "a sender with this phone_number_id exists already");
  }
  if (pg::IsDuplicate(status, "senders_pkey") || pg::IsDuplicate(status, "portfolios_pkey")) {
    return base::Error(absl::StatusCode::kAlreadyExists, "ID_TAKEN",
                       "this id is taken; choose another or leave it empty");
  }
  return status;
}

constexpr char kStateNames[][8] = {"", "ACTIVE", "PAUSED", "STOPPED"};

// What people may know of it; never the token.
audit::Fields FieldsOf(const Sender& sender) {
  return {{"portfolio", sender.portfolio_id},
          {"phone_number_id", sender.phone_number_id},
          {"account_id", sender.account_id},
          {"throughput", base::FormatRate(sender.throughput)},
          {"pair_rate", base::FormatRate(sender.pair_rate)},
          {"state", kStateNames[static_cast<int>(sender.state)]},
          {"state_reason", sender.state_reason}};
}

audit::Fields FieldsOf(const Portfolio& portfolio) {
  return {{"name", portfolio.name},
          {"messaging_limit", absl::StrCat(portfolio.messaging_limit)},
          {"trigger_reserve", absl::StrCat(ReserveOf(portfolio))}};
}

// Of two lists of the same fields: what differs.
audit::Entry WithChanges(audit::Entry entry, const audit::Fields& before,
                         const audit::Fields& after) {
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] == after[i]) continue;
    entry.before.push_back(before[i]);
    entry.after.push_back(after[i]);
  }
  return entry;
}

// Runs `work` unless this request was answered before, then reads what `id` names.
template <typename T, typename Work, typename Read>
absl::StatusOr<T> Once(pg::Pool& pool, const char* name, const std::string& outlet,
                       const std::string& id, const RequestKey& request, absl::Time deadline,
                       Work work, Read read) {
  T result;
  absl::Status status = pg::Transact(
      pool, name, {.deadline = deadline, .attempts = 3}, [&](pg::Transaction& tx) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(
            const auto answered,
            ReserveRequest(tx, outlet, request.request_id, request.method, request.fingerprint));
        if (!answered) {
          KABAR_RETURN_IF_ERROR(work(tx));
          SaveAnswer(tx, outlet, request.request_id, id);
        }
        KABAR_ASSIGN_OR_RETURN(result, read(tx, outlet, answered.value_or(id)));
        return absl::OkStatus();
      });
  if (!status.ok()) return ExplainDuplicate(status);
  return result;
}

}  // namespace

absl::StatusOr<std::vector<Portfolio>> PgStore::ListAllPortfolios(absl::Time deadline) {
  std::vector<Portfolio> portfolios;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListAllPortfolios",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       portfolios.clear();
                                       for (const pqxx::row& row : tx.Exec(kAllPortfolios)) {
                                         portfolios.push_back(ReadPortfolio(row));
                                       }
                                       return absl::OkStatus();
                                     }));
  return portfolios;
}

absl::StatusOr<std::vector<Sender>> PgStore::ListAllSenders(absl::Time deadline) {
  std::vector<Sender> senders;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "ListAllSenders",
                                     {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       senders.clear();
                                       for (const pqxx::row& row : tx.Exec(kAllSenders)) {
                                         senders.push_back(ReadSender(row));
                                       }
                                       return absl::OkStatus();
                                     }));
  return senders;
}

void StopSenders(pg::Transaction& tx, const std::string& sender_id, SenderState state,
                 bool whole_portfolio, const std::string& reason) {
  tx.Exec(kStopSenders, sender_id, static_cast<int>(state), whole_portfolio, reason);
}

absl::StatusOr<Portfolio> PgStore::CreatePortfolio(const Portfolio& portfolio,
                                                   const RequestKey& request, absl::Time deadline) {
  return Once<Portfolio>(
      pool_, "CreatePortfolio", portfolio.outlet_id, portfolio.id, request, deadline,
      [&](pg::Transaction& tx) {
        tx.Exec(kInsertPortfolio, portfolio.id, portfolio.outlet_id, portfolio.name,
                portfolio.messaging_limit, portfolio.trigger_reserve);
        audit::Append(tx, request.by,
                      {.outlet = portfolio.outlet_id,
                       .action = "CreatePortfolio",
                       .target = "portfolio/" + portfolio.id,
                       .after = FieldsOf(portfolio)});
        return absl::OkStatus();
      },
      FindPortfolio);
}

absl::StatusOr<Portfolio> PgStore::UpdatePortfolio(const std::string& outlet, const std::string& id,
                                                   const PortfolioChange& change,
                                                   const RequestKey& request, absl::Time deadline) {
  return Once<Portfolio>(
      pool_, "UpdatePortfolio", outlet, id, request, deadline,
      [&](pg::Transaction& tx) -> absl::Status {
        const auto before = tx.ExecMaybe(kLockPortfolio, outlet, id);
        if (!before) return PortfolioNotFound();
        tx.Exec(kUpdatePortfolio, outlet, id, change.name, change.messaging_limit,
                change.trigger_reserve.has_value(), change.trigger_reserve.value_or(std::nullopt));
        KABAR_ASSIGN_OR_RETURN(const Portfolio after, FindPortfolio(tx, outlet, id));
        audit::Append(
            tx, request.by,
            WithChanges(
                {.outlet = outlet, .action = "UpdatePortfolio", .target = "portfolio/" + id},
                FieldsOf(ReadPortfolio(*before)), FieldsOf(after)));
        return absl::OkStatus();
      },
      FindPortfolio);
}

absl::StatusOr<std::vector<Portfolio>> PgStore::ListPortfolios(const std::string& outlet,
                                                               const std::string& after, int limit,
                                                               absl::Time deadline) {
  std::vector<Portfolio> portfolios;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListPortfolios", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     portfolios.clear();
                     for (const pqxx::row& row : tx.Exec(kListPortfolios, outlet, after, limit)) {
                       portfolios.push_back(ReadPortfolio(row));
                     }
                     return absl::OkStatus();
                   }));
  return portfolios;
}

absl::StatusOr<Sender> PgStore::CreateSender(const Sender& sender, const RequestKey& request,
                                             absl::Time deadline) {
  return Once<Sender>(
      pool_, "CreateSender", sender.outlet_id, sender.id, request, deadline,
      [&](pg::Transaction& tx) -> absl::Status {
        KABAR_RETURN_IF_ERROR(FindPortfolio(tx, sender.outlet_id, sender.portfolio_id).status());
        tx.Exec(kInsertSender, sender.id, sender.outlet_id, sender.portfolio_id,
                sender.phone_number_id, sender.display_phone, pg::Bytes(sender.sealed_token),
                base::FormatRate(sender.throughput), base::FormatRate(sender.pair_rate),
                static_cast<int>(sender.state), sender.account_id);
        audit::Append(tx, request.by,
                      {.outlet = sender.outlet_id,
                       .action = "CreateSender",
                       .target = "sender/" + sender.id,
                       .after = FieldsOf(sender)});
        return absl::OkStatus();
      },
      FindSender);
}

absl::StatusOr<Sender> PgStore::UpdateSender(const std::string& outlet, const std::string& id,
                                             const SenderChange& change, const RequestKey& request,
                                             absl::Time deadline) {
  return Once<Sender>(
      pool_, "UpdateSender", outlet, id, request, deadline,
      [&](pg::Transaction& tx) -> absl::Status {
        const auto before = tx.ExecMaybe(kLockSender, outlet, id);
        if (!before) return SenderNotFound();
        std::optional<std::string> token;
        if (change.sealed_token) token = pg::Bytes(*change.sealed_token);
        std::optional<int> state;
        if (change.state) state = static_cast<int>(*change.state);
        tx.Exec(kUpdateSender, outlet, id, change.display_phone, token, RateText(change.throughput),
                RateText(change.pair_rate), state, change.account_id);
        if (token || state) TryUploadsAgain(tx, id);
        KABAR_ASSIGN_OR_RETURN(const Sender after, FindSender(tx, outlet, id));
        audit::Entry entry =
            WithChanges({.outlet = outlet, .action = "UpdateSender", .target = "sender/" + id},
                        FieldsOf(ReadSender(*before)), FieldsOf(after));
        if (token) entry.after.emplace_back("access_token", "replaced");
        audit::Append(tx, request.by, entry);
        return absl::OkStatus();
      },
      FindSender);
}

absl::StatusOr<Sender> PgStore::GetSender(const std::string& outlet, const std::string& id,
                                          absl::Time deadline) {
  absl::StatusOr<Sender> sender = absl::UnknownError("not read");
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "GetSender", {.deadline = deadline, .read_only = true},
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       sender = FindSender(tx, outlet, id);
                                       return sender.status();
                                     }));
  return sender;
}

absl::StatusOr<std::vector<Sender>> PgStore::ListSenders(const std::string& outlet,
                                                         const std::string& after, int limit,
                                                         absl::Time deadline) {
  std::vector<Sender> senders;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListSenders", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     senders.clear();
                     for (const pqxx::row& row : tx.Exec(kListSenders, outlet, after, limit)) {
                       senders.push_back(ReadSender(row));
                     }
                     return absl::OkStatus();
                   }));
  return senders;
}

absl::StatusOr<std::vector<ToldTemplate>> PgStore::ListTemplateNews(std::int64_t after, int limit,
                                                                    absl::Time deadline) {
  std::vector<ToldTemplate> told;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ListTemplateNews", {.deadline = deadline, .read_only = true},
                   [&](pg::Transaction& tx) -> absl::Status {
                     told.clear();
                     for (const pqxx::row& row : tx.Exec(kTemplateNews, after, limit)) {
                       told.push_back({.number = row[0].as<std::int64_t>(),
                                       .change = {.account = pg::TextField(row[1]),
                                                  .name = pg::TextField(row[2]),
                                                  .language = pg::TextField(row[3]),
                                                  .status = pg::TextField(row[4]),
                                                  .category = pg::TextField(row[5]),
                                                  .quality = pg::TextField(row[6]),
                                                  .reason = pg::TextField(row[7])},
                                       .time = pg::TimeField(row[8])});
                     }
                     return absl::OkStatus();
                   }));
  return told;
}

}  // namespace kabar::dispatcher
