// A checked filter as the condition of a WHERE: text that the caller wrote, and parameters for
// everything that the filter's author wrote. Nothing of a filter ever stands in SQL text.
//
// Two-valued: a field that is NULL (no shipment, no value) compares as false, and NOT and != turn
// that into true, so that `city != "Jakarta"` finds those without a city too.
//
// Thread safety: pure function; SqlParams belongs to one caller. Nothing blocks. Errors: those of
// FieldSql.
#ifndef KABAR_LIBS_FILTER_LANG_SQL_H_
#define KABAR_LIBS_FILTER_LANG_SQL_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "libs/filter_lang/schema.h"

namespace kabar::filter_lang {

// The values of $first, $first+1, ...; all are sent as text and cast in the SQL.
class SqlParams {
 public:
  explicit SqlParams(int first = 1) : next_(first) {}

  // "$3::text" for the value that is now the third.
  std::string Add(std::string value, absl::string_view type);

  const std::vector<std::string>& values() const { return values_; }

 private:
  int next_;
  std::vector<std::string> values_;
};

struct FieldSql {
  std::string expression;  // the value, of the SQL type that the field's type needs: text,
                           // numeric or an integer, boolean, timestamptz, text[]
  std::string predicate;   // instead: the whole condition, for a field with a rule of its own
};

// Says what a comparison's field is in the caller's query. `params` serves the caller's own values,
// such as the key of a map.
using FieldToSql = std::function<absl::StatusOr<FieldSql>(const Comparison&, SqlParams& params)>;

// "TRUE" for a null filter. The text is bracketed and may be joined with AND.
absl::StatusOr<std::string> CompileSql(const Checked* filter, const FieldToSql& field_to_sql,
                                       SqlParams& params);

// The pattern of LIKE (escape character \) that matches what a TextPattern does; `contains` adds a
// wildcard at both ends.
std::string LikePattern(const TextPattern& pattern, bool contains);

}  // namespace kabar::filter_lang

#endif  // KABAR_LIBS_FILTER_LANG_SQL_H_
