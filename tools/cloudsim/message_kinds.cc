#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/json_text.h"
#include "tools/cloudsim/message_parts.h"

namespace kabar::cloudsim {

namespace {

// Coordinates come as numbers or as strings of one.
bool GetCoordinate(const JsonObject& part, std::string_view name, double* value) {
  JsonElement found;
  if (part[name].get(found) != simdjson::SUCCESS) return false;
  if (found.get(*value) == simdjson::SUCCESS) return true;
  std::string_view text;
  if (found.get(text) != simdjson::SUCCESS || text.empty()) return false;
  char* end = nullptr;
  const std::string copy(text);
  *value = std::strtod(copy.c_str(), &end);
  return end == copy.c_str() + copy.size();
}

bool ReadReplyButtons(const JsonObject& action, Outgoing* message, GraphError* error) {
  JsonArray buttons;
  if (action[std::string_view("buttons")].get(buttons) != simdjson::SUCCESS ||
      buttons.size() == 0) {
    return Missing(error, "interactive['action']['buttons']");
  }
  if (buttons.size() > kMaxReplyButtons) {
    return Invalid(error, "interactive['action']['buttons']", "may hold at most 3 buttons.");
  }
  for (const JsonElement one : buttons) {
    JsonObject button;
    JsonObject reply;
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

bool ReadList(const JsonObject& action, Outgoing* message, GraphError* error) {
  absl::string_view label;
  if (!RequireText(action, "button", "interactive['action']['button']", 20, &label, error)) {
    return false;
  }
  JsonArray sections;
  if (action[std::string_view("sections")].get(sections) != simdjson::SUCCESS ||
      sections.size() == 0) {
    return Missing(error, "interactive['action']['sections']");
  }
  for (const JsonElement one : sections) {
    JsonObject section;
    JsonArray rows;
    if (one.get(section) != simdjson::SUCCESS ||
        section[std::string_view("rows")].get(rows) != simdjson::SUCCESS || rows.size() == 0) {
      return Missing(error, "interactive['action']['sections']['rows']");
    }
    for (const JsonElement item : rows) {
      JsonObject row;
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

// A text, or a medium, which the record shows as "[image]" and its link.
bool ReadInteractiveHeader(const JsonObject& header, Outgoing* message, GraphError* error) {
  absl::string_view type;
  absl::string_view text;
  if (!RequireText(header, "type", "interactive['header']['type']", 64, &type, error)) return false;
  if (type == "text") {
    if (!RequireText(header, "text", "interactive['header']['text']", 60, &text, error)) {
      return false;
    }
    message->header = std::string(text);
    return true;
  }
  if (type != "image" && type != "video" && type != "document") {
    return Invalid(error, "interactive['header']['type']",
                   "must be text, image, video or document.");
  }
  JsonObject medium;
  if (!GetObject(header, std::string_view(type.data(), type.size()), &medium)) {
    return Missing(error, absl::StrCat("interactive['header']['", type, "']"));
  }
  if (GetText(medium, "id", &text)) {
    message->media_id = text;
    message->media_kind = type;
  } else if (!GetText(medium, "link", &text)) {
    return Missing(error, absl::StrCat("interactive['header']['", type, "']"));
  }
  message->header = absl::StrCat("[", type, "]", text);
  return true;
}

bool ReadLinkButton(const JsonObject& action, Outgoing* message, GraphError* error) {
  absl::string_view name;
  JsonObject parameters;
  if (!RequireText(action, "name", "interactive['action']['name']", 64, &name, error)) return false;
  if (name != "cta_url") return Invalid(error, "interactive['action']['name']", "must be cta_url.");
  if (!GetObject(action, "parameters", &parameters)) {
    return Missing(error, "interactive['action']['parameters']");
  }
  ReplyButton link;
  if (!RequireText(parameters, "display_text", "parameters['display_text']", 20, &link.title,
                   error) ||
      !RequireText(parameters, "url", "parameters['url']", 2000, &link.id, error)) {
    return false;
  }
  if (!absl::StartsWith(link.id, "https://") && !absl::StartsWith(link.id, "http://")) {
    return Invalid(error, "parameters['url']", "must be an HTTP or HTTPS address.");
  }
  message->buttons.push_back(link);
  message->is_link = true;
  return true;
}

}  // namespace

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

bool GetText(const JsonObject& from, std::string_view name, absl::string_view* text) {
  std::string_view value;
  if (from[name].get(value) != simdjson::SUCCESS) return false;
  *text = View(value);
  return true;
}

bool GetObject(const JsonObject& from, std::string_view name, JsonObject* value) {
  return from[name].get(*value) == simdjson::SUCCESS;
}

bool HasPlace(const JsonObject& part) {
  double latitude = 0;
  double longitude = 0;
  return GetCoordinate(part, "latitude", &latitude) &&
         GetCoordinate(part, "longitude", &longitude) && latitude >= -90 && latitude <= 90 &&
         longitude >= -180 && longitude <= 180;
}

bool TooLong(absl::string_view text, size_t limit) {
  return text.size() > limit && CountCodePoints(text) > limit;
}

bool RequireText(const JsonObject& from, std::string_view name, absl::string_view path,
                 size_t limit, absl::string_view* text, GraphError* error) {
  JsonElement value;
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

bool ReadText(const JsonObject& part, Outgoing* message, GraphError* error) {
  return RequireText(part, "body", "text['body']", kMaxText, &message->body, error);
}

bool ReadMedia(const JsonObject& part, absl::string_view kind, Outgoing* message,
               GraphError* error) {
  absl::string_view id;
  absl::string_view link;
  const bool has_id = GetText(part, "id", &id) && !id.empty();
  const bool has_link = GetText(part, "link", &link) && !link.empty();
  if (!has_id && !has_link) return Missing(error, absl::StrCat(kind, "['id'] or link"));
  if (has_id && has_link) return Invalid(error, kind, "may have an id or a link, not both.");
  if (has_id) {
    message->media_id = id;
    message->media_kind = kind;
  }
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

bool ReadLocation(const JsonObject& part, Outgoing* message, GraphError* error) {
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

bool ReadContacts(const JsonArray& cards, Outgoing* message, GraphError* error) {
  if (cards.size() == 0) return Missing(error, "contacts");
  for (const JsonElement card : cards) {
    JsonObject person;
    JsonObject name;
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

bool ReadReaction(const JsonObject& part, Outgoing* message, GraphError* error) {
  absl::string_view id;
  if (!RequireText(part, "message_id", "reaction['message_id']", kMaxCallback, &id, error)) {
    return false;
  }
  // An empty emoji takes the reaction back.
  if (!GetText(part, "emoji", &message->body)) return Missing(error, "reaction['emoji']");
  return true;
}

bool ReadInteractive(const JsonObject& part, Outgoing* message, GraphError* error) {
  absl::string_view type;
  if (!RequireText(part, "type", "interactive['type']", 64, &type, error)) return false;
  const bool list = type == "list";
  const bool link = type == "cta_url";
  if (!list && !link && type != "button") {
    return Invalid(error, "interactive['type']", "must be button, list or cta_url.");
  }
  JsonObject body;
  JsonObject action;
  if (!GetObject(part, "body", &body)) return Missing(error, "interactive['body']");
  const size_t limit = list ? kMaxText : kMaxInteractiveBody;
  if (!RequireText(body, "text", "interactive['body']['text']", limit, &message->body, error)) {
    return false;
  }
  JsonObject around;
  absl::string_view text;
  if (GetObject(part, "header", &around) && !ReadInteractiveHeader(around, message, error)) {
    return false;
  }
  if (GetObject(part, "footer", &around) && GetText(around, "text", &text)) {
    message->footer = std::string(text);
  }
  if (!GetObject(part, "action", &action)) return Missing(error, "interactive['action']");
  if (link) return ReadLinkButton(action, message, error);
  return list ? ReadList(action, message, error) : ReadReplyButtons(action, message, error);
}

}  // namespace kabar::cloudsim
