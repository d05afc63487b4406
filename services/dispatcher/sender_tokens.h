// What a worker needs to send for a number: its provider id and its opened token, kept in memory
// and read anew every few seconds, so that a new token counts soon and none costs a query.
//
// Thread safety: safe for concurrent use. Blocks: on the ledger when what it knows is old. Errors:
// NOT_FOUND for a sender that is not there; those of the store while nothing is known yet;
// SECRET_UNREADABLE.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/secret.h"
#include "services/dispatcher/store.h"
#include "services/dispatcher/worker.h"

namespace kabar::dispatcher {

class SenderTokens {
 public:
  SenderTokens(Store& store, const SecretBox& secrets, base::Clock& clock)
      : store_(store), secrets_(secrets), clock_(clock) {}

  absl::StatusOr<SenderCredentials> Get(const std::string& sender_id);

 private:
  absl::Status Read();

  Store& store_;
  const SecretBox& secrets_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, absl::StatusOr<SenderCredentials>> known_;
  absl::Time read_at_ = absl::InfinitePast();
};

}  // namespace kabar::dispatcher
