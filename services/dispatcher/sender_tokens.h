// What a worker needs to send for a number: its provider id and its opened token, kept in memory
// and read anew every few seconds by a thread of its own, so that a new token counts soon and
// nobody who sends waits for the ledger.
//
// Thread safety: safe for concurrent use. Blocks: Get() only for a sender that is not known yet,
// until the senders have been read once more, at most 2 s. Errors: NOT_FOUND for a sender that is
// not there; those of the store while nothing is known of it yet; SECRET_UNREADABLE.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "libs/base/clock.h"
#include "services/dispatcher/secret.h"
#include "services/dispatcher/send_job.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

class SenderTokens {
 public:
  using Credentials = absl::StatusOr<std::shared_ptr<const SenderCredentials>>;

  SenderTokens(Store& store, const SecretBox& secrets, base::Clock& clock);
  ~SenderTokens();

  Credentials Get(const std::string& sender_id);

 private:
  void Run(std::stop_token stop);
  absl::Status Read();

  Store& store_;
  const SecretBox& secrets_;
  base::Clock& clock_;
  base::Wakeup wanted_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Credentials> known_;
  std::uint64_t reads_ = 0;  // tried
  bool reading_ = false;
  absl::Status last_read_ = absl::UnavailableError("the senders have not been read yet");
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
