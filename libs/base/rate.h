// Rates as people write them: `45/min`, `80/s`, `1000/h`, `45/min,max_burst=1`, `1/6s`.
//
//   rate  = limit "/" [count] unit [",max_burst=" burst]
//   unit  = s | sec | m | min | h | hour | d | day
//
// max_burst is 1 unless named: sends are spaced evenly, so that no sliding window ever holds more
// than the limit (architecture.md 4.3). Blanks are allowed between the parts.
//
// Thread safety: values and free functions. Blocks: no. Errors: INVALID_ARGUMENT (INVALID_RATE)
// with the position, counted from 1, and what was expected there.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::base {

struct Rate {
  std::int64_t limit = 1;
  absl::Duration window = absl::Seconds(1);
  std::int64_t max_burst = 1;

  // window / limit: the time between two sends.
  absl::Duration Interval() const { return window / limit; }
  double PerMinute() const {
    return static_cast<double>(limit) * (absl::FDivDuration(absl::Minutes(1), window));
  }

  bool operator==(const Rate&) const = default;
};

absl::StatusOr<Rate> ParseRate(absl::string_view text);

// The shortest form that parses to the same rate.
std::string FormatRate(const Rate& rate);

}  // namespace kabar::base
