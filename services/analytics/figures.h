// What a batch of events changes in the figures: pure counting, knows no SQL.
//
// Thread safety: a Tally belongs to one thread. Nothing blocks. Errors: none; events of kinds that
// figures do not count are passed over.
#ifndef KABAR_SERVICES_ANALYTICS_FIGURES_H_
#define KABAR_SERVICES_ANALYTICS_FIGURES_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace kabar::events::v1 {
class Event;
}

namespace kabar::analytics {

// Present states by the number of kabar.events.v1.MessageState less one: element 0 is QUEUED.
inline constexpr int kStates = 10;
using StateCounts = std::array<std::int64_t, kStates>;

// (outlet, lane)
using LaneKey = std::pair<std::string, std::string>;

// What the current rate looks back on: as long as a lane of this rate takes for 20 messages, from
// 10 s to 5 min. Shorter than that, a slow lane's rate would jump with each message.
std::int64_t RateWindowSeconds(double lane_rate_per_s);

struct SecondCount {
  std::int64_t second = 0;  // Unix time
  std::int64_t sent = 0;
};

// Figures of one lane as they stand.
struct LaneFigures {
  std::int64_t asked = 0;
  int lane_state = 0;  // kabar.events.v1.LaneState
  double lane_rate_per_s = 0;
  StateCounts states{};
  std::int64_t reached_sent = 0;
  std::int64_t reached_delivered = 0;
  std::int64_t reached_read = 0;
  std::optional<absl::Time> first_sent;
  std::optional<absl::Time> last_sent;
  std::map<std::string, std::int64_t> failed_by_reason;
  std::int64_t answers_yes = 0;
  std::int64_t answers_no = 0;
  std::int64_t answers_other = 0;
  // Since sending last began, within the rate's window: how many reached SENT, and in how many
  // seconds. Few or negative seconds: it has hardly begun.
  std::int64_t sent_in_window = 0;
  double window_s = 0;
  std::map<std::string, std::int64_t> positions;  // source -> number up to which all this counts

  // Of `asked`, what is not in the ledger (yet, or ever).
  std::int64_t not_expanded() const;
  // Takes the sends of the RateWindowSeconds before `end` (a Unix second), in order.
  void MeasureRate(const std::vector<SecondCount>& seconds, std::int64_t end);
  // The speed of now, as the contract defines rate_per_min; 0: nothing was sent lately.
  double RatePerS() const;
  // Seconds until all is sent at RatePerS(), or at the lane's own rate while the run is too young
  // to have one; nullopt: nobody can say (paused, nothing sent lately).
  std::optional<std::int64_t> EtaSeconds() const;
};

// Changes to be added to one lane's figures.
struct LaneDelta {
  std::optional<std::int64_t> asked;
  std::optional<int> lane_state;
  std::string lane_reason;
  double lane_rate_per_s = 0;
  StateCounts states{};
  std::int64_t reached_sent = 0;
  std::int64_t reached_delivered = 0;
  std::int64_t reached_read = 0;
  std::optional<absl::Time> first_sent;
  std::optional<absl::Time> last_sent;
};

struct AnswerDelta {
  std::int64_t yes = 0;
  std::int64_t no = 0;
  std::int64_t other = 0;
};

// Sums up events so that thousands of them become one statement a table.
class Tally {
 public:
  void Add(const events::v1::Event& event);

  const std::map<LaneKey, LaneDelta>& lanes() const { return lanes_; }
  const std::map<std::pair<LaneKey, std::string>, std::int64_t>& failures() const {
    return failures_;
  }
  const std::map<std::pair<LaneKey, std::int64_t>, std::int64_t>& seconds() const {
    return seconds_;
  }
  const std::map<LaneKey, AnswerDelta>& answers() const { return answers_; }

 private:
  void AddMessage(const events::v1::Event& event);

  std::map<LaneKey, LaneDelta> lanes_;
  // (lane, reason) -> present FAILED messages more or less
  std::map<std::pair<LaneKey, std::string>, std::int64_t> failures_;
  // (lane, Unix second) -> reached SENT in it
  std::map<std::pair<LaneKey, std::int64_t>, std::int64_t> seconds_;
  std::map<LaneKey, AnswerDelta> answers_;  // by (outlet, run)
};

}  // namespace kabar::analytics

#endif  // KABAR_SERVICES_ANALYTICS_FIGURES_H_
