#include "services/dispatcher/claim_lead.h"

#include <algorithm>

#include "libs/metrics/metrics.h"
#include "prometheus/gauge.h"

namespace kabar::dispatcher {
namespace {
constexpr std::size_t kEnough = 8;  // before that the first lead stands
}

void ClaimLead::Took(absl::Duration duration) {
  static auto& gauge = metrics::GetGauge("kabar_dispatcher_claim_lead_seconds",
                                         "How far ahead of its claim a slot lies at least.");
  std::lock_guard lock(mutex_);
  last_us_[count_++ % last_us_.size()] = absl::ToInt64Microseconds(duration);
  const std::size_t known = std::min(count_, last_us_.size());
  if (known < kEnough) return;
  std::array<std::int64_t, 64> sorted = last_us_;
  const auto at = sorted.begin() + static_cast<std::ptrdiff_t>(known * 97 / 100);
  std::nth_element(sorted.begin(), at, sorted.begin() + static_cast<std::ptrdiff_t>(known));
  const absl::Duration lead = std::clamp(absl::Microseconds(*at) * 1.25, kShortest, kLongest);
  lead_us_ = absl::ToInt64Microseconds(lead);
  gauge.Set(absl::ToDoubleSeconds(lead));
}

}  // namespace kabar::dispatcher
