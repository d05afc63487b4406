#include "services/dispatcher/convert_checks.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::dispatcher {

void SetTime(absl::Time time, google::protobuf::Timestamp* to) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  *to = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(micros);
}

absl::Time ToTime(const google::protobuf::Timestamp& from) {
  return absl::FromUnixSeconds(from.seconds()) + absl::Nanoseconds(from.nanos());
}

bool IsE164(absl::string_view phone) {
  return phone.size() >= 8 && phone.size() <= 16 && phone[0] == '+' &&
         std::all_of(phone.begin() + 1, phone.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '{' && c != '}';
  });
}

void Faults::Add(absl::string_view field, absl::string_view what) {
  base::AddFieldViolation(status_, field, what);
}

void Faults::Text(absl::string_view field, absl::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    Add(field, absl::StrCat("is ", text.size(), " bytes long; at most ", max_bytes));
  } else if (!base::IsValidUtf8(text) || text.find('\0') != absl::string_view::npos) {
    Add(field, "is not valid UTF-8 text");
  }
}

void Faults::Id(absl::string_view field, absl::string_view id) {
  if (!IsId(id)) {
    Add(field, "must be 1 to 128 visible ASCII characters other than braces");
  }
}

base::Rate Faults::Rate(absl::string_view field, absl::string_view text,
                        absl::string_view standard) {
  const auto rate = base::ParseRate(text.empty() ? standard : text);
  if (!rate.ok()) {
    Add(field, rate.status().message());
    return {};
  }
  return *rate;
}

}  // namespace kabar::dispatcher
