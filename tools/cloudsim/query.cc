#include "tools/cloudsim/query.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace kabar::cloudsim {
namespace {

std::string Decode(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() &&
               absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
               absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace

std::string QueryText(absl::string_view query, absl::string_view name,
                      absl::string_view otherwise) {
  for (const absl::string_view part : absl::StrSplit(query, '&')) {
    const size_t equals = part.find('=');
    if (part.substr(0, equals) != name) continue;
    return equals == absl::string_view::npos ? "" : Decode(part.substr(equals + 1));
  }
  return std::string(otherwise);
}

int64_t QueryInt(absl::string_view query, absl::string_view name, int64_t otherwise) {
  int64_t value = 0;
  return absl::SimpleAtoi(QueryText(query, name), &value) ? value : otherwise;
}

}  // namespace kabar::cloudsim
