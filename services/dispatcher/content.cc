#include "services/dispatcher/content.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/text.h"

namespace kabar::dispatcher {
namespace {

// nullopt: the header is no medium.
std::optional<whatsapp::Media> HeaderMedia(const StartedMessage& message) {
  const Parts& parts = message.parts;
  whatsapp::Media media{.id = message.media_id,
                        .link = message.media_id.empty() ? parts.media_link : ""};
  switch (parts.header_kind) {
    case HeaderKind::kImage:
      media.kind = whatsapp::Media::Kind::kImage;
      return media;
    case HeaderKind::kVideo:
      media.kind = whatsapp::Media::Kind::kVideo;
      return media;
    case HeaderKind::kDocument:
      media.kind = whatsapp::Media::Kind::kDocument;
      media.filename = parts.filename;
      return media;
    default:
      return std::nullopt;
  }
}

// WhatsApp's headers and footers stand around buttons only: without, they are lines of the text.
std::string WholeText(const StartedMessage& message) {
  std::string text;
  if (!message.parts.header_text.empty()) {
    text = absl::StrCat("*", message.parts.header_text, "*\n\n");
  }
  absl::StrAppend(&text, message.text);
  if (!message.parts.footer.empty()) absl::StrAppend(&text, "\n\n_", message.parts.footer, "_");
  return text;
}

whatsapp::Location LocationOf(const Parts& parts) {
  whatsapp::Location location{.name = parts.location_name, .address = parts.location_address};
  // What is no number is nowhere on earth, which the check then says.
  if (!absl::SimpleAtod(parts.latitude, &location.latitude)) location.latitude = 1000;
  if (!absl::SimpleAtod(parts.longitude, &location.longitude)) location.longitude = 1000;
  return location;
}

whatsapp::TemplateParameter HeaderParameter(const StartedMessage& message) {
  const Parts& parts = message.parts;
  using Kind = whatsapp::TemplateParameter::Kind;
  whatsapp::TemplateParameter header{.id = message.media_id,
                                     .link = message.media_id.empty() ? parts.media_link : "",
                                     .filename = parts.filename};
  switch (parts.header_kind) {
    case HeaderKind::kImage:
      header.kind = Kind::kImage;
      break;
    case HeaderKind::kVideo:
      header.kind = Kind::kVideo;
      break;
    case HeaderKind::kDocument:
      header.kind = Kind::kDocument;
      break;
    case HeaderKind::kLocation:
      header.kind = Kind::kLocation;
      header.location = LocationOf(parts);
      break;
    default:
      header.text = parts.header_text;
  }
  return header;
}

}  // namespace

// A place stands in provider templates alone: without one (it must not be sent now) the text would
// go without what it speaks of.
bool NeedsForm(const StartedMessage& message) {
  const Parts& parts = message.parts;
  if (parts.header_kind == HeaderKind::kLocation) return true;
  const bool alone = parts.buttons.empty() && (parts.header_kind == HeaderKind::kNone ||
                                               parts.header_kind == HeaderKind::kText);
  if (alone || message.form.empty()) return false;
  return parts.buttons.empty()
             ? base::CountCodepoints(WholeText(message)) > whatsapp::kMaxCaptionChars
             : base::CountCodepoints(message.text) > whatsapp::kMaxButtonsBodyChars;
}

whatsapp::Content FreeContent(const StartedMessage& message) {
  const Parts& parts = message.parts;
  std::optional<whatsapp::Media> media = HeaderMedia(message);
  if (parts.buttons.empty()) {
    if (!media.has_value()) return whatsapp::Text{.body = WholeText(message)};
    media->caption = WholeText(message);
    return *std::move(media);
  }
  if (!parts.buttons[0].url.empty()) {
    return whatsapp::LinkButton{.header = parts.header_text,
                                .header_media = std::move(media),
                                .body = message.text,
                                .footer = parts.footer,
                                .title = parts.buttons[0].title,
                                .url = parts.buttons[0].url};
  }
  whatsapp::Buttons content{.header = parts.header_text,
                            .header_media = std::move(media),
                            .body = message.text,
                            .footer = parts.footer};
  for (const Button& button : parts.buttons) {
    content.buttons.push_back(
        {.id = ButtonPayload(button.answer, message.id), .title = button.title});
  }
  return content;
}

whatsapp::Template FormContent(const StartedMessage& message) {
  const ProviderForm& form = message.form;
  whatsapp::Template content{.name = form.name, .language = form.language};
  if (form.with_header) content.header.push_back(HeaderParameter(message));
  for (const std::string& text : form.header_parameters) {
    whatsapp::TemplateParameter parameter;
    parameter.text = text;
    content.header.push_back(std::move(parameter));
  }
  for (std::size_t i = 0; i < form.parameters.size(); ++i) {
    whatsapp::TemplateParameter parameter;
    parameter.text = form.parameters[i];
    if (i < form.parameter_names.size()) parameter.name = form.parameter_names[i];
    content.body.push_back(std::move(parameter));
  }
  for (const auto& [place, answer] : form.replies) {
    content.buttons.push_back({.kind = whatsapp::TemplateButton::Kind::kQuickReply,
                               .index = place,
                               .text = ButtonPayload(answer, message.id)});
  }
  for (const auto& [place, end] : form.links) {
    content.buttons.push_back(
        {.kind = whatsapp::TemplateButton::Kind::kUrl, .index = place, .text = end});
  }
  return content;
}

}  // namespace kabar::dispatcher
