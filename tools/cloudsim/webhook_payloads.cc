#include "tools/cloudsim/webhook_payloads.h"

#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"
#include "tools/cloudsim/graph_errors.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

constexpr absl::string_view kStatusNames[kStatusKinds] = {"sent", "delivered", "read", "failed"};
constexpr absl::string_view kHelp =
    "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes";

void Field(absl::string_view name, absl::string_view value, std::string* out) {
  AppendJsonField(name, value, out, Unicode::kEscape);
}

void Seconds(int64_t at_us, std::string* out) {
  out->append("\"timestamp\":\"");
  AppendInt(at_us / kMicrosPerSecond, out);
  out->push_back('"');
}

void Open(const NumberFacts& number, std::string* out) {
  out->append("{\"object\":\"whatsapp_business_account\",\"entry\":[{");
  Field("id", number.account_id, out);
  out->append(",\"changes\":[{\"value\":{\"messaging_product\":\"whatsapp\",\"metadata\":{");
  Field("display_phone_number", number.display_digits, out);
  out->push_back(',');
  Field("phone_number_id", number.number_id, out);
  out->append("},");
}

constexpr absl::string_view kClose = "},\"field\":\"messages\"}]}]}";

void AppendPricing(const MessageFacts& message, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  out->append(",\"conversation\":{\"id\":\"");
  uint64_t hash = HashText(message.id);
  for (int i = 0; i < 32; ++i) {
    if (i == 16) hash = Mix(hash);
    out->push_back(kHex[(hash >> (4 * (i % 16))) & 15]);
  }
  out->append("\",\"origin\":{");
  Field("type", message.category, out);
  out->append("}},\"pricing\":{\"billable\":");
  out->append(message.billable ? "true" : "false");
  out->append(",\"pricing_model\":\"PMP\",");
  Field("category", message.category, out);
  out->append(",\"type\":\"");
  out->append(message.billable ? "regular" : "free_customer_service");
  out->append("\"}");
}

void AppendErrors(int code, std::string* out) {
  const GraphErrorClass& known = FindGraphError(code);
  out->append(",\"errors\":[{\"code\":");
  AppendInt(code, out);
  out->push_back(',');
  Field("title", known.title, out);
  out->push_back(',');
  Field("message", known.title, out);
  out->append(",\"error_data\":{");
  Field("details", known.details[0] == '\0' ? known.title : known.details, out);
  out->append("},");
  Field("href", kHelp, out);
  out->append("}]");
}

void AppendStatus(const StatusEvent& event, std::string* out) {
  const MessageFacts& message = *event.message;
  out->push_back('{');
  Field("id", message.id, out);
  out->push_back(',');
  Field("status", StatusName(event.kind), out);
  out->push_back(',');
  Seconds(event.at_us, out);
  if (!message.phone.empty()) {
    out->push_back(',');
    Field("recipient_id", message.phone, out);
  }
  if (!message.user_id.empty()) {
    out->push_back(',');
    Field("recipient_user_id", message.user_id, out);
  }
  if (!message.callback.empty()) {
    out->push_back(',');
    Field("biz_opaque_callback_data", message.callback, out);
  }
  if (event.kind == StatusKind::kFailed) {
    AppendErrors(event.code, out);
  } else if (event.with_pricing) {
    AppendPricing(message, out);
  }
  out->push_back('}');
}

}  // namespace

absl::string_view StatusName(StatusKind kind) { return kStatusNames[static_cast<int>(kind)]; }

std::string StatusBody(const std::vector<StatusEvent>& events) {
  std::string out;
  out.reserve(256 + events.size() * 600);
  Open(*events.front().message->number, &out);
  out.append("\"statuses\":[");
  for (size_t i = 0; i < events.size(); ++i) {
    if (i > 0) out.push_back(',');
    AppendStatus(events[i], &out);
  }
  out.push_back(']');
  out.append(kClose.data(), kClose.size());
  return out;
}

std::string InboundBody(const InboundMessage& message) {
  std::string out;
  out.reserve(1024);
  Open(*message.number, &out);
  out.append("\"contacts\":[{\"profile\":{");
  Field("name", message.name, &out);
  if (!message.username.empty()) {
    out.push_back(',');
    Field("username", message.username, &out);
  }
  out.push_back('}');
  if (!message.phone.empty()) {
    out.push_back(',');
    Field("wa_id", message.phone, &out);
  }
  out.push_back(',');
  Field("user_id", message.user_id, &out);
  out.append("}],\"messages\":[{");
  if (!message.context_id.empty()) {
    out.append("\"context\":{");
    Field("from", message.number->display_digits, &out);
    out.push_back(',');
    Field("id", message.context_id, &out);
    out.append("},");
  }
  if (!message.phone.empty()) {
    Field("from", message.phone, &out);
    out.push_back(',');
  }
  Field("from_user_id", message.user_id, &out);
  out.push_back(',');
  Field("id", message.id, &out);
  out.push_back(',');
  Seconds(message.at_us, &out);
  out.push_back(',');
  Field("type", message.type, &out);
  out.append(",\"");
  out.append(message.type);
  out.append("\":");
  out.append(message.content_json);
  out.append("}]");
  out.append(kClose.data(), kClose.size());
  return out;
}

std::string TextContent(absl::string_view text) {
  std::string out = "{";
  Field("body", text, &out);
  return out + "}";
}

std::string ButtonContent(absl::string_view payload, absl::string_view text) {
  std::string out = "{";
  Field("payload", payload, &out);
  out.push_back(',');
  Field("text", text, &out);
  return out + "}";
}

std::string ReplyContent(bool list, absl::string_view id, absl::string_view title) {
  std::string out = list ? "{\"type\":\"list_reply\",\"list_reply\":{"
                         : "{\"type\":\"button_reply\",\"button_reply\":{";
  Field("id", id, &out);
  out.push_back(',');
  Field("title", title, &out);
  return out + "}}";
}

std::string ChangeBody(absl::string_view account_id, absl::string_view field,
                       absl::string_view value_json, int64_t at_us) {
  std::string out = "{\"object\":\"whatsapp_business_account\",\"entry\":[{";
  Field("id", account_id, &out);
  out.append(",\"time\":");
  AppendInt(at_us / kMicrosPerSecond, &out);
  out.append(",\"changes\":[{\"value\":");
  out.append(value_json.data(), value_json.size());
  out.push_back(',');
  Field("field", field, &out);
  return out + "}]}]}";
}

std::string TemplateStatusValue(const Template& changed, absl::string_view event) {
  std::string out = "{";
  Field("event", event, &out);
  out.append(",\"message_template_id\":");
  out.append(changed.id);
  out.push_back(',');
  Field("message_template_name", changed.setup.name, &out);
  out.push_back(',');
  Field("message_template_language", changed.setup.language, &out);
  out.append(event == "DELETED" ? ",\"reason\":null," : ",\"reason\":\"NONE\",");
  Field("message_template_category", changed.setup.category, &out);
  return out + "}";
}

}  // namespace kabar::cloudsim
