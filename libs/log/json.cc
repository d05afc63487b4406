#include "libs/log/json.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/text.h"

namespace kabar::log {
namespace {

void AppendEscaped(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  auto byte = static_cast<unsigned char>(c);
  if (byte < 0x20 || byte == 0x7f) {
    absl::StrAppendFormat(&out, "\\u%04x", byte);
  } else {
    out.push_back(c);
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string& out) {
  out.push_back('"');
  while (!text.empty()) {
    std::size_t invalid = base::FirstInvalidUtf8(text);
    for (char c : text.substr(0, invalid)) AppendEscaped(c, out);
    if (invalid == absl::string_view::npos) break;
    out += "\\ufffd";
    text.remove_prefix(invalid + 1);
  }
  out.push_back('"');
}

void AppendJsonNumber(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  // The shortest of the two that reads back as the same number.
  std::string text = absl::StrFormat("%.15g", number);
  double read_back = std::strtod(text.c_str(), nullptr);
  if (read_back < number || read_back > number) text = absl::StrFormat("%.17g", number);
  out += text;
}

}  // namespace kabar::log
