#include "libs/base/rate.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::base {
namespace {

constexpr std::int64_t kMaxLimit = 1'000'000'000;
constexpr absl::Duration kMaxWindow = absl::Hours(24 * 31);

struct Unit {
  absl::string_view name;
  absl::Duration length;
};

constexpr Unit kUnits[] = {
    {"s", absl::Seconds(1)},   {"sec", absl::Seconds(1)}, {"m", absl::Minutes(1)},
    {"min", absl::Minutes(1)}, {"h", absl::Hours(1)},     {"hour", absl::Hours(1)},
    {"d", absl::Hours(24)},    {"day", absl::Hours(24)},
};

// The names that FormatRate writes, longest first.
constexpr Unit kCanonicalUnits[] = {{"d", absl::Hours(24)},
                                    {"h", absl::Hours(1)},
                                    {"min", absl::Minutes(1)},
                                    {"s", absl::Seconds(1)}};

class RateParser {
 public:
  explicit RateParser(absl::string_view text) : text_(text) {}

  absl::StatusOr<Rate> Parse() {
    Rate rate;
    KABAR_ASSIGN_OR_RETURN(rate.limit, Number("a number of messages", kMaxLimit));
    if (!Consume('/')) return Fault("expected / and a unit, as in 45/min");
    KABAR_ASSIGN_OR_RETURN(rate.window, Window());
    if (rate.Interval() < absl::Microseconds(1)) {
      at_ = 0;
      return Fault("faster than 1,000,000/s");
    }
    KABAR_ASSIGN_OR_RETURN(rate.max_burst, MaxBurst(rate.limit));
    if (at_ != text_.size()) return Fault("expected the end or ,max_burst=N");
    return rate;
  }

 private:
  absl::Status Fault(absl::string_view fault) const {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_RATE",
                 absl::StrCat("rate \"", text_, "\", position ", at_ + 1, ": ", fault));
  }

  void SkipBlanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool AtDigit() const {
    return at_ < text_.size() && absl::ascii_isdigit(static_cast<unsigned char>(text_[at_]));
  }

  bool Consume(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    SkipBlanks();
    return true;
  }

  absl::StatusOr<std::int64_t> Number(absl::string_view what, std::int64_t max) {
    SkipBlanks();
    if (!AtDigit()) return Fault(absl::StrCat("expected ", what));
    std::size_t start = at_;
    std::int64_t number = 0;
    for (; AtDigit(); ++at_) number = std::min(number * 10 + (text_[at_] - '0'), max + 1);
    if (number < 1 || number > max) {
      at_ = start;
      return Fault(absl::StrCat("expected ", what, " from 1 to ", max));
    }
    SkipBlanks();
    return number;
  }

  absl::StatusOr<absl::Duration> Window() {
    std::int64_t count = 1;
    std::size_t start = at_;
    if (AtDigit()) {
      KABAR_ASSIGN_OR_RETURN(count, Number("a number of units", kMaxLimit));
    }
    std::size_t unit_start = at_;
    while (at_ < text_.size() && absl::ascii_isalpha(static_cast<unsigned char>(text_[at_]))) ++at_;
    absl::string_view name = text_.substr(unit_start, at_ - unit_start);
    for (const Unit& unit : kUnits) {
      if (unit.name != name) continue;
      absl::Duration window = unit.length * count;
      if (window > kMaxWindow) {
        at_ = start;
        return Fault("the window is longer than 31 days");
      }
      SkipBlanks();
      return window;
    }
    at_ = unit_start;
    return Fault(name.empty() ? "expected a unit: s, min, h or d"
                              : absl::StrCat("unknown unit \"", name, "\"; use s, min, h or d"));
  }

  absl::StatusOr<std::int64_t> MaxBurst(std::int64_t limit) {
    if (!Consume(',')) return 1;
    constexpr absl::string_view kName = "max_burst";
    if (text_.substr(at_, kName.size()) != kName) return Fault("expected max_burst=N");
    at_ += kName.size();
    if (!Consume('=')) return Fault("expected = after max_burst");
    return Number("a burst no larger than the limit,", limit);
  }

  absl::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

absl::StatusOr<Rate> ParseRate(absl::string_view text) { return RateParser(text).Parse(); }

std::string FormatRate(const Rate& rate) {
  std::string text = absl::StrCat(rate.limit, "/");
  for (const Unit& unit : kCanonicalUnits) {
    if (rate.window % unit.length != absl::ZeroDuration()) continue;
    std::int64_t count = rate.window / unit.length;
    absl::StrAppend(&text, count == 1 ? "" : absl::StrCat(count), unit.name);
    break;
  }
  if (rate.max_burst != 1) absl::StrAppend(&text, ",max_burst=", rate.max_burst);
  return text;
}

}  // namespace kabar::base
