#include "services/dispatcher/webhook_applier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/fail_point.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/status.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/requeue.h"
#include "services/dispatcher/slow_down.h"
#include "services/dispatcher/webhook_reader.h"

namespace kabar::dispatcher {
namespace {

constexpr std::size_t kBatch = 512;
constexpr absl::Duration kTimeout = absl::Seconds(20);
constexpr absl::Duration kActTimeout = absl::Seconds(5);
constexpr int kEqualFailures = 3;
constexpr int kInTimeToGrow = 8;  // a batch that is too large costs the whole deadline

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
  for (const WebhookEffects::Alert& alert : effects.alerts) {
    const std::string name(whatsapp::ErrorActionName(alert.action));
    metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                        {{"action", name}})
        .Increment();
    log::Error("provider failed a message, a person must look",
               {{"action", name},
                {"reason", alert.reason},
                {"do", whatsapp::ErrorActionAdvice(alert.action)}});
  }
}

}  // namespace

WebhookApplier::WebhookApplier(AdminStore& admin, Store& store, Queue& queue,
                               const whatsapp::ErrorPolicy& policy, base::Clock& clock)
    : admin_(admin), store_(store), queue_(queue), policy_(policy), clock_(clock), size_(kBatch) {}

absl::StatusOr<bool> WebhookApplier::RunOnce() {
  const absl::Time deadline = clock_.Now() + kTimeout;
  KABAR_ASSIGN_OR_RETURN(std::vector<JournalEntry> entries,
                         admin_.ReadJournal(static_cast<int>(size_), deadline));
  if (entries.empty()) return false;
  // Rows of the journal are read whole.
  if (size_ < kBatch && entries.size() > size_) entries.resize(size_);
  if (failures_ < kEqualFailures) {
    const absl::Status applied = Apply(entries, deadline);
    NoteTime(applied, entries.size());
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

void WebhookApplier::NoteTime(const absl::Status& applied, std::size_t size) {
  if (absl::IsDeadlineExceeded(applied)) {
    size_ = std::max<std::size_t>(1, std::min(size, size_) / 2);
    in_time_ = 0;
    log::Warn("webhooks were not applied in time; fewer at once from now on",
              {{"webhooks", size}, {"next", size_}, {"error", applied}});
  } else if (applied.ok() && size_ < kBatch && ++in_time_ >= kInTimeToGrow) {
    size_ = std::min(kBatch, 2 * size_);
    in_time_ = 0;
  }
}

absl::Status WebhookApplier::Apply(const std::vector<JournalEntry>& entries, absl::Time deadline) {
  KABAR_ASSIGN_OR_RETURN(const WebhookEffects effects,
                         admin_.ApplyWebhooks(ReadWebhooks(entries, policy_), deadline));
  base::FailPoint("webhooks-applied");
  Count(effects, clock_.Now() - entries.front().received_at);
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
  Count(*buried, clock_.Now() - entry.received_at);
  log::Error("a webhook could not be applied and is a dead letter now, a person must look",
             {{"journal_id", entry.id}, {"place", entry.place}, {"error", why}});
  return absl::OkStatus();
}

void WebhookApplier::Act(const WebhookEffects& effects) {
  const absl::Time deadline = clock_.Now() + kActTimeout;
  // Before the messages are pushed again, or their next try, a template, would go out uncounted, or
  // to a pair that waits.
  for (const WebhookEffects::Pair& pair : effects.closed_windows) {
    NoteQueueStatus("close_window", queue_.CloseWindow(pair.portfolio_id, pair.sender_id,
                                                       pair.recipient_id, deadline));
  }
  for (const WebhookEffects::Pair& pair : effects.refused_pairs) {
    NoteQueueStatus(
        "refuse_pair",
        queue_.RefusePair(pair.portfolio_id, pair.sender_id, pair.recipient_id, deadline).status());
  }
  for (const WebhookEffects::SentTooMuch& number : effects.too_much) {
    SlowDown(queue_, number.portfolio_id, number.sender_id, absl::ToUnixMicros(number.at),
             deadline);
  }
  for (const WebhookEffects::WindowOpened& window : effects.windows) {
    NoteQueueStatus("open_window",
                    queue_.OpenWindow(window.portfolio_id, window.sender_id, window.recipient_id,
                                      window.last_inbound, deadline));
  }
  if (!effects.senders.empty()) TellSenders(effects.senders, deadline);
  if (!effects.lanes.empty()) TellLanes(effects.lanes, deadline);
  PushRequeued(admin_, queue_, effects.requeued, deadline);
}

void WebhookApplier::TellSenders(const std::vector<WebhookEffects::SenderChanged>& changed,
                                 absl::Time deadline) {
  const absl::StatusOr<std::vector<Sender>> senders = store_.ListAllSenders(deadline);
  if (!senders.ok()) return NoteQueueStatus("put_sender", senders.status());
  for (const Sender& sender : *senders) {
    const bool named =
        std::any_of(changed.begin(), changed.end(), [&](const WebhookEffects::SenderChanged& one) {
          return one.sender_id == sender.id ||
                 (one.whole_portfolio && one.portfolio_id == sender.portfolio_id);
        });
    if (named) NoteQueueStatus("put_sender", queue_.PutSender(sender, deadline));
  }
}

void WebhookApplier::TellLanes(const std::vector<std::string>& ids, absl::Time deadline) {
  const absl::StatusOr<std::vector<Lane>> lanes = admin_.GetLanes(ids, deadline);
  if (!lanes.ok()) return NoteQueueStatus("put_lane", lanes.status());
  for (const Lane& lane : *lanes) {
    NoteQueueStatus("put_lane", queue_.PutLane(lane, deadline));
  }
}

}  // namespace kabar::dispatcher
