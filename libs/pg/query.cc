#include "libs/pg/query.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace kabar::pg {
namespace {

constexpr char kHex[] = "0123456789abcdef";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes the digits at the front of `text` and the separator behind them.
bool TakeNumber(absl::string_view& text, char separator, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (separator == '\0') return true;
  if (text.empty() || text.front() != separator) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456" at the front of `text`, in microseconds; 0 without.
bool TakeFraction(absl::string_view& text, int64_t& micros) {
  micros = 0;
  if (text.empty() || text.front() != '.') return true;
  text.remove_prefix(1);
  int64_t unit = 100'000;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    micros += unit * (text.front() - '0');
    unit /= 10;
    text.remove_prefix(1);
  }
  return true;
}

}  // namespace

Param::Param(absl::Time time) : text_(TimeText(time)) {}

Param::Param(double value) {
  if (std::isnan(value)) {
    text_ = "NaN";
  } else if (std::isinf(value)) {
    text_ = value > 0 ? "Infinity" : "-Infinity";
  } else {
    text_ = absl::StrFormat("%.17g", value);
  }
}

std::string Bytes(absl::string_view bytes) {
  std::string text;
  text.resize(2 + 2 * bytes.size());
  text[0] = '\\';
  text[1] = 'x';
  char* out = text.data() + 2;
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    *out++ = kHex[value >> 4];
    *out++ = kHex[value & 15];
  }
  return text;
}

std::optional<std::string> ParseBytes(absl::string_view text) {
  if (text.size() < 2 || text.size() % 2 != 0 || text[0] != '\\' || text[1] != 'x') {
    return std::nullopt;
  }
  std::string bytes;
  bytes.resize(text.size() / 2 - 1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = HexDigit(text[2 + 2 * i]);
    const int low = HexDigit(text[3 + 2 * i]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string TimeText(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "infinity";
  if (time == absl::InfinitePast()) return "-infinity";
  const absl::Time cut = absl::FromUnixMicros(absl::ToUnixMicros(time));
  const absl::CivilSecond civil = absl::ToCivilSecond(cut, absl::UTCTimeZone());
  const int64_t micros =
      absl::ToInt64Microseconds(cut - absl::FromCivil(civil, absl::UTCTimeZone()));
  const bool before_christ = civil.year() <= 0;  // there is no year 0 in SQL
  return absl::StrFormat("%04d-%02d-%02d %02d:%02d:%02d.%06d+00%s",
                         before_christ ? 1 - civil.year() : civil.year(), civil.month(),
                         civil.day(), civil.hour(), civil.minute(), civil.second(), micros,
                         before_christ ? " BC" : "");
}

std::optional<absl::Time> ParseTimeText(absl::string_view text) {
  if (text == "infinity") return absl::InfiniteFuture();
  if (text == "-infinity") return absl::InfinitePast();
  int64_t year, month, day, hour, minute, second, micros;
  if (!TakeNumber(text, '-', year) || !TakeNumber(text, '-', month) ||
      !TakeNumber(text, ' ', day) || !TakeNumber(text, ':', hour) ||
      !TakeNumber(text, ':', minute) || !TakeNumber(text, '\0', second) ||
      !TakeFraction(text, micros) || text != "+00") {
    return std::nullopt;
  }
  const absl::CivilSecond civil(year, static_cast<int>(month), static_cast<int>(day),
                                static_cast<int>(hour), static_cast<int>(minute),
                                static_cast<int>(second));
  if (civil.month() != month || civil.day() != day || civil.hour() != hour ||
      civil.minute() != minute || civil.second() != second) {
    return std::nullopt;  // absl would have carried the 31st of June into July
  }
  return absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Microseconds(micros);
}

}  // namespace kabar::pg
