#include "tools/cloudsim/customers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"

namespace kabar::cloudsim {
namespace {

int64_t DrawUs(Draws& draws, const std::pair<double, double>& range_ms) {
  return static_cast<int64_t>(draws.Between(range_ms.first, range_ms.second) *
                              static_cast<double>(kMicrosPerMilli));
}

void Add(Fate* fate, StatusKind kind, int64_t at_us, int code = 0) {
  fate->statuses[fate->status_count++] = {kind, at_us, at_us, code, false};
}

// sent, then delivered and read, or failed.
void PlanStates(const FateInput& input, const StatusPlan& plan, Draws& draws, Fate* fate) {
  int64_t at_us = input.accepted_us + DrawUs(draws, plan.sent_ms);
  if (input.late_error != 0) {
    Add(fate, StatusKind::kFailed, at_us, input.late_error);
    return;
  }
  Add(fate, StatusKind::kSent, at_us);
  if (draws.Chance(plan.failed)) {
    at_us += DrawUs(draws, plan.delivered_ms);
    Add(fate, StatusKind::kFailed, at_us, plan.failed_codes[draws.Below(plan.failed_codes.size())]);
    return;
  }
  if (!draws.Chance(plan.delivered)) return;
  at_us += DrawUs(draws, plan.delivered_ms);
  const bool read = draws.Chance(plan.read);
  if (!(read && draws.Chance(plan.read_at_once))) Add(fate, StatusKind::kDelivered, at_us);
  if (read) Add(fate, StatusKind::kRead, at_us + DrawUs(draws, plan.read_ms));
}

// How the webhooks distort what happens.
void Distort(const StatusPlan& plan, Draws& draws, Fate* fate) {
  for (size_t i = 0; i < fate->status_count; ++i) {
    if (draws.Chance(plan.late)) fate->statuses[i].told_us += DrawUs(draws, plan.late_ms);
  }
  for (size_t i = 0; i + 1 < fate->status_count; ++i) {
    PlannedStatus& one = fate->statuses[i];
    PlannedStatus& next = fate->statuses[i + 1];
    if (!draws.Chance(plan.reorder)) continue;
    std::swap(one.told_us, next.told_us);
    // Delays of zero would leave the order to chance.
    if (one.told_us <= next.told_us) one.told_us = next.told_us + 50 * kMicrosPerMilli;
  }
  size_t kept = 0;
  for (size_t i = 0; i < fate->status_count; ++i) {
    if (!draws.Chance(plan.missing)) fate->statuses[kept++] = fate->statuses[i];
  }
  fate->status_count = kept;
  for (size_t i = 0; i < kept; ++i) {
    if (!draws.Chance(plan.duplicate)) continue;
    PlannedStatus copy = fate->statuses[i];
    copy.duplicate = true;
    copy.told_us += static_cast<int64_t>(draws.Between(1, 2000)) * kMicrosPerMilli;
    fate->statuses[fate->status_count++] = copy;
  }
}

FinalStatus Told(const Fate& fate) {
  FinalStatus told = FinalStatus::kNone;
  for (size_t i = 0; i < fate.status_count; ++i) {
    FinalStatus one = FinalStatus::kSent;
    switch (fate.statuses[i].kind) {
      case StatusKind::kSent:
        break;
      case StatusKind::kDelivered:
        one = FinalStatus::kDelivered;
        break;
      case StatusKind::kRead:
        one = FinalStatus::kRead;
        break;
      case StatusKind::kFailed:
        one = FinalStatus::kFailed;
        break;
    }
    told = std::max(told, one);
  }
  return told;
}

bool MeansYes(absl::string_view title) {
  return absl::StartsWithIgnoreCase(title, "ya") || absl::StartsWithIgnoreCase(title, "yes") ||
         absl::StartsWithIgnoreCase(title, "iya");
}

bool MeansNo(absl::string_view title) {
  return absl::StartsWithIgnoreCase(title, "tidak") || absl::StartsWithIgnoreCase(title, "no") ||
         absl::StartsWithIgnoreCase(title, "tdk");
}

// The button that says this; null when none does.
const TapButton* ButtonFor(AnswerKind kind, const std::vector<TapButton>& buttons) {
  for (const TapButton& button : buttons) {
    const bool yes = MeansYes(button.title);
    const bool no = MeansNo(button.title);
    if ((kind == AnswerKind::kYes && yes) || (kind == AnswerKind::kNo && no) ||
        (kind == AnswerKind::kOther && !yes && !no)) {
      return &button;
    }
  }
  return nullptr;
}

void PlanContent(const FateInput& input, const CustomerPlan& plan, Draws& draws,
                 PlannedAnswer* answer) {
  const double forms = plan.text_form + plan.button_form + plan.interactive_form;
  const double form = draws.Next() * (forms <= 0 ? 1 : forms);
  const TapButton* const button = ButtonFor(answer->kind, input.buttons);
  const bool is_template = input.buttons_kind == FateInput::Buttons::kTemplate;
  // Typed when the dice say so, or when there is nothing to tap. With buttons, both button forms
  // mean "taps": which of the two it becomes is the message's doing.
  if (form >= plan.text_form && button != nullptr) {
    answer->with_context = true;
    answer->type = is_template ? "button" : "interactive";
    answer->content_json = is_template
                               ? ButtonContent(button->id, button->title)
                               : ReplyContent(input.buttons_kind == FateInput::Buttons::kList,
                                              button->id, button->title);
    return;
  }
  const std::vector<std::string>* texts = &plan.other_texts;
  if (answer->kind == AnswerKind::kYes) texts = &plan.yes_texts;
  if (answer->kind == AnswerKind::kNo) texts = &plan.no_texts;
  if (answer->kind == AnswerKind::kStop) texts = &plan.stop_texts;
  answer->type = "text";
  answer->content_json = TextContent((*texts)[draws.Below(texts->size())]);
  answer->with_context = draws.Chance(plan.context);
}

void PlanAnswer(const FateInput& input, const StatusPlan& statuses, const CustomerPlan& plan,
                int64_t delivered_us, Fate* fate) {
  Draws draws(input.seed, "answer", HashText(input.recipient), input.nth);
  if (!input.may_answer || !draws.Chance(plan.answer)) return;
  const double kind = draws.Next();
  PlannedAnswer& answer = fate->answer;
  if (kind < plan.yes) {
    answer.kind = AnswerKind::kYes;
  } else if (kind < plan.yes + plan.no) {
    answer.kind = AnswerKind::kNo;
  } else if (kind < plan.yes + plan.no + plan.stop) {
    answer.kind = AnswerKind::kStop;
  } else {
    answer.kind = AnswerKind::kOther;
  }
  answer.at_us = delivered_us + DrawUs(draws, plan.delay_ms);
  PlanContent(input, plan, draws, &answer);
  answer.duplicate = draws.Chance(statuses.duplicate);
}

}  // namespace

void PlanFate(const FateInput& input, const StatusPlan& plan, const CustomerPlan& customers,
              Fate* fate) {
  fate->status_count = 0;
  fate->answer = PlannedAnswer();
  Draws draws(input.seed, "fate", HashText(input.recipient), input.nth);
  PlanStates(input, plan, draws, fate);
  int64_t delivered_us = 0;
  for (size_t i = 0; i < fate->status_count; ++i) {
    const StatusKind kind = fate->statuses[i].kind;
    if (delivered_us == 0 && (kind == StatusKind::kDelivered || kind == StatusKind::kRead)) {
      delivered_us = fate->statuses[i].at_us;
    }
  }
  if (!plan.enabled) fate->status_count = 0;
  Distort(plan, draws, fate);
  fate->told = Told(*fate);
  if (delivered_us != 0) PlanAnswer(input, plan, customers, delivered_us, fate);
}

}  // namespace kabar::cloudsim
