// What the error table's word on a failed attempt means: for its message, and beyond it. One
// judgement for a request that was refused and for a webhook that says `failed`.
//
// Thread safety: a value and a pure function. Nothing blocks. Errors: none.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/message.h"

namespace kabar::dispatcher {

// The attempt that failed.
struct FailedTry {
  std::int32_t attempt = 1;
  bool free_text = false;    // it went as free text, or may have
  bool has_form = false;     // a provider template can go instead
  bool with_medium = false;  // it names one that was uploaded, as all of its campaign do
  bool of_campaign = true;   // its lane is a campaign's: one text's, and somebody watches it
};

struct Judgement {
  bool retry = false;  // QUEUED again at `not_before`, while tries are left
  bool costs_try = true;
  bool render_again = false;  // before it goes again
  absl::Time not_before = absl::InfinitePast();
  OutcomeAction action = OutcomeAction::kNone;
};

Judgement Judge(const whatsapp::ErrorDecision& decision, const FailedTry& tried, absl::Time now);

}  // namespace kabar::dispatcher
