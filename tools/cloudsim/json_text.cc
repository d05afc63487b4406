#include "tools/cloudsim/json_text.h"

#include <charconv>

namespace kabar::cloudsim {
namespace {

constexpr char kHex[] = "0123456789abcdef";
constexpr uint32_t kReplacement = 0xFFFD;

bool IsPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void AppendEscape(uint32_t unit, std::string* out) {
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) {
    out->push_back(kHex[(unit >> shift) & 15]);
  }
}

// Decodes one code point at `*i` and moves past it.
uint32_t Decode(absl::string_view text, size_t* i) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte((*i)++);
  int more = 0;
  uint32_t code = 0;
  if (lead < 0x80) return lead;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    code = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    code = lead & 0x0F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    code = lead & 0x07;
  } else {
    return kReplacement;
  }
  const uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
  for (; more > 0; --more) {
    if (*i >= text.size() || (byte(*i) & 0xC0) != 0x80) return kReplacement;
    code = (code << 6) | (byte((*i)++) & 0x3F);
  }
  if (code < least || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return kReplacement;
  return code;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
  } else {
    if (code < 0x10000) {
      out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    } else {
      out->push_back(static_cast<char>(0xF0 | (code >> 18)));
      out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    }
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
  }
  out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

void AppendCodePoint(uint32_t code, Unicode unicode, std::string* out) {
  if (unicode == Unicode::kKeep) {
    AppendUtf8(code, out);
  } else if (code >= 0x10000) {
    code -= 0x10000;
    AppendEscape(0xD800 + (code >> 10), out);
    AppendEscape(0xDC00 + (code & 0x3FF), out);
  } else {
    AppendEscape(code, out);
  }
}

void AppendAscii(char c, std::string* out) {
  switch (c) {
    case '"':
      out->append("\\\"");
      break;
    case '\\':
      out->append("\\\\");
      break;
    case '\n':
      out->append("\\n");
      break;
    case '\r':
      out->append("\\r");
      break;
    case '\t':
      out->append("\\t");
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        AppendEscape(static_cast<unsigned char>(c), out);
      } else {
        out->push_back(c);
      }
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out, Unicode unicode) {
  out->push_back('"');
  for (size_t i = 0; i < text.size();) {
    size_t plain = i;
    while (plain < text.size() && IsPlain(text[plain])) ++plain;
    if (plain > i) {
      out->append(text.data() + i, plain - i);
      i = plain;
    } else if (static_cast<unsigned char>(text[i]) < 0x80) {
      AppendAscii(text[i++], out);
    } else {
      AppendCodePoint(Decode(text, &i), unicode, out);
    }
  }
  out->push_back('"');
}

void AppendJsonField(absl::string_view name, absl::string_view text, std::string* out,
                     Unicode unicode) {
  out->push_back('"');
  out->append(name.data(), name.size());
  out->append("\":");
  AppendJsonString(text, out, unicode);
}

void AppendInt(int64_t value, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append(digits, end);
}

size_t CountCodePoints(absl::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) Decode(text, &i);
  return count;
}

}  // namespace kabar::cloudsim
