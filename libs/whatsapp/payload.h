// The one place that knows what a Cloud API send request looks like: message contents as values,
// their limits, and the exact JSON.
//
// Thread safety: values and free functions. Nothing blocks. Errors: ValidateMessage() gives
// INVALID_ARGUMENT with one of the reasons below (base::GetReason), metadata "field", and a message
// with the limit and what to do. Lengths count Unicode code points, not bytes.
#ifndef KABAR_LIBS_WHATSAPP_PAYLOAD_H_
#define KABAR_LIBS_WHATSAPP_PAYLOAD_H_

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::whatsapp {

inline constexpr std::size_t kMaxTextChars = 4096;
inline constexpr std::size_t kMaxTemplateChars = 1024;  // body after expansion
inline constexpr std::size_t kMaxButtonsBodyChars = 1024;
inline constexpr std::size_t kMaxListBodyChars = 4096;
inline constexpr std::size_t kMaxCaptionChars = 1024;
inline constexpr std::size_t kMaxHeaderChars = 60;
inline constexpr std::size_t kMaxFooterChars = 60;
inline constexpr std::size_t kMaxReplyButtons = 3;
inline constexpr std::size_t kMaxButtonTitleChars = 20;
inline constexpr std::size_t kMaxButtonIdChars = 256;
inline constexpr std::size_t kMaxListRows = 10;
inline constexpr std::size_t kMaxRowTitleChars = 24;
inline constexpr std::size_t kMaxRowIdChars = 200;
inline constexpr std::size_t kMaxRowDescriptionChars = 72;
inline constexpr std::size_t kMaxCallbackDataChars = 512;

// The customer: by phone, or by business-scoped user id when the phone is hidden. With both the
// phone is used (as the provider does).
struct Recipient {
  std::string phone = {};  // E.164 digits without '+': "6281234567890"
  std::string bsuid = {};  // "ID.13491208655302741918"
};

struct Text {
  std::string body = {};
  bool preview_url = false;
};

struct Media {
  enum class Kind { kImage, kDocument, kVideo, kAudio };
  Kind kind = Kind::kImage;
  std::string id = {};        // uploaded media; or
  std::string link = {};      // https://...
  std::string caption = {};   // not for audio
  std::string filename = {};  // document only
};

struct Location {
  double latitude = 0;
  double longitude = 0;
  std::string name = {};
  std::string address = {};
};

// One parameter of a template. Either text, or (in a header only) a medium or a location.
struct TemplateParameter {
  enum class Kind { kText, kImage, kDocument, kVideo, kLocation };
  Kind kind = Kind::kText;
  std::string name = {};      // of a named parameter; empty: they go by their order
  std::string text = {};      // kText
  std::string id = {};        // media: of an uploaded one; or
  std::string link = {};      // https://...
  std::string filename = {};  // kDocument, optional
  Location location = {};     // kLocation
};

struct TemplateButton {
  enum class Kind { kQuickReply, kUrl };
  Kind kind = Kind::kQuickReply;
  int index = 0;          // position of the button in the template, from 0
  std::string text = {};  // kQuickReply: the payload that comes back; kUrl: the variable part
};

// Parameters without names are positional: the first fills {{1}}.
struct Template {
  std::string name = {};
  std::string language = {};  // "id", "en_US"
  std::vector<TemplateParameter> header = {};
  std::vector<TemplateParameter> body = {};
  std::vector<TemplateButton> buttons = {};
};

struct ReplyButton {
  std::string id = {};
  std::string title = {};
};

// Interactive message with up to three reply buttons.
struct Buttons {
  std::string header = {};                 // text, optional; or
  std::optional<Media> header_media = {};  // an image, a document or a video
  std::string body = {};
  std::string footer = {};
  std::vector<ReplyButton> buttons = {};
};

// Interactive message with one button that opens an address.
struct LinkButton {
  std::string header = {};  // text, optional; or
  std::optional<Media> header_media = {};
  std::string body = {};
  std::string footer = {};
  std::string title = {};
  std::string url = {};
};

struct ListRow {
  std::string id = {};
  std::string title = {};
  std::string description = {};
};

struct ListSection {
  std::string title = {};  // required when there are several sections
  std::vector<ListRow> rows = {};
};

// Interactive message with a list to choose from.
struct List {
  std::string header = {};
  std::string body = {};
  std::string footer = {};
  std::string button = {};  // the label that opens the list
  std::vector<ListSection> sections = {};
};

struct Reaction {
  std::string message_id = {};
  std::string emoji = {};  // empty takes the reaction back
};

using Content = std::variant<Text, Template, Media, Location, Buttons, LinkButton, List, Reaction>;

struct Message {
  Recipient to = {};
  Content content = {};
  std::string context_message_id = {};  // makes it a reply to that message
  std::string callback_data = {};       // biz_opaque_callback_data: "<message id>.<attempt>"
};

// The provider's word: "text", "template", "image", "interactive", ...
absl::string_view KindName(const Content& content);

// OK, or the first fault. Reasons: TEXT_EMPTY, TEXT_TOO_LONG, NOT_UTF8, TEMPLATE_NAME,
// TEMPLATE_LANGUAGE, PARAMETER_EMPTY, PARAMETER_WHITESPACE, PARAMETER_TOO_LONG, PARAMETER_KIND,
// MEDIA_SOURCE, CAPTION_NOT_ALLOWED, CAPTION_TOO_LONG, FILENAME_NOT_ALLOWED, LOCATION_RANGE,
// BUTTON_COUNT, BUTTON_TITLE, BUTTON_ID, BUTTON_URL, BUTTON_DUPLICATE, BUTTON_INDEX,
// HEADER_TOO_LONG, FOOTER_TOO_LONG, LIST_BUTTON, LIST_ROWS, LIST_ROW, LIST_SECTION_TITLE,
// REACTION_TARGET; and of the message: RECIPIENT, CALLBACK_DATA_TOO_LONG.
absl::Status ValidateContent(const Content& content);
absl::Status ValidateMessage(const Message& message);

// The JSON of one send request. Does not validate; bytes that are no UTF-8 become U+FFFD.
std::string BuildSendBody(const Message& message);

// `text` as a JSON string with its quotes, appended.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_PAYLOAD_H_
