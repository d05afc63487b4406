#include "libs/pg/session.h"

#include <libpq-fe.h>

#include <algorithm>
#include <pqxx/except>
#include <pqxx/nontransaction>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pg/exceptions.h"

namespace kabar::pg {
namespace {

constexpr char kDurationName[] = "kabar_pg_query_duration_seconds";

bool IsPlainName(absl::string_view name) {
  return !name.empty() && name.size() < 60 && absl::ascii_isalpha(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
         });
}

void AppendSetting(std::string& conninfo, absl::string_view key, absl::string_view value) {
  absl::StrAppend(&conninfo, key, "='");
  for (const char c : value) {
    if (c == '\'' || c == '\\') conninfo += '\\';
    conninfo += c;
  }
  conninfo += "' ";
}

// What every session starts with, in the start-up packet: no round trip.
std::string SessionSettings(const PoolOptions& options) {
  return absl::StrCat(
      "-c search_path=", options.schema,
      " -c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c bytea_output=hex",
      " -c client_min_messages=warning -c jit=off -c idle_in_transaction_session_timeout=",
      absl::ToInt64Milliseconds(options.idle_in_transaction_timeout));
}

// The connection string with our settings; the caller's own win where they only tune the socket.
absl::StatusOr<std::string> CompleteConnInfo(const PoolOptions& options, absl::Time deadline) {
  char* error = nullptr;
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> given(
      PQconninfoParse(options.connection.c_str(), &error), &PQconninfoFree);
  if (given == nullptr) {
    // libpq's message quotes the string, which may hold a password.
    PQfreemem(error);
    return base::Error(absl::StatusCode::kInvalidArgument, "DB_CONNECTION_STRING",
                       "the PostgreSQL connection string is neither key=value pairs nor a "
                       "postgresql:// URI");
  }
  std::string conninfo;
  std::string session_settings = SessionSettings(options);
  for (const PQconninfoOption* o = given.get(); o->keyword != nullptr; ++o) {
    if (o->val == nullptr) continue;
    const absl::string_view key = o->keyword;
    if (key == "options") {
      session_settings = absl::StrCat(o->val, " ", session_settings);
    } else if (key != "application_name" && key != "connect_timeout" && key != "client_encoding") {
      AppendSetting(conninfo, key, o->val);
    }
  }
  // A connection to a machine that vanished fails within about 25 s instead of two hours.
  for (const auto& [key, value] :
       {std::pair("keepalives_idle", "10"), std::pair("keepalives_interval", "5"),
        std::pair("keepalives_count", "3"), std::pair("tcp_user_timeout", "20000")}) {
    if (!absl::StrContains(conninfo, absl::StrCat(key, "="))) AppendSetting(conninfo, key, value);
  }
  const absl::Duration timeout = std::min(options.connect_timeout, deadline - absl::Now());
  AppendSetting(conninfo, "connect_timeout",
                absl::StrCat(std::max<int64_t>(2, absl::ToInt64Seconds(timeout))));
  AppendSetting(conninfo, "application_name", options.application_name);
  AppendSetting(conninfo, "client_encoding", "UTF8");
  AppendSetting(conninfo, "options", session_settings);
  return conninfo;
}

}  // namespace

metrics::Histogram& QueryDuration(const char* query) {
  return metrics::GetHistogram(kDurationName, "Time of a database query.", {{"query", query}},
                               metrics::LatencyBuckets());
}

void CountQueryError(const char* query, absl::StatusCode code) {
  metrics::GetCounter("kabar_pg_query_errors_total", "Database queries that failed.",
                      {{"query", query}, {"code", absl::StatusCodeToString(code)}})
      .Increment();
}

bool Session::Warnings::operator()(char const*) noexcept {
  ++count;
  return false;  // nothing of ours prints what may hold personal data
}

Session::Session(const std::string& conninfo) : connection_(conninfo), warnings_(connection_) {
  // libpqxx would reconnect silently, without our transaction.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection_.inhibit_reactivation(true);
#pragma GCC diagnostic pop
  // DETAIL lines quote rows, that is, personal data.
  connection_.set_verbosity(pqxx::connection_base::terse);
}

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const PoolOptions& options,
                                                       absl::Time deadline) {
  if (!IsPlainName(options.schema)) {
    return base::Error(
        absl::StatusCode::kFailedPrecondition, "DB_SCHEMA_NAME",
        absl::StrCat("schema name \"", options.schema, "\": use lower-case letters, digits and _"));
  }
  KABAR_ASSIGN_OR_RETURN(const std::string conninfo, CompleteConnInfo(options, deadline));
  try {
    std::unique_ptr<Session> session(new Session(conninfo));
    pqxx::nontransaction work(session->connection_);
    work.exec(
        "SELECT set_config('synchronous_commit', 'on', false) "
        "WHERE current_setting('synchronous_commit') = 'off'");
    return session;
  } catch (const pqxx::broken_connection& e) {
    // Of connecting: names host or socket, user and database, never the password.
    return base::Error(
        absl::StatusCode::kUnavailable, "DB_UNAVAILABLE",
        absl::StrCat("cannot connect to PostgreSQL: ", absl::StripAsciiWhitespace(e.what())));
  } catch (...) {
    return StatusOfException("connect");
  }
}

const Session::Statement& Session::Prepare(const Query& query) {
  const auto found = statements_.find(query.name);
  if (found != statements_.end()) {
    if (found->second.text != query.sql) {
      throw pqxx::usage_error("two queries bear the name " + std::string(query.name));
    }
    return found->second;
  }
  connection_.prepare(query.name, query.sql);
  try {
    connection_.prepare_now(query.name);
  } catch (...) {
    if (connection_.is_open()) connection_.unprepare(query.name);
    throw;
  }
  return statements_
      .emplace(query.name, Statement{.text = query.sql, .duration = &QueryDuration(query.name)})
      .first->second;
}

}  // namespace kabar::pg
