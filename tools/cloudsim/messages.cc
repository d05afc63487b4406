#include "tools/cloudsim/messages.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/message_parts.h"
#include "tools/cloudsim/recipients.h"

namespace kabar::cloudsim {
namespace {

// Meta words envelope errors without details.
bool RefuseEnvelope(GraphError* error, absl::string_view what) {
  error->code = 100;
  error->message = absl::StrCat("(#100) ", what);
  return false;
}

// Types that exist on WhatsApp and cannot be sent this way.
constexpr absl::string_view kUnsupported[] = {"system", "order",     "unsupported", "button",
                                              "hsm",    "ephemeral", "poll"};

// The fields of the outermost object, found in one pass.
struct Envelope {
  struct Text {
    bool present = false;
    bool is_text = false;
    absl::string_view text;
    // Present, a string and not empty.
    bool given() const { return is_text && !text.empty(); }
  };
  Text product, recipient_type, to, recipient, type, callback;
  JsonObject context;
  bool has_context = false;
};

Envelope Scan(const JsonObject& root) {
  Envelope envelope;
  for (const auto [key, value] : root) {
    Envelope::Text* field = nullptr;
    if (key == "to") {
      field = &envelope.to;
    } else if (key == "type") {
      field = &envelope.type;
    } else if (key == "messaging_product") {
      field = &envelope.product;
    } else if (key == "biz_opaque_callback_data") {
      field = &envelope.callback;
    } else if (key == "recipient_type") {
      field = &envelope.recipient_type;
    } else if (key == "recipient") {
      field = &envelope.recipient;
    } else if (key == "context") {
      envelope.has_context = value.get(envelope.context) == simdjson::SUCCESS;
    }
    if (field == nullptr || value.is_null()) continue;
    std::string_view text;
    field->present = true;
    field->is_text = value.get(text) == simdjson::SUCCESS;
    if (field->is_text) field->text = View(text);
  }
  return envelope;
}

bool ReadKind(const Envelope& envelope, Outgoing* message, GraphError* error) {
  if (envelope.type.present && !envelope.type.is_text) {
    return RefuseEnvelope(error, "Param type must be a string.");
  }
  // As Meta: no type means text.
  const absl::string_view type = envelope.type.present ? envelope.type.text : "text";
  for (int i = 0; i < kMessageKinds; ++i) {
    message->kind = static_cast<MessageKind>(i);
    if (KindName(message->kind) == type) return true;
  }
  message->kind = MessageKind::kText;
  for (const absl::string_view name : kUnsupported) {
    if (name == type) return Refuse(error, 131051, "Message type is not currently supported.");
  }
  return RefuseEnvelope(
      error, absl::StrCat("Param type must be one of {AUDIO, CONTACTS, DOCUMENT, IMAGE, "
                          "INTERACTIVE, LOCATION, REACTION, STICKER, TEMPLATE, TEXT, VIDEO} - got "
                          "\"",
                          type, "\"."));
}

bool ReadRecipient(const Envelope& envelope, Outgoing* message, GraphError* error) {
  if (envelope.to.given()) {
    const absl::string_view to = envelope.to.text;
    message->input = to;
    if (LooksLikeUserId(to)) {
      message->user_id = to;
      return true;
    }
    message->phone = PhoneDigits(to);
    return !message->phone.empty() || Invalid(error, "to", "is not a phone number.");
  }
  if (!envelope.recipient.given()) return RefuseEnvelope(error, "The parameter to is required.");
  // `to` takes precedence; only without it does the BSUID in `recipient` count.
  message->input = envelope.recipient.text;
  if (!LooksLikeUserId(message->input)) {
    return Invalid(error, "recipient", "is not a business-scoped user ID.");
  }
  message->user_id = message->input;
  return true;
}

bool ReadEnvelope(const Envelope& envelope, Outgoing* message, GraphError* error) {
  if (envelope.callback.present && !envelope.callback.is_text) {
    return RefuseEnvelope(error, "Param biz_opaque_callback_data must be a string.");
  }
  message->callback = envelope.callback.text;
  if (TooLong(message->callback, kMaxCallback)) {
    return RefuseEnvelope(error,
                          "Param biz_opaque_callback_data must be at most 512 characters long.");
  }
  if (!envelope.product.is_text) {
    return RefuseEnvelope(error, "The parameter messaging_product is required.");
  }
  if (envelope.product.text != "whatsapp") {
    return RefuseEnvelope(error, "Param messaging_product must be one of {WHATSAPP}.");
  }
  if (envelope.recipient_type.present && envelope.recipient_type.text != "individual") {
    return RefuseEnvelope(error, "Param recipient_type must be one of {INDIVIDUAL}.");
  }
  if (envelope.has_context && !GetText(envelope.context, "message_id", &message->context_id)) {
    return Missing(error, "context['message_id']");
  }
  return true;
}

void Clear(Outgoing* message) {
  TemplateArguments kept = std::move(message->arguments);
  std::vector<ReplyButton> buttons = std::move(message->buttons);
  *message = Outgoing();
  kept.Clear();
  buttons.clear();
  message->arguments = std::move(kept);  // their memory is reused
  message->buttons = std::move(buttons);
}

}  // namespace

struct MessageReader::Parser {
  simdjson::dom::parser parser;
};

MessageReader::MessageReader() : parser_(std::make_unique<Parser>()) {}
MessageReader::~MessageReader() = default;

bool MessageReader::Read(absl::string_view body, Outgoing* message, GraphError* error) {
  Clear(message);
  JsonObject root;
  // `realloc_if_needed` false: the padding is there, no copy.
  if (parser_->parser.parse(body.data(), body.size(), false).get(root) != simdjson::SUCCESS) {
    return RefuseEnvelope(error, "The request body is not a valid JSON object.");
  }
  // The recipient first, so that the record of a refusal names him.
  GraphError recipient_error;
  const Envelope envelope = Scan(root);
  const bool has_recipient = ReadRecipient(envelope, message, &recipient_error);
  if (!ReadEnvelope(envelope, message, error)) return false;
  if (!has_recipient) {
    *error = recipient_error;
    return false;
  }
  if (!ReadKind(envelope, message, error)) return false;
  const absl::string_view name = KindName(message->kind);
  if (message->kind == MessageKind::kContacts) {
    JsonArray cards;
    if (root[std::string_view("contacts")].get(cards) != simdjson::SUCCESS)
      return Missing(error, "contacts");
    return ReadContacts(cards, message, error);
  }
  JsonObject part;
  if (!GetObject(root, std::string_view(name.data(), name.size()), &part))
    return Missing(error, name);
  switch (message->kind) {
    case MessageKind::kText:
      return ReadText(part, message, error);
    case MessageKind::kTemplate:
      return ReadTemplate(part, message, error);
    case MessageKind::kLocation:
      return ReadLocation(part, message, error);
    case MessageKind::kInteractive:
      return ReadInteractive(part, message, error);
    case MessageKind::kReaction:
      return ReadReaction(part, message, error);
    default:
      return ReadMedia(part, name, message, error);
  }
}

}  // namespace kabar::cloudsim
