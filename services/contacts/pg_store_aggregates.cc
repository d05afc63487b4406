#include "services/contacts/pg_store_aggregates.h"

#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_estimate.h"

namespace kabar::contacts {
namespace {

using filter_lang::Aggregate;
using filter_lang::Aggregation;
using filter_lang::Comparison;
using filter_lang::FieldSql;
using filter_lang::Op;
using filter_lang::SqlParams;

// Names come from segment.cc, never from the filter's text.
std::string ColumnSql(const std::string& field) {
  if (field == "cod_amount") return "coalesce(n.cod_amount, 0)";
  if (field == "cod_paid") return "coalesce(n.cod_paid, false)";
  if (field == "time") return "n.at";
  if (field == "state_time") return "n.state_at";
  if (field == "text") return "n.detail";
  // Its own collation, for the key, knows no letters but ASCII.
  if (field == "source") return "(n.source COLLATE \"default\")";
  return absl::StrCat("n.", field);
}

std::string ElementSql(const Comparison& comparison, SqlParams& params) {
  for (const char* estimate : {"estimate", "new_estimate"}) {
    if (comparison.field->name != absl::StrCat(estimate, "_time")) continue;
    return EstimateTimeSql("n", estimate, params.Add(comparison.offset, "interval"));
  }
  return ColumnSql(comparison.field->name);
}

// The rows `n` of a collection, and the column that says when.
struct Source {
  absl::string_view collection;
  absl::string_view table;
  absl::string_view which;
  absl::string_view time;
};
constexpr Source kSources[] = {
    {"shipments", "shipments", "", "created_at"},
    {"messages", "timeline", " AND n.kind = 'MESSAGE'", "at"},
    {"answers", "timeline", " AND n.kind = 'INBOUND'", "at"},
    {"facts", "facts", "", "at"},
    {"orders", "facts", " AND n.kind = 'ORDER'", "at"},
};

absl::StatusOr<Source> SourceOf(const Aggregation& aggregation) {
  for (const Source& source : kSources) {
    if (source.collection == aggregation.collection->name()) return source;
  }
  return absl::InternalError("a collection without a table");
}

absl::StatusOr<std::string> RowsSql(const Aggregation& aggregation, const Source& source,
                                    SqlParams& params) {
  std::string rows =
      absl::StrCat(" FROM ", source.table,
                   " n WHERE n.outlet_id = c.outlet_id AND n.contact_id = c.id", source.which);
  if (aggregation.since) {
    const std::string since =
        absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", *aggregation.since, absl::UTCTimeZone());
    absl::StrAppend(&rows, " AND n.", source.time, " > ", params.Add(since, "timestamptz"));
  }
  if (aggregation.condition == nullptr) return rows;
  KABAR_ASSIGN_OR_RETURN(const std::string condition,
                         filter_lang::CompileSql(
                             aggregation.condition.get(),
                             [](const Comparison& one, SqlParams& p) -> absl::StatusOr<FieldSql> {
                               return FieldSql{ElementSql(one, p), ""};
                             },
                             params));
  return absl::StrCat(rows, " AND ", condition);
}

// "Any at all" stops at the first and lets the planner join; nullopt: it is another question.
std::optional<bool> AsksForAny(const Comparison& comparison) {
  const auto* number = std::get_if<filter_lang::Number>(&comparison.value);
  if (number == nullptr || comparison.aggregation->aggregate != Aggregate::kCount) {
    return std::nullopt;
  }
  const bool zero = number->digits == "0", one = number->digits == "1";
  if ((zero && (comparison.op == Op::kGreater || comparison.op == Op::kNotEqual)) ||
      (one && comparison.op == Op::kGreaterOrEqual)) {
    return true;
  }
  if ((zero && (comparison.op == Op::kEqual || comparison.op == Op::kLessOrEqual)) ||
      (one && comparison.op == Op::kLess)) {
    return false;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<FieldSql> AggregationSql(const Comparison& comparison, SqlParams& params) {
  const Aggregation& aggregation = *comparison.aggregation;
  KABAR_ASSIGN_OR_RETURN(const Source source, SourceOf(aggregation));
  KABAR_ASSIGN_OR_RETURN(const std::string rows, RowsSql(aggregation, source, params));
  if (const std::optional<bool> any = AsksForAny(comparison)) {
    return FieldSql{"", absl::StrCat(*any ? "" : "NOT ", "EXISTS (SELECT 1", rows, ")")};
  }
  switch (aggregation.aggregate) {
    case Aggregate::kCount:
      return FieldSql{absl::StrCat("(SELECT count(*)", rows, ")"), ""};
    case Aggregate::kSum:
      return FieldSql{absl::StrCat("(SELECT coalesce(sum(", ColumnSql(aggregation.summed->name),
                                   "), 0)", rows, ")"),
                      ""};
    case Aggregate::kLast:
      return FieldSql{absl::StrCat("(SELECT max(n.", source.time, ")", rows, ")"), ""};
  }
  return absl::InternalError("an aggregate without SQL");
}

}  // namespace kabar::contacts
