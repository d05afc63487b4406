#include "services/dispatcher/errands.h"

#include <utility>

namespace kabar::dispatcher {

Errands::Errands(absl::Duration budget, base::Clock& clock)
    : budget_(budget), clock_(clock), thread_([this](std::stop_token stop) { Run(stop); }) {}

Errands::~Errands() {
  thread_.request_stop();
  thread_.join();
}

void Errands::Add(Errand errand) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(errand));
  }
  changed_.notify_one();
}

void Errands::Run(std::stop_token stop) {
  while (true) {
    std::vector<Errand> batch;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [this] { return !waiting_.empty(); });
      batch.swap(waiting_);
    }
    if (batch.empty()) return;  // stopped, and nothing left
    const absl::Time deadline = clock_.Now() + budget_;
    for (Errand& errand : batch) errand(deadline);
  }
}

}  // namespace kabar::dispatcher
