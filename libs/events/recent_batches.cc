#include "libs/events/recent_batches.h"

#include <iterator>

namespace kabar::events {

bool RecentBatches::Read(std::uint64_t session, std::int64_t from, int max_batches,
                         std::int64_t max_bytes, std::vector<WireBatch>* page,
                         std::uint64_t* seen) const {
  const std::lock_guard lock(mutex_);
  if (session != session_ || entries_.empty() || from < entries_.front().number ||
      from > entries_.back().number) {
    return false;
  }
  std::int64_t bytes = 0;
  auto at = static_cast<std::size_t>(from - entries_.front().number);
  for (; at < entries_.size() && std::ssize(*page) < max_batches; ++at) {
    const WireBatch& batch = entries_[at];
    if (bytes > 0 && bytes + batch.size() > max_bytes) break;
    bytes += batch.size();
    page->push_back(batch);
  }
  *seen = at < entries_.size() ? 0 : seen_;
  return true;
}

void RecentBatches::Add(std::uint64_t session, std::uint64_t seen,
                        const std::vector<WireBatch>& page) {
  const std::lock_guard lock(mutex_);
  if (session < session_) return;
  if (session > session_) {
    session_ = session;
    entries_.clear();
    bytes_ = 0;
  }
  for (const WireBatch& batch : page) {
    if (!entries_.empty()) {
      const std::int64_t next = entries_.back().number + 1;
      if (batch.number < next) continue;
      if (batch.number > next) {
        entries_.clear();
        bytes_ = 0;
      }
    }
    entries_.push_back(batch);
    bytes_ += batch.size();
    seen_ = seen;
  }
  while (!entries_.empty() && bytes_ > max_bytes_) {
    bytes_ -= entries_.front().size();
    entries_.pop_front();
  }
}

}  // namespace kabar::events
