// Uploads media to WhatsApp for the numbers that send them, one at a time, apart from the workers'
// connections: no message's slot waits for it. Several processes share the work by leases.
//
// Thread safety: RunOnce from one thread. Blocks: RunOnce on the ledger and on WhatsApp, 30 s each
// at most. Errors: those of the ledger; what WhatsApp says is noted with the upload, which is tried
// again (5 s to 30 min).
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/media_store.h"
#include "services/dispatcher/send_job.h"
#include "services/dispatcher/sender_tokens.h"

namespace kabar::dispatcher {

class MediaUploader {
 public:
  // The medium's id at WhatsApp.
  using Upload = std::function<absl::StatusOr<std::string>(
      const SenderCredentials& sender, const WantedUpload& medium, absl::Time deadline)>;
  using Credentials = std::function<SenderTokens::Credentials(const std::string& sender_id)>;

  // All outlive it.
  MediaUploader(MediaStore& store, Credentials credentials, Upload upload, base::Clock& clock)
      : store_(store),
        credentials_(std::move(credentials)),
        upload_(std::move(upload)),
        clock_(clock) {}

  // One upload; false: none is wanted.
  absl::StatusOr<bool> RunOnce();

 private:
  MediaStore& store_;
  const Credentials credentials_;
  const Upload upload_;
  base::Clock& clock_;
};

}  // namespace kabar::dispatcher
