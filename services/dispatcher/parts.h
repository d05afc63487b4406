// What a message has besides its text: header, footer, buttons.
//
// Thread safety: values and pure functions. Nothing blocks. Errors: none.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace kabar::dispatcher {

// The numbers are those of kabar.content.v1.Parts.HeaderKind.
enum class HeaderKind {
  kNone = 0,
  kText = 1,
  kImage = 2,
  kDocument = 3,
  kVideo = 4,
  kLocation = 5,
};

struct Button {
  std::string title = {};
  std::string answer = {};  // what a tap means; not of a link
  std::string url = {};     // a link

  bool operator==(const Button&) const = default;
};

struct Parts {
  HeaderKind header_kind = HeaderKind::kNone;
  std::string header_text = {};
  std::string media_link = {};
  std::string filename = {};
  std::string latitude = {};
  std::string longitude = {};
  std::string location_name = {};
  std::string location_address = {};
  std::string footer = {};
  std::vector<Button> buttons = {};

  bool operator==(const Parts&) const = default;
};

// What a button carries, so that its answer is known as its message's whatever the provider says of
// the context: "YA@20261122-...".
std::string ButtonPayload(absl::string_view answer, absl::string_view message_id);

struct TappedButton {
  std::string answer = {};
  std::string message_id = {};  // empty: the payload is none of ours, and all of it is `answer`
};
TappedButton ParseButtonPayload(absl::string_view payload);

}  // namespace kabar::dispatcher
