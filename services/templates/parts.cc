#include "services/templates/parts.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::templates {
namespace {

using template_lang::Failure;

constexpr size_t kMaxHeaderCharacters = 60;
constexpr size_t kMaxFooterCharacters = 60;
constexpr size_t kMaxTitleCharacters = 20;
constexpr size_t kMaxAnswerBytes = 128;  // with the message's id it is a button's payload
constexpr size_t kMaxReplies = 3;

struct Field {
  std::string Parts::*member;
  const char* name;
};
constexpr std::array<Field, 7> kTexts = {{{&Parts::header_text, "header_text"},
                                          {&Parts::media_link, "media_link"},
                                          {&Parts::filename, "filename"},
                                          {&Parts::latitude, "latitude"},
                                          {&Parts::longitude, "longitude"},
                                          {&Parts::location_name, "location_name"},
                                          {&Parts::location_address, "location_address"}}};

// Its texts are numbered: those above, then each button's address.
std::string& TextAt(Parts& parts, size_t place) {
  return place < kTexts.size() ? parts.*kTexts[place].member
                               : parts.buttons[place - kTexts.size()].url;
}
std::string NameAt(size_t place) {
  return place < kTexts.size()
             ? absl::StrCat("template.parts.", kTexts[place].name)
             : absl::StrCat("template.parts.buttons[", place - kTexts.size(), "].url");
}

class Faults {
 public:
  void Add(absl::string_view field, absl::string_view what) {
    base::AddFieldViolation(status_, absl::StrCat("template.parts.", field), what);
  }
  void Text(const std::string& field, const std::string& text, size_t most) {
    const std::string breaks("\0\n\r\t", 4);
    if (!base::IsValidUtf8(text) || text.find_first_of(breaks) != std::string::npos) {
      Add(field, "must be one line of UTF-8");
    } else if (base::CountCodepoints(text) > most) {
      Add(field, absl::StrCat("has more than ", most, " characters, WhatsApp's limit"));
    }
  }
  absl::Status Take() { return std::move(status_); }

 private:
  absl::Status status_;
};

bool IsMedia(HeaderKind kind) {
  return kind == HeaderKind::kImage || kind == HeaderKind::kDocument || kind == HeaderKind::kVideo;
}

// What belongs to a header's kind is there, and nothing else.
void CheckHeader(const Parts& parts, Faults* faults) {
  const auto need = [&](bool wanted, const std::string& text, const char* field) {
    if (wanted && text.empty()) {
      faults->Add(field, absl::StrCat("is required for a header that is a ",
                                      HeaderFormat(parts.header_kind)));
    }
    if (!wanted && !text.empty()) {
      faults->Add(field, absl::StrCat("belongs to another header_kind than ",
                                      parts.header_kind == HeaderKind::kNone
                                          ? absl::string_view("none")
                                          : HeaderFormat(parts.header_kind)));
    }
  };
  const bool place = parts.header_kind == HeaderKind::kLocation;
  need(parts.header_kind == HeaderKind::kText, parts.header_text, "header_text");
  need(IsMedia(parts.header_kind), parts.media_link, "media_link");
  if (parts.header_kind != HeaderKind::kDocument) need(false, parts.filename, "filename");
  need(place, parts.latitude, "latitude");
  need(place, parts.longitude, "longitude");
  need(place, parts.location_name, "location_name");
  need(place, parts.location_address, "location_address");
}

void CheckButtons(const std::vector<Button>& buttons, Faults* faults) {
  size_t links = 0;
  std::set<std::string> titles;
  for (size_t i = 0; i < buttons.size(); ++i) {
    const std::string field = absl::StrCat("buttons[", i, "]");
    const Button& button = buttons[i];
    if (button.title.empty()) faults->Add(field + ".title", "is required");
    faults->Text(field + ".title", button.title, kMaxTitleCharacters);
    if (!titles.insert(button.title).second) {
      faults->Add(field + ".title", "stands on another button too");
    }
    if (button.answer.size() > kMaxAnswerBytes) {
      faults->Add(field + ".answer", "has more than 128 bytes");
    }
    if (!button.url.empty() && !button.answer.empty()) {
      faults->Add(field + ".answer", "is nothing that a link can have: it opens its url");
    }
    links += button.url.empty() ? 0 : 1;
  }
  if (links > 0 && buttons.size() > 1) {
    faults->Add("buttons", "must be one link, or up to 3 that answer");
  } else if (buttons.size() > kMaxReplies) {
    faults->Add("buttons", "has more than 3, WhatsApp's limit");
  }
}

}  // namespace

absl::string_view HeaderFormat(HeaderKind kind) {
  switch (kind) {
    case HeaderKind::kNone:
      return "";
    case HeaderKind::kText:
      return "TEXT";
    case HeaderKind::kImage:
      return "IMAGE";
    case HeaderKind::kDocument:
      return "DOCUMENT";
    case HeaderKind::kVideo:
      return "VIDEO";
    case HeaderKind::kLocation:
      return "LOCATION";
  }
  return "";
}

bool Parts::empty() const { return *this == Parts(); }

absl::StatusOr<CompiledParts> CompiledParts::Compile(const Parts& parts) {
  CompiledParts compiled;
  compiled.source_ = parts;
  if (parts.empty()) return compiled;
  Faults faults;
  CheckHeader(parts, &faults);
  CheckButtons(parts.buttons, &faults);
  faults.Text("footer", parts.footer, kMaxFooterCharacters);
  absl::Status status = faults.Take();
  for (size_t place = 0; place < kTexts.size() + parts.buttons.size(); ++place) {
    const std::string& text = TextAt(compiled.source_, place);
    if (text.empty()) continue;
    absl::StatusOr<template_lang::Template> program = template_lang::Compile(text);
    if (!program.ok()) {
      base::AddFieldViolation(status, NameAt(place), program.status().message());
      continue;
    }
    if (!program->providers().empty()) {
      base::AddFieldViolation(status, NameAt(place), "holds a {{provider}}: that is the message's");
    }
    if (place == 0 && program->shortest_fixed_text() > kMaxHeaderCharacters) {
      base::AddFieldViolation(status, NameAt(place),
                              "has more than 60 characters of fixed text, WhatsApp's limit");
    }
    compiled.texts_.push_back(*std::move(program));
    compiled.places_.push_back(place);
  }
  if (!status.ok()) return status;
  return compiled;
}

absl::StatusOr<BoundParts> CompiledParts::Bind(const template_lang::Columns& columns,
                                               absl::TimeZone zone) const {
  BoundParts bound;
  bound.source_ = source_;
  bound.places_ = places_;
  for (const template_lang::Template& text : texts_) {
    KABAR_ASSIGN_OR_RETURN(template_lang::Binding binding, text.Bind(columns, zone));
    bound.bindings_.push_back(std::move(binding));
  }
  return bound;
}

Failure BoundParts::Render(template_lang::Row row, template_lang::Mode mode,
                           template_lang::Output* buffer, Parts* rendered) const {
  *rendered = source_;
  for (Button& button : rendered->buttons) {
    if (button.url.empty()) button.answer = button.meaning();
  }
  for (size_t i = 0; i < bindings_.size(); ++i) {
    const Failure failure = bindings_[i].Render(row, mode, buffer);
    if (!failure.ok()) return failure;
    TextAt(*rendered, places_[i]) = buffer->text;
  }
  return {};
}

}  // namespace kabar::templates
