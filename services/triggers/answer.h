// Customers' messages as answers: which of our messages one answers, and what it says.
//
// Thread safety: plain values and free functions. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_ANSWER_H_
#define KABAR_SERVICES_TRIGGERS_ANSWER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::triggers {

// The numbers are stored: never renumber. Equal to kabar.triggers.v1.Answer.
enum class Answer : std::int16_t { kPending = 0, kYes = 1, kNo = 2, kOther = 3 };

// A customer's message that has not been matched yet.
struct PendingAnswer {
  std::string outlet_id = {};
  std::string inbound_id = {};
  std::string sender_id = {};
  std::string phone = {};
  std::string bsuid = {};
  std::string kind = {};
  std::string text = {};
  std::string payload = {};
  absl::Time received_at = absl::InfinitePast();
  // What it answers; empty: none of ours.
  std::string message_id = {};
  std::string run_id = {};
  std::string contact_id = {};

  bool is_matched() const { return !message_id.empty(); }
};

// What is recorded of an answer; as ListAnswers shows it.
struct CustomerAnswer {
  std::string outlet_id = {};
  std::string inbound_id = {};
  std::string message_id = {};  // empty: none matched
  std::string run_id = {};
  std::string contact_id = {};
  Answer answer = Answer::kPending;
  std::string text = {};
  absl::Time time = absl::InfinitePast();
};

// A system notice (a changed number) or a reaction taken back answers nothing.
bool IsAnswer(absl::string_view kind, absl::string_view text);

// YA, TIDAK or something else: a button by its payload, then by its title, everything by its text.
Answer Classify(const PendingAnswer& pending);

// `contact_id`: who wrote, where no message says it; empty: nobody we know.
CustomerAnswer Read(const PendingAnswer& pending, absl::string_view contact_id);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_ANSWER_H_
