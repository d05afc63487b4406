// The newest numbered batches, in memory: several consumers follow the same events at the same
// time, and only the first of them costs the database a look. A numbered batch never changes.
//
// Thread safety: safe for concurrent use. Never blocks on anything but memory. Errors: none.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "kabar/events/v1/events.pb.h"

namespace kabar::events {

class RecentBatches {
 public:
  // Holds at most about `max_bytes` of serialised batches; the oldest go first.
  explicit RecentBatches(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends batches `from`, `from` + 1, ... to the response, as many as the bounds allow but at
  // least one. False, and nothing appended, if `from` is not held.
  bool Read(std::int64_t from, int max_batches, std::int64_t max_bytes,
            v1::ReadEventsResponse* response) const;

  // Takes over what follows on what is held; what neither follows nor overlaps replaces all if it
  // is newer, and is left alone if it is older.
  void Add(const v1::ReadEventsResponse& response);

 private:
  using Entry = std::pair<std::int64_t, v1::NumberedBatch>;  // bytes, batch

  const std::int64_t max_bytes_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // numbers without gaps
  std::int64_t bytes_ = 0;
};

}  // namespace kabar::events
