#include <utility>

#include "absl/strings/match.h"
#include "tools/cloudsim/message_parts.h"

namespace kabar::cloudsim {

namespace {

// One pass over the fields: a send has many parameters, and looking each field up by name would
// cost more than parsing them.
bool ReadParameter(const JsonObject& from, TemplateParameter* parameter, GraphError* error) {
  std::string_view text;
  JsonObject fallback;
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
    } else if (key == "image" || key == "document" || key == "video") {
      JsonObject medium;
      const bool is_medium = value.get(medium) == simdjson::SUCCESS;
      parameter->uploaded = is_medium && GetText(medium, "id", &parameter->text);
      parameter->has_text =
          parameter->uploaded || (is_medium && GetText(medium, "link", &parameter->text));
    } else if (key == "location") {
      JsonObject place;
      parameter->has_text = value.get(place) == simdjson::SUCCESS && HasPlace(place) &&
                            GetText(place, "name", &parameter->text);
    } else if (key == "currency" || key == "date_time") {
      parameter->has_text = value.get(fallback) == simdjson::SUCCESS &&
                            GetText(fallback, "fallback_value", &parameter->text);
    }
  }
  return typed || Missing(error, "parameters['type']");
}

bool ReadParameters(const JsonObject& component, std::vector<TemplateParameter>* parameters,
                    GraphError* error) {
  JsonArray list;
  if (component[std::string_view("parameters")].get(list) != simdjson::SUCCESS) return true;
  for (const JsonElement item : list) {
    JsonObject one;
    if (item.get(one) != simdjson::SUCCESS) return Invalid(error, "parameters", "must be objects.");
    if (!ReadParameter(one, &parameters->emplace_back(), error)) return false;
  }
  return true;
}

// `index` comes as a number or as a string of one.
bool GetIndex(const JsonObject& component, int* index) {
  JsonElement found;
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

bool ReadComponent(const JsonObject& component, Outgoing* message, GraphError* error) {
  absl::string_view type;
  if (!GetText(component, "type", &type)) return Missing(error, "template['components']['type']");
  if (absl::EqualsIgnoreCase(type, "body")) {
    return ReadParameters(component, &message->arguments.body, error);
  }
  if (absl::EqualsIgnoreCase(type, "header")) {
    if (!ReadParameters(component, &message->arguments.header, error)) return false;
    for (const TemplateParameter& parameter : message->arguments.header) {
      if (!parameter.uploaded) continue;
      message->media_id = parameter.text;
      message->media_kind = parameter.type;
    }
    return true;
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

}  // namespace

bool ReadTemplate(const JsonObject& part, Outgoing* message, GraphError* error) {
  JsonObject language;
  if (!RequireText(part, "name", "template['name']", 512, &message->template_name, error)) {
    return false;
  }
  if (!GetObject(part, "language", &language)) return Missing(error, "template['language']");
  if (!RequireText(language, "code", "template['language']['code']", 16,
                   &message->template_language, error)) {
    return false;
  }
  JsonArray components;
  if (part[std::string_view("components")].get(components) != simdjson::SUCCESS) return true;
  for (const JsonElement one : components) {
    JsonObject component;
    if (one.get(component) != simdjson::SUCCESS) {
      return Invalid(error, "template['components']", "must be objects.");
    }
    if (!ReadComponent(component, message, error)) return false;
  }
  return true;
}

}  // namespace kabar::cloudsim
