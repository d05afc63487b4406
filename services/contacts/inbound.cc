#include "services/contacts/inbound.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/contacts/contact.h"
#include "services/contacts/opt_out_words.h"

namespace kabar::contacts {
namespace {

// What somebody else typed may be too long or no text at all: cut, never refused, because a refusal
// would hold up all events behind it.
std::string Cut(const std::string& text) {
  if (!TextFault(text, SIZE_MAX).empty()) return "";
  return std::string(base::TruncateCodepoints(base::Trim(text), kMaxShortText));
}

Contact SenderOf(const events::v1::InboundReceived& inbound) {
  Contact sender;
  sender.phone = Cut(inbound.phone());
  // The provider writes the digits alone; identities bear the plus.
  if (!sender.phone.empty() && !absl::StartsWith(sender.phone, "+")) {
    sender.phone = absl::StrCat("+", sender.phone);
  }
  sender.bsuid = Cut(inbound.bsuid());
  sender.name = Cut(inbound.profile_name());
  return sender;
}

}  // namespace

absl::Status ApplyInbound(Store::Unit& unit, const events::v1::Event& event) {
  const events::v1::InboundReceived& inbound = event.inbound_received();
  const Contact sender = SenderOf(inbound);
  if (sender.phone.empty() && sender.bsuid.empty()) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const Contact contact, unit.FindOrInsertContact(sender));
  const absl::Time at =
      absl::FromUnixSeconds(event.time().seconds()) + absl::Nanoseconds(event.time().nanos());
  KABAR_RETURN_IF_ERROR(unit.TouchInbound(contact.id, at));
  if (!IsOptOut(inbound.text()) && !IsOptOut(inbound.payload())) return absl::OkStatus();
  for (const Purpose purpose : kAllPurposes) {
    KABAR_RETURN_IF_ERROR(
        unit.SetConsent({contact.id, purpose, /*opted_out=*/true, "keyword", at}).status());
  }
  return absl::OkStatus();
}

}  // namespace kabar::contacts
