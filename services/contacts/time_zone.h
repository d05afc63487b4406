// Which of Indonesia's three time zones a province lies in.
//
// Thread safety: pure functions. Nothing blocks. Errors: NormalizeTimeZone says what is wrong.
#ifndef KABAR_SERVICES_CONTACTS_TIME_ZONE_H_
#define KABAR_SERVICES_CONTACTS_TIME_ZONE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace kabar::contacts {

// "WIB", "WITA", "WIT"; "" for what is no province. Written as people do ("Prov. Sulawesi Selatan",
// "DKI Jakarta", "sulsel").
std::string ZoneOfProvince(absl::string_view province);

// "wib", "Asia/Jakarta" -> "WIB"; any other IANA name as it is; "" stays. *fault: why not.
std::string NormalizeTimeZone(absl::string_view written, std::string* fault);

// The zone of `c.time_zone` and `c.province` in SQL: the same rule as above.
std::string ZoneSql();

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_TIME_ZONE_H_
