#include "tools/cloudsim/messages.h"

#include <simdjson.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/json_text.h"
#include "tools/cloudsim/recipients.h"

namespace kabar::cloudsim {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxCaption = 1024;
constexpr size_t kMaxInteractiveBody = 1024;
constexpr size_t kMaxCallback = 512;
constexpr size_t kMaxReplyButtons = 3;
constexpr size_t kMaxRows = 10;

bool Refuse(GraphError* error, int code, std::string details) {
  error->code = code;
  error->details = std::move(details);
  return false;
}

bool Missing(GraphError* error, absl::string_view field) {
  return Refuse(error, 131008, absl::StrCat("The parameter ", field, " is required."));
}

bool Invalid(GraphError* error, absl::string_view field, absl::string_view what) {
  return Refuse(error, 131009, absl::StrCat("The parameter ", field, " ", what));
}

// Meta words envelope errors without details.
bool RefuseEnvelope(GraphError* error, absl::string_view what) {
  error->code = 100;
  error->message = absl::StrCat("(#100) ", what);
  return false;
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool GetText(const object& from, std::string_view name, absl::string_view* text) {
  std::string_view value;
  if (from[name].get(value) != simdjson::SUCCESS) return false;
  *text = View(value);
  return true;
}

bool GetObject(const object& from, std::string_view name, object* value) {
  return from[name].get(*value) == simdjson::SUCCESS;
}

bool TooLong(absl::string_view text, size_t limit) {
  return text.size() > limit && CountCodePoints(text) > limit;
}

// A required, non-empty text of at most `limit` characters.
bool RequireText(const object& from, std::string_view name, absl::string_view path, size_t limit,
                 absl::string_view* text, GraphError* error) {
  element value;
  if (from[name].get(value) != simdjson::SUCCESS || value.is_null()) return Missing(error, path);
  std::string_view found;
  if (value.get(found) != simdjson::SUCCESS) return Invalid(error, path, "must be a string.");
  if (found.empty()) return Missing(error, path);
  *text = View(found);
  if (TooLong(*text, limit)) {
    return Invalid(error, path, absl::StrCat("must be at most ", limit, " characters long."));
  }
  return true;
}

bool ReadText(const object& part, Outgoing* message, GraphError* error) {
  return RequireText(part, "body", "text['body']", kMaxText, &message->body, error);
}

bool ReadMedia(const object& part, absl::string_view kind, Outgoing* message, GraphError* error) {
  absl::string_view id;
  absl::string_view link;
  const bool has_id = GetText(part, "id", &id) && !id.empty();
  const bool has_link = GetText(part, "link", &link) && !link.empty();
  if (!has_id && !has_link) return Missing(error, absl::StrCat(kind, "['id'] or link"));
  if (has_id && has_link) return Invalid(error, kind, "may have an id or a link, not both.");
  if (has_link && !absl::StartsWith(link, "http://") && !absl::StartsWith(link, "https://")) {
    return Invalid(error, absl::StrCat(kind, "['link']"), "must be an HTTP or HTTPS address.");
  }
  if (!GetText(part, "caption", &message->body)) return true;
  if (kind == "audio" || kind == "sticker") {
    return Invalid(error, absl::StrCat(kind, "['caption']"), "is not allowed.");
  }
  if (TooLong(message->body, kMaxCaption)) {
    return Invalid(error, absl::StrCat(kind, "['caption']"), "is longer than 1024 characters.");
  }
  return true;
}

// Coordinates come as numbers or as strings of one.
bool GetCoordinate(const object& part, std::string_view name, double* value) {
  element found;
  if (part[name].get(found) != simdjson::SUCCESS) return false;
  if (found.get(*value) == simdjson::SUCCESS) return true;
  std::string_view text;
  if (found.get(text) != simdjson::SUCCESS || text.empty()) return false;
  char* end = nullptr;
  const std::string copy(text);
  *value = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size();
}

bool ReadLocation(const object& part, Outgoing* message, GraphError* error) {
  double latitude = 0;
  double longitude = 0;
  if (!GetCoordinate(part, "latitude", &latitude)) return Missing(error, "location['latitude']");
  if (!GetCoordinate(part, "longitude", &longitude)) return Missing(error, "location['longitude']");
  if (latitude < -90 || latitude > 90) return Invalid(error, "location['latitude']", "is not one.");
  if (longitude < -180 || longitude > 180) {
    return Invalid(error, "location['longitude']", "is not one.");
  }
  GetText(part, "name", &message->body);
  return true;
}

bool ReadContacts(const array& cards, Outgoing* message, GraphError* error) {
  if (cards.size() == 0) return Missing(error, "contacts");
  for (const element card : cards) {
    object person;
    object name;
    if (card.get(person) != simdjson::SUCCESS || !GetObject(person, "name", &name)) {
      return Missing(error, "contacts['name']");
    }
    absl::string_view formatted;
    if (!RequireText(name, "formatted_name", "contacts['name']['formatted_name']", kMaxText,
                     &formatted, error)) {
      return false;
    }
    if (message->body.empty()) message->body = formatted;
  }
  return true;
}

bool ReadReaction(const object& part, Outgoing* message, GraphError* error) {
  absl::string_view id;
  if (!RequireText(part, "message_id", "reaction['message_id']", kMaxCallback, &id, error)) {
    return false;
  }
  // An empty emoji takes the reaction back.
  if (!GetText(part, "emoji", &message->body)) return Missing(error, "reaction['emoji']");
  return true;
}

bool ReadReplyButtons(const object& action, Outgoing* message, GraphError* error) {
  array buttons;
  if (action[std::string_view("buttons")].get(buttons) != simdjson::SUCCESS ||
      buttons.size() == 0) {
    return Missing(error, "interactive['action']['buttons']");
  }
  if (buttons.size() > kMaxReplyButtons) {
    return Invalid(error, "interactive['action']['buttons']", "may hold at most 3 buttons.");
  }
  for (const element one : buttons) {
    object button;
    object reply;
    absl::string_view type;
    if (one.get(button) != simdjson::SUCCESS || !GetText(button, "type", &type) ||
        type != "reply" || !GetObject(button, "reply", &reply)) {
      return Invalid(error, "interactive['action']['buttons']", "must be of type reply.");
    }
    ReplyButton added;
    if (!RequireText(reply, "id", "button['reply']['id']", 256, &added.id, error) ||
        !RequireText(reply, "title", "button['reply']['title']", 20, &added.title, error)) {
      return false;
    }
    for (const ReplyButton& other : message->buttons) {
      if (other.id == added.id || other.title == added.title) {
        return Invalid(error, "interactive['action']['buttons']", "repeats an id or title.");
      }
    }
    message->buttons.push_back(added);
  }
  return true;
}

bool ReadList(const object& action, Outgoing* message, GraphError* error) {
  absl::string_view label;
  if (!RequireText(action, "button", "interactive['action']['button']", 20, &label, error)) {
    return false;
  }
  array sections;
  if (action[std::string_view("sections")].get(sections) != simdjson::SUCCESS ||
      sections.size() == 0) {
    return Missing(error, "interactive['action']['sections']");
  }
  for (const element one : sections) {
    object section;
    array rows;
    if (one.get(section) != simdjson::SUCCESS ||
        section[std::string_view("rows")].get(rows) != simdjson::SUCCESS || rows.size() == 0) {
      return Missing(error, "interactive['action']['sections']['rows']");
    }
    for (const element item : rows) {
      object row;
      if (item.get(row) != simdjson::SUCCESS) return Missing(error, "row['id']");
      ReplyButton added;
      if (!RequireText(row, "id", "row['id']", 200, &added.id, error) ||
          !RequireText(row, "title", "row['title']", 24, &added.title, error)) {
        return false;
      }
      message->buttons.push_back(added);
    }
  }
  if (message->buttons.size() > kMaxRows) {
    return Invalid(error, "interactive['action']['sections']", "may hold at most 10 rows.");
  }
  message->is_list = true;
  return true;
}

bool ReadInteractive(const object& part, Outgoing* message, GraphError* error) {
  absl::string_view type;
  if (!RequireText(part, "type", "interactive['type']", 64, &type, error)) return false;
  const bool list = type == "list";
  if (!list && type != "button") {
    return Invalid(error, "interactive['type']", "must be button or list.");
  }
  object body;
  object action;
  if (!GetObject(part, "body", &body)) return Missing(error, "interactive['body']");
  const size_t limit = list ? kMaxText : kMaxInteractiveBody;
  if (!RequireText(body, "text", "interactive['body']['text']", limit, &message->body, error)) {
    return false;
  }
  object around;
  absl::string_view text;
  if (GetObject(part, "header", &around) && GetText(around, "text", &text)) {
    message->header = std::string(text);
  }
  if (GetObject(part, "footer", &around) && GetText(around, "text", &text)) {
    message->footer = std::string(text);
  }
  if (!GetObject(part, "action", &action)) return Missing(error, "interactive['action']");
  return list ? ReadList(action, message, error) : ReadReplyButtons(action, message, error);
}

// One pass over the fields: a send has many parameters, and looking each field up by name would
// cost more than parsing them.
bool ReadParameter(const object& from, TemplateParameter* parameter, GraphError* error) {
  std::string_view text;
  object fallback;
  bool typed = false;
  for (const auto [key, value] : from) {
    if (key == "type") {
      typed = value.get(text) == simdjson::SUCCESS;
      parameter->type = View(text);
    } else if (key == "text" || key == "payload") {
      parameter->has_text = value.get(text) == simdjson::SUCCESS;
      if (parameter->has_text) parameter->text = View(text);
    } else if (key == "parameter_name") {
      if (value.get(text) == simdjson::SUCCESS) parameter->name = View(text);
    } else if (key == "currency" || key == "date_time") {
      parameter->has_text = value.get(fallback) == simdjson::SUCCESS &&
                            GetText(fallback, "fallback_value", &parameter->text);
    }
  }
  return typed || Missing(error, "parameters['type']");
}

bool ReadParameters(const object& component, std::vector<TemplateParameter>* parameters,
                    GraphError* error) {
  array list;
  if (component[std::string_view("parameters")].get(list) != simdjson::SUCCESS) return true;
  for (const element item : list) {
    object one;
    if (item.get(one) != simdjson::SUCCESS) return Invalid(error, "parameters", "must be objects.");
    if (!ReadParameter(one, &parameters->emplace_back(), error)) return false;
  }
  return true;
}

// `index` comes as a number or as a string of one.
bool GetIndex(const object& component, int* index) {
  element found;
  if (component[std::string_view("index")].get(found) != simdjson::SUCCESS) return false;
  int64_t number = 0;
  if (found.get(number) == simdjson::SUCCESS) {
    *index = static_cast<int>(number);
    return true;
  }
  std::string_view text;
  if (found.get(text) != simdjson::SUCCESS || text.size() != 1 || text[0] < '0' || text[0] > '9') {
    return false;
  }
  *index = text[0] - '0';
  return true;
}

bool ReadComponent(const object& component, Outgoing* message, GraphError* error) {
  absl::string_view type;
  if (!GetText(component, "type", &type)) return Missing(error, "template['components']['type']");
  if (absl::EqualsIgnoreCase(type, "body")) {
    return ReadParameters(component, &message->arguments.body, error);
  }
  if (absl::EqualsIgnoreCase(type, "header")) {
    return ReadParameters(component, &message->arguments.header, error);
  }
  if (!absl::EqualsIgnoreCase(type, "button")) {
    return Invalid(error, "template['components']['type']", "must be header, body or button.");
  }
  TemplateArguments::Button button;
  if (!GetIndex(component, &button.index)) return Missing(error, "button['index']");
  if (!GetText(component, "sub_type", &button.sub_type)) {
    return Missing(error, "button['sub_type']");
  }
  if (!ReadParameters(component, &button.parameters, error)) return false;
  message->arguments.buttons.push_back(std::move(button));
  return true;
}

bool ReadTemplate(const object& part, Outgoing* message, GraphError* error) {
  object language;
  if (!RequireText(part, "name", "template['name']", 512, &message->template_name, error)) {
    return false;
  }
  if (!GetObject(part, "language", &language)) return Missing(error, "template['language']");
  if (!RequireText(language, "code", "template['language']['code']", 16,
                   &message->template_language, error)) {
    return false;
  }
  array components;
  if (part[std::string_view("components")].get(components) != simdjson::SUCCESS) return true;
  for (const element one : components) {
    object component;
    if (one.get(component) != simdjson::SUCCESS) {
      return Invalid(error, "template['components']", "must be objects.");
    }
    if (!ReadComponent(component, message, error)) return false;
  }
  return true;
}

struct KindRow {
  absl::string_view name;
  MessageKind kind;
};
constexpr KindRow kKinds[] = {
    {"text", MessageKind::kText},         {"template", MessageKind::kTemplate},
    {"image", MessageKind::kImage},       {"document", MessageKind::kDocument},
    {"video", MessageKind::kVideo},       {"audio", MessageKind::kAudio},
    {"sticker", MessageKind::kSticker},   {"location", MessageKind::kLocation},
    {"contacts", MessageKind::kContacts}, {"interactive", MessageKind::kInteractive},
    {"reaction", MessageKind::kReaction},
};
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
  object context;
  bool has_context = false;
};

Envelope Scan(const object& root) {
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
  for (const KindRow& row : kKinds) {
    if (row.name == type) {
      message->kind = row.kind;
      return true;
    }
  }
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
  object root;
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
    array cards;
    if (root[std::string_view("contacts")].get(cards) != simdjson::SUCCESS)
      return Missing(error, "contacts");
    return ReadContacts(cards, message, error);
  }
  object part;
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
