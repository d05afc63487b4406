#include "services/templates/line_diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_split.h"

namespace kabar::templates {
namespace {

constexpr std::size_t kMaxPairs = 4'000'000;

using Lines = std::vector<absl::string_view>;

// Lengths of the longest common parts of what is left from each pair of lines on.
class Common {
 public:
  Common(const Lines& a, const Lines& b) : width_(b.size() + 1), lengths_((a.size() + 1) * width_) {
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        At(i, j) = a[i] == b[j] ? At(i + 1, j + 1) + 1 : std::max(At(i + 1, j), At(i, j + 1));
      }
    }
  }
  std::uint32_t& At(std::size_t i, std::size_t j) { return lengths_[i * width_ + j]; }

 private:
  std::size_t width_;
  std::vector<std::uint32_t> lengths_;
};

void Add(Change change, absl::string_view line, std::vector<DiffLine>* out) {
  out->push_back({change, std::string(line)});
}

}  // namespace

std::vector<DiffLine> LineDiff(absl::string_view before, absl::string_view after) {
  const Lines a = absl::StrSplit(before, '\n');
  const Lines b = absl::StrSplit(after, '\n');
  std::vector<DiffLine> out;
  if (a.size() * b.size() > kMaxPairs) {
    for (const absl::string_view line : a) Add(Change::kRemoved, line, &out);
    for (const absl::string_view line : b) Add(Change::kAdded, line, &out);
    return out;
  }
  Common common(a, b);
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      Add(Change::kSame, a[i], &out);
      ++i;
      ++j;
    } else if (i < a.size() && (j == b.size() || common.At(i + 1, j) >= common.At(i, j + 1))) {
      Add(Change::kRemoved, a[i++], &out);
    } else {
      Add(Change::kAdded, b[j++], &out);
    }
  }
  return out;
}

}  // namespace kabar::templates
