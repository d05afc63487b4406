#include "services/dispatcher/media_uploader.h"

#include <optional>

#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kStoreTimeout = absl::Seconds(30);
constexpr absl::Duration kUploadTimeout = absl::Seconds(30);
// Longer than an upload and its recording can take: no two at once.
constexpr absl::Duration kLease = absl::Minutes(2);
constexpr base::BackoffPolicy kBetweenTries = {
    .initial = absl::Seconds(5), .max = absl::Minutes(30), .floor = absl::Seconds(2)};

metrics::Counter& Uploads(const char* outcome) {
  return metrics::GetCounter("kabar_dispatcher_media_uploads_total",
                             "Uploads of media to WhatsApp, by how they ended.",
                             {{"outcome", outcome}});
}

}  // namespace

absl::StatusOr<bool> MediaUploader::RunOnce() {
  KABAR_ASSIGN_OR_RETURN(const std::optional<WantedUpload> wanted,
                         store_.TakeWantedUpload(kLease, clock_.Now() + kStoreTimeout));
  if (!wanted) return false;
  absl::StatusOr<std::string> id = absl::UnknownError("not tried");
  const SenderTokens::Credentials sender = credentials_(wanted->sender_id);
  if (sender.ok()) {
    id = upload_(**sender, *wanted, clock_.Now() + kUploadTimeout);
  } else {
    id = sender.status();
  }
  const absl::Time deadline = clock_.Now() + kStoreTimeout;
  if (id.ok()) {
    Uploads("uploaded").Increment();
    KABAR_RETURN_IF_ERROR(store_.NoteUploaded(*wanted, *id, deadline));
    return true;
  }
  Uploads("failed").Increment();
  static log::Throttle throttle(absl::Seconds(10));
  log::Warn(throttle, "a medium was not uploaded; messages with it wait",
            {{"medium", wanted->name},
             {"sender_id", wanted->sender_id},
             {"tries", wanted->tries},
             {"error", id.status()}});
  KABAR_RETURN_IF_ERROR(store_.NoteUploadFailed(*wanted, std::string(id.status().message()),
                                                base::BackoffDelay(kBetweenTries, wanted->tries),
                                                deadline));
  return true;
}

}  // namespace kabar::dispatcher
