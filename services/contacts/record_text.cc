#include "services/contacts/record_text.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

// What stands at 0x80 to 0x9F, where Latin-1 has control characters; 0: nothing.
constexpr std::array<uint16_t, 32> kHigh = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

bool IsAscii(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void AppendUtf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

}  // namespace

bool DecodeWindows1252(std::string& text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool high = byte >= 0x80 && byte < 0xA0;
    const uint32_t code = high ? kHigh[byte - 0x80] : byte;
    if (high && code == 0) return false;
    AppendUtf8(code, out);
  }
  text = std::move(out);
  return true;
}

void RecordText::Decode(CsvRecord& record) {
  bool ascii = true;
  bool valid = true;
  for (const std::string& field : record.fields) {
    if (IsAscii(field)) continue;
    ascii = false;
    valid = valid && base::IsValidUtf8(field);
  }
  if (ascii) return;
  // A faulty record's text may be cut in the middle of a character: it proves nothing.
  if (valid && record.fault == CsvFault::kNone) utf8_ = true;
  if (valid || utf8_) return;
  std::vector<std::string> decoded = record.fields;
  for (std::string& field : decoded) {
    if (!DecodeWindows1252(field)) return;
  }
  record.fields = std::move(decoded);
  if (record.fault == CsvFault::kNone) ++windows_1252_records_;
}

}  // namespace kabar::contacts
