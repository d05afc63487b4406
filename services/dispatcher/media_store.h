// The seam to the media: what the API keeps, and what the uploader does with it. Part of
// admin_store.h; PgStore implements it (pg_media.cc).
//
// Thread safety, blocking, errors: as admin_store.h. NOT_FOUND MEDIUM_NOT_FOUND.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace kabar::dispatcher {

struct RequestKey;

struct MediumUpload {
  std::string sender_id = {};
  std::string provider_id = {};  // empty: none that is known to be good
  std::optional<absl::Time> uploaded_at = {};
  std::string error = {};  // of the last try
};

struct Medium {
  std::string outlet_id = {};
  std::string name = {};
  std::string mime_type = {};
  std::string sha256 = {};  // 32 bytes
  std::int64_t size = 0;
  absl::Time create_time = {};
  absl::Time update_time = {};
  std::vector<MediumUpload> uploads = {};
};

// An upload that is this caller's for the next minutes.
struct WantedUpload {
  std::string outlet_id = {};
  std::string sender_id = {};
  std::string name = {};
  std::string mime_type = {};
  std::string sha256 = {};
  std::string bytes = {};
  std::int32_t tries = 0;  // this one included
};

class MediaStore {
 public:
  virtual ~MediaStore() = default;

  // The same bytes under the same name again change nothing, but what WhatsApp has not taken yet is
  // tried again at once. Other bytes take the place of the former, which are uploaded anew.
  // RESOURCE_EXHAUSTED (TOO_MANY_MEDIA).
  virtual absl::StatusOr<Medium> PutMedium(const Medium& medium, const std::string& bytes,
                                           const RequestKey& request, absl::Time deadline) = 0;
  // By name, those after `after`, with their uploads.
  virtual absl::StatusOr<std::vector<Medium>> ListMedia(const std::string& outlet,
                                                        const std::string& after, int limit,
                                                        absl::Time deadline) = 0;
  // MEDIUM_IN_USE: a message was enqueued with it within the last day, which may wait yet.
  virtual absl::Status DeleteMedium(const std::string& outlet, const std::string& name,
                                    const RequestKey& request, absl::Time deadline) = 0;

  // Of active numbers: pairs that were used of late and have no good id, or one that ends soon. The
  // caller has until the lease is over; then it is wanted again.
  virtual absl::StatusOr<std::optional<WantedUpload>> TakeWantedUpload(absl::Duration lease,
                                                                       absl::Time deadline) = 0;
  // Unless the medium has got other bytes meanwhile: then it stays wanted.
  virtual absl::Status NoteUploaded(const WantedUpload& upload, const std::string& provider_id,
                                    absl::Time deadline) = 0;
  virtual absl::Status NoteUploadFailed(const WantedUpload& upload, const std::string& error,
                                        absl::Duration wait, absl::Time deadline) = 0;
};

}  // namespace kabar::dispatcher
