#include "libs/metrics/exposer.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/metrics/registry.h"

namespace kabar::metrics {

absl::StatusOr<std::unique_ptr<Exposer>> Exposer::Start(const std::string& address) {
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address, /*num_threads=*/2);
    std::vector<int> ports = exposer->GetListeningPorts();
    if (ports.size() != 1) {
      return base::Error(absl::StatusCode::kUnavailable, "METRICS_BIND_FAILED",
                         absl::StrCat("metrics address \"", address, "\" names ", ports.size(),
                                      " ports; expected one, as in 127.0.0.1:9101"));
    }
    for (const auto& collectable : AllCollectables()) exposer->RegisterCollectable(collectable);
    return std::unique_ptr<Exposer>(new Exposer(std::move(exposer), ports[0]));
  } catch (const std::exception& fault) {
    return base::Error(absl::StatusCode::kUnavailable, "METRICS_BIND_FAILED",
                       absl::StrCat("cannot serve metrics on \"", address, "\" (", fault.what(),
                                    "); is the port taken or the address not this machine's?"));
  }
}

Exposer::Exposer(std::unique_ptr<prometheus::Exposer> exposer, int port)
    : exposer_(std::move(exposer)), port_(port) {}

Exposer::~Exposer() = default;

}  // namespace kabar::metrics
