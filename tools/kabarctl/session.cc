#include "tools/kabarctl/session.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "tools/kabarctl/errors.h"
#include "tools/kabarctl/files.h"

namespace kabar::kabarctl {
namespace {

constexpr int kAttempts = 3;

struct AreaEntry {
  absl::string_view name;
  absl::string_view address;
};
// Indexed by Area.
constexpr AreaEntry kTable[kAreas] = {
    {"contacts", "127.0.0.1:7001"},   {"templates", "127.0.0.1:7002"},
    {"dispatcher", "127.0.0.1:7003"}, {"campaigns", "127.0.0.1:7004"},
    {"triggers", "127.0.0.1:7005"},   {"analytics", "127.0.0.1:7006"},
};

// Nobody at the other end, as opposed to a service that says UNAVAILABLE itself.
bool ReachedNobody(const absl::Status& status) {
  return absl::IsUnavailable(status) && base::GetReason(status).empty();
}

}  // namespace

absl::string_view AreaName(Area area) { return kTable[static_cast<std::size_t>(area)].name; }

absl::string_view DefaultAddress(Area area) {
  return kTable[static_cast<std::size_t>(area)].address;
}

std::string AddressVariable(Area area) {
  return absl::StrCat("KABAR_", absl::AsciiStrToUpper(AreaName(area)), "_ADDRESS");
}

std::string AddressOption(Area area) { return absl::StrCat(AreaName(area), "-address"); }

Session::Session(Options options, Terminal terminal)
    : options_(std::move(options)), terminal_(terminal), caller_(options_.key) {
  for (std::size_t i = 0; i < kAreas; ++i) {
    channels_[i] = rpc::MakeChannel(options_.addresses[i]);  // connects when it is first used
  }
}

Session::~Session() = default;

std::shared_ptr<grpc::Channel> Session::Channel(Area area) {
  return channels_[static_cast<std::size_t>(area)];
}

absl::Duration Session::Timeout(absl::Duration usual) const {
  return options_.timeout == absl::ZeroDuration() ? usual : options_.timeout;
}

void Session::Prepare(grpc::ClientContext& context, absl::Duration timeout) const {
  caller_.Prepare(context, {.timeout = timeout});
}

absl::Status Session::Named(absl::Status status, Area area, absl::Duration timeout) const {
  return FromCall(std::move(status), AreaName(area),
                  options_.addresses[static_cast<std::size_t>(area)], timeout);
}

absl::Status Session::Attempt(Area area,
                              absl::FunctionRef<absl::Status(grpc::ClientContext& context)> call,
                              absl::Duration usual_timeout) const {
  const absl::Duration timeout = Timeout(usual_timeout);
  absl::Status status;
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    Prepare(context, timeout);
    status = call(context);
    if (!ReachedNobody(status) || attempt == kAttempts) break;
    absl::SleepFor(options_.retry_wait * attempt);
  }
  return Named(std::move(status), area, timeout);
}

absl::StatusOr<Session::Options> ReadSessionOptions(const Arguments& arguments,
                                                    const Environment& environment) {
  Session::Options options;
  for (std::size_t i = 0; i < kAreas; ++i) {
    const Area area = static_cast<Area>(i);
    const std::string option = AddressOption(area);
    options.addresses[i] =
        arguments.Has(option)
            ? arguments.Get(option)
            : environment(AddressVariable(area)).value_or(std::string(DefaultAddress(area)));
  }
  options.json = arguments.Has("json");
  KABAR_ASSIGN_OR_RETURN(options.timeout, arguments.Duration("timeout", absl::ZeroDuration()));
  if (arguments.Has("timeout") && options.timeout == absl::ZeroDuration()) {
    return UsageError("--timeout: must be longer than 0");
  }
  if (arguments.Has("api-key-file")) {
    KABAR_ASSIGN_OR_RETURN(const std::string text, ReadFile(arguments.Get("api-key-file")));
    options.key = std::string(base::Trim(text));
  } else if (arguments.Has("api-key")) {
    options.key = arguments.Get("api-key");
  } else {
    options.key = environment("KABAR_API_KEY").value_or("");
  }
  if (options.key.empty()) {
    return UsageError("there is no API key: set KABAR_API_KEY or give --api-key-file FILE");
  }
  for (const char c : options.key) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return UsageError("the API key has blanks or other characters that no key has");
    }
  }
  return options;
}

}  // namespace kabar::kabarctl
