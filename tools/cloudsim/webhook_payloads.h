// The bodies of webhooks, as Meta writes them: statuses, inbound messages, template changes.
//
// Non-ASCII text is escaped, as in life: the signature covers exactly these bytes.
// Thread-safe (no state), never blocks, no errors.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/accounts.h"

namespace kabar::cloudsim {

enum class StatusKind : uint8_t { kSent, kDelivered, kRead, kFailed };
inline constexpr int kStatusKinds = 4;
absl::string_view StatusName(StatusKind kind);

// What every status of one message says. Made once a message, never changed.
struct MessageFacts {
  std::shared_ptr<const NumberFacts> number;
  std::string id;
  std::string phone;  // empty: the customer hides it
  std::string user_id;
  std::string callback;
  std::string category;  // utility, marketing, authentication, service
  bool billable = false;
  bool by_user_id = false;
};

struct StatusEvent {
  std::shared_ptr<const MessageFacts> message;
  StatusKind kind = StatusKind::kSent;
  int64_t at_us = 0;  // when it happened, told in seconds
  int code = 0;       // kFailed
  bool with_pricing = false;
};

struct InboundMessage {
  std::shared_ptr<const NumberFacts> number;
  std::string id;
  std::string phone;  // empty: hidden
  std::string user_id;
  std::string name;
  std::string username;
  std::string context_id;  // empty: answers nothing in particular
  std::string type = "text";
  std::string content_json;  // the object named like the type
  int64_t at_us = 0;
};

// All events must be of one number.
std::string StatusBody(const std::vector<StatusEvent>& events);
std::string InboundBody(const InboundMessage& message);

std::string TextContent(absl::string_view text);
std::string ButtonContent(absl::string_view payload, absl::string_view text);
std::string ReplyContent(bool list, absl::string_view id, absl::string_view title);

// Any other change: field and value as given.
std::string ChangeBody(absl::string_view account_id, absl::string_view field,
                       absl::string_view value_json, int64_t at_us);
// The value of message_template_status_update.
std::string TemplateStatusValue(const Template& changed, absl::string_view event);

}  // namespace kabar::cloudsim
