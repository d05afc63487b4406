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

std::optional<CustomerAnswer> Match(const PendingAnswer& pending, absl::string_view contact_id,
                                    const std::optional<SentMessage>& newest, absl::Time now) {
  CustomerAnswer answer{.outlet_id = pending.outlet_id,
                        .inbound_id = pending.inbound_id,
                        .message_id = pending.message_id,
                        .run_id = pending.run_id,
                        .contact_id = pending.contact_id,
                        .answer = Classify(pending),
                        .text = pending.text,
                        .time = pending.received_at};
  if (pending.has_context()) return answer;
  answer.contact_id = std::string(contact_id);
  if (newest) {
    answer.message_id = newest->message_id;
    answer.run_id = newest->run_id;
    return answer;
  }
  if (now < pending.stored_at + kAnswerPatience) return std::nullopt;
  return answer;
}

}  // namespace kabar::triggers
