// The process's own figures, read when they are asked for.
//
// Thread safety: Collect from any thread. Blocks: on /proc. Errors: a figure that cannot be read is
// left out.
#pragma once

#include <prometheus/collectable.h>

#include <vector>

namespace kabar::metrics {

class ProcessMetrics : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace kabar::metrics
