#include "services/dispatcher/sender_tokens.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "libs/base/status.h"
#include "libs/log/log.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kKnownFor = absl::Seconds(5);
constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr auto kLongestWait = std::chrono::seconds(2);

}  // namespace

SenderTokens::SenderTokens(Store& store, const SecretBox& secrets, base::Clock& clock)
    : store_(store),
      secrets_(secrets),
      clock_(clock),
      thread_([this](std::stop_token stop) { Run(stop); }) {}

SenderTokens::~SenderTokens() {
  thread_.request_stop();
  thread_.join();
}

SenderTokens::Credentials SenderTokens::Get(const std::string& sender_id) {
  std::unique_lock lock(mutex_);
  auto found = known_.find(sender_id);
  if (found == known_.end()) {
    // A reading that is under way may have begun before the sender was there.
    const std::uint64_t enough = reads_ + (reading_ ? 2 : 1);
    wanted_.Notify();
    changed_.wait_for(lock, kLongestWait, [&] { return reads_ >= enough; });
    found = known_.find(sender_id);
  }
  if (found != known_.end()) return found->second;
  if (!last_read_.ok()) return last_read_;
  return base::Error(absl::StatusCode::kNotFound, "SENDER_NOT_FOUND", "there is no such sender");
}

void SenderTokens::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::lock_guard lock(mutex_);
      reading_ = true;
    }
    const absl::Status status = Read();
    if (!status.ok()) {
      static log::Throttle throttle(absl::Seconds(10));
      log::Warn(throttle, "senders could not be read; what was known of them still counts",
                {{"error", status}});
    }
    {
      std::lock_guard lock(mutex_);
      last_read_ = status;
      reading_ = false;
      ++reads_;
    }
    changed_.notify_all();
    clock_.Wait(wanted_, kKnownFor, stop);
  }
}

absl::Status SenderTokens::Read() {
  KABAR_ASSIGN_OR_RETURN(const std::vector<Sender> senders,
                         store_.ListAllSenders(clock_.Now() + kTimeout));
  std::map<std::string, Credentials> read;
  for (const Sender& sender : senders) {
    const absl::StatusOr<std::string> token = secrets_.Open(sender.sealed_token);
    if (token.ok()) {
      read.emplace(sender.id,
                   std::make_shared<const SenderCredentials>(SenderCredentials{
                       .phone_number_id = sender.phone_number_id, .access_token = *token}));
    } else {
      read.emplace(sender.id, token.status());
    }
  }
  std::lock_guard lock(mutex_);
  known_ = std::move(read);
  return absl::OkStatus();
}

}  // namespace kabar::dispatcher
