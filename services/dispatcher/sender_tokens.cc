#include "services/dispatcher/sender_tokens.h"

#include <utility>
#include <vector>

#include "libs/base/status.h"
#include "libs/log/log.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kKnownFor = absl::Seconds(5);
constexpr absl::Duration kTimeout = absl::Seconds(5);

}  // namespace

absl::StatusOr<SenderCredentials> SenderTokens::Get(const std::string& sender_id) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = known_.find(sender_id);
  if (clock_.Now() - read_at_ > kKnownFor || found == known_.end()) {
    const absl::Status status = Read();
    found = known_.find(sender_id);
    if (!status.ok()) {
      static log::Throttle throttle(absl::Seconds(10));
      log::Warn(throttle, "senders could not be read", {{"error", status}});
      if (found == known_.end()) return status;  // else: what was known a while ago
    }
  }
  if (found == known_.end()) {
    return base::Error(absl::StatusCode::kNotFound, "SENDER_NOT_FOUND", "there is no such sender");
  }
  return found->second;
}

absl::Status SenderTokens::Read() {
  KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders,
                         store_.ListAllSenders(clock_.Now() + kTimeout));
  std::map<std::string, absl::StatusOr<SenderCredentials>> read;
  for (const Sender& sender : senders) {
    const absl::StatusOr<std::string> token = secrets_.Open(sender.sealed_token);
    if (token.ok()) {
      read.emplace(sender.id, SenderCredentials{.phone_number_id = sender.phone_number_id,
                                                .access_token = *token});
    } else {
      read.emplace(sender.id, token.status());
    }
  }
  known_ = std::move(read);
  read_at_ = clock_.Now();
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
