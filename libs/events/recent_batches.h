// The newest numbered batches, in memory: several consumers follow the same events at the same
// time, and only the first of them costs the database a look. A numbered batch never changes, as
// long as the database is the same: what was read in one session of the listener
// (pg::Listener::SessionNumber) does not count in another, before which the database may have been
// restored from a backup.
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
  // least one. `seen`: the news that all of it covers, so that only newer ones are worth a wait; 0
  // when there is more at once. False, and nothing done, if `from` is not held.
  bool Read(std::uint64_t session, std::int64_t from, int max_batches, std::int64_t max_bytes,
            v1::ReadEventsResponse* response, std::uint64_t* seen) const;

  // Takes over what follows on what is held; what neither follows nor overlaps replaces all if it
  // is newer, and is left alone if it is older. `seen`: of the news when the database was asked; 0
  // if it held more than the response.
  void Add(std::uint64_t session, std::uint64_t seen, const v1::ReadEventsResponse& response);

 private:
  using Entry = std::pair<std::int64_t, v1::NumberedBatch>;  // bytes, batch

  const std::int64_t max_bytes_;
  mutable std::mutex mutex_;
  std::deque<Entry> entries_;  // numbers without gaps
  std::int64_t bytes_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t seen_ = 0;  // with the last of them
};

}  // namespace kabar::events
