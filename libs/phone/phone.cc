#include "libs/phone/phone.h"

#include <phonenumbers/phonenumberutil.h>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"

namespace kabar::phone {
namespace {

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

// More than any number with its country code doubled and its separators.
constexpr size_t kMaxRawBytes = 64;

absl::Status PhoneError(absl::string_view reason, absl::string_view text) {
  return base::Error(absl::StatusCode::kInvalidArgument, reason, text);
}

const PhoneNumberUtil& Util() { return *PhoneNumberUtil::GetInstance(); }

// Signs that people and programs put around or between digits, and what becomes of them. Invisible
// ones (no-break space, zero width, direction marks, which phones add when a number is copied) and
// typographic dashes must not reach the check for letters.
struct Sign {
  absl::string_view bytes;
  char plain;
};
constexpr Sign kUnicodeSigns[] = {
    {"\xC2\xA0", ' '},     {"\xE2\x80\x8B", ' '}, {"\xE2\x80\x8C", ' '},  {"\xE2\x80\x8D", ' '},
    {"\xE2\x80\x8E", ' '}, {"\xE2\x80\x8F", ' '}, {"\xE2\x80\xAA", ' '},  {"\xE2\x80\xAB", ' '},
    {"\xE2\x80\xAC", ' '}, {"\xE2\x80\xAD", ' '}, {"\xE2\x80\xAE", ' '},  {"\xE2\x81\xA6", ' '},
    {"\xE2\x81\xA8", ' '}, {"\xE2\x81\xA9", ' '}, {"\xEF\xBB\xBF", ' '},  {"\xE2\x80\xAF", ' '},
    {"\xE2\x80\x90", '-'}, {"\xE2\x80\x91", '-'}, {"\xE2\x80\x92", '-'},  {"\xE2\x80\x93", '-'},
    {"\xE2\x80\x94", '-'}, {"\xE2\x88\x92", '-'}, {"\xE2\x80\x98", '\''}, {"\xE2\x80\x99", '\''},
    {"\xEF\xBC\x8B", '+'},
};

std::string PlainSigns(absl::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (size_t i = 0; i < raw.size();) {
    bool known = false;
    for (const Sign& sign : kUnicodeSigns) {
      if (absl::StartsWith(raw.substr(i), sign.bytes)) {
        out.push_back(sign.plain);
        i += sign.bytes.size();
        known = true;
        break;
      }
    }
    if (!known) out.push_back(raw[i++]);
  }
  return out;
}

// What spreadsheets and links put around a number: '0812, ="0812", "0812", tel:, wa.me/.
absl::string_view Unwrap(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumePrefix(&text, "=");
  while (!text.empty() && (text.front() == '\'' || text.front() == '"' || text.front() == '`')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == '\'' || text.back() == '"' || text.back() == '`')) {
    text.remove_suffix(1);
  }
  absl::ConsumePrefix(&text, "https://");
  for (absl::string_view prefix : {"tel:", "whatsapp:", "wa.me/"}) {
    if (absl::StartsWithIgnoreCase(text, prefix)) text.remove_prefix(prefix.size());
  }
  return absl::StripAsciiWhitespace(text);
}

bool AllDigits(absl::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

// 8.12345E+11, 8,12E11, 6.28E+12.
bool IsScientific(absl::string_view text) {
  absl::ConsumePrefix(&text, "+");
  const size_t e = text.find_first_of("eE");
  if (e == absl::string_view::npos || e == 0) return false;
  absl::string_view exponent = text.substr(e + 1);
  absl::ConsumePrefix(&exponent, "+");
  if (!AllDigits(exponent)) return false;
  for (char c : text.substr(0, e)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && c != '.' && c != ',') return false;
  }
  return true;
}

// A number that a spreadsheet or a data frame has made a decimal of: 6281234567890.0.
absl::string_view DropDecimalZero(absl::string_view text) {
  for (absl::string_view tail : {".00", ",00", ".0", ",0"}) {
    absl::string_view head = text;
    if (!absl::ConsumeSuffix(&head, tail)) continue;
    absl::string_view digits = head;
    absl::ConsumePrefix(&digits, "+");
    if (digits.size() >= 8 && AllDigits(digits)) return head;
  }
  return text;
}

bool HasSeveralNumbers(absl::string_view text) {
  int numbers = 0;
  int digits = 0;
  auto close = [&] {
    if (digits >= 8) ++numbers;
    digits = 0;
  };
  for (char c : text) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) ++digits;
    if (c == '/' || c == ',' || c == ';' || c == '|' || c == '\n' || c == '&' ||
        absl::ascii_isalpha(static_cast<unsigned char>(c))) {
      close();
    }
  }
  close();
  return numbers > 1;
}

