// What WhatsApp charges for a delivered message, as dated data: prices change, and a preflight asks
// for the day on which its campaign starts.
//
// The file is CSV, one price a line, in any order; lines that begin with # are comments:
//
//   valid_from,country,category,rupiah
//   2025-07-01,ID,UTILITY,356.65
//   2025-07-01,*,MARKETING,1200
//
// A price holds until a later one of the same country and category. Country: ISO 3166, or * for all
// without a line of their own. Category: MARKETING, UTILITY, AUTHENTICATION (of the provider
// template), or SERVICE (a text within 24 hours of the customer's last message).
//
// Thread safety: immutable once read. Blocks: Open reads a file. Errors: INVALID_ARGUMENT
// (RATE_CARD) with the line; NOT_FOUND when there is no such file.
#ifndef KABAR_SERVICES_CAMPAIGNS_RATE_CARD_H_
#define KABAR_SERVICES_CAMPAIGNS_RATE_CARD_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace kabar::campaigns {

inline constexpr char kServiceCategory[] = "SERVICE";

class RateCard {
 public:
  static absl::StatusOr<RateCard> Parse(absl::string_view text);
  static absl::StatusOr<RateCard> Open(const std::string& path);

  // In hundredths of a rupiah. nullopt: the card does not tell.
  std::optional<std::int64_t> PriceOf(const std::string& country, const std::string& category,
                                      absl::CivilDay day) const;

 private:
  using ByDay = std::map<absl::CivilDay, std::int64_t>;
  std::map<std::pair<std::string, std::string>, ByDay> prices_;  // by country and category
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_RATE_CARD_H_
