#include "libs/pg/exceptions.h"

#include <new>
#include <pqxx/except>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace kabar::pg {
namespace {

struct Mapping {
  absl::string_view prefix;  // of the SQLSTATE; the first that fits counts
  absl::StatusCode code;
  absl::string_view reason;
};

// PostgreSQL 15, Appendix A.
constexpr Mapping kMappings[] = {
    {"57014", absl::StatusCode::kDeadlineExceeded, "DB_TIMEOUT"},
    {"57", absl::StatusCode::kUnavailable, "DB_UNAVAILABLE"},
    {"08", absl::StatusCode::kUnavailable, "DB_UNAVAILABLE"},
    {"53300", absl::StatusCode::kUnavailable, "DB_UNAVAILABLE"},
    {"25006", absl::StatusCode::kUnavailable, "DB_READ_ONLY"},
    {"25P03", absl::StatusCode::kUnavailable, "DB_TRANSACTION_IDLE"},
    {"53", absl::StatusCode::kResourceExhausted, "DB_RESOURCES"},
    {"40003", absl::StatusCode::kUnknown, "DB_IN_DOUBT"},
    {"40002", absl::StatusCode::kFailedPrecondition, "DB_CONSTRAINT"},
    {"40", absl::StatusCode::kAborted, "DB_CONFLICT"},
    {"55P03", absl::StatusCode::kAborted, "DB_LOCKED"},
    {"55", absl::StatusCode::kFailedPrecondition, "DB_STATE"},
    {"23505", absl::StatusCode::kAlreadyExists, "DB_DUPLICATE"},
    {"23P01", absl::StatusCode::kAlreadyExists, "DB_DUPLICATE"},
    {"23514", absl::StatusCode::kInvalidArgument, "DB_CONSTRAINT"},
    {"23502", absl::StatusCode::kInvalidArgument, "DB_CONSTRAINT"},
    {"23", absl::StatusCode::kFailedPrecondition, "DB_CONSTRAINT"},
    {"22", absl::StatusCode::kInvalidArgument, "DB_BAD_VALUE"},
    {"54", absl::StatusCode::kInvalidArgument, "DB_TOO_LARGE"},
    {"42501", absl::StatusCode::kPermissionDenied, "DB_PERMISSION"},
};

// The first line without its severity. Class 22 quotes the value it refuses, so only the part
// before the value stays.
std::string PrimaryMessage(absl::string_view message, absl::string_view sqlstate) {
  message = message.substr(0, message.find('\n'));
  const size_t severity = message.find(":  ");
  if (severity != absl::string_view::npos && severity < 10) message.remove_prefix(severity + 3);
  if (absl::StartsWith(sqlstate, "22")) message = message.substr(0, message.find_first_of(":\"'"));
  return std::string(absl::StripSuffix(message, " "));
}

// Constraint and column are named in quotes: the constraint last, the column of a not-null
// violation first.
std::string QuotedName(absl::string_view message, bool first) {
  const size_t start = message.find('"');
  const size_t end = message.rfind('"');
  if (start == absl::string_view::npos || start == end) return "";
  if (first)
    return std::string(message.substr(start + 1, message.find('"', start + 1) - start - 1));
  const size_t last = message.rfind('"', end - 1);
  return std::string(message.substr(last + 1, end - last - 1));
}

absl::Status Make(absl::StatusCode code, absl::string_view reason, absl::string_view where,
                  absl::string_view message) {
  return base::Error(code, reason, absl::StrCat(where, ": ", message));
}

}  // namespace

absl::Status StatusOfSqlState(absl::string_view where, absl::string_view sqlstate,
                              absl::string_view message) {
  absl::StatusCode code = absl::StatusCode::kInternal;
  absl::string_view reason = "DB_ERROR";
  for (const Mapping& mapping : kMappings) {
    if (!absl::StartsWith(sqlstate, mapping.prefix)) continue;
    code = mapping.code;
    reason = mapping.reason;
    break;
  }
  if (sqlstate == "0A000" && absl::StrContains(message, "cached plan")) {
    code =
        absl::StatusCode::kUnavailable;  // a migration changed the table; a new session plans anew
    reason = "DB_SCHEMA_CHANGED";
  }
  const std::string primary = PrimaryMessage(message, sqlstate);
  absl::Status status =
      Make(code, reason, where, absl::StrCat(primary, " (SQLSTATE ", sqlstate, ")"));
  status = base::WithMeta(std::move(status), "sqlstate", sqlstate);
  if (absl::StartsWith(sqlstate, "23")) {
    const std::string name = QuotedName(primary, sqlstate == "23502");
    if (!name.empty()) status = base::WithMeta(std::move(status), "constraint", name);
  }
  return status;
}

bool SpoilsConnection(absl::string_view sqlstate) {
  return absl::StartsWith(sqlstate, "08") || absl::StartsWith(sqlstate, "57P") ||
         absl::StartsWith(sqlstate, "XX") || sqlstate == "0A000" || sqlstate == "26000" ||
         sqlstate == "25006" || sqlstate == "25P03";
}

absl::Status StatusOfException(absl::string_view where) {
  try {
    throw;
  } catch (const DeadlinePassed& e) {
    return Make(absl::StatusCode::kDeadlineExceeded, "DB_TIMEOUT", where, e.what());
  } catch (const TextWithNul& e) {
    return Make(absl::StatusCode::kInvalidArgument, "DB_BAD_VALUE", where, e.what());
  } catch (const pqxx::in_doubt_error&) {
    return Make(absl::StatusCode::kUnknown, "DB_IN_DOUBT", where,
                "the connection was lost during COMMIT; look up whether it was done");
  } catch (const pqxx::broken_connection&) {
    return Make(absl::StatusCode::kUnavailable, "DB_UNAVAILABLE", where,
                "the connection to PostgreSQL was lost; nothing was done");
  } catch (const pqxx::statement_completion_unknown& e) {
    return StatusOfSqlState(where, "40003", e.what());
  } catch (const pqxx::deadlock_detected& e) {
    return StatusOfSqlState(where, "40P01", e.what());
  } catch (const pqxx::transaction_rollback& e) {
    return StatusOfSqlState(where, "40001", e.what());
  } catch (const pqxx::sql_error& e) {
    return StatusOfSqlState(where, e.sqlstate(), e.what());
  } catch (const pqxx::conversion_error&) {
    return Make(absl::StatusCode::kInternal, "DB_ERROR", where,
                "a result field is NULL or not of the type that the code expects");
  } catch (const pqxx::pqxx_exception& e) {
    return Make(absl::StatusCode::kInternal, "DB_ERROR", where, e.base().what());
  } catch (const std::bad_alloc&) {
    return Make(absl::StatusCode::kResourceExhausted, "OUT_OF_MEMORY", where, "out of memory");
  } catch (const std::exception& e) {
    return Make(absl::StatusCode::kInternal, "DB_ERROR", where, e.what());
  }
}

}  // namespace kabar::pg
