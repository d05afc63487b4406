#include "services/dispatcher/webhook_reader.h"

#include "absl/strings/str_cat.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/webhook.h"

namespace kabar::dispatcher {
namespace {

using whatsapp::InboundKind;
using whatsapp::MessageStatus;

AttemptState StateOf(MessageStatus status) {
  switch (status) {
    case MessageStatus::kSent:
      return AttemptState::kAccepted;
    case MessageStatus::kDelivered:
      return AttemptState::kDelivered;
    case MessageStatus::kRead:
    case MessageStatus::kPlayed:
      return AttemptState::kRead;
    case MessageStatus::kFailed:
      return AttemptState::kFailed;
  }
  return AttemptState::kAccepted;
}

// A session's buttons and lists are one kind to whoever reads the events.
std::string KindOf(InboundKind kind) {
  if (kind == InboundKind::kButtonReply || kind == InboundKind::kListReply) return "interactive";
  return std::string(whatsapp::InboundKindName(kind));
}

StatusChange ReadStatus(const whatsapp::StatusUpdate& update, const whatsapp::ErrorPolicy& policy,
                        const JournalEntry& entry) {
  StatusChange status{.phone_number_id = update.phone_number_id,
                      .provider_id = update.wamid,
                      .tag = update.callback_data,
                      .phone = update.recipient.empty() ? "" : absl::StrCat("+", update.recipient),
                      .bsuid = update.bsuid,
                      .state = StateOf(update.status),
                      .payload = entry.body,
                      .dead_letter_id = entry.dead_letter_id};
  if (update.pricing.present) {
    status.pricing_category = update.pricing.category;
    status.billable = update.pricing.billable;
  }
  if (update.status == MessageStatus::kFailed) {
    status.decision = policy.For(update.error_code);
    status.reason =
        update.error_code < 0 ? "FAILED_UNNAMED" : absl::StrCat("GRAPH_", update.error_code);
  }
  return status;
}

InboundMessage ReadInbound(const whatsapp::Inbound& from, const JournalEntry& entry) {
  const bool dated = from.timestamp > absl::UnixEpoch();
  return {.phone_number_id = from.phone_number_id,
          .provider_id = from.wamid,
          .phone = from.from.empty() ? "" : absl::StrCat("+", from.from),
          .bsuid = from.bsuid,
          .profile_name = from.profile_name,
          .username = from.username,
          .new_phone = from.new_wa_id.empty() ? "" : absl::StrCat("+", from.new_wa_id),
          .new_bsuid = from.new_bsuid,
          .kind = KindOf(from.kind),
          .text = from.text,
          .payload_id = from.payload,
          .context_id = from.context_wamid,
          .time = dated ? from.timestamp : entry.received_at,
          .opens_window = from.kind != InboundKind::kSystem &&
                          from.kind != InboundKind::kReaction &&
                          from.kind != InboundKind::kUnsupported,
          .payload = entry.body,
          .dead_letter_id = entry.dead_letter_id};
}

void AddPart(const JournalEntry& entry, std::vector<JournalPart>& parts) {
  if (!parts.empty() && parts.back().id == entry.id && parts.back().end == entry.place) {
    ++parts.back().end;
  } else {
    parts.push_back({entry.id, entry.place, entry.place + 1});
  }
}

}  // namespace

WebhookBatch ReadWebhooks(const std::vector<JournalEntry>& entries,
                          const whatsapp::ErrorPolicy& policy) {
  WebhookBatch batch;
  for (const JournalEntry& entry : entries) {
    AddPart(entry, batch.journal);
    if (entry.dead_letter_id != 0) batch.retried_letters.push_back(entry.dead_letter_id);
    absl::StatusOr<whatsapp::Webhook> webhook = whatsapp::ParseWebhook(entry.body);
    if (!webhook.ok()) {
      batch.dead_letters.push_back({.kind = "WEBHOOK_MALFORMED",
                                    .reason = std::string(webhook.status().message()),
                                    .payload = entry.body,
                                    .dead_letter_id = entry.dead_letter_id});
      continue;
    }
    for (const whatsapp::StatusUpdate& update : webhook->statuses) {
      batch.statuses.push_back(ReadStatus(update, policy, entry));
    }
    for (const whatsapp::Inbound& inbound : webhook->inbound) {
      batch.inbound.push_back(ReadInbound(inbound, entry));
    }
    for (const whatsapp::TemplateChange& change : webhook->templates) {
      batch.templates.push_back(
          {.change = change, .payload = entry.body, .dead_letter_id = entry.dead_letter_id});
    }
    for (const whatsapp::UnknownPart& part : webhook->unknown) {
      batch.dead_letters.push_back({.phone_number_id = part.phone_number_id,
                                    .kind = "WEBHOOK_NOT_HANDLED",
                                    .reason = part.field,
                                    .payload = entry.body,
                                    .dead_letter_id = entry.dead_letter_id});
    }
    for (const whatsapp::WebhookError& error : webhook->errors) {
      batch.dead_letters.push_back({.kind = "WEBHOOK_MALFORMED",
                                    .reason = absl::StrCat(error.where, ": ", error.what),
                                    .payload = entry.body,
                                    .dead_letter_id = entry.dead_letter_id});
    }
  }
  return batch;
}

}  // namespace kabar::dispatcher
