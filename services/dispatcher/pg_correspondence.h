// What was sent to a person: where a status without our tag and an answer belong. Internal to the
// store.
//
// Looked for among the messages to the person's ids, in the partitions of the last 31 days.
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/pg/transaction.h"

namespace kabar::dispatcher {

struct SentMessage {
  std::string message_id = {};  // empty: none was found
  std::int32_t attempt = 0;
  std::string contact_id = {};
  std::string run_id = {};
  absl::Time claimed_at = absl::InfinitePast();  // of its latest attempt
};

// An attempt by the id that the provider gave it.
struct AttemptNamed {
  std::int64_t recipient_id = 0;  // 0: not looked for
  std::string provider_id = {};   // empty: not looked for
};
// One per name, in their order.
std::vector<SentMessage> FindAttempts(pg::Transaction& tx, const std::vector<AttemptNamed>& named);

// A message by our own id, as its buttons carry it.
struct MessageNamed {
  std::string message_id = {};  // empty: not looked for
  std::string sender_id = {};   // whose it must be: an id that somebody made up leads nowhere
};
std::vector<SentMessage> FindMessages(pg::Transaction& tx, const std::vector<MessageNamed>& named);

// Somebody who wrote to one of our numbers.
struct Writer {
  std::int64_t recipient_id = 0;  // 0: not looked for
  std::string sender_id = {};
  absl::Time written_at = absl::InfinitePast();
};
// The newest message that each can have had from this number when he wrote: sent, or on its way.
std::vector<SentMessage> FindLastMessages(pg::Transaction& tx, const std::vector<Writer>& writers);

}  // namespace kabar::dispatcher
