// Header, footer and buttons of a template: part of each version, their texts in the language of
// messages (no provider directives), compiled once and rendered with the message's own values.
//
// Thread safety: values; CompiledParts and BoundParts are immutable. Blocks: never. Errors:
// INVALID_ARGUMENT with a violation for each fault (paths under `template.parts`).
#ifndef KABAR_SERVICES_TEMPLATES_PARTS_H_
#define KABAR_SERVICES_TEMPLATES_PARTS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/template_lang/template.h"

namespace kabar::templates {

// The numbers are those of kabar.content.v1.Parts.HeaderKind.
enum class HeaderKind {
  kNone = 0,
  kText = 1,
  kImage = 2,
  kDocument = 3,
  kVideo = 4,
  kLocation = 5,
};

// As the provider calls it: "IMAGE"; "" for kNone.
absl::string_view HeaderFormat(HeaderKind kind);

struct Button {
  std::string title = {};
  std::string answer = {};  // what a tap means; empty: the title. Not of a link
  std::string url = {};     // a link

  const std::string& meaning() const { return answer.empty() ? title : answer; }
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

  bool empty() const;
  bool operator==(const Parts&) const = default;
};

class BoundParts;

class CompiledParts {
 public:
  CompiledParts() = default;
  // Checks everything that can be checked without values.
  static absl::StatusOr<CompiledParts> Compile(const Parts& parts);

  const Parts& source() const { return source_; }
  // Those of its texts, in their order.
  const std::vector<template_lang::Template>& texts() const { return texts_; }
  absl::StatusOr<BoundParts> Bind(const template_lang::Columns& columns, absl::TimeZone zone) const;

 private:
  Parts source_;
  std::vector<template_lang::Template> texts_;
  std::vector<size_t> places_;  // of each text, among the texts of Parts
};

class BoundParts {
 public:
  // Fills in `rendered`. A failure's variable lives as long as the template.
  template_lang::Failure Render(template_lang::Row row, template_lang::Mode mode,
                                template_lang::Output* buffer, Parts* rendered) const;

 private:
  friend class CompiledParts;
  Parts source_;
  std::vector<template_lang::Binding> bindings_;
  std::vector<size_t> places_;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PARTS_H_
