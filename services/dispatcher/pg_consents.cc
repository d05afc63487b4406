#include <map>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/pg_erasure.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_windows.h"

namespace kabar::dispatcher {
namespace {

constexpr char kSource[] = "consent";
constexpr char kReason[] = "OPTED_OUT";

struct Change {
  const std::string* outlet_id;
  const events::v1::ConsentChanged* consent;
  std::int64_t recipient = 0;
};

// Addresses of one outlet at once; the changes themselves keep their order.
void ApplyChanges(pg::Transaction& tx, std::vector<Change>& changes) {
  std::map<std::string, std::vector<std::size_t>> outlets;
  for (std::size_t i = 0; i < changes.size(); ++i) outlets[*changes[i].outlet_id].push_back(i);
  for (const auto& [outlet, places] : outlets) {
    std::vector<RecipientAddress> addresses;
    for (const std::size_t place : places) {
      addresses.push_back({changes[place].consent->phone(), changes[place].consent->bsuid()});
    }
    const std::vector<std::int64_t> ids = ResolveRecipients(tx, outlet, addresses, LinkWord::kTold);
    for (std::size_t i = 0; i < places.size(); ++i) changes[places[i]].recipient = ids[i];
  }
  for (const auto& [outlet, change, recipient] : changes) {
    if (recipient == 0) continue;  // a contact without an address gets nothing anyway
    if (change->opted_out()) {
      Suppress(tx, *outlet, recipient, change->purpose(), kSource, kReason, absl::InfiniteFuture());
    } else {
      Unsuppress(tx, recipient, change->purpose(), kSource);
    }
  }
  changes.clear();
}

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

void Part(pg::Transaction& tx, const std::string& outlet,
          const events::v1::ContactsParted& parted) {
  PartRecipients(tx, outlet, Texts(parted.phones()), Texts(parted.other_bsuids()));
  PartRecipients(tx, outlet, Texts(parted.other_phones()), Texts(parted.bsuids()));
}

}  // namespace

std::unique_ptr<events::Sink> MakeConsentSink(pg::Pool& pool) {
  return events::MakePgSink(
      pool, "contacts",
      [](pg::Transaction& tx,
         absl::Span<const events::v1::NumberedBatch* const> batches) -> absl::Status {
        std::vector<Change> changes;
        for (const events::v1::NumberedBatch* batch : batches) {
          for (const events::v1::Event& event : batch->batch().events()) {
            if (event.has_consent_changed()) {
              changes.push_back({&event.outlet_id(), &event.consent_changed()});
            } else if (event.has_contacts_parted()) {
              ApplyChanges(tx, changes);  // what came before was said of them as one
              Part(tx, event.outlet_id(), event.contacts_parted());
            }
          }
        }
        ApplyChanges(tx, changes);
        // Whom to forget is only noted: what the consents above link is forgotten with him.
        for (const events::v1::NumberedBatch* batch : batches) {
          for (const events::v1::Event& event : batch->batch().events()) {
            if (!event.has_contact_erased()) continue;
            const auto& when = event.contact_erased().erase_time();
            NoteErasure(tx, event.outlet_id(), event.contact_erased(),
                        absl::FromUnixSeconds(when.seconds()) + absl::Nanoseconds(when.nanos()));
          }
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::dispatcher
