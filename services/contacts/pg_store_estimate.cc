#include "services/contacts/pg_store_estimate.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"

namespace kabar::contacts {

// Nothing in it can fail: 31/02 becomes the third day after the 28th. $0 row, $1 column, $2 offset.
std::string EstimateTimeSql(absl::string_view row, absl::string_view column,
                            absl::string_view offset) {
  return absl::Substitute(
      "(SELECT (CASE WHEN m.ymd IS NOT NULL THEN "
      "make_date(m.ymd[1]::int, m.ymd[2]::int, 1) + (m.ymd[3]::int - 1) "
      "WHEN m.dmy IS NOT NULL THEN make_date(m.dmy[3]::int, m.dmy[2]::int, 1) + "
      "(m.dmy[1]::int - 1) "
      "WHEN m.days IS NOT NULL THEN m.told + m.days[1]::int "
      "WHEN m.words ~ '\\mlusa\\M' THEN m.told + 2 "
      "WHEN m.words ~ '\\m(besok|tomorrow)\\M' THEN m.told + 1 "
      "WHEN m.words ~ '\\m(hari ini|today)\\M' OR m.hour IS NOT NULL THEN m.told END "
      "+ coalesce(make_time(m.hour[1]::int, m.hour[2]::int, 0), time '00:00')) "
      "AT TIME ZONE $2 FROM (SELECT lower($0.$1) AS words, "
      "($0.updated_at AT TIME ZONE $2)::date AS told, "
      "regexp_match($0.$1, '\\m(20\\d\\d)-(0?[1-9]|1[0-2])-(3[01]|[12]\\d|0?[1-9])(?!\\d)') "
      "AS ymd, "
      "regexp_match($0.$1, '\\m(3[01]|[12]\\d|0?[1-9])[/.-](0?[1-9]|1[0-2])[/.-](20\\d\\d)\\M') "
      "AS dmy, "
      "regexp_match(lower($0.$1), '(\\d{1,2})\\s*(?:hari|days?)\\M(?!\\s+ini)') AS days, "
      "regexp_match($0.$1, '(?<![\\d/.-])([01]?\\d|2[0-3])[:.]([0-5]\\d)(?![\\d/.])') AS hour) "
      "AS m)",
      row, column, offset);
}

}  // namespace kabar::contacts
