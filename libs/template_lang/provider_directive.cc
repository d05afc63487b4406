// The part of the compiler that reads {{provider "name" "language" parameters...}}.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/template_lang/compiler.h"
#include "libs/template_lang/parameter_text.h"

namespace kabar::template_lang {
namespace {

constexpr size_t kMaxProviderNameBytes = 512;

}  // namespace

bool IsProviderName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxProviderNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || c == '_';
         });
}

// "id", "en_US", "zh_CN": a language of two or three letters, perhaps a region of two to four.
bool IsLanguage(absl::string_view code) {
  const auto letters = [](absl::string_view part, size_t least, size_t most) {
    return part.size() >= least && part.size() <= most &&
           std::all_of(part.begin(), part.end(),
                       [](char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); });
  };
  const size_t underscore = code.find('_');
  if (underscore == absl::string_view::npos) return letters(code, 2, 3);
  return letters(code.substr(0, underscore), 2, 3) && letters(code.substr(underscore + 1), 2, 4);
}

// `token_` is the template's name.
bool Compiler::CompileProvider() {
  if (!RefuseSecondProvider(tag_) || !RefuseProviderInLoop()) return false;
  ProviderMapping mapping;
  mapping.position = builder_.At(tag_);
  std::vector<Parameter> parameters;
  if (!CompileProviderName(&mapping)) return false;
  while (token_.kind != TokenKind::kEnd) {
    if (!CompileProviderParameter(&mapping, &parameters)) return false;
  }
  Program& program = builder_.program();
  const auto index = static_cast<uint32_t>(program.providers.size());
  if (!builder_.Add(Op{Code::kProvider, true, index, 0, 0}, tag_)) return false;
  program.providers.push_back(std::move(mapping));
  program.parameters.push_back(std::move(parameters));
  block_.names_provider = true;
  at_ = scanner_.offset();
  // A directive on a line of its own leaves no empty line behind.
  if (absl::StartsWith(source_.substr(at_), "\r\n")) {
    at_ += 2;
  } else if (absl::StartsWith(source_.substr(at_), "\n")) {
    at_ += 1;
  }
  return true;
}

bool Compiler::RefuseSecondProvider(size_t offset) {
  const bool named = block_.names_provider ||
                     std::any_of(frames_.begin(), frames_.end(),
                                 [](const Frame& frame) { return frame.outer.names_provider; });
  if (!named) return true;
  return builder_.Fail(offset,
                       "a provider template has been named before on the way to here, and a "
                       "message goes out as one: put each {{provider}} in a branch of its own");
}

bool Compiler::RefuseProviderInLoop() {
  const bool in_loop =
      std::any_of(frames_.begin(), frames_.end(), [](const Frame& frame) { return frame.is_each; });
  if (!in_loop) return true;
  return builder_.Fail(tag_,
                       "a message goes out as one provider template, not as one a parcel: put "
                       "{{provider}} before the {{#each}}");
}

bool Compiler::CompileProviderName(ProviderMapping* mapping) {
  if (!IsProviderName(token_.text)) {
    return builder_.Fail(token_.offset,
                         "the name of a provider template is made of small letters, digits and _");
  }
  mapping->name = token_.text;
  if (!Advance()) return false;
  if (token_.kind != TokenKind::kString || !IsLanguage(token_.text)) {
    return builder_.Fail(token_.offset,
                         "after the provider template's name comes its language in "
                         "quotes, such as \"id\" or \"en_US\"");
  }
  mapping->language = token_.text;
  return Advance();
}

// NAME=, @header= or @link=; leaves `token_` at the value.
bool Compiler::CompileProviderLabel(const Token& label, ProviderMapping* mapping) {
  std::string name = label.text == "@link" ? "@link1" : label.text;
  if (absl::StartsWith(name, "@") && name != "@header" && name != "@link1" && name != "@link2") {
    return builder_.Fail(label.offset,
                         "before a = stands the name of a parameter, @header for that of the "
                         "header, or @link or @link2 for what follows the address of a link");
  }
  if (!absl::StartsWith(name, "@") && !IsProviderName(name)) {
    return builder_.Fail(label.offset,
                         "the name of a provider template's parameter is made of small letters, "
                         "digits and _");
  }
  if (std::find(mapping->labels.begin(), mapping->labels.end(), name) != mapping->labels.end()) {
    return builder_.Fail(label.offset, absl::StrCat(name, " has been given a value before"));
  }
  mapping->labels.back() = std::move(name);
  return Advance();
}

bool Compiler::RefuseMixedParameters(const ProviderMapping& mapping, size_t offset) {
  bool named = false;
  bool numbered = false;
  for (const std::string& label : mapping.labels) {
    numbered = numbered || label.empty();
    named = named || (!label.empty() && label[0] != '@');
  }
  return !(named && numbered) ||
         builder_.Fail(offset,
                       "the parameters of a provider template are either all named, nama=no_resi, "
                       "or all in order");
}

bool Compiler::CompileProviderParameter(ProviderMapping* mapping,
                                        std::vector<Parameter>* parameters) {
  Token first = token_;
  if (parameters->size() >= kMaxProviderParameters) {
    return builder_.Fail(first.offset, absl::StrCat("a provider template takes at most ",
                                                    kMaxProviderParameters, " parameters"));
  }
  mapping->labels.emplace_back();
  bool ahead = false;  // `token_` is what follows `first` already
  if (first.kind == TokenKind::kName) {
    if (!Advance(/*may_assign=*/true)) return false;
    ahead = true;
    if (token_.kind == TokenKind::kAssign) {
      if (!CompileProviderLabel(first, mapping)) return false;
      first = token_;
      ahead = false;
    }
    if (!RefuseMixedParameters(*mapping, first.offset)) return false;
  }
  const bool is_text = first.kind == TokenKind::kString;
  if (!is_text && (first.kind != TokenKind::kName || IsReserved(first.text))) {
    return builder_.Fail(first.offset,
                         "the parameters of a provider template are variables, each "
                         "perhaps with | and filters, and texts in quotes");
  }
  if (is_text && !RefuseMixedParameters(*mapping, first.offset)) return false;
  Parameter parameter;
  if (!ahead && !Advance()) return false;
  if (!is_text) {
    Pipe pipe;
    if (!builder_.FindSlot(first.text, first.offset, /*printed=*/true, &parameter.slot) ||
        !CompilePipe(/*blank_allowed=*/false, &pipe)) {
      return false;
    }
    if (!HasDefault(pipe)) Need(parameter.slot);
    parameter.pipe = builder_.AddPipe(std::move(pipe));
    mapping->parameters.push_back(ShownName(parameter.slot, first.text));
  } else {
    if (!CheckParameterText(first)) return false;
    std::string cleaned;
    AppendParameterText(first.text, &cleaned);
    parameter.text = builder_.AddText(cleaned);
    mapping->parameters.push_back(absl::StrCat("\"", first.text, "\""));
  }
  parameters->push_back(parameter);
  return true;
}

// Variables by their canonical names, counters as they are.
std::string Compiler::ShownName(uint32_t slot, absl::string_view written) const {
  const Program& program = builder_.program();
  if (absl::StartsWith(written, "@")) return std::string(written);
  return program.variables[program.slots[slot].variable].name;
}

bool Compiler::CheckParameterText(const Token& text) {
  return !IsBlank(text.text) ||
         builder_.Fail(text.offset, "a parameter of a provider template may not be empty");
}

}  // namespace kabar::template_lang
