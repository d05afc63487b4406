#include "libs/template_lang/parameter_text.h"

#include "absl/strings/ascii.h"
#include "libs/base/text.h"

namespace kabar::template_lang {
namespace {

constexpr size_t kRefusedSpaces = 4;

bool IsSpace(char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); }

}  // namespace

void AppendParameterText(absl::string_view value, std::string* out) {
  for (size_t at = 0; at < value.size();) {
    const size_t start = at;
    const bool space = IsSpace(value[at]);
    while (at < value.size() && IsSpace(value[at]) == space) ++at;
    const absl::string_view run = value.substr(start, at - start);
    const bool collapses = space && (run.size() >= kRefusedSpaces ||
                                     run.find_first_not_of(' ') != absl::string_view::npos);
    if (collapses) {
      out->push_back(' ');
    } else {
      out->append(run.data(), run.size());
    }
  }
}

bool IsBlank(absl::string_view value) { return base::Trim(value).empty(); }

}  // namespace kabar::template_lang
