#include "tools/kabarctl/time_option.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/local_time.h"

namespace kabar::kabarctl {

absl::Status TimeOption(const Arguments& arguments, google::protobuf::Timestamp* timestamp) {
  absl::Time time = absl::Now();
  if (arguments.Has("time")) {
    const auto parsed = base::ParseLocalTime(arguments.Get("time"), time);
    if (!parsed.ok()) return UsageError(absl::StrCat("--time: ", parsed.status().message()));
    time = *parsed;
  }
  const std::int64_t micros = absl::ToUnixMicros(time);
  timestamp->set_seconds(micros / 1000000);
  timestamp->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
  return absl::OkStatus();
}

}  // namespace kabar::kabarctl
