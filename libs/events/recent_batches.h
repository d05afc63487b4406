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
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace kabar::events {

// A numbered batch as it goes over the wire: a v1::NumberedBatch, put together once for all readers
// and taken apart by none on this side.
struct WireBatch {
  std::int64_t number = 0;
  std::shared_ptr<const std::string> bytes;

  std::int64_t size() const { return static_cast<std::int64_t>(bytes->size()); }
};

class RecentBatches {
 public:
  // Holds at most about `max_bytes` of serialised batches; the oldest go first.
  explicit RecentBatches(std::int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends batches `from`, `from` + 1, ... to the page, as many as the bounds allow but at
  // least one. `seen`: the news that all of it covers, so that only newer ones are worth a wait; 0
  // when there is more at once. False, and nothing done, if `from` is not held.
  bool Read(std::uint64_t session, std::int64_t from, int max_batches, std::int64_t max_bytes,
            std::vector<WireBatch>* page, std::uint64_t* seen) const;

  // Takes over what follows on what is held; what neither follows nor overlaps replaces all if it
  // is newer, and is left alone if it is older. `seen`: of the news when the database was asked; 0
  // if it held more than the page.
  void Add(std::uint64_t session, std::uint64_t seen, const std::vector<WireBatch>& page);

 private:
  const std::int64_t max_bytes_;
  mutable std::mutex mutex_;
  std::deque<WireBatch> entries_;  // numbers without gaps
  std::int64_t bytes_ = 0;
  std::uint64_t session_ = 0;
  std::uint64_t seen_ = 0;  // with the last of them
};

}  // namespace kabar::events
