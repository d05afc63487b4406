// What people write into cells for amounts, yes/no and times -> typed values.
//
// Thread safety: pure functions. Nothing blocks. Errors: nullopt, and what to write instead in
// *hint.
#ifndef KABAR_SERVICES_CONTACTS_CELL_VALUES_H_
#define KABAR_SERVICES_CONTACTS_CELL_VALUES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::contacts {

// Rupiah: 150000, 150.000, 150,000, Rp 150.000,00, Rp150.000,-; "-" and "non COD" are 0. Parts of
// a rupiah are refused: they tell of a misread separator.
std::optional<int64_t> ParseRupiah(absl::string_view cell, std::string* hint);

// ya, tidak, true, 1, lunas, belum lunas, vip, ...
std::optional<bool> ParseYesNo(absl::string_view cell, std::string* hint);

// 2026-11-22 08:30, 22/11/2026 08.30, 22-11-2026, RFC 3339; the day stands first, as Indonesians
// write it; without a zone of its own it is in `zone`.
std::optional<absl::Time> ParseCellTime(absl::string_view cell, absl::TimeZone zone,
                                        std::string* hint);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CELL_VALUES_H_
