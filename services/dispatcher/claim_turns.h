// Whose turn it is to claim, and for how many messages there is room: what the claimers of a worker
// share. Counts every claimed message from its claim until it is finished.
//
// Thread safety: safe for concurrent use. Blocks: Next() until a portfolio's time has come and
// there is room, or a stop; WaitUntilEmpty() until nothing is in flight, or its deadline. Errors:
// none.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/claim_width.h"

namespace kabar::dispatcher {

class ClaimTurns {
 public:
  // At most `max_claim` ids a claim, at most `max_in_flight` claimed and not finished.
  ClaimTurns(int max_claim, int max_in_flight, base::Clock& clock);

  // The new ones among them are due at once.
  void Add(const std::vector<std::string>& portfolios);
  std::vector<std::string> Portfolios() const;
  // The same once there are any; none: stopped before.
  std::vector<std::string> WaitForPortfolios(std::stop_token stop);
  // Not later than then (BOOTTIME us; 0: at once).
  void ScheduleAt(const std::string& portfolio, std::int64_t boottime_us);

  // Takes the portfolio that is due first, and room for a claim; nobody else gets it for a second
  // or until ScheduleAt. False: stopped.
  bool Next(std::stop_token stop, std::string* portfolio, int* room);

  // Of the room taken: brought by a claim for this lane, so in flight from now on.
  void Claimed(const std::string& sender, const std::string& lane, int n);
  // Of the room taken: not brought by the claim, or brought and not to be started any more.
  void NotStarted(int n);
  // One that was claimed, in its slot; or not in its slot (it still takes its room).
  void Started();
  void Missed();
  // In flight no more.
  void Finished(const std::string& lane, int n);

  // False if something was still in flight at the deadline.
  bool WaitUntilEmpty(absl::Time deadline);
  int in_flight() const;
  struct LaneInFlight {
    std::string sender;
    std::string lane;
    int n = 0;
  };
  // Only lanes that have something; for the log.
  std::vector<LaneInFlight> InFlightByLane() const;

 private:
  void TellOfRoom();

  const int max_in_flight_;
  base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t news_ = 0;                      // of due_us_ and of room, for who waits
  bool wants_room_ = false;                     // a claimer found none
  std::map<std::string, std::int64_t> due_us_;  // portfolio -> when to claim next
  int in_flight_ = 0;
  absl::flat_hash_map<std::string, LaneInFlight> lanes_;  // by lane; of in_flight_
  ClaimWidth width_;
};

}  // namespace kabar::dispatcher
