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

struct Judgement {
  bool retry = false;  // QUEUED again at `not_before`, while tries are left
  bool costs_try = true;
  absl::Time not_before = absl::InfinitePast();
  OutcomeAction action = OutcomeAction::kNone;
};

// `free_text`: it went as free text, or may have; `has_form`: a provider template can go instead.
Judgement Judge(const whatsapp::ErrorDecision& decision, std::int32_t attempt, bool free_text,
                bool has_form, absl::Time now);

}  // namespace kabar::dispatcher
