#include "libs/events/recent_batches.h"

namespace kabar::events {

bool RecentBatches::Read(std::uint64_t session, std::int64_t from, int max_batches,
                         std::int64_t max_bytes, v1::ReadEventsResponse* response,
                         std::uint64_t* seen) const {
  const std::lock_guard lock(mutex_);
  if (session != session_ || entries_.empty() || from < entries_.front().second.number() ||
      from > entries_.back().second.number()) {
    return false;
  }
  std::int64_t bytes = 0;
  auto at = static_cast<std::size_t>(from - entries_.front().second.number());
  for (; at < entries_.size() && response->batches_size() < max_batches; ++at) {
    const auto& [size, batch] = entries_[at];
    if (bytes > 0 && bytes + size > max_bytes) break;
    bytes += size;
    *response->add_batches() = batch;
  }
  *seen = at < entries_.size() ? 0 : seen_;
  return true;
}

void RecentBatches::Add(std::uint64_t session, std::uint64_t seen,
                        const v1::ReadEventsResponse& response) {
  const std::lock_guard lock(mutex_);
  if (session < session_) return;
  if (session > session_) {
    session_ = session;
    entries_.clear();
    bytes_ = 0;
  }
  for (const v1::NumberedBatch& batch : response.batches()) {
    if (!entries_.empty()) {
      const std::int64_t next = entries_.back().second.number() + 1;
      if (batch.number() < next) continue;
      if (batch.number() > next) {
        entries_.clear();
        bytes_ = 0;
      }
    }
    const auto size = static_cast<std::int64_t>(batch.ByteSizeLong());
    entries_.emplace_back(size, batch);
    bytes_ += size;
    seen_ = seen;
  }
  while (!entries_.empty() && bytes_ > max_bytes_) {
    bytes_ -= entries_.front().first;
    entries_.pop_front();
  }
}

}  // namespace kabar::events
