#include "tools/cloudsim/templates.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

constexpr size_t kMaxBody = 1024;
constexpr size_t kMaxHeader = 60;
constexpr size_t kMaxFooter = 60;
constexpr size_t kMaxButtons = 10;
constexpr size_t kMaxButtonText = 25;

absl::Status Wrong(absl::string_view component, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(component, ": ", what));
}

absl::Status CheckNames(const TemplateText& text, bool named, absl::string_view component) {
  for (const std::string& name : text.names) {
    if (named) {
      const bool good = std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
      });
      if (!good) {
        return Wrong(component, absl::StrCat("the parameter name {{", name,
                                             "}} may hold lower-case letters, digits and _ only"));
      }
      continue;
    }
    int number = 0;
    if (!absl::SimpleAtoi(name, &number) || number < 1 ||
        number > static_cast<int>(text.names.size())) {
      return Wrong(component, absl::StrCat("the variable {{", name,
                                           "}} is not of the form {{1}}, {{2}}, ... without gaps"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TemplateText> CompileText(absl::string_view text, bool named,
                                         absl::string_view component) {
  TemplateText compiled;
  while (!text.empty()) {
    const size_t open = text.find("{{");
    if (open != 0) compiled.pieces.push_back({std::string(text.substr(0, open)), -1});
    if (open == absl::string_view::npos) break;
    const size_t close = text.find("}}", open);
    if (close == absl::string_view::npos) return Wrong(component, "a {{ has no }}");
    const std::string name(absl::StripAsciiWhitespace(text.substr(open + 2, close - open - 2)));
    if (name.empty()) return Wrong(component, "a variable has no name");
    auto known = std::find(compiled.names.begin(), compiled.names.end(), name);
    if (known == compiled.names.end()) {
      compiled.names.push_back(name);
      known = compiled.names.end() - 1;
    }
    compiled.pieces.push_back({"", static_cast<int>(known - compiled.names.begin())});
    text.remove_prefix(close + 2);
  }
  const absl::Status names = CheckNames(compiled, named, component);
  if (!names.ok()) return names;
  if (!named) {
    // {{2}} before {{1}} is allowed; parameters come by number.
    for (TemplateText::Piece& piece : compiled.pieces) {
      if (piece.parameter < 0) continue;
      int number = 0;
      if (absl::SimpleAtoi(compiled.names[static_cast<size_t>(piece.parameter)], &number)) {
        piece.parameter = number - 1;
      }
    }
  }
  return compiled;
}

std::string Field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

absl::Status AddButtons(const Json& component, Template* result) {
  const auto buttons = component.find("buttons");
  if (buttons == component.end() || !buttons->is_array()) {
    return Wrong("BUTTONS", "the list `buttons` is missing");
  }
  for (const Json& button : *buttons) {
    TemplateButton added;
    added.type = absl::AsciiStrToUpper(Field(button, "type"));
    added.text = Field(button, "text");
    added.url = Field(button, "url");
    added.takes_parameter = added.type == "URL" && absl::StrContains(added.url, "{{1}}");
    if (added.type.empty()) return Wrong("BUTTONS", "a button has no type");
    if (CountCodePoints(added.text) > kMaxButtonText) {
      return Wrong("BUTTONS", absl::StrCat("a button text is longer than ", kMaxButtonText));
    }
    if (added.type == "QUICK_REPLY") result->has_quick_replies = true;
    result->buttons.push_back(std::move(added));
  }
  if (result->buttons.size() > kMaxButtons) return Wrong("BUTTONS", "more than 10 buttons");
  return absl::OkStatus();
}

absl::Status AddComponent(const Json& component, Template* result) {
  if (!component.is_object()) return Wrong("components", "must be a list of objects");
  const std::string type = absl::AsciiStrToUpper(Field(component, "type"));
  const std::string text = Field(component, "text");
  if (type == "BODY") {
    if (text.empty()) return Wrong("BODY", "the text is missing");
    if (CountCodePoints(text) > kMaxBody) return Wrong("BODY", "longer than 1,024 characters");
    absl::StatusOr<TemplateText> body = CompileText(text, result->named, "BODY");
    if (!body.ok()) return body.status();
    result->body = *std::move(body);
  } else if (type == "HEADER") {
    result->header_format = absl::AsciiStrToUpper(Field(component, "format"));
    if (result->header_format.empty()) result->header_format = "TEXT";
    if (CountCodePoints(text) > kMaxHeader) return Wrong("HEADER", "longer than 60 characters");
    absl::StatusOr<TemplateText> header = CompileText(text, result->named, "HEADER");
    if (!header.ok()) return header.status();
    if (header->names.size() > 1) return Wrong("HEADER", "more than one variable");
    result->header = *std::move(header);
  } else if (type == "FOOTER") {
    if (CountCodePoints(text) > kMaxFooter) return Wrong("FOOTER", "longer than 60 characters");
    if (absl::StrContains(text, "{{")) return Wrong("FOOTER", "variables are not allowed");
    result->footer = text;
  } else if (type == "BUTTONS") {
    return AddButtons(component, result);
  } else {
    return Wrong("components", absl::StrCat("the type \"", type, "\" is not known"));
  }
  return absl::OkStatus();
}

bool Refuse(GraphError* error, int code, std::string details) {
  error->code = code;
  error->details = std::move(details);
  return false;
}

// What a parameter's text may not hold (facts: line breaks, tabs, more than four spaces in a row).
bool HasForbiddenSpace(absl::string_view text) {
  int spaces = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') return true;
    spaces = c == ' ' ? spaces + 1 : 0;
    if (spaces > 4) return true;
  }
  return false;
}

bool CheckTextParameter(absl::string_view component, const TemplateParameter& parameter,
                        GraphError* error) {
  if (parameter.type != "text" && parameter.type != "currency" && parameter.type != "date_time") {
    return Refuse(
        error, 132012,
        absl::StrCat(component, ": expected a parameter of type text but got ", parameter.type));
  }
  if (!parameter.has_text || parameter.text.empty()) {
    return Refuse(error, 131008, "Parameter of type text is missing text value");
  }
  if (HasForbiddenSpace(parameter.text)) {
    return Refuse(error, 132018,
                  "Param text cannot have new-line/tab characters or more than 4 consecutive "
                  "spaces");
  }
  return true;
}

// Appends `text` with its parameters put in.
bool Fill(const TemplateText& text, bool named, absl::string_view component,
          const std::vector<TemplateParameter>& parameters, std::string* out, GraphError* error) {
  if (parameters.size() != text.names.size()) {
    return Refuse(
        error, 132000,
        absl::StrCat(component, ": number of localizable_params (", parameters.size(),
                     ") does not match the expected number of params (", text.names.size(), ")"));
  }
  for (const TemplateParameter& parameter : parameters) {
    if (!CheckTextParameter(component, parameter, error)) return false;
  }
  for (const TemplateText::Piece& piece : text.pieces) {
    if (piece.parameter < 0) {
      out->append(piece.literal);
      continue;
    }
    const auto index = static_cast<size_t>(piece.parameter);
    const TemplateParameter* chosen = &parameters[index];
    if (named) {
      const std::string& name = text.names[index];
      const auto found =
          std::find_if(parameters.begin(), parameters.end(),
                       [&](const TemplateParameter& candidate) { return candidate.name == name; });
      if (found == parameters.end()) {
        return Refuse(error, 100, "Parameter name is missing or empty");
      }
      chosen = &*found;
    }
    out->append(chosen->text.data(), chosen->text.size());
  }
  return true;
}

bool FillHeader(const Template& source, const TemplateArguments& arguments, std::string* header,
                GraphError* error) {
  if (source.header_format.empty() || source.header_format == "TEXT") {
    return Fill(source.header, source.named, "header", arguments.header, header, error);
  }
  if (arguments.header.size() != 1) {
    return Refuse(error, 132012,
                  absl::StrCat("header: Format mismatch, expected ", source.header_format,
                               ", received UNKNOWN"));
  }
  const std::string got = absl::AsciiStrToUpper(arguments.header[0].type);
  if (got != source.header_format) {
    return Refuse(error, 132012,
                  absl::StrCat("header: Format mismatch, expected ", source.header_format,
                               ", received ", got));
  }
  if (!arguments.header[0].has_text) {
    return Refuse(error, 131008, absl::StrCat("header: the ", got, " is missing"));
  }
  absl::StrAppend(header, "[", absl::AsciiStrToLower(got), "]", arguments.header[0].text);
  return true;
}

bool CheckButtons(const Template& source, const TemplateArguments& arguments, GraphError* error) {
  for (const TemplateArguments::Button& button : arguments.buttons) {
    if (button.index < 0 || static_cast<size_t>(button.index) >= source.buttons.size()) {
      return Refuse(error, 132012,
                    absl::StrCat("buttons: Button at index ", button.index,
                                 " does not exist in the template"));
    }
    const TemplateButton& known = source.buttons[static_cast<size_t>(button.index)];
    if (absl::AsciiStrToUpper(button.sub_type) != known.type) {
      return Refuse(
          error, 132012,
          absl::StrCat("buttons: Button at index ", button.index, " is of type ", known.type));
    }
  }
  for (size_t i = 0; i < source.buttons.size(); ++i) {
    if (!source.buttons[i].takes_parameter) continue;
    const bool given =
        std::any_of(arguments.buttons.begin(), arguments.buttons.end(), [&](const auto& button) {
          return static_cast<size_t>(button.index) == i && button.parameters.size() == 1;
        });
    if (!given) {
      return Refuse(
          error, 131008,
          absl::StrCat("buttons: Button at index ", i, " of type Url requires a parameter"));
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<Template> CompileTemplate(const TemplateSetup& setup) {
  Template result;
  result.setup = setup;
  result.id = setup.id;
  result.named = absl::AsciiStrToUpper(setup.parameter_format) == "NAMED";
  const absl::StatusOr<Json> components = ParseJson(setup.components_json);
  if (!components.ok()) return components.status();
  if (!components->is_array()) return Wrong("components", "must be a list");
  for (const Json& component : *components) {
    const absl::Status added = AddComponent(component, &result);
    if (!added.ok()) return added;
  }
  if (result.body.pieces.empty()) return Wrong("components", "the BODY is missing");
  return result;
}

bool ExpandTemplate(const Template& source, const TemplateArguments& arguments, std::string* header,
                    std::string* body, GraphError* error) {
  if (!FillHeader(source, arguments, header, error)) return false;
  if (!Fill(source.body, source.named, "body", arguments.body, body, error)) return false;
  if (!CheckButtons(source, arguments, error)) return false;
  // Code points never outnumber bytes, so short texts need no counting.
  if (body->size() > kMaxBody && CountCodePoints(*body) > kMaxBody) {
    return Refuse(error, 132005, "body: translated text is longer than 1024 characters");
  }
  return true;
}

}  // namespace kabar::cloudsim
