// Whether a customer's message asks us to stop writing.
//
// Thread safety: pure function. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_OPT_OUT_WORDS_H_
#define KABAR_SERVICES_CONTACTS_OPT_OUT_WORDS_H_

#include "absl/strings/string_view.h"

namespace kabar::contacts {

// True when the whole message says so: STOP, Berhenti!, "tolong jangan kirim lagi ya". Case,
// blanks, punctuation, emoji and polite words do not count; anything else does, because "stop di
// depan gang ya" is meant for the courier.
bool IsOptOut(absl::string_view text);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_OPT_OUT_WORDS_H_
