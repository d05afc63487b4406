// Serves /metrics on an HTTP port of its own.
//
// Thread safety: made and destroyed by one thread. Blocks: Start until the port is bound, the
// destructor until running requests have ended. Errors: UNAVAILABLE (METRICS_BIND_FAILED), naming
// the address.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace prometheus {
class Exposer;
}

namespace kabar::metrics {

class Exposer {
 public:
  // `address` as "127.0.0.1:9101"; port 0 picks a free one.
  static absl::StatusOr<std::unique_ptr<Exposer>> Start(const std::string& address);
  ~Exposer();
  Exposer(const Exposer&) = delete;
  Exposer& operator=(const Exposer&) = delete;

  int port() const { return port_; }

 private:
  Exposer(std::unique_ptr<prometheus::Exposer> exposer, int port);

  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_;
};

}  // namespace kabar::metrics
