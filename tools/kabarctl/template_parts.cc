#include "tools/kabarctl/template_parts.h"

#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_split.h"

namespace kabar::kabarctl {

absl::StatusOr<bool> ReadParts(const Arguments& arguments, content::v1::Parts* parts) {
  using Kind = content::v1::Parts;
  const auto header = [&](const char* option, Kind::HeaderKind kind) {
    if (!arguments.Has(option)) return;
    parts->set_header_kind(kind);
    kind == Kind::TEXT ? parts->set_header_text(arguments.Get(option))
                       : parts->set_media_link(arguments.Get(option));
  };
  int headers = 0;
  for (const char* option : {"header-text", "image", "document", "video", "location"}) {
    headers += arguments.Has(option) ? 1 : 0;
  }
  if (headers > 1) return UsageError("a message has one header: text, image, document or another");
  header("header-text", Kind::TEXT);
  header("image", Kind::IMAGE);
  header("document", Kind::DOCUMENT);
  header("video", Kind::VIDEO);
  parts->set_filename(arguments.Get("filename"));
  if (arguments.Has("location")) {
    const std::vector<std::string> place = absl::StrSplit(arguments.Get("location"), ';');
    if (place.size() != 4) return UsageError("--location: write LATITUDE;LONGITUDE;NAME;ADDRESS");
    parts->set_header_kind(Kind::LOCATION);
    parts->set_latitude(place[0]);
    parts->set_longitude(place[1]);
    parts->set_location_name(place[2]);
    parts->set_location_address(place[3]);
  }
  parts->set_footer(arguments.Get("footer"));
  const auto split = [](const std::string& given) -> std::pair<std::string, std::string> {
    return absl::StrSplit(given, absl::MaxSplits('=', 1));
  };
  for (const std::string& given : arguments.All("button")) {
    auto* button = parts->add_buttons();
    std::string answer;
    std::tie(*button->mutable_title(), answer) = split(given);
    button->set_answer(answer);
  }
  if (arguments.Has("link")) {
    auto* button = parts->add_buttons();
    std::string url;
    std::tie(*button->mutable_title(), url) = split(arguments.Get("link"));
    if (url.empty()) return UsageError("--link: write TITLE=https://...");
    button->set_url(url);
  }
  return parts->ByteSizeLong() > 0;
}

std::vector<Option> PartsOptions(std::vector<Option> options) {
  const std::vector<Option> parts = {
      {.name = "header-text",
       .value = "TEXT",
       .help = "a header; like the texts below in the language of messages",
       .field = "template.parts.header_text"},
      {.name = "image",
       .value = "URL",
       .help = "a picture as header: its address, or medium:NAME (kabarctl media)",
       .field = "template.parts.media_link"},
      {.name = "document", .value = "URL", .help = "a document as header, in the same way"},
      {.name = "filename",
       .value = "NAME",
       .help = "of the document, as the customer sees it",
       .field = "template.parts.filename"},
      {.name = "video", .value = "URL", .help = "a video as header, in the same way"},
      {.name = "location",
       .value = "LATITUDE;LONGITUDE;NAME;ADDRESS",
       .help = "a place as header, in provider templates only",
       .field = "template.parts.header_kind"},
      {.name = "footer", .value = "TEXT", .help = "a footer", .field = "template.parts.footer"},
      {.name = "button",
       .value = "TITLE[=ANSWER]",
       .help = "a button that answers; up to 3",
       .field = "template.parts.buttons",
       .repeated = true},
      {.name = "link", .value = "TITLE=URL", .help = "a button that opens an address"}};
  options.insert(options.end(), parts.begin(), parts.end());
  return options;
}

}  // namespace kabar::kabarctl
