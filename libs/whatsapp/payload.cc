#include "libs/whatsapp/payload.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "libs/base/text.h"

namespace kabar::whatsapp {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD

// How many bytes from `at` on can be taken over into a JSON string as they are.
std::size_t PlainRun(absl::string_view text, std::size_t at) {
  const std::size_t begin = at;
  while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x20 && text[at] != '"' &&
         text[at] != '\\') {
    ++at;
  }
  return at - begin;
}

void AppendEscaped(absl::string_view text, std::string* out) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t run = PlainRun(text, at);
    out->append(text.data() + at, run);
    at += run;
    if (at == text.size()) return;
    switch (text[at]) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      case '\b':
        out->append("\\b");
        break;
      case '\f':
        out->append("\\f");
        break;
      default:
        absl::StrAppend(out, "\\u",
                        absl::Hex(static_cast<unsigned char>(text[at]), absl::kZeroPad4));
    }
    ++at;
  }
}

// `,"key":"value"`, nothing for an empty value.
void AppendMember(absl::string_view key, absl::string_view value, std::string* out) {
  if (value.empty()) return;
  absl::StrAppend(out, ",\"", key, "\":");
  AppendJsonString(value, out);
}

// The same as the first member of an object: without the comma.
void AppendFirstMember(absl::string_view key, absl::string_view value, std::string* out) {
  absl::StrAppend(out, "\"", key, "\":");
  AppendJsonString(value, out);
}

void AppendNumber(double value, std::string* out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, static_cast<std::size_t>(end.ptr - digits));
}

void AppendContent(const Text& text, std::string* out) {
  absl::StrAppend(out, "{", text.preview_url ? "\"preview_url\":true," : "");
  AppendFirstMember("body", text.body, out);
  out->push_back('}');
}

// A location's members, without the braces.
void AppendCoordinates(const Location& location, std::string* out) {
  out->append("\"latitude\":");
  AppendNumber(location.latitude, out);
  out->append(",\"longitude\":");
  AppendNumber(location.longitude, out);
  AppendMember("name", location.name, out);
  AppendMember("address", location.address, out);
}

void AppendTextParameter(const TemplateParameter& parameter, std::string* out) {
  out->append("{\"type\":\"text\",");
  if (!parameter.name.empty()) {
    AppendFirstMember("parameter_name", parameter.name, out);
    out->push_back(',');
  }
  AppendFirstMember("text", parameter.text, out);
  out->push_back('}');
}

void AppendParameter(const TemplateParameter& parameter, std::string* out) {
  absl::string_view kind;
  switch (parameter.kind) {
    case TemplateParameter::Kind::kText:
      return AppendTextParameter(parameter, out);
    case TemplateParameter::Kind::kLocation:
      out->append("{\"type\":\"location\",\"location\":{");
      AppendCoordinates(parameter.location, out);
      out->append("}}");
      return;
    case TemplateParameter::Kind::kImage:
      kind = "image";
      break;
    case TemplateParameter::Kind::kDocument:
      kind = "document";
      break;
    case TemplateParameter::Kind::kVideo:
      kind = "video";
      break;
  }
  absl::StrAppend(out, "{\"type\":\"", kind, "\",\"", kind, "\":{");
  const bool uploaded = !parameter.id.empty();
  AppendFirstMember(uploaded ? "id" : "link", uploaded ? parameter.id : parameter.link, out);
  if (parameter.kind == TemplateParameter::Kind::kDocument) {
    AppendMember("filename", parameter.filename, out);
  }
  out->append("}}");
}

void AppendComponent(absl::string_view type, const std::vector<TemplateParameter>& parameters,
                     std::string* out) {
  if (parameters.empty()) return;
  absl::StrAppend(out, "{\"type\":\"", type, "\",\"parameters\":[");
  for (const TemplateParameter& parameter : parameters) {
    AppendParameter(parameter, out);
    out->push_back(',');
  }
  out->back() = ']';
  out->append("},");
}

void AppendTemplateButton(const TemplateButton& button, std::string* out) {
  const bool quick = button.kind == TemplateButton::Kind::kQuickReply;
  absl::StrAppend(out, "{\"type\":\"button\",\"sub_type\":\"", quick ? "quick_reply" : "url",
                  "\",\"index\":\"", button.index, "\",\"parameters\":[{\"type\":\"",
                  quick ? "payload" : "text", "\",");
  AppendFirstMember(quick ? "payload" : "text", button.text, out);
  out->append("}]},");
}

void AppendContent(const Template& content, std::string* out) {
  out->push_back('{');
  AppendFirstMember("name", content.name, out);
  out->append(",\"language\":{");
  AppendFirstMember("code", content.language, out);
  out->push_back('}');
  if (!content.header.empty() || !content.body.empty() || !content.buttons.empty()) {
    out->append(",\"components\":[");
    AppendComponent("header", content.header, out);
    AppendComponent("body", content.body, out);
    for (const TemplateButton& button : content.buttons) AppendTemplateButton(button, out);
    out->back() = ']';
  }
  out->push_back('}');
}

void AppendContent(const Media& media, std::string* out) {
  out->push_back('{');
  AppendFirstMember(media.id.empty() ? "link" : "id", media.id.empty() ? media.link : media.id,
                    out);
  AppendMember("caption", media.caption, out);
  AppendMember("filename", media.filename, out);
  out->push_back('}');
}

void AppendContent(const Location& location, std::string* out) {
  out->push_back('{');
  AppendCoordinates(location, out);
  out->push_back('}');
}

