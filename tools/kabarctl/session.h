// One run of kabarctl: where the services are, with which key, and what it reads and writes.
//
// Thread safety: a Session may be used by several threads for calls; its streams by one at a time.
// Blocks: Attempt waits between attempts. Errors: those of the calls, with the service's name
// (errors.h).
#ifndef KABAR_TOOLS_KABARCTL_SESSION_H_
#define KABAR_TOOLS_KABARCTL_SESSION_H_

#include <array>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/channel.h"
#include "tools/kabarctl/arguments.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace kabar::kabarctl {

enum class Area { kContacts, kTemplates, kDispatcher, kCampaigns, kTriggers, kAnalytics };
inline constexpr std::size_t kAreas = 6;

// "contacts"
absl::string_view AreaName(Area area);
// Where tools/stack puts it, e.g. "127.0.0.1:7001".
absl::string_view DefaultAddress(Area area);
// KABAR_CONTACTS_ADDRESS
std::string AddressVariable(Area area);
// "contacts-address"
std::string AddressOption(Area area);

struct Terminal {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;
  std::ostream* error = nullptr;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool error_is_terminal = false;
};

// The value of an environment variable, if it is set and not empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

class Session {
 public:
  struct Options {
    std::array<std::string, kAreas> addresses = {};
    std::string key = {};
    bool json = false;
    absl::Duration timeout = absl::ZeroDuration();  // zero: each call's own
    // Between the attempts of a call that reached nobody.
    absl::Duration retry_wait = absl::Milliseconds(200);
  };

  Session(Options options, Terminal terminal);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  bool json() const { return options_.json; }
  const Terminal& terminal() const { return terminal_; }
  std::ostream& out() { return *terminal_.out; }
  std::ostream& error() { return *terminal_.error; }

  // Between the attempts of a call that reached nobody.
  absl::Duration retry_wait() const { return options_.retry_wait; }

  std::shared_ptr<grpc::Channel> Channel(Area area);

  // What --timeout says, else `usual`.
  absl::Duration Timeout(absl::Duration usual) const;
  // Deadline and key.
  void Prepare(grpc::ClientContext& context, absl::Duration timeout) const;
  // Adds the service's name and address to an error.
  absl::Status Named(absl::Status status, Area area, absl::Duration timeout) const;

  // One call with a deadline and the key. Repeated (twice at most) only when the service could not
  // be reached: the same request_id makes that harmless.
  absl::Status Attempt(Area area,
                       absl::FunctionRef<absl::Status(grpc::ClientContext& context)> call,
                       absl::Duration usual_timeout = absl::Seconds(30)) const;

 private:
  const Options options_;
  const Terminal terminal_;
  const rpc::Caller caller_;
  std::array<std::shared_ptr<grpc::Channel>, kAreas> channels_;
};

// Flags before environment before defaults. USAGE if there is no key.
absl::StatusOr<Session::Options> ReadSessionOptions(const Arguments& arguments,
                                                    const Environment& environment);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_SESSION_H_