struct Digits {
  std::string digits;
  bool international = false;  // a + stood before the first digit
  bool doubled = false;        // "62 62 21...": the country code stands twice, set apart
};

absl::StatusOr<Digits> CollectDigits(absl::string_view text) {
  Digits out;
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && out.digits == "6262") {
      out.doubled = true;
    }
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      out.digits.push_back(c);
    } else if (c == '+') {
      // "+62 +62 812..." is a doubled country code; any later plus is no phone number.
      if (out.digits == "62") out.doubled = true;
      if (!out.digits.empty() && out.digits != "62") {
        return PhoneError(
            "NOT_A_NUMBER",
            "the phone number has a + in its middle; write it as 0812... or +62812...");
      }
      out.international = true;
    } else if (!absl::ascii_isspace(static_cast<unsigned char>(c)) &&
               absl::string_view("-.()/,_~*").find(c) == absl::string_view::npos) {
      return PhoneError("NOT_A_NUMBER",
                        "the phone number has letters or signs that no number has; write digits "
                        "only, as 0812... or +62812...");
    }
  }
  if (out.digits.empty()) {
    if (text.find_first_not_of("-. +()/_~*") == absl::string_view::npos) {
      return PhoneError("EMPTY", "the phone number is empty; fill it in as 0812... or +62812...");
    }
    return PhoneError("NOT_A_NUMBER", "the phone number has no digit");
  }
  return out;
}

struct Parsed {
  PhoneNumber number;
  bool parsed = false;
  bool valid = false;
  bool mobile = false;
};

Parsed TryParse(const std::string& text, const std::string& region) {
  Parsed out;
  out.parsed = Util().Parse(text, region, &out.number) == PhoneNumberUtil::NO_PARSING_ERROR;
  if (!out.parsed) return out;
  // A number is valid when it is of some type: asked once, since each look at a type is a dozen
  // regular expressions.
  const auto type = Util().GetNumberType(out.number);
  out.valid = type != PhoneNumberUtil::UNKNOWN;
  out.mobile = type == PhoneNumberUtil::MOBILE || type == PhoneNumberUtil::FIXED_LINE_OR_MOBILE;
  return out;
}

// The ways to read the digits, the likeliest first. Indonesians write the country code with and
// without its plus, keep the 0 after it, and double it; 62 is also the beginning of area codes in
// North Sumatra (0622 ...), so that a doubled 62 is only taken for one where a mobile number
// follows, where spaces set it apart, or where nothing else makes a number.
std::vector<std::string> Readings(const Digits& in, absl::string_view region) {
  absl::string_view d = in.digits;
  std::vector<std::string> out;
  if (region != "ID") {
    out.push_back(absl::StrCat(in.international ? "+" : "", d));
    if (absl::StartsWith(d, "00")) out.push_back(absl::StrCat("+", d.substr(2)));
    return out;
  }
  bool international = in.international;
  if (absl::StartsWith(d, "00") && d.size() > 10) {
    absl::string_view rest = d;
    while (absl::ConsumePrefix(&rest, "0")) {
    }
    if (!rest.empty()) d = rest;
    international = !absl::StartsWith(rest, "8");  // "00812...": a 0 too many
  }
  if (international && absl::StartsWith(d, "0")) international = false;  // "+0812..."
  if (!international && absl::StartsWith(d, "062")) {
    // 0628 1234 5678 may be a landline in North Sumatra or 62 with a 0 too many.
    out.push_back(absl::StrCat("+", d.substr(1)));
    out.push_back(std::string(d));
  } else if (absl::StartsWith(d, "62")) {
    absl::string_view rest = d.substr(2);
    absl::string_view undoubled = rest;
    while (absl::ConsumePrefix(&undoubled, "62") || absl::ConsumePrefix(&undoubled, "062")) {
    }
    if (undoubled.size() != rest.size()) {
      absl::ConsumePrefix(&undoubled, "0");
      out.push_back(absl::StrCat("+62", undoubled));
    }
    absl::ConsumePrefix(&rest, "0");
    out.push_back(absl::StrCat("+62", rest));
  } else {
    out.push_back(absl::StrCat(international ? "+" : "", d));
  }
  return out;
}