absl::string_view MediaName(Media::Kind kind) {
  switch (kind) {
    case Media::Kind::kImage:
      return "image";
    case Media::Kind::kDocument:
      return "document";
    case Media::Kind::kVideo:
      return "video";
    case Media::Kind::kAudio:
      return "audio";
  }
  return "image";
}

// What all interactive kinds begin with.
void AppendInteractiveParts(absl::string_view type, absl::string_view header,
                            const std::optional<Media>& header_media, absl::string_view body,
                            absl::string_view footer, std::string* out) {
  absl::StrAppend(out, "{\"type\":\"", type, "\"");
  if (!header.empty()) {
    out->append(",\"header\":{\"type\":\"text\"");
    AppendMember("text", header, out);
    out->push_back('}');
  } else if (header_media.has_value()) {
    const absl::string_view kind = MediaName(header_media->kind);
    absl::StrAppend(out, ",\"header\":{\"type\":\"", kind, "\",\"", kind, "\":");
    AppendContent(*header_media, out);
    out->push_back('}');
  }
  out->append(",\"body\":{");
  AppendFirstMember("text", body, out);
  out->push_back('}');
  if (!footer.empty()) {
    out->append(",\"footer\":{");
    AppendFirstMember("text", footer, out);
    out->push_back('}');
  }
}

void AppendContent(const Buttons& content, std::string* out) {
  AppendInteractiveParts("button", content.header, content.header_media, content.body,
                         content.footer, out);
  out->append(",\"action\":{\"buttons\":[");
  for (std::size_t i = 0; i < content.buttons.size(); ++i) {
    absl::StrAppend(out, i > 0 ? "," : "", "{\"type\":\"reply\",\"reply\":{");
    AppendFirstMember("id", content.buttons[i].id, out);
    out->push_back(',');
    AppendFirstMember("title", content.buttons[i].title, out);
    out->append("}}");
  }
  out->append("]}}");
}

void AppendContent(const LinkButton& content, std::string* out) {
  AppendInteractiveParts("cta_url", content.header, content.header_media, content.body,
                         content.footer, out);
  out->append(",\"action\":{\"name\":\"cta_url\",\"parameters\":{");
  AppendFirstMember("display_text", content.title, out);
  out->push_back(',');
  AppendFirstMember("url", content.url, out);
  out->append("}}}");
}

void AppendSection(const ListSection& section, std::string* out) {
  out->push_back('{');
  if (!section.title.empty()) {
    AppendFirstMember("title", section.title, out);
    out->push_back(',');
  }
  out->append("\"rows\":[");
  for (std::size_t i = 0; i < section.rows.size(); ++i) {
    out->append(i > 0 ? ",{" : "{");
    AppendFirstMember("id", section.rows[i].id, out);
    out->push_back(',');
    AppendFirstMember("title", section.rows[i].title, out);
    AppendMember("description", section.rows[i].description, out);
    out->push_back('}');
  }
  out->append("]}");
}

void AppendContent(const List& content, std::string* out) {
  AppendInteractiveParts("list", content.header, std::nullopt, content.body, content.footer, out);
  out->append(",\"action\":{");
  AppendFirstMember("button", content.button, out);
  out->append(",\"sections\":[");
  for (std::size_t i = 0; i < content.sections.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendSection(content.sections[i], out);
  }
  out->append("]}}");
}

void AppendContent(const Reaction& reaction, std::string* out) {
  out->push_back('{');
  AppendFirstMember("message_id", reaction.message_id, out);
  out->push_back(',');
  AppendFirstMember("emoji", reaction.emoji, out);
  out->push_back('}');
}

struct KindNamer {
  absl::string_view operator()(const Text&) const { return "text"; }
  absl::string_view operator()(const Template&) const { return "template"; }
  absl::string_view operator()(const Media& media) const { return MediaName(media.kind); }
  absl::string_view operator()(const Location&) const { return "location"; }
  absl::string_view operator()(const Buttons&) const { return "interactive"; }
  absl::string_view operator()(const LinkButton&) const { return "interactive"; }
  absl::string_view operator()(const List&) const { return "interactive"; }
  absl::string_view operator()(const Reaction&) const { return "reaction"; }
};

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  while (true) {
    const std::size_t invalid = base::FirstInvalidUtf8(text);
    AppendEscaped(text.substr(0, invalid), out);
    if (invalid >= text.size()) break;
    out->append(kReplacement);
    text.remove_prefix(invalid + 1);
  }
  out->push_back('"');
}

absl::string_view KindName(const Content& content) { return std::visit(KindNamer(), content); }

std::string BuildSendBody(const Message& message) {
  std::string out;
  out.reserve(512);
  out.append("{\"messaging_product\":\"whatsapp\",\"recipient_type\":\"individual\",");
  if (!message.to.phone.empty()) {
    AppendFirstMember("to", message.to.phone, &out);
  } else {
    AppendFirstMember("recipient", message.to.bsuid, &out);
  }
  if (!message.context_message_id.empty()) {
    out.append(",\"context\":{");
    AppendFirstMember("message_id", message.context_message_id, &out);
    out.push_back('}');
  }
  const absl::string_view kind = KindName(message.content);
  absl::StrAppend(&out, ",\"type\":\"", kind, "\",\"", kind, "\":");
  std::visit([&out](const auto& content) { AppendContent(content, &out); }, message.content);
  AppendMember("biz_opaque_callback_data", message.callback_data, &out);
  out.push_back('}');
  return out;
}

}  // namespace kabar::whatsapp
