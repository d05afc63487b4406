#include "services/contacts/inbound.h"

#include <algorithm>
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
std::string CutTo(const std::string& text, std::size_t max) {
  if (!TextFault(text, SIZE_MAX).empty()) return "";
  return std::string(base::TruncateCodepoints(base::Trim(text), max));
}

std::string Cut(const std::string& text) { return CutTo(text, kMaxShortText); }
std::string CutLong(const std::string& text) { return CutTo(text, kMaxLongText); }

Contact SenderOf(const events::v1::InboundReceived& inbound) {
  Contact sender;
  sender.phone = Cut(inbound.phone());
  // The provider writes the digits alone; identities bear the plus.
  if (!sender.phone.empty() && !absl::StartsWith(sender.phone, "+")) {
    sender.phone = absl::StrCat("+", sender.phone);
  }
  sender.bsuid = Cut(inbound.bsuid());
  sender.username = NormalizeUsername(Cut(inbound.username()));
  sender.name = Cut(inbound.profile_name());
  return sender;
}

// Only the provider's own word may say so: a customer's text comes as another kind.
bool ChangedNumber(const events::v1::InboundReceived& inbound) {
  return inbound.kind() == "system" && inbound.payload() == "user_changed_number" &&
         !(inbound.new_phone().empty() && inbound.new_bsuid().empty());
}

}  // namespace

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

namespace {

// When he wrote it; not later than it was taken, should the provider's clock run ahead.
absl::Time WrittenAt(const events::v1::Event& event) {
  const absl::Time taken = TimeOf(event.time());
  const auto& wrote = event.inbound_received().write_time();
  if (wrote.seconds() == 0) return taken;
  return std::min(taken, TimeOf(wrote));
}

}  // namespace

bool RefusesMarketing(const events::v1::Event& event) {
  return event.has_message_changed() && event.message_changed().to() == events::v1::FAILED &&
         event.message_changed().reason() == "GRAPH_131050";
}

absl::Status ApplyInbound(Store::Unit& unit, const events::v1::Event& event) {
  const events::v1::InboundReceived& inbound = event.inbound_received();
  const Contact sender = SenderOf(inbound);
  if (sender.phone.empty() && sender.bsuid.empty()) return absl::OkStatus();
  unit.HoldPeople(/*alone=*/true);
  const absl::Time at = WrittenAt(event);
  const bool refuses = IsOptOut(inbound.text()) || IsOptOut(inbound.payload());
  const std::string& written_to = inbound.context_contact_id().empty()
                                      ? inbound.last_contact_id()
                                      : inbound.context_contact_id();
  // He wrote it before he was erased: it does not bring him back. With a hidden number he may be
  // known by the message alone that he answers.
  Contact writer = sender;
  writer.id = written_to;
  KABAR_ASSIGN_OR_RETURN(const bool erased, unit.ErasedSince(writer, at));
  if (erased) return refuses ? unit.RefuseForErased(writer, kAllPurposes) : absl::OkStatus();
  if (ChangedNumber(inbound)) {
    Contact after = sender;
    after.phone = Cut(inbound.new_phone());
    after.bsuid = Cut(inbound.new_bsuid());
    return unit.ChangeNumber(sender, after, at).status();
  }
  KABAR_ASSIGN_OR_RETURN(const Recognized who, unit.RecognizeSender(sender, written_to));
  KABAR_RETURN_IF_ERROR(unit.TouchInbound(who, at));
  KABAR_RETURN_IF_ERROR(unit.AddInbound(who, {.time = at,
                                              .id = Cut(inbound.inbound_id()),
                                              .state = Cut(inbound.kind()),
                                              .detail = CutLong(inbound.text()),
                                              .run_id = Cut(inbound.context_run_id())}));
  if (!refuses) return absl::OkStatus();
  for (const Purpose purpose : kAllPurposes) {
    KABAR_RETURN_IF_ERROR(unit.SetConsent({who.contact.id, purpose, /*opted_out=*/true, "keyword",
                                           at, who.merged_from})
                              .status());
  }
  return absl::OkStatus();
}

}  // namespace kabar::contacts
