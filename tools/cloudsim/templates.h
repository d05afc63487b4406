// Provider templates: compiled once, expanded into the text that the customer reads.
//
// Components as Meta writes them (HEADER, BODY, FOOTER, BUTTONS; {{1}} or {{name}}), parameters as
// a send brings them. Thread-safe once compiled, never blocks. Errors: CompileTemplate() says which
// component is wrong; ExpandTemplate() refuses with the Graph error of the real API.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/graph_errors.h"
#include "tools/cloudsim/setup.h"

namespace kabar::cloudsim {

// A text with holes.
struct TemplateText {
  struct Piece {
    std::string literal;
    int parameter = -1;  // index into `names`; -1: the literal
  };
  std::vector<Piece> pieces;
  std::vector<std::string> names;  // "1", "2", ... or the names, in order of first use
};

struct TemplateButton {
  std::string type;  // QUICK_REPLY, URL, PHONE_NUMBER, ...
  std::string text;
  std::string url;
  bool takes_parameter = false;  // a URL that ends in {{1}}
};

struct Template {
  TemplateSetup setup;  // name, language, category, status, components as given
  std::string id;
  std::string quality = "GREEN";
  bool named = false;
  std::string header_format;  // empty, TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION
  TemplateText header;
  TemplateText body;
  std::string footer;
  std::vector<TemplateButton> buttons;
  bool has_quick_replies = false;
  int64_t approved_at_us = 0;  // PENDING until then; 0: the status says it all
};

// Checks the rules of creation too: lengths, contiguous numbering, at most 10 buttons.
absl::StatusOr<Template> CompileTemplate(const TemplateSetup& setup);

struct TemplateParameter {
  absl::string_view type;  // text, currency, date_time, payload, image, ...
  absl::string_view name;  // named parameters only
  absl::string_view text;
  bool has_text = false;
  bool uploaded = false;  // text is the id of an uploaded medium
};

struct TemplateArguments {
  std::vector<TemplateParameter> header;
  std::vector<TemplateParameter> body;
  struct Button {
    int index = 0;
    absl::string_view sub_type;
    std::vector<TemplateParameter> parameters;
  };
  std::vector<Button> buttons;

  void Clear() {
    header.clear();
    body.clear();
    buttons.clear();
  }
};

// Appends header and body as the customer reads them. False: `*error` is the refusal.
bool ExpandTemplate(const Template& source, const TemplateArguments& arguments, std::string* header,
                    std::string* body, GraphError* error);

}  // namespace kabar::cloudsim
