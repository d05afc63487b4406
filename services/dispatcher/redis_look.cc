// What metrics show of the queue (RedisQueue).
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "services/dispatcher/redis_queue.h"
#include "services/dispatcher/redis_queue_state.h"

namespace kabar::dispatcher {
namespace {

constexpr std::size_t kLanesAtOnce = 200;  // a script blocks Redis while it runs

}  // namespace

absl::StatusOr<SenderFigures> RedisQueue::LookAt(const Sender& sender,
                                                 const std::vector<std::string>& lane_ids,
                                                 absl::Duration horizon, absl::Time deadline) {
  SenderFigures figures;
  std::int64_t slots = 0, left = 0, left_late = 0, free = 0, first = 0, late = 0;
  for (std::size_t i = 0; i == 0 || i < lane_ids.size(); i += kLanesAtOnce) {
    RedisArgs args = {sender.id, Micros(horizon)};
    const std::size_t end = std::min(lane_ids.size(), i + kLanesAtOnce);
    args.insert(args.end(), lane_ids.begin() + static_cast<std::ptrdiff_t>(i),
                lane_ids.begin() + static_cast<std::ptrdiff_t>(end));
    KABAR_ASSIGN_OR_RETURN(const auto answer,
                           state_->Run(state_->look, sender.portfolio_id, args, deadline));
    const auto& e = answer.reply.elements;
    if (e.size() < 9) return absl::InternalError("script look answered too little");
    slots = ToInt(e[1]);
    figures.spent = ToInt(e[2]);
    left = ToInt(e[3]);
    left_late = ToInt(e[4]);
    figures.waiting += ToInt(e[5]);
    free += ToInt(e[6]);
    first += ToInt(e[7]);
    late += ToInt(e[8]);
  }
  if (left >= 0) first = std::min(left, first + std::min(left_late, late));
  figures.claimable = std::min(slots, free + first);
  return figures;
}

}  // namespace kabar::dispatcher
