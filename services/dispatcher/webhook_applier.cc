#include "services/dispatcher/webhook_applier.h"

#include <string>
#include <vector>

#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "services/dispatcher/requeue.h"
#include "services/dispatcher/webhook_reader.h"

namespace kabar::dispatcher {
namespace {

constexpr int kBatch = 256;
constexpr absl::Duration kTimeout = absl::Seconds(20);
constexpr absl::Duration kActTimeout = absl::Seconds(5);

void Count(const WebhookEffects& effects, absl::Duration delay) {
  static metrics::Counter& inbound = metrics::GetCounter("kabar_dispatcher_inbound_total",
                                                         "Customers' messages, each counted once.");
  static metrics::Counter& dead = metrics::GetCounter(
      "kabar_dispatcher_dead_letters_total", "Webhooks that belong to nothing or cannot be read.");
  static metrics::Histogram& latency = metrics::GetHistogram(
      "kabar_dispatcher_webhook_delay_seconds",
      "From a webhook's arrival to its effect in the ledger.", {}, metrics::LatencyBuckets());
  inbound.Increment(static_cast<double>(effects.inbound));
  dead.Increment(static_cast<double>(effects.dead_letters));
  latency.Observe(absl::ToDoubleSeconds(delay));
  for (const std::string& reason : effects.alerts) {
    metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                        {{"action", "WEBHOOK"}})
        .Increment();
    log::Error("provider failed a message, a person must look", {{"reason", reason}});
  }
}

}  // namespace

absl::StatusOr<bool> WebhookApplier::RunOnce() {
  const absl::Time deadline = clock_.Now() + kTimeout;
  KABAR_ASSIGN_OR_RETURN(const std::vector<JournalEntry> entries,
                         admin_.ReadJournal(kBatch, deadline));
  if (entries.empty()) return false;
  KABAR_ASSIGN_OR_RETURN(const WebhookEffects effects,
                         admin_.ApplyWebhooks(ReadWebhooks(entries, policy_), deadline));
  Count(effects, clock_.Now() - entries.front().received_at);
  Act(effects);
  return true;
}

void WebhookApplier::Act(const WebhookEffects& effects) {
  const absl::Time deadline = clock_.Now() + kActTimeout;
  for (const WebhookEffects::WindowOpened& window : effects.windows) {
    NoteQueueStatus("open_window",
                    queue_.OpenWindow(window.portfolio_id, window.sender_id, window.recipient_id,
                                      window.last_inbound, deadline));
  }
  for (const WebhookEffects::SenderAction& action : effects.senders) {
    SetSenderState(action, deadline);
  }
  for (const WebhookEffects::LaneAction& action : effects.lanes) {
    absl::Status status = store_.PauseLaneForReason(action.lane_id, action.reason, deadline);
    if (!status.ok()) {
      log::Error("a lane could not be paused for a webhook's error",
                 {{"lane_id", action.lane_id}, {"error", status}});
      continue;
    }
    const auto lanes = admin_.GetLanes({action.lane_id}, deadline);
    if (lanes.ok() && !lanes->empty()) {
      NoteQueueStatus("put_lane", queue_.PutLane(lanes->front(), deadline));
    }
  }
  PushRequeued(admin_, queue_, effects.requeued, deadline);
}

void WebhookApplier::SetSenderState(const WebhookEffects::SenderAction& action,
                                    absl::Time deadline) {
  const absl::StatusOr<std::vector<Sender>> senders = store_.ListAllSenders(deadline);
  if (!senders.ok()) {
    log::Error("a sender could not be stopped for a webhook's error",
               {{"sender_id", action.sender_id}, {"error", senders.status()}});
    return;
  }
  std::string portfolio;
  for (const Sender& sender : *senders) {
    if (sender.id == action.sender_id) portfolio = sender.portfolio_id;
  }
  for (Sender sender : *senders) {
    if (sender.id != action.sender_id &&
        !(action.whole_portfolio && sender.portfolio_id == portfolio)) {
      continue;
    }
    const absl::Status status =
        store_.SetSenderState(sender.id, action.state, action.reason, deadline);
    if (!status.ok()) {
      log::Error("a sender could not be stopped for a webhook's error",
                 {{"sender_id", sender.id}, {"error", status}});
      continue;
    }
    if (sender.state < action.state) sender.state = action.state;
    NoteQueueStatus("put_sender", queue_.PutSender(sender, deadline));
  }
}

}  // namespace kabar::dispatcher
