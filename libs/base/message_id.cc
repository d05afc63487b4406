#include "libs/base/message_id.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"

namespace kabar::base {
namespace {

constexpr std::size_t kDayLength = 8;
constexpr std::size_t kPartLength = 10;
constexpr std::size_t kOrdinalLength = 6;
constexpr std::size_t kHashLength = kPartLength + kOrdinalLength + kPartLength;

absl::Status InvalidMessageId(absl::string_view id) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_MESSAGE_ID",
               absl::StrCat("\"", id, "\" is not a message id; expected YYYYMMDD-, then ",
                            kHashLength, " characters a-z or 2-7"));
}

absl::Status InvalidTag(absl::string_view tag, absl::string_view fault) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_ATTEMPT_TAG",
               absl::StrCat("\"", tag, "\" is not an attempt tag (message id.attempt): ", fault));
}

// Sorts as text as the numbers do; `number` modulo 2^30.
std::string OrderedBase32(std::int64_t number) {
  constexpr char kDigits[] = "234567abcdefghijklmnopqrstuvwxyz";
  std::string text(kOrdinalLength, kDigits[0]);
  for (std::size_t i = kOrdinalLength; i > 0; --i, number >>= 5) {
    text[i - 1] = kDigits[number & 31];
  }
  return text;
}

bool AllDigits(absl::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

}  // namespace

std::string MakeMessageId(absl::CivilDay day, absl::string_view run_or_event, std::int64_t ordinal,
                          absl::string_view step, absl::string_view contact_id,
                          absl::string_view subject) {
  const std::string place = OrderedBase32(ordinal);
  return absl::StrCat(
      absl::StrFormat("%04d%02d%02d-", day.year(), day.month(), day.day()),
      DerivedBase32({run_or_event}).substr(0, kPartLength), place,
      DerivedBase32({run_or_event, place, step, contact_id, subject}).substr(0, kPartLength));
}

absl::StatusOr<absl::CivilDay> ParseMessageDay(absl::string_view message_id) {
  if (message_id.size() != kDayLength + 1 + kHashLength || message_id[kDayLength] != '-' ||
      !AllDigits(message_id.substr(0, kDayLength)) ||
      !IsBase32(message_id.substr(kDayLength + 1))) {
    return InvalidMessageId(message_id);
  }
  int year = 0;
  int month = 0;
  int day = 0;
  if (!absl::SimpleAtoi(message_id.substr(0, 4), &year) ||
      !absl::SimpleAtoi(message_id.substr(4, 2), &month) ||
      !absl::SimpleAtoi(message_id.substr(6, 2), &day)) {
    return InvalidMessageId(message_id);
  }
  // CivilDay carries the 31st of November over into December: not a date anybody wrote.
  absl::CivilDay civil(year, month, day);
  if (civil.year() != year || civil.month() != month || civil.day() != day) {
    return InvalidMessageId(message_id);
  }
  return civil;
}

std::string FormatAttemptTag(absl::string_view message_id, std::int32_t attempt) {
  return absl::StrCat(message_id, ".", attempt);
}

absl::StatusOr<AttemptTag> ParseAttemptTag(absl::string_view tag) {
  std::size_t dot = tag.rfind('.');
  if (dot == absl::string_view::npos) return InvalidTag(tag, "no dot");
  absl::string_view id = tag.substr(0, dot);
  if (!ParseMessageDay(id).ok()) return InvalidTag(tag, "what precedes the dot is no message id");
  absl::string_view number = tag.substr(dot + 1);
  std::int32_t attempt = 0;
  // One spelling only (no sign, blank or leading zero): the tag is compared as text elsewhere.
  if (!AllDigits(number) || number[0] == '0' || !absl::SimpleAtoi(number, &attempt)) {
    return InvalidTag(tag, "the attempt is not a number from 1");
  }
  return AttemptTag{.message_id = std::string(id), .attempt = attempt};
}

}  // namespace kabar::base
