#include "services/contacts/reported_order.h"

#include <optional>
#include <string>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/log/log.h"
#include "services/contacts/contact.h"
#include "services/contacts/fact.h"
#include "services/contacts/inbound.h"

namespace kabar::contacts {
namespace {

Contact BuyerOf(const events::v1::OrderReported& order) {
  Contact buyer;
  buyer.id = order.contact_id();
  buyer.phone = order.phone();
  buyer.name = std::string(base::TruncateCodepoints(order.name(), kMaxShortText));
  return buyer;
}

// By whose alias the order came: the fact goes back with him when a merge is undone.
absl::StatusOr<std::string> FindBuyer(Store::Unit& unit, const Contact& buyer) {
  if (!buyer.id.empty()) return buyer.id;
  KABAR_ASSIGN_OR_RETURN(const Recognized who, unit.FindOrInsertByPhone(buyer));
  return who.merged_from.empty() ? who.contact.id : who.merged_from;
}

// The word together with what is known of the order. The newest word counts, but: received, it
// stays so, whichever word comes later (a COD order is paid afterwards, the word that it was
// received may be late); an amount that was told stays, also if the word that brings it is late.
void Join(const Fact& before, Fact& told) {
  const bool late = told.time < before.time;
  told.open = told.open && before.open;
  if (told.amount == 0 || (late && before.amount != 0)) told.amount = before.amount;
  if (!late) return;
  told.time = before.time;
  told.contact_id = before.contact_id;
}

}  // namespace

absl::Status ApplyOrder(Store::Unit& unit, const events::v1::Event& event) {
  const events::v1::OrderReported& order = event.order_reported();
  const Contact buyer = BuyerOf(order);
  Fact fact{.contact_id = {},
            .kind = FactKind::kOrder,
            .source = "triggers",
            .reference = order.order_id(),
            .open = order.open(),
            .amount = order.amount(),
            .time = TimeOf(order.report_time())};
  unit.HoldPeople(/*alone=*/false);
  KABAR_ASSIGN_OR_RETURN(const bool erased, unit.ErasedSince(buyer, TimeOf(event.time())));
  if (erased) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(fact.contact_id, FindBuyer(unit, buyer));
  absl::Status recorded = NormalizeFact(fact);
  if (recorded.ok()) {
    KABAR_ASSIGN_OR_RETURN(const std::optional<Fact> before, unit.FindFact(fact));
    if (before) Join(*before, fact);
    recorded = unit.RecordFact(fact).status();
  }
  // One that can never be kept must not hold up all that stand behind it.
  if (absl::IsInvalidArgument(recorded) || absl::IsNotFound(recorded)) {
    log::Warn("an order is not kept with its contact",
              {{"outlet", event.outlet_id()}, {"contact", fact.contact_id}, {"error", recorded}});
    return absl::OkStatus();
  }
  return recorded;
}

}  // namespace kabar::contacts
