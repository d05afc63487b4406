// When a portfolio's 24 hours will take a campaign's recipients: what is used now and leaves when,
// what others still want, how fast each and its number send, played through in steps of five
// minutes.
//
// Supposes the worst: that every recipient is new and none has an open window; triggers' messages
// to come are not in it. Campaigns that want a place share them evenly, as the claims do, and so
// do those of one number its throughput.
//
// Thread safety: values and a pure function. Nothing blocks. Errors: none.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace kabar::dispatcher {

// Recipients who count until then.
struct QuotaUse {
  absl::Time until;
  std::int64_t recipients = 0;
};

// What one campaign wants of it.
struct QuotaClaim {
  std::string lane_id = {};
  std::int64_t recipients = 0;
  double rate_per_s = 0;  // 0: as fast as places come
  absl::Time start = absl::InfinitePast();
  std::optional<absl::Time> end = {};  // nothing goes after it
  // Whose throughput it takes a share of; empty: nobody's (it is paused and wants its places
  // later).
  std::string sender_id = {};
};

// What a portfolio's numbers send in a second, by their ids.
using Throughputs = std::map<std::string, double>;

struct QuotaPlan {
  struct Day {  // 24 h from its start on
    absl::Time start;
    std::int64_t recipients = 0;
  };
  std::int64_t used = 0;    // of the limit, now
  std::int64_t free = 0;    // places now, for campaigns
  std::int64_t others = 0;  // recipients whom other campaigns still want
  // Of the campaign asked for, whatever its end says; those without any are left out.
  std::vector<Day> days = {};
  std::int64_t left_over = 0;          // who do not go before its end, or within the horizon
  std::optional<absl::Time> finish;    // when the last one goes; unset: not within the horizon
  std::optional<absl::Time> waits_to;  // if it has to wait: when places come free next
};

inline constexpr absl::Duration kQuotaStep = absl::Minutes(5);
inline constexpr absl::Duration kQuotaHorizon = absl::Hours(31 * 24);

// `limit`: for campaigns, the reserve taken off; none: unlimited.
QuotaPlan PlanQuota(std::optional<std::int64_t> limit, const std::vector<QuotaUse>& uses,
                    const std::vector<QuotaClaim>& others, const QuotaClaim& ours,
                    const Throughputs& numbers, absl::Time now);

}  // namespace kabar::dispatcher
