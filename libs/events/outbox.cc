#include "libs/events/outbox.h"

#include "absl/strings/str_cat.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"

namespace kabar::events {
namespace {

constexpr pg::Query kAppend{"events.append", "INSERT INTO outbox (batch) VALUES ($1)"};

}  // namespace

absl::Status AppendToOutbox(pg::Transaction& tx, const v1::EventBatch& batch) {
  if (batch.events().empty()) return absl::OkStatus();
  std::string bytes;
  if (!batch.SerializeToString(&bytes)) {
    return base::Error(absl::StatusCode::kInternal, "EVENT_BATCH_TOO_LARGE",
                       "an event batch cannot be serialised: it must stay below 2 GB");
  }
  tx.Exec(kAppend, pg::Bytes(bytes));
  tx.NotifyAfterCommit(CommittedChannel(tx.schema()));
  return absl::OkStatus();
}

std::string CommittedChannel(absl::string_view schema) {
  return absl::StrCat(schema, ".committed");
}
std::string NumberedChannel(absl::string_view schema) { return absl::StrCat(schema, ".numbered"); }

}  // namespace kabar::events
