// The seam to the figures' record.
//
// Thread safety and errors: pg_store.h.
#ifndef KABAR_SERVICES_ANALYTICS_STORE_H_
#define KABAR_SERVICES_ANALYTICS_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/analytics/figures.h"

namespace kabar::analytics {

class Store {
 public:
  virtual ~Store() = default;
  // `now`: the current rate is that of the RateWindowSeconds before it.
  virtual absl::StatusOr<LaneFigures> Read(const std::string& outlet, const std::string& lane_id,
                                           absl::Time now, absl::Time deadline) = 0;
  virtual absl::Status ForgetSeconds(absl::Time before, absl::Time deadline) = 0;
};

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_STORE_H_
