// The table of words by which customers say YA or TIDAK, and the rule that reads them:
//
//   every word must be known; only words of YES (or words that say yes by themselves, like "sampai"
//   or "bisa") -> YES; words of NO, with those beside it ("belum sampai", "tidak bisa") -> NO; both
//   ("ya tidak"), none, an unknown word or a question mark -> OTHER.
//
// Case, punctuation, emoji and stretched letters ("yaaa", "tidakkk") do not matter. An answer that
// is taken for what it is not is worse than one that a person has to read: so one unknown word is
// enough for OTHER.
//
// Thread safety: pure functions over a constant table. Blocks: never. Errors: none.
#ifndef KABAR_SERVICES_TRIGGERS_ANSWER_WORDS_H_
#define KABAR_SERVICES_TRIGGERS_ANSWER_WORDS_H_

#include "absl/strings/string_view.h"
#include "services/triggers/answer.h"

namespace kabar::triggers {

// kYes, kNo or kOther.
Answer ClassifyWords(absl::string_view text);

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_ANSWER_WORDS_H_
