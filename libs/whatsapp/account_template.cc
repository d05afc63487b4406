#include "libs/whatsapp/account_template.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/whatsapp/json_reader.h"
#include "libs/whatsapp/management_answer.h"

namespace kabar::whatsapp {
namespace {

using Json = nlohmann::json;

constexpr int kPage = 100;

std::string Upper(std::string text) {
  absl::AsciiStrToUpper(&text);
  return text;
}

void ReadButtons(const JsonObject& component, AccountTemplate* out) {
  JsonArray buttons;
  if (!Find(component, "buttons", &buttons)) return;
  for (const JsonElement element : buttons) {
    JsonObject button;
    if (element.get(button) != simdjson::SUCCESS) continue;
    out->buttons.push_back({.type = Upper(TextOf(button, "type")),
                            .text = TextOf(button, "text"),
                            .url = TextOf(button, "url")});
  }
}

void ReadComponent(const JsonObject& component, AccountTemplate* out) {
  const std::string type = Upper(TextOf(component, "type"));
  if (type == "BODY") {
    out->body = TextOf(component, "text");
  } else if (type == "FOOTER") {
    out->footer = TextOf(component, "text");
  } else if (type == "HEADER") {
    out->header_format = Upper(TextOf(component, "format"));
    out->header = TextOf(component, "text");
  } else if (type == "BUTTONS") {
    ReadButtons(component, out);
  }
}

std::optional<AccountTemplate> ReadTemplate(const JsonElement& element) {
  JsonObject object, quality;
  JsonArray components;
  if (element.get(object) != simdjson::SUCCESS) return std::nullopt;
  AccountTemplate out{.id = TextOf(object, "id"),
                      .name = TextOf(object, "name"),
                      .language = TextOf(object, "language"),
                      .status = Upper(TextOf(object, "status")),
                      .category = Upper(TextOf(object, "category")),
                      .reason = TextOf(object, "rejected_reason"),
                      .named = Upper(TextOf(object, "parameter_format")) == "NAMED"};
  if (out.reason == "NONE") out.reason.clear();
  if (Find(object, "quality_score", &quality)) out.quality = Upper(TextOf(quality, "score"));
  if (out.name.empty() || out.language.empty()) return std::nullopt;
  if (out.status.empty() || !Find(object, "components", &components)) {
    // That it is there is all that is told.
    return AccountTemplate{.name = out.name, .language = out.language};
  }
  for (const JsonElement component : components) {
    JsonObject one;
    if (component.get(one) == simdjson::SUCCESS) ReadComponent(one, &out);
  }
  return out;
}

absl::Status MissingSample(absl::string_view of, std::size_t needed, std::size_t given) {
  return base::InvalidField(
      "samples", absl::StrCat(of, " takes ", needed, " parameters and ", given,
                              " samples are given: give one for each, as a customer would see it"));
}

bool TakesParameter(const AccountTemplate::Button& button) {
  return button.url.find("{{") != std::string::npos;
}

Json NamedSample(const std::string& name, const std::string& value) {
  Json sample = Json::object();
  sample["param_name"] = name;
  sample["example"] = value;
  return sample;
}

Json BodyExample(const AccountTemplate& wanted, const std::vector<std::string>& names,
                 const TemplateSamples& samples) {
  Json example = Json::object();
  if (!wanted.named) {
    example["body_text"] = Json::array();
    example["body_text"].push_back(Json(samples.body));  // one list for each example
    return example;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    example["body_text_named_params"].push_back(NamedSample(names[i], samples.body[i]));
  }
  return example;
}

absl::StatusOr<Json> HeaderComponent(const AccountTemplate& wanted,
                                     const TemplateSamples& samples) {
  Json header = {{"type", "HEADER"}, {"format", wanted.header_format}};
  if (wanted.header_format == "LOCATION") return header;
  if (wanted.header_format != "TEXT") {
    return base::InvalidField(
        "provider_template.header_format",
        "must be TEXT or LOCATION: for a picture or document WhatsApp wants an uploaded sample, so "
        "create it in WhatsApp Manager; the next sync brings it here");
  }
  header["text"] = wanted.header;
  const std::vector<std::string> names = ParameterNames(wanted.header);
  if (names.empty()) return header;
  if (samples.header.empty()) return MissingSample("the header", names.size(), 0);
  if (wanted.named) {
    header["example"]["header_text_named_params"] =
        Json::array({NamedSample(names[0], samples.header)});
  } else {
    header["example"]["header_text"] = Json::array({samples.header});
  }
  return header;
}

absl::StatusOr<Json> ButtonsComponent(const AccountTemplate& wanted,
                                      const TemplateSamples& samples) {
  Json buttons = Json::array();
  std::size_t links = 0;
  for (const AccountTemplate::Button& button : wanted.buttons) {
    Json one = {{"type", button.type}, {"text", button.text}};
    if (!button.url.empty()) one["url"] = button.url;
    if (TakesParameter(button)) {
      if (links >= samples.links.size()) {
        return MissingSample("the links", links + 1, samples.links.size());
      }
      one["example"] = Json::array({samples.links[links++]});
    }
    buttons.push_back(std::move(one));
  }
  return Json{{"type", "BUTTONS"}, {"buttons", std::move(buttons)}};
}

}  // namespace

std::string TemplatesTarget(absl::string_view account, absl::string_view after) {
  std::string target = absl::StrCat(
      "/", account, "/message_templates?limit=", kPage,
      "&fields=id,name,language,status,category,quality_score,rejected_reason,parameter_format,"
      "components");
  if (!after.empty()) absl::StrAppend(&target, "&after=", after);
  return target;
}

absl::StatusOr<AccountTemplatePage> ParseTemplatePage(int http_status, absl::string_view body,
                                                      const ErrorPolicy& policy) {
  KABAR_ASSIGN_OR_RETURN(const JsonObject root, ReadAnswer(http_status, body, policy));
  JsonArray data;
  if (!Find(root, "data", &data)) {
    return base::Error(absl::StatusCode::kUnavailable, "PROVIDER_UNREADABLE",
                       "WhatsApp's list of templates has no array `data`: try again later");
  }
  AccountTemplatePage page;
  for (const JsonElement element : data) {
    auto one = ReadTemplate(element);
    if (!one.has_value()) {
      return base::Error(absl::StatusCode::kUnavailable, "PROVIDER_UNREADABLE",
                         "WhatsApp's list of templates has one without a name or language: half a "
                         "list is not believed, try again later");
    }
    page.templates.push_back(*std::move(one));
  }
  JsonObject paging, cursors;
  JsonElement next;
  if (Find(root, "paging", &paging) && Find(paging, "next", &next) &&
      Find(paging, "cursors", &cursors)) {
    page.next = TextOf(cursors, "after");
  }
  return page;
}

absl::StatusOr<AccountTemplate> ParseTemplateCreated(int http_status, absl::string_view body,
                                                     const ErrorPolicy& policy) {
  KABAR_ASSIGN_OR_RETURN(const JsonObject root, ReadAnswer(http_status, body, policy));
  return AccountTemplate{.id = TextOf(root, "id"),
                         .status = Upper(TextOf(root, "status")),
                         .category = Upper(TextOf(root, "category"))};
}

std::vector<std::string> ParameterNames(absl::string_view text) {
  std::vector<std::string> names;
  for (std::size_t at = text.find("{{"); at != absl::string_view::npos; at = text.find("{{", at)) {
    const std::size_t end = text.find("}}", at);
    if (end == absl::string_view::npos) break;
    std::string name(absl::StripAsciiWhitespace(text.substr(at + 2, end - at - 2)));
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
    at = end + 2;
  }
  return names;
}

absl::StatusOr<std::string> BuildCreateBody(const AccountTemplate& wanted,
                                            const TemplateSamples& samples) {
  Json components = Json::array();
  if (!wanted.header_format.empty()) {
    KABAR_ASSIGN_OR_RETURN(Json header, HeaderComponent(wanted, samples));
    components.push_back(std::move(header));
  }
  Json body = {{"type", "BODY"}, {"text", wanted.body}};
  if (const auto names = ParameterNames(wanted.body); !names.empty()) {
    if (names.size() != samples.body.size()) {
      return MissingSample("the body", names.size(), samples.body.size());
    }
    body["example"] = BodyExample(wanted, names, samples);
  }
  components.push_back(std::move(body));
  if (!wanted.footer.empty()) components.push_back({{"type", "FOOTER"}, {"text", wanted.footer}});
  if (!wanted.buttons.empty()) {
    KABAR_ASSIGN_OR_RETURN(Json buttons, ButtonsComponent(wanted, samples));
    components.push_back(std::move(buttons));
  }
  const Json document = {{"name", wanted.name},
                         {"language", wanted.language},
                         {"category", wanted.category},
                         {"parameter_format", wanted.named ? "NAMED" : "POSITIONAL"},
                         {"components", std::move(components)}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kabar::whatsapp
