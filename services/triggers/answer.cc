#include "services/triggers/answer.h"

#include "services/triggers/answer_words.h"

namespace kabar::triggers {
namespace {

// Where the payload is what a button was made with; elsewhere it is a media id and the like.
bool IsButton(absl::string_view kind) {
  return kind == "button" || kind == "button_reply" || kind == "list_reply" ||
         kind == "interactive";
}

}  // namespace

bool IsAnswer(absl::string_view kind, absl::string_view text) {
  return kind != "system" && !(kind == "reaction" && text.empty());
}

Answer Classify(const PendingAnswer& pending) {
  if (IsButton(pending.kind)) {
    const Answer answer = ClassifyWords(pending.payload);
    if (answer != Answer::kOther) return answer;
  }
  return ClassifyWords(pending.text);
}

CustomerAnswer Read(const PendingAnswer& pending, absl::string_view contact_id) {
  return {.outlet_id = pending.outlet_id,
          .inbound_id = pending.inbound_id,
          .message_id = pending.message_id,
          .run_id = pending.run_id,
          .contact_id = pending.is_matched() ? pending.contact_id : std::string(contact_id),
          .answer = Classify(pending),
          .text = pending.text,
          .time = pending.received_at};
}

}  // namespace kabar::triggers
