#include "libs/pg/query.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"

namespace kabar::pg {
namespace {

constexpr char kHex[] = "0123456789abcdef";

// What each character is as a digit of hex, -1 for none.
constexpr std::array<std::int8_t, 256> HexDigits() {
  std::array<std::int8_t, 256> digits{};
  for (std::int8_t& digit : digits) digit = -1;
  for (std::int8_t i = 0; i < 10; ++i) digits['0' + i] = i;
  for (std::int8_t i = 0; i < 6; ++i) digits['a' + i] = digits['A' + i] = 10 + i;
  return digits;
}
constexpr std::array<std::int8_t, 256> kHexDigits = HexDigits();

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
  int bad = 0;
  const char* in = text.data() + 2;
  for (char& byte : bytes) {
    const int high = kHexDigits[static_cast<unsigned char>(*in++)];
    const int low = kHexDigits[static_cast<unsigned char>(*in++)];
    bad |= high | low;  // negative once one of them was
    byte = static_cast<char>(high << 4 | low);
  }
  if (bad < 0) return std::nullopt;
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
  const auto two = [](int value) { return absl::Dec(value, absl::kZeroPad2); };
  return absl::StrCat(absl::Dec(before_christ ? 1 - civil.year() : civil.year(), absl::kZeroPad4),
                      "-", two(civil.month()), "-", two(civil.day()), " ", two(civil.hour()), ":",
                      two(civil.minute()), ":", two(civil.second()), ".",
                      absl::Dec(micros, absl::kZeroPad6), "+00", before_christ ? " BC" : "");
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
