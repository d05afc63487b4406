// Message ids (architecture.md 3.3) and the tag that names one attempt of a message to WhatsApp.
//
// A message id derives from what the message is, so the same thing enqueued twice is the same row,
// and it begins with the run's date, by which the ledger is partitioned.
//
// Thread safety: free functions. Blocks: no. Errors: INVALID_ARGUMENT with reason
// INVALID_MESSAGE_ID or INVALID_ATTEMPT_TAG for text that is not one of ours.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace kabar::base {

// "20261121-" + 26 base32 characters: 10 of the run or event, 6 of `ordinal`, 10 of all parts.
// `day` is the run's (or event's) date in the outlet's zone; `ordinal` is the place in the run's
// audience, 0 to 2^30 - 1, or 0 without one; `subject` is the shipment or order that the message is
// about and may be empty. Ids of one run sort by ordinal, so that what is written together stands
// together in the ledger's index; 100 bits of hash keep different messages apart.
std::string MakeMessageId(absl::CivilDay day, absl::string_view run_or_event, std::int64_t ordinal,
                          absl::string_view step, absl::string_view contact_id,
                          absl::string_view subject);

// The date in front; checks the whole id.
absl::StatusOr<absl::CivilDay> ParseMessageDay(absl::string_view message_id);

struct AttemptTag {
  std::string message_id;
  std::int32_t attempt = 0;

  bool operator==(const AttemptTag&) const = default;
};

// "id.attempt", what biz_opaque_callback_data carries. Attempts count from 1.
std::string FormatAttemptTag(absl::string_view message_id, std::int32_t attempt);
absl::StatusOr<AttemptTag> ParseAttemptTag(absl::string_view tag);

}  // namespace kabar::base