absl::Status WhyNot(const Parsed& parsed, const Digits& in) {
  if (!parsed.parsed) {
    if (in.digits.size() < 7) {
      return PhoneError("TOO_SHORT", "the phone number has too few digits");
    }
    if (in.international) {
      return PhoneError("UNKNOWN_COUNTRY",
                        "the phone number has a country code that does not exist");
    }
    return PhoneError("NOT_A_NUMBER", "this is no phone number; write it as 0812... or +62812...");
  }
  switch (Util().IsPossibleNumberWithReason(parsed.number)) {
    case PhoneNumberUtil::TOO_SHORT:
    case PhoneNumberUtil::IS_POSSIBLE_LOCAL_ONLY:
      return PhoneError(
          "TOO_SHORT", "the phone number has too few digits; digits are missing, or the area code");
    case PhoneNumberUtil::TOO_LONG:
      return PhoneError("TOO_LONG", "the phone number has too many digits");
    case PhoneNumberUtil::INVALID_COUNTRY_CODE:
      return PhoneError("UNKNOWN_COUNTRY",
                        "the phone number has a country code that does not exist");
    default:
      break;
  }
  // The tables give lengths a country allows at all; Indonesian mobile numbers are stricter.
  if (parsed.number.country_code() == 62) {
    const std::string national = absl::StrCat(parsed.number.national_number());
    if (national.size() < 8) {
      return PhoneError(
          "TOO_SHORT", "the phone number has too few digits; digits are missing, or the area code");
    }
    if (absl::StartsWith(national, "8")) {
      if (national.size() < 9) {
        return PhoneError("TOO_SHORT",
                          "the mobile number has too few digits (10 to 13 with its 0)");
      }
      if (national.size() > 12) {
        return PhoneError("TOO_LONG",
                          "the mobile number has too many digits (10 to 13 with its 0)");
      }
    }
  }
  return PhoneError("NOT_IN_USE", "no operator or area has such phone numbers; check the digits");
}

// Most of what an outlet writes is an Indonesian mobile number in one of a few forms, and the
// tables take 26 us to say so: digits, perhaps with a plus in front and blanks or hyphens between,
// that are 0, 62, +62 or nothing and then 8, an operator's digit (not 0 or 4) and 7 to 10 more.
// These mean the same in the tables (phone_test.cc asks both about all of them). nullopt: ask the
// tables.
std::optional<std::string> PlainMobile(absl::string_view raw) {
  char digits[16];
  size_t n = 0;
  const bool plus = absl::ConsumePrefix(&raw, "+");
  for (const char c : raw) {
    if (c == ' ' || c == '-') continue;
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) || n == sizeof(digits)) {
      return std::nullopt;
    }
    digits[n++] = c;
  }
  absl::string_view national(digits, n);
  if (!absl::ConsumePrefix(&national, "62")) {
    if (plus) return std::nullopt;
    absl::ConsumePrefix(&national, "0");
  }
  if (national.size() < 9 || national.size() > 12 || national[0] != '8' || national[1] == '0' ||
      national[1] == '4') {
    return std::nullopt;
  }
  return absl::StrCat("+62", national);
}

std::string E164(const PhoneNumber& number) {
  std::string out;
  Util().Format(number, PhoneNumberUtil::E164, &out);
  return out;
}

}  // namespace

absl::StatusOr<std::string> NormalizePhone(absl::string_view raw, absl::string_view region) {
  if (raw.size() > kMaxRawBytes * 4) {
    return PhoneError("NOT_A_NUMBER", "the field is far too long for a phone number");
  }
  if (region == "ID") {
    if (std::optional<std::string> mobile = PlainMobile(raw)) return *std::move(mobile);
  }
  const std::string plain = PlainSigns(raw);
  absl::string_view text = Unwrap(plain);
  if (IsScientific(text)) {
    return PhoneError(
        "SCIENTIFIC_NOTATION",
        "the spreadsheet has turned the phone number into a calculation value and lost "
        "its last digits; format the column as text, enter the numbers again, export "
        "again");
  }
  text = DropDecimalZero(text);
  if (HasSeveralNumbers(text)) {
    return PhoneError("SEVERAL_NUMBERS",
                      "the field holds more than one phone number; leave one, give the others rows "
                      "of their own");
  }
  absl::StatusOr<Digits> digits = CollectDigits(text);
  if (!digits.ok()) return digits.status();

  const std::string region_name(region);
  std::optional<Parsed> first;
  const std::vector<std::string> readings = Readings(*digits, region);
  for (size_t i = 0; i < readings.size(); ++i) {
    Parsed parsed = TryParse(readings[i], region_name);
    // A reading that repairs something counts at once only as a mobile number.
    const bool repaired = readings.size() > 1 && i + 1 < readings.size();
    if (parsed.valid && (!repaired || parsed.mobile || digits->doubled)) return E164(parsed.number);
    if (!first) first = std::move(parsed);
  }
  if (first->valid) return E164(first->number);
  return WhyNot(*first, *digits);
}

std::string CountryOf(absl::string_view e164) {
  PhoneNumber number;
  if (Util().Parse(std::string(e164), "ZZ", &number) != PhoneNumberUtil::NO_PARSING_ERROR) {
    return "";
  }
  std::string region;
  Util().GetRegionCodeForNumber(number, &region);
  // ZZ: nobody's; 001: the world's.
  return region.size() == 2 && region != "ZZ" ? region : "";
}

}  // namespace kabar::phone
