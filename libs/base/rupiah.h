// Amounts in rupiah as people write and read them. Parts of a rupiah (sen) are not in use.
//
// Thread safety: free functions. Blocks: no. Errors: nullopt for what is no amount.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace kabar::base {

inline constexpr std::int64_t kMaxRupiah = 1'000'000'000'000;

// 150000, 150.000, 150,000, Rp 150.000,00, Rp150.000,-, IDR 150000, in any case. Sen other than
// zeros are refused: they tell of a misread separator.
std::optional<std::int64_t> ParseRupiah(absl::string_view text);

// 1250000 -> "Rp1.250.000", appended. `amount` is not below 0.
void AppendRupiah(std::int64_t amount, std::string* out);

}  // namespace kabar::base
