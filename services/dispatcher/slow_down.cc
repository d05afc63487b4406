#include "services/dispatcher/slow_down.h"

#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"

namespace kabar::dispatcher {

void SlowDown(Queue& queue, const std::string& portfolio_id, const std::string& sender_id,
              std::int64_t slot_us, absl::Time deadline) {
  static log::Throttle throttle(absl::Seconds(10));
  const absl::StatusOr<bool> slowed = queue.SlowSender(portfolio_id, sender_id, slot_us, deadline);
  if (!slowed.ok()) {
    return log::Warn(throttle, "a number was not slowed down",
                     {{"sender_id", sender_id}, {"error", slowed.status()}});
  }
  if (!*slowed) return;
  metrics::GetCounter("kabar_dispatcher_slowdowns_total",
                      "Times that a number was set to half its speed for a refusal.",
                      {{"sender", sender_id}})
      .Increment();
  log::Warn(throttle, "the provider refused a number's speed: it sends half as fast for a while",
            {{"sender_id", sender_id}});
}

}  // namespace kabar::dispatcher
