// One message to an operator's own number.
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "services/campaigns/peers_state.h"

namespace kabar::campaigns {
namespace {

using contacts::v1::ContactsService;
using dispatcher::v1::DispatcherService;

absl::Status NotSent(absl::string_view why) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "TEST_NOT_SENT",
                     absl::StrCat("the test message was not sent: ", why));
}

}  // namespace

absl::StatusOr<TestMessage> Peers::TestSend(const Campaign& c, const PinnedTemplate& pinned,
                                            const std::string& phone,
                                            const std::string& contact_phone) {
  // An audience of one contact; of what is about shipments his first message is taken.
  contacts::v1::CreateAudienceRequest audience;
  audience.set_run_id(c.run_id);
  audience.set_filter(absl::StrCat("phone = \"", contact_phone, "\""));
  audience.set_subject(pinned.merges ? contacts::v1::CONTACT_PARCELS
                                     : static_cast<contacts::v1::AudienceSubject>(c.subject));
  audience.set_temporary(true);
  contacts::v1::Audience made;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->contacts, &ContactsService::Stub::CreateAudience,
                                     c.outlet_id, audience, &made));
  const absl::Cleanup forget = [&] { DeleteAudience(c).IgnoreError(); };
  if (made.size() == 0) {
    return NotSent(absl::StrCat("there is no contact ", contact_phone,
                                c.subject == contacts::v1::CONTACT ? "" : " with a shipment"));
  }
  KABAR_ASSIGN_OR_RETURN(State::Batch batch, state_->RenderNext(c, pinned, 1));
  if (batch.enqueue.messages().empty()) return NotSent("the contact has been deleted");
  auto& message = *batch.enqueue.mutable_messages(0);
  if (message.has_refusal()) {
    const auto variable = batch.variables.find(0);
    return NotSent(absl::StrCat(
        "this contact would get none: ", message.refusal().reason(),
        variable == batch.variables.end() ? "" : absl::StrCat(" (", variable->second, ")")));
  }
  // It is the operator's from here on, and no part of the contact's story.
  message.set_phone(phone);
  message.clear_bsuid();
  message.clear_contact_id();
  // A repeated request finds the lane of the first one, which may have begun on another day and
  // with another shipment: the message's id says nothing of either.
  KABAR_ASSIGN_OR_RETURN(const dispatcher::v1::Lane lane, state_->CreateLane(c));
  message.set_id(base::MakeMessageId(absl::ToCivilDay(Get(lane.end_time()), absl::UTCTimeZone()),
                                     c.run_id, 0, "test", "", ""));
  dispatcher::v1::EnqueueResponse answer;
  KABAR_RETURN_IF_ERROR(state_->Call(*state_->dispatcher, &DispatcherService::Stub::Enqueue,
                                     c.outlet_id, batch.enqueue, &answer));
  KABAR_RETURN_IF_ERROR(FinishLane(c));
  return TestMessage{.id = message.id(),
                     .text = message.text(),
                     .provider_template = message.provider_form().name()};
}

}  // namespace kabar::campaigns
