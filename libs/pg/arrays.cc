#include "libs/pg/arrays.h"

#include "libs/pg/query.h"

namespace kabar::pg {

void ArrayBuilder::AddPlain(absl::string_view text) {
  literal_ += literal_.empty() ? '{' : ',';
  literal_.append(text.data(), text.size());
}

// Always quoted: a bare word may mean NULL, and empty or blank text needs quotes anyway.
void ArrayBuilder::Add(absl::string_view text) {
  literal_.reserve(literal_.size() + text.size() + 3);
  literal_ += literal_.empty() ? '{' : ',';
  literal_ += '"';
  size_t start = 0;
  const bool plain = text.find('"') == text.npos && text.find('\\') == text.npos;
  for (size_t i = 0; !plain && i < text.size(); ++i) {
    if (text[i] != '"' && text[i] != '\\') continue;
    literal_.append(text.data() + start, i - start);
    literal_ += '\\';
    start = i;
  }
  literal_.append(text.data() + start, text.size() - start);
  literal_ += '"';
}

void ArrayBuilder::Add(absl::Time time) { Add(TimeText(time)); }
void ArrayBuilder::Add(double value) { AddPlain(Param(value).text()); }
void ArrayBuilder::AddBytes(absl::string_view bytes) { Add(Bytes(bytes)); }
void ArrayBuilder::AddNull() { AddPlain("NULL"); }

std::string ArrayBuilder::Finish() && {
  std::string literal = literal_.empty() ? "{}" : std::move(literal_) + "}";
  literal_.clear();
  return literal;
}

std::string ByteaArray(absl::Span<const std::string> values) {
  ArrayBuilder builder;
  for (const std::string& value : values) builder.AddBytes(value);
  return std::move(builder).Finish();
}

namespace {

// Takes one element and leaves `text` at the ',' or '}' behind it. False: malformed.
bool TakeElement(absl::string_view& text, std::optional<std::string>& element) {
  std::string value;
  const bool quoted = !text.empty() && text.front() == '"';
  if (quoted) text.remove_prefix(1);
  while (!text.empty()) {
    const char c = text.front();
    if (quoted ? c == '"' : c == ',' || c == '}') break;
    if (!quoted && (c == '{' || c == '"')) return false;  // a nested array
    text.remove_prefix(1);
    if (c != '\\') {
      value += c;
      continue;
    }
    if (text.empty()) return false;
    value += text.front();
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  if (quoted) text.remove_prefix(1);
  if (!quoted && value.empty()) return false;
  if (!quoted && value == "NULL") {
    element.reset();
  } else {
    element = std::move(value);
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::optional<std::string>>> ParseArray(absl::string_view literal) {
  std::vector<std::optional<std::string>> elements;
  if (literal == "{}") return elements;
  if (literal.empty() || literal.front() != '{') return std::nullopt;
  absl::string_view rest = literal.substr(1);
  while (true) {
    if (!TakeElement(rest, elements.emplace_back())) return std::nullopt;
    if (rest.empty()) return std::nullopt;
    const char separator = rest.front();
    rest.remove_prefix(1);
    if (separator == '}') break;
    if (separator != ',') return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  return elements;
}

}  // namespace kabar::pg
