#include "services/dispatcher/webhook_applier.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/fail_point.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/status.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/requeue.h"
#include "services/dispatcher/webhook_reader.h"

namespace kabar::dispatcher {
namespace {

constexpr int kBatch = 512;
constexpr absl::Duration kTimeout = absl::Seconds(20);
constexpr absl::Duration kActTimeout = absl::Seconds(5);
constexpr int kEqualFailures = 3;

// The class of a failure's reason, "GRAPH_131042".
whatsapp::ErrorAction ActionOf(absl::string_view reason, const whatsapp::ErrorPolicy& policy) {
  int code = -1;
  if (!absl::ConsumePrefix(&reason, "GRAPH_") || !absl::SimpleAtoi(reason, &code)) code = -1;
  return policy.For(code).action;
}

void Count(const WebhookEffects& effects, const whatsapp::ErrorPolicy& policy,
           absl::Duration delay) {
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
    const whatsapp::ErrorAction action = ActionOf(reason, policy);
    const std::string name(whatsapp::ErrorActionName(action));
    metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                        {{"action", name}})
        .Increment();
    log::Error("provider failed a message, a person must look",
               {{"action", name}, {"reason", reason}, {"do", whatsapp::ErrorActionAdvice(action)}});
  }
}

}  // namespace

absl::StatusOr<bool> WebhookApplier::RunOnce() {
  const absl::Time deadline = clock_.Now() + kTimeout;
  KABAR_ASSIGN_OR_RETURN(const std::vector<JournalEntry> entries,
                         admin_.ReadJournal(kBatch, deadline));
  if (entries.empty()) return false;
  if (failures_ < kEqualFailures) {
    const absl::Status applied = Apply(entries, deadline);
    if (applied.ok()) {
      failures_ = 0;
      return true;
    }
    NoteFailure(entries.front(), applied);
    if (failures_ < kEqualFailures) return applied;
  }
  KABAR_RETURN_IF_ERROR(ApplyOneByOne(entries, deadline));
  failures_ = 0;
  return true;
}

void WebhookApplier::NoteFailure(const JournalEntry& first, const absl::Status& failure) {
  if (!pg::IsOfData(failure)) return;  // says nothing about the payloads
  // Not ToString: it tells a status' payloads in any order.
  std::string seen = absl::StrCat(first.id, " ", first.place, " ", pg::SqlState(failure), " ",
                                  absl::string_view(failure.message()));
  failures_ = seen == failure_ ? failures_ + 1 : 1;
  failure_ = std::move(seen);
}

absl::Status WebhookApplier::Apply(const std::vector<JournalEntry>& entries, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const WebhookEffects effects,
                         admin_.ApplyWebhooks(ReadWebhooks(entries, policy_), deadline));
  base::FailPoint("webhooks-applied");
  Count(effects, policy_, clock_.Now() - entries.front().received_at);
  Act(effects);
  return absl::OkStatus();
}

// In their order. Stops at a fault that passes: what is done is done, the rest comes again.
absl::Status WebhookApplier::ApplyOneByOne(const std::vector<JournalEntry>& entries,
                                           absl::Time deadline) {
  for (const JournalEntry& entry : entries) {
    absl::Status applied = Apply({entry}, deadline);
    if (pg::IsOfData(applied)) applied = Bury(entry, applied, deadline);
    KABAR_RETURN_IF_ERROR(applied);
  }
  return absl::OkStatus();
}

absl::Status WebhookApplier::Bury(const JournalEntry& entry, const absl::Status& why,
                                  absl::Time deadline) {
  const WebhookBatch read = ReadWebhooks({entry}, policy_);
  NewDeadLetter letter{.kind = "WEBHOOK_NOT_APPLIED",
                       .reason = std::string(why.message()),
                       .payload = entry.body,
                       .dead_letter_id = entry.dead_letter_id};
  // Whose it is: a payload is of one number, as far as the provider ever sent any.
  if (!read.statuses.empty()) letter.phone_number_id = read.statuses.front().phone_number_id;
  if (!read.inbound.empty()) letter.phone_number_id = read.inbound.front().phone_number_id;
  WebhookBatch grave{.journal = {{entry.id, entry.place, entry.place + 1}},
                     .retried_letters = read.retried_letters,
                     .dead_letters = {std::move(letter)}};
  absl::StatusOr<WebhookEffects> buried = admin_.ApplyWebhooks(grave, deadline);
  if (pg::IsOfData(buried.status())) {  // the number itself is what the database refuses
    grave.dead_letters.front().phone_number_id.clear();
    buried = admin_.ApplyWebhooks(grave, deadline);
  }
  KABAR_RETURN_IF_ERROR(buried.status());
  static metrics::Counter& count = metrics::GetCounter(
      "kabar_dispatcher_webhooks_buried_total",
      "Webhooks that the ledger refused for what they hold: see the dead letters.");
  count.Increment();
  Count(*buried, policy_, clock_.Now() - entry.received_at);
  log::Error("a webhook could not be applied and is a dead letter now, a person must look",
             {{"journal_id", entry.id}, {"place", entry.place}, {"error", why}});
  return absl::OkStatus();
}

void WebhookApplier::Act(const WebhookEffects& effects) {
  const absl::Time deadline = clock_.Now() + kActTimeout;
  // Before the messages are pushed again, or their next try, a template, would go out uncounted.
  for (const WebhookEffects::WindowClosed& window : effects.closed_windows) {
    NoteQueueStatus("close_window", queue_.CloseWindow(window.portfolio_id, window.sender_id,
                                                       window.recipient_id, deadline));
  }
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
