// Webhooks: the subscription's GET, the signature of a POST, and its payload read into values.
// A payload that is understood in part never loses the rest: each change that could not be read is
// an error of its own beside what was read, and what we do not know yet is kept raw.
//
// Thread safety: free functions; ParseWebhook() uses one parser a thread. Nothing blocks.
// Errors: ParseWebhook() INVALID_ARGUMENT when the whole is no JSON object with `entry`, naming
// where; faults further in are in Webhook::errors.
#ifndef KABAR_LIBS_WHATSAPP_WEBHOOK_H_
#define KABAR_LIBS_WHATSAPP_WEBHOOK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/whatsapp/account_template.h"

namespace kabar::whatsapp {

// `header` is X-Hub-Signature-256 ("sha256=<hex>"), `body` the raw bytes. Constant time.
bool SignatureMatches(absl::string_view app_secret, absl::string_view header,
                      absl::string_view body);
// The header's value for a body (the simulator's side and tests).
std::string Sign(absl::string_view app_secret, absl::string_view body);

// The GET that subscribes: the challenge to echo as plain text, or nullopt: answer 403.
// `query` is the query string as it came; an empty verify_token matches nothing.
std::optional<std::string> SubscriptionChallenge(absl::string_view query,
                                                 absl::string_view verify_token);

enum class MessageStatus { kSent, kDelivered, kRead, kPlayed, kFailed };
absl::string_view MessageStatusName(MessageStatus status);  // "sent"

struct Pricing {
  bool present = false;
  bool billable = false;
  std::string model = {};     // "PMP"
  std::string type = {};      // "regular", "free_customer_service", ...
  std::string category = {};  // "marketing", "utility", "service", ...
};

struct StatusUpdate {
  std::string phone_number_id = {};
  std::string wamid = {};
  MessageStatus status = MessageStatus::kSent;
  absl::Time timestamp = absl::InfinitePast();
  std::string recipient = {};      // phone digits, may be empty
  std::string bsuid = {};          // may be empty
  std::string callback_data = {};  // biz_opaque_callback_data
  int error_code = -1;             // the first error of a failed one; -1: none was named
  std::string error_title = {};
  std::string error_details = {};
  std::string conversation_id = {};
  Pricing pricing = {};
};

enum class InboundKind {
  kText,
  kButton,       // a template's quick reply: text, payload
  kButtonReply,  // a session button: text = title, payload = id
  kListReply,    // the same from a list
  kReaction,     // text = emoji, context = the message reacted to
  kImage,
  kVideo,
  kAudio,
  kDocument,
  kSticker,
  kLocation,
  kContacts,
  kOrder,
  kSystem,  // e.g. user_changed_number: text = body, payload = type
  kUnsupported,
};
absl::string_view InboundKindName(InboundKind kind);  // "text", "button_reply", ...

struct Inbound {
  std::string phone_number_id = {};
  std::string wamid = {};
  std::string from = {};   // phone digits; empty when the customer hides the phone
  std::string bsuid = {};  // user_id; at least one of both is there
  std::string profile_name = {};
  std::string username = {};  // may be empty
  absl::Time timestamp = absl::InfinitePast();
  InboundKind kind = InboundKind::kUnsupported;
  std::string text = {};               // what a person would read: body, title, caption
  std::string payload = {};            // button payload or id, media id, system type
  std::string context_wamid = {};      // the message it answers
  std::string new_wa_id = {};          // kSystem user_changed_number: the new phone
  std::string new_bsuid = {};          // and the new business-scoped user id
  double latitude = 0, longitude = 0;  // kLocation
  std::string raw = {};                // the message's own JSON, minified
};

// Something we do not take apart: a field other than `messages` and those of templates, or a status
// we have no name for.
struct UnknownPart {
  std::string field = {};    // "account_update", "messages.statuses:deleted"
  std::string account = {};  // the entry's id (WhatsApp business account)
  std::string phone_number_id = {};
  std::string raw = {};  // minified JSON
};

struct WebhookError {
  std::string where = {};  // "entry[0].changes[2].value.statuses[1].id"
  std::string what = {};
  std::string raw = {};  // the smallest part that was lost, minified
};

struct Webhook {
  std::vector<StatusUpdate> statuses = {};
  std::vector<Inbound> inbound = {};
  std::vector<TemplateChange> templates = {};
  std::vector<UnknownPart> unknown = {};
  std::vector<WebhookError> errors = {};
};

absl::StatusOr<Webhook> ParseWebhook(absl::string_view body);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_WEBHOOK_H_
