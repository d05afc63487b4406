// The limits of payload.h.
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/whatsapp/payload.h"

namespace kabar::whatsapp {
namespace {

absl::Status Fault(absl::string_view reason, absl::string_view field, absl::string_view what) {
  return base::WithMeta(
      base::Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(field, ": ", what)),
      "field", field);
}

// Valid UTF-8 of min..max characters.
absl::Status CheckLength(absl::string_view text, absl::string_view field, std::size_t min,
                         std::size_t max, absl::string_view reason_empty,
                         absl::string_view reason_long) {
  if (!base::IsValidUtf8(text)) return Fault("NOT_UTF8", field, "not valid UTF-8; convert it");
  const std::size_t count = base::CountCodepoints(text);
  if (count < min) return Fault(reason_empty, field, "is empty; give it a text");
  if (count > max) {
    return Fault(reason_long, field,
                 absl::StrCat(count, " characters; WhatsApp allows ", max, "; shorten it"));
  }
  return absl::OkStatus();
}

// What Meta demands of every text parameter of a template.
absl::Status CheckParameterText(absl::string_view text, absl::string_view field, std::size_t max) {
  KABAR_RETURN_IF_ERROR(CheckLength(text, field, 1, max, "PARAMETER_EMPTY", "PARAMETER_TOO_LONG"));
  if (base::Trim(text).empty()) {
    return Fault("PARAMETER_EMPTY", field, "only white space; give it a text or a default");
  }
  if (text.find_first_of("\n\r\t") != absl::string_view::npos || absl::StrContains(text, "     ")) {
    return Fault("PARAMETER_WHITESPACE", field,
                 "holds a line break, a tab or more than four spaces in a row; WhatsApp refuses "
                 "them in template parameters");
  }
  return absl::OkStatus();
}

bool IsLink(absl::string_view link) {
  return (absl::StartsWith(link, "https://") || absl::StartsWith(link, "http://")) &&
         link.find_first_of(" \n\r\t") == absl::string_view::npos;
}

absl::Status Check(const Location& location) {
  // Written so that NaN is refused too.
  if (!(std::fabs(location.latitude) <= 90) || !(std::fabs(location.longitude) <= 180)) {
    return Fault("LOCATION_RANGE", "location", "latitude is -90..90, longitude -180..180");
  }
  KABAR_RETURN_IF_ERROR(
      CheckLength(location.name, "location.name", 0, kMaxTextChars, "", "TEXT_TOO_LONG"));
  return CheckLength(location.address, "location.address", 0, kMaxTextChars, "", "TEXT_TOO_LONG");
}

absl::Status CheckParameter(const TemplateParameter& parameter, absl::string_view field,
                            bool in_header) {
  if (parameter.kind == TemplateParameter::Kind::kText) {
    return CheckParameterText(parameter.text, field,
                              in_header ? kMaxHeaderChars : kMaxTemplateChars);
  }
  if (!in_header) {
    return Fault("PARAMETER_KIND", field,
                 "media and locations stand in the header only; use text here");
  }
  if (parameter.kind == TemplateParameter::Kind::kLocation) {
    if (parameter.location.name.empty() || parameter.location.address.empty()) {
      return Fault("LOCATION_RANGE", field, "a header's location needs a name and an address");
    }
    return Check(parameter.location);
  }
  if (parameter.id.empty() == parameter.link.empty()) {
    return Fault("MEDIA_SOURCE", field, "needs either an id or a link, not both");
  }
  if (!parameter.link.empty() && !IsLink(parameter.link)) {
    return Fault("MEDIA_SOURCE", field, "needs a link beginning with https://");
  }
  return absl::OkStatus();
}

bool IsTemplateName(absl::string_view name) {
  if (name.empty() || name.size() > 512) return false;
  for (const char c : name) {
    if (!absl::ascii_islower(static_cast<unsigned char>(c)) &&
        !absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '_') {
      return false;
    }
  }
  return true;
}

bool IsLanguageCode(absl::string_view code) {
  if (code.size() < 2 || code.size() > 15) return false;
  for (const char c : code) {
    if (!absl::ascii_isalpha(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

absl::Status Check(const Text& text) {
  return CheckLength(text.body, "text.body", 1, kMaxTextChars, "TEXT_EMPTY", "TEXT_TOO_LONG");
}

absl::Status Check(const Template& content) {
  if (!IsTemplateName(content.name)) {
    return Fault("TEMPLATE_NAME", "template.name",
                 "must be 1 to 512 of a-z, 0-9 and _, as the provider shows it");
  }
  if (!IsLanguageCode(content.language)) {
    return Fault("TEMPLATE_LANGUAGE", "template.language", "must be a code such as id or en_US");
  }
  for (std::size_t i = 0; i < content.header.size(); ++i) {
    KABAR_RETURN_IF_ERROR(
        CheckParameter(content.header[i], absl::StrCat("template.header[", i, "]"), true));
  }
  for (std::size_t i = 0; i < content.body.size(); ++i) {
    KABAR_RETURN_IF_ERROR(
        CheckParameter(content.body[i], absl::StrCat("template.body[", i, "]"), false));
  }
  std::set<int> indexes;
  for (std::size_t i = 0; i < content.buttons.size(); ++i) {
    const std::string field = absl::StrCat("template.buttons[", i, "]");
    const TemplateButton& button = content.buttons[i];
    if (button.index < 0 || button.index > 9 || !indexes.insert(button.index).second) {
      return Fault("BUTTON_INDEX", field, "the index must be 0 to 9, each once");
    }
    KABAR_RETURN_IF_ERROR(CheckLength(button.text, field, 1, kMaxButtonIdChars, "PARAMETER_EMPTY",
                                      "PARAMETER_TOO_LONG"));
  }
  return absl::OkStatus();
}

absl::Status Check(const Media& media) {
  if (media.id.empty() == media.link.empty()) {
    return Fault("MEDIA_SOURCE", "media", "needs either an id or a link, not both");
  }
  if (!media.link.empty() && !IsLink(media.link)) {
    return Fault("MEDIA_SOURCE", "media.link", "must begin with https://");
  }
  if (media.kind == Media::Kind::kAudio && !media.caption.empty()) {
    return Fault("CAPTION_NOT_ALLOWED", "media.caption", "audio has none; send a text after it");
  }
  if (media.kind != Media::Kind::kDocument && !media.filename.empty()) {
    return Fault("FILENAME_NOT_ALLOWED", "media.filename", "only a document has one");
  }
  KABAR_RETURN_IF_ERROR(
      CheckLength(media.filename, "media.filename", 0, 255, "", "FILENAME_NOT_ALLOWED"));
  return CheckLength(media.caption, "media.caption", 0, kMaxCaptionChars, "", "CAPTION_TOO_LONG");
}

absl::Status CheckInteractiveParts(absl::string_view header,
                                   const std::optional<Media>& header_media, absl::string_view body,
                                   absl::string_view footer, std::size_t max_body) {
  KABAR_RETURN_IF_ERROR(
      CheckLength(header, "interactive.header", 0, kMaxHeaderChars, "", "HEADER_TOO_LONG"));
  if (header_media.has_value()) {
    if (header_media->kind == Media::Kind::kAudio || !header_media->caption.empty()) {
      return Fault("CAPTION_NOT_ALLOWED", "interactive.header",
                   "is an image, a document or a video, without a caption");
    }
    KABAR_RETURN_IF_ERROR(Check(*header_media));
  }
  KABAR_RETURN_IF_ERROR(
      CheckLength(body, "interactive.body", 1, max_body, "TEXT_EMPTY", "TEXT_TOO_LONG"));
  return CheckLength(footer, "interactive.footer", 0, kMaxFooterChars, "", "FOOTER_TOO_LONG");
}

absl::Status Check(const LinkButton& content) {
  KABAR_RETURN_IF_ERROR(CheckInteractiveParts(content.header, content.header_media, content.body,
                                              content.footer, kMaxButtonsBodyChars));
  KABAR_RETURN_IF_ERROR(CheckLength(content.title, "interactive.title", 1, kMaxButtonTitleChars,
                                    "BUTTON_TITLE", "BUTTON_TITLE"));
  if (!IsLink(content.url)) {
    return Fault("BUTTON_URL", "interactive.url", "must be a link beginning with https://");
  }
  return absl::OkStatus();
}

absl::Status Check(const Buttons& content) {
  KABAR_RETURN_IF_ERROR(CheckInteractiveParts(content.header, content.header_media, content.body,
                                              content.footer, kMaxButtonsBodyChars));
  if (content.buttons.empty() || content.buttons.size() > kMaxReplyButtons) {
    return Fault("BUTTON_COUNT", "interactive.buttons",
                 absl::StrCat(content.buttons.size(), " buttons; WhatsApp allows 1 to ",
                              kMaxReplyButtons, "; use a list for more"));
  }
  std::set<std::string> ids, titles;
  for (std::size_t i = 0; i < content.buttons.size(); ++i) {
    const std::string field = absl::StrCat("interactive.buttons[", i, "]");
    const ReplyButton& button = content.buttons[i];
    KABAR_RETURN_IF_ERROR(CheckLength(button.title, field + ".title", 1, kMaxButtonTitleChars,
                                      "BUTTON_TITLE", "BUTTON_TITLE"));
    KABAR_RETURN_IF_ERROR(
        CheckLength(button.id, field + ".id", 1, kMaxButtonIdChars, "BUTTON_ID", "BUTTON_ID"));
    if (!ids.insert(button.id).second || !titles.insert(button.title).second) {
      return Fault("BUTTON_DUPLICATE", field, "another button has the same id or title");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRow(const ListRow& row, const std::string& field) {
  KABAR_RETURN_IF_ERROR(
      CheckLength(row.id, field + ".id", 1, kMaxRowIdChars, "LIST_ROW", "LIST_ROW"));
  KABAR_RETURN_IF_ERROR(
      CheckLength(row.title, field + ".title", 1, kMaxRowTitleChars, "LIST_ROW", "LIST_ROW"));
  return CheckLength(row.description, field + ".description", 0, kMaxRowDescriptionChars, "",
                     "LIST_ROW");
}

absl::Status Check(const List& content) {
  KABAR_RETURN_IF_ERROR(CheckInteractiveParts(content.header, std::nullopt, content.body,
                                              content.footer, kMaxListBodyChars));
  KABAR_RETURN_IF_ERROR(CheckLength(content.button, "interactive.button", 1, kMaxButtonTitleChars,
                                    "LIST_BUTTON", "LIST_BUTTON"));
  std::size_t rows = 0;
  std::set<std::string> ids;
  for (std::size_t i = 0; i < content.sections.size(); ++i) {
    const std::string field = absl::StrCat("interactive.sections[", i, "]");
    const ListSection& section = content.sections[i];
    KABAR_RETURN_IF_ERROR(CheckLength(section.title, field + ".title",
                                      content.sections.size() > 1 ? 1 : 0, kMaxRowTitleChars,
                                      "LIST_SECTION_TITLE", "LIST_SECTION_TITLE"));
    if (section.rows.empty()) return Fault("LIST_ROWS", field, "has no rows; leave it out");
    rows += section.rows.size();
    for (std::size_t j = 0; j < section.rows.size(); ++j) {
      const std::string row = absl::StrCat(field, ".rows[", j, "]");
      KABAR_RETURN_IF_ERROR(CheckRow(section.rows[j], row));
      if (!ids.insert(section.rows[j].id).second) {
        return Fault("BUTTON_DUPLICATE", row, "another row has the same id");
      }
    }
  }
  if (rows == 0 || rows > kMaxListRows) {
    return Fault("LIST_ROWS", "interactive.sections",
                 absl::StrCat(rows, " rows; WhatsApp allows 1 to ", kMaxListRows));
  }
  return absl::OkStatus();
}

absl::Status Check(const Reaction& reaction) {
  if (reaction.message_id.empty()) {
    return Fault("REACTION_TARGET", "reaction.message_id", "is empty; name the message");
  }
  return CheckLength(reaction.emoji, "reaction.emoji", 0, 32, "", "TEXT_TOO_LONG");
}

bool IsPhone(absl::string_view phone) {
  if (phone.size() < 7 || phone.size() > 15 || phone[0] == '0') return false;
  for (const char c : phone) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

// "ID.1349..." or the parent form "ID.ENT.1349...".
bool IsBsuid(absl::string_view bsuid) {
  if (bsuid.size() < 4 || bsuid.size() > 135 || bsuid[2] != '.' ||
      !absl::ascii_isupper(static_cast<unsigned char>(bsuid[0])) ||
      !absl::ascii_isupper(static_cast<unsigned char>(bsuid[1]))) {
    return false;
  }
  for (const char c : bsuid.substr(3)) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '.') return false;
  }
  return true;
}

}  // namespace

absl::Status ValidateContent(const Content& content) {
  return std::visit([](const auto& kind) { return Check(kind); }, content);
}

absl::Status ValidateMessage(const Message& message) {
  const bool valid =
      message.to.phone.empty() ? IsBsuid(message.to.bsuid) : IsPhone(message.to.phone);
  if (!valid) {  // without quoting it: personal data stays out of errors
    return Fault(
        "RECIPIENT", "to",
        "must be a phone as E.164 digits (6281...) or a business-scoped user id (ID.1...)");
  }
  KABAR_RETURN_IF_ERROR(CheckLength(message.callback_data, "callback_data", 0,
                                    kMaxCallbackDataChars, "", "CALLBACK_DATA_TOO_LONG"));
  return ValidateContent(message.content);
}

}  // namespace kabar::whatsapp
