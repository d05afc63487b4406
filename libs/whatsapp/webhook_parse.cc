// The payload of a POST, taken apart.
#include "libs/whatsapp/webhook.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/whatsapp/json_reader.h"
#include "libs/whatsapp/webhook_templates.h"

namespace kabar::whatsapp {
namespace {

struct StatusName {
  MessageStatus status;
  absl::string_view name;
};
constexpr StatusName kStatuses[] = {{MessageStatus::kSent, "sent"},
                                    {MessageStatus::kDelivered, "delivered"},
                                    {MessageStatus::kRead, "read"},
                                    {MessageStatus::kPlayed, "played"},
                                    {MessageStatus::kFailed, "failed"}};

struct KindRow {
  InboundKind kind;
  absl::string_view name;
};
constexpr KindRow kKinds[] = {{InboundKind::kText, "text"},
                              {InboundKind::kButton, "button"},
                              {InboundKind::kButtonReply, "button_reply"},
                              {InboundKind::kListReply, "list_reply"},
                              {InboundKind::kReaction, "reaction"},
                              {InboundKind::kImage, "image"},
                              {InboundKind::kVideo, "video"},
                              {InboundKind::kAudio, "audio"},
                              {InboundKind::kDocument, "document"},
                              {InboundKind::kSticker, "sticker"},
                              {InboundKind::kLocation, "location"},
                              {InboundKind::kContacts, "contacts"},
                              {InboundKind::kOrder, "order"},
                              {InboundKind::kSystem, "system"},
                              {InboundKind::kUnsupported, "unsupported"}};

// Seconds since 1970 as text; nothing before 2009 or after 2100 is a time of WhatsApp's.
bool ParseTimestamp(const std::string& text, absl::Time* out) {
  std::int64_t seconds = 0;
  if (!absl::SimpleAtoi(text, &seconds) || seconds < 1230768000 || seconds > 4102444800) {
    return false;
  }
  *out = absl::FromUnixSeconds(seconds);
  return true;
}

bool IsDigits(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

template <typename Value>
std::string Raw(const Value& value) {
  return simdjson::minify(value);
}

// Who a message or status is about, from the array `contacts` of the same value.
struct Contact {
  std::string wa_id = {}, user_id = {}, name = {}, username = {};
};

std::vector<Contact> ReadContacts(const JsonObject& value) {
  std::vector<Contact> out;
  JsonArray contacts;
  if (!Find(value, "contacts", &contacts)) return out;
  for (const JsonElement element : contacts) {
    JsonObject contact, profile;
    if (element.get(contact) != simdjson::SUCCESS) continue;
    Contact read{.wa_id = TextOf(contact, "wa_id"), .user_id = TextOf(contact, "user_id")};
    if (Find(contact, "profile", &profile)) {
      read.name = TextOf(profile, "name");
      read.username = TextOf(profile, "username");
    }
    out.push_back(std::move(read));
  }
  return out;
}

const Contact* FindContact(const std::vector<Contact>& contacts, const std::string& phone,
                           const std::string& bsuid) {
  for (const Contact& contact : contacts) {
    if (!phone.empty() && contact.wa_id == phone) return &contact;
    if (!bsuid.empty() && contact.user_id == bsuid) return &contact;
  }
  // With neither in the message itself a lone contact can be no other.
  return phone.empty() && bsuid.empty() && contacts.size() == 1 ? &contacts.front() : nullptr;
}

bool ReadInteractive(const JsonObject& part, Inbound* out) {
  const std::string type = TextOf(part, "type");
  JsonObject reply;
  if (type == "button_reply") {
    out->kind = InboundKind::kButtonReply;
  } else if (type == "list_reply") {
    out->kind = InboundKind::kListReply;
  } else {
    return true;  // kUnsupported, with its raw JSON
  }
  if (!Find(part, type.c_str(), &reply)) return false;
  out->text = TextOf(reply, "title");
  out->payload = TextOf(reply, "id");
  return !out->text.empty() || !out->payload.empty();
}

bool ReadSystem(const JsonObject& part, Inbound* out) {
  out->text = TextOf(part, "body");
  out->payload = TextOf(part, "type");
  out->new_wa_id = TextOf(part, "wa_id");
  if (out->new_wa_id.empty()) out->new_wa_id = TextOf(part, "new_wa_id");
  out->new_bsuid = TextOf(part, "user_id");
  return true;
}

// Fills text, payload and the like by the message's type. False: that part is missing.
bool ReadPart(const JsonObject& message, const std::string& type, Inbound* out) {
  if (type == "contacts" || type == "order") return true;  // an array, an object: kept raw
  JsonObject part;
  if (!Find(message, type.c_str(), &part)) return false;
  switch (out->kind) {
    case InboundKind::kText: {
      JsonElement body;
      out->text = TextOf(part, "body");
      return Find(part, "body", &body);
    }
    case InboundKind::kButton:
      out->text = TextOf(part, "text");
      out->payload = TextOf(part, "payload");
      return !out->text.empty() || !out->payload.empty();
    case InboundKind::kReaction:
      out->text = TextOf(part, "emoji");  // missing: taken back
      out->context_wamid = TextOf(part, "message_id");
      return !out->context_wamid.empty();
    case InboundKind::kImage:
    case InboundKind::kVideo:
    case InboundKind::kAudio:
    case InboundKind::kDocument:
    case InboundKind::kSticker:
      out->text = TextOf(part, "caption");
      if (out->text.empty()) out->text = TextOf(part, "filename");
      out->payload = TextOf(part, "id");
      return !out->payload.empty();
    case InboundKind::kLocation:
      out->latitude = Number(part, "latitude");
      out->longitude = Number(part, "longitude");
      out->text = TextOf(part, "name");
      if (out->text.empty()) out->text = TextOf(part, "address");
      return true;
    case InboundKind::kSystem:
      return ReadSystem(part, out);
    default:
      return true;
  }
}

class Reader {
 public:
  void ReadEntries(const JsonArray& entries) {
    for (const JsonElement element : entries) {
      ReadEntry(element);
      ++entry_;
    }
  }
  Webhook Take() { return std::move(out_); }

 private:
  std::string Where(absl::string_view rest) const {
    return absl::StrCat("entry[", entry_, "].changes[", change_, "]", rest);
  }
  void Fail(std::string where, absl::string_view what, std::string raw) {
    out_.errors.push_back({std::move(where), std::string(what), std::move(raw)});
  }

  void ReadEntry(const JsonElement& element) {
    JsonObject entry;
    JsonArray changes;
    if (element.get(entry) != simdjson::SUCCESS || !Find(entry, "changes", &changes)) {
      Fail(absl::StrCat("entry[", entry_, "]"), "is no object with an array `changes`",
           Raw(element));
      return;
    }
    account_ = TextOf(entry, "id");
    change_ = 0;
    for (const JsonElement change : changes) {
      ReadChange(change);
      ++change_;
    }
  }

  void ReadChange(const JsonElement& element) {
    JsonObject change, value, metadata;
    if (element.get(change) != simdjson::SUCCESS) {
      Fail(Where(""), "is no object", Raw(element));
      return;
    }
    const std::string field = TextOf(change, "field");
    const bool has_value = Find(change, "value", &value);
    phone_number_id_.clear();
    if (has_value && Find(value, "metadata", &metadata)) {
      phone_number_id_ = TextOf(metadata, "phone_number_id");
    }
    if (field.empty()) {
      Fail(Where(".field"), "is missing", Raw(element));
    } else if (has_value && IsTemplateField(field)) {
      ReadTemplateChange(field, value, element);
    } else if (field != "messages") {
      AddUnknown(field, Raw(element));
    } else if (!has_value) {
      Fail(Where(".value"), "is no object", Raw(element));
    } else if (phone_number_id_.empty()) {
      Fail(Where(".value.metadata.phone_number_id"), "is missing", Raw(element));
    } else {
      ReadMessagesValue(value);
    }
  }

  void ReadTemplateChange(const std::string& field, const JsonObject& value,
                          const JsonElement& element) {
    TemplateChange read = whatsapp::ReadTemplateChange(field, value);
    read.account = account_;
    if (read.account.empty() || read.name.empty() || read.language.empty()) {
      Fail(Where(".value"), "does not name account, template and language", Raw(element));
      return;
    }
    out_.templates.push_back(std::move(read));
  }

  void ReadMessagesValue(const JsonObject& value) {
    const std::vector<Contact> contacts = ReadContacts(value);
    JsonElement part;
    bool understood = false;
    if (Find(value, "statuses", &part)) {
      ReadEach(part, "statuses", [&](const JsonElement& element, const std::string& where) {
        ReadStatus(element, where, contacts);
      });
      understood = true;
    }
    if (Find(value, "messages", &part)) {
      ReadEach(part, "messages", [&](const JsonElement& element, const std::string& where) {
        ReadInbound(element, where, contacts);
      });
      understood = true;
    }
    if (Find(value, "errors", &part)) {  // the provider's own trouble with an inbound message
      AddUnknown("messages.errors", Raw(part));
      understood = true;
    }
    if (!understood) AddUnknown("messages", Raw(value));
  }

  template <typename Read>
  void ReadEach(const JsonElement& part, absl::string_view name, const Read& read) {
    JsonArray array;
    if (part.get(array) != simdjson::SUCCESS) {
      Fail(Where(absl::StrCat(".value.", name)), "is no array", Raw(part));
      return;
    }
    std::size_t index = 0;
    for (const JsonElement element : array) {
      read(element, Where(absl::StrCat(".value.", name, "[", index, "]")));
      ++index;
    }
  }

  void ReadStatus(const JsonElement& element, const std::string& where,
                  const std::vector<Contact>& contacts) {
    JsonObject object;
    if (element.get(object) != simdjson::SUCCESS) {
      Fail(where, "is no object", Raw(element));
      return;
    }
    StatusUpdate status{.phone_number_id = phone_number_id_, .wamid = TextOf(object, "id")};
    if (status.wamid.empty()) {
      Fail(where + ".id", "is missing", Raw(element));
      return;
    }
    const std::string name = TextOf(object, "status");
    if (name.empty()) {
      Fail(where + ".status", "is missing", Raw(element));
      return;
    }
    if (!StatusFromName(name, &status.status)) {
      AddUnknown("messages.statuses:" + name, Raw(element));
      return;
    }
    if (!ParseTimestamp(TextOf(object, "timestamp"), &status.timestamp)) {
      Fail(where + ".timestamp", "is missing or no time in seconds", Raw(element));
      return;
    }
    ReadRecipient(object, contacts, &status);
    status.callback_data = TextOf(object, "biz_opaque_callback_data");
    ReadErrors(object, &status);
    ReadPrice(object, &status);
    out_.statuses.push_back(std::move(status));
  }

  static bool StatusFromName(const std::string& name, MessageStatus* out) {
    for (const StatusName& known : kStatuses) {
      if (known.name != name) continue;
      *out = known.status;
      return true;
    }
    return false;
  }

  static void ReadRecipient(const JsonObject& object, const std::vector<Contact>& contacts,
                            StatusUpdate* status) {
    status->recipient = TextOf(object, "recipient_id");
    status->bsuid = TextOf(object, "recipient_user_id");
    if (!status->recipient.empty() && !IsDigits(status->recipient)) {
      if (status->bsuid.empty()) status->bsuid = status->recipient;
      status->recipient.clear();
    }
    if (const Contact* contact = FindContact(contacts, status->recipient, status->bsuid)) {
      if (status->bsuid.empty()) status->bsuid = contact->user_id;
      if (status->recipient.empty()) status->recipient = contact->wa_id;
    }
  }

  static void ReadErrors(const JsonObject& object, StatusUpdate* status) {
    JsonArray errors;
    JsonObject first, data;
    if (!Find(object, "errors", &errors)) return;
    if (errors.at(0).get(first) != simdjson::SUCCESS) return;
    status->error_code = static_cast<int>(Integer(first, "code", -1));
    status->error_title = TextOf(first, "title");
    if (Find(first, "error_data", &data)) status->error_details = TextOf(data, "details");
  }

  static void ReadPrice(const JsonObject& object, StatusUpdate* status) {
    JsonObject conversation, pricing;
    if (Find(object, "conversation", &conversation)) {
      status->conversation_id = TextOf(conversation, "id");
    }
    if (!Find(object, "pricing", &pricing)) return;
    status->pricing = {.present = true,
                       .billable = Flag(pricing, "billable"),
                       .model = TextOf(pricing, "pricing_model"),
                       .type = TextOf(pricing, "type"),
                       .category = TextOf(pricing, "category")};
  }

  void ReadInbound(const JsonElement& element, const std::string& where,
                   const std::vector<Contact>& contacts) {
    JsonObject message, context;
    if (element.get(message) != simdjson::SUCCESS) {
      Fail(where, "is no object", Raw(element));
      return;
    }
    Inbound inbound{.phone_number_id = phone_number_id_, .wamid = TextOf(message, "id")};
    if (inbound.wamid.empty()) {
      Fail(where + ".id", "is missing", Raw(element));
      return;
    }
    if (!ParseTimestamp(TextOf(message, "timestamp"), &inbound.timestamp)) {
      Fail(where + ".timestamp", "is missing or no time in seconds", Raw(element));
      return;
    }
    if (!ReadSender(message, contacts, &inbound)) {
      Fail(where + ".from", "is missing, and so is every user id", Raw(element));
      return;
    }
    if (Find(message, "context", &context)) inbound.context_wamid = TextOf(context, "id");
    const std::string type = TextOf(message, "type");
    inbound.kind = KindFromType(type);
    const bool known = inbound.kind != InboundKind::kUnsupported;
    JsonObject interactive;
    const bool read = type == "interactive" && Find(message, "interactive", &interactive)
                          ? ReadInteractive(interactive, &inbound)
                          : !known || ReadPart(message, type, &inbound);
    if (!read) {
      Fail(absl::StrCat(where, ".", type), "is missing or empty", Raw(element));
      return;
    }
    inbound.raw = Raw(element);
    out_.inbound.push_back(std::move(inbound));
  }

  static bool ReadSender(const JsonObject& message, const std::vector<Contact>& contacts,
                         Inbound* inbound) {
    inbound->from = TextOf(message, "from");
    inbound->bsuid = TextOf(message, "from_user_id");
    if (inbound->bsuid.empty()) inbound->bsuid = TextOf(message, "user_id");
    if (!inbound->from.empty() && !IsDigits(inbound->from)) {
      if (inbound->bsuid.empty()) inbound->bsuid = inbound->from;
      inbound->from.clear();
    }
    if (const Contact* contact = FindContact(contacts, inbound->from, inbound->bsuid)) {
      if (inbound->bsuid.empty()) inbound->bsuid = contact->user_id;
      if (inbound->from.empty()) inbound->from = contact->wa_id;
      inbound->profile_name = contact->name;
      inbound->username = contact->username;
    }
    return !inbound->from.empty() || !inbound->bsuid.empty();
  }

  static InboundKind KindFromType(const std::string& type) {
    if (type == "voice") return InboundKind::kAudio;
    for (const KindRow& row : kKinds) {
      const bool reply =
          row.kind == InboundKind::kButtonReply || row.kind == InboundKind::kListReply;
      if (!reply && row.name == type) return row.kind;
    }
    return InboundKind::kUnsupported;
  }

  void AddUnknown(std::string field, std::string raw) {
    out_.unknown.push_back({std::move(field), account_, phone_number_id_, std::move(raw)});
  }

  Webhook out_;
  std::size_t entry_ = 0, change_ = 0;
  std::string account_, phone_number_id_;
};

absl::Status Malformed(absl::string_view where, absl::string_view what) {
  return base::Error(absl::StatusCode::kInvalidArgument, "WEBHOOK_MALFORMED",
                     absl::StrCat("webhook: ", where, ": ", what));
}

}  // namespace

absl::string_view MessageStatusName(MessageStatus status) {
  for (const StatusName& known : kStatuses) {
    if (known.status == status) return known.name;
  }
  return "?";
}

absl::string_view InboundKindName(InboundKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row.name;
  }
  return "?";
}

absl::StatusOr<Webhook> ParseWebhook(absl::string_view body) {
  JsonElement document;
  const auto error = ThreadParser().parse(body.data(), body.size()).get(document);
  if (error != simdjson::SUCCESS) {
    return Malformed("body", absl::StrCat("not JSON: ", simdjson::error_message(error)));
  }
  JsonObject root;
  JsonArray entries;
  if (document.get(root) != simdjson::SUCCESS) return Malformed("body", "is no JSON object");
  if (!Find(root, "entry", &entries)) return Malformed("entry", "is missing or no array");
  Reader reader;
  reader.ReadEntries(entries);
  return reader.Take();
}

}  // namespace kabar::whatsapp
