#include "libs/testing/eventually.h"

#include <chrono>
#include <thread>

namespace kabar::testing {

bool Eventually(const std::function<bool()>& condition, absl::Duration limit, absl::Duration poll) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit);
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return condition();
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(poll));
  }
  return true;
}

}  // namespace kabar::testing
