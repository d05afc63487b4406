// The one table of Cloud API error codes: what each means for the message, its sender, its
// campaign. Built in, and editable: a JSON file replaces entries of the built-in table.
//
// File: {"rules": [{"codes": "131049", "action": "FINAL_NO_RETRY_24H", "alert": false,
//                   "fallback": true, "note": "..."},
//                  {"codes": "80007", "action": "RETRY_BACKOFF_SLOW_SENDER", "signal": "RATE",
//                   "first_wait_s": 30, "longest_wait_s": 600, "costs_try": false},
//                  {"codes": "200-299", "action": "STOP_SENDER"}],
//        "unknown_by_status": [{"status": 429, "action": "RETRY_BACKOFF_SLOW_SENDER"}],
//        "unknown": {"action": "FINAL", "alert": true}}
// What a rule leaves out is as its action has it by itself.
//
// Thread safety: immutable after it was made. Blocks: LoadFile() reads a file.
// Errors: NOT_FOUND (file), INVALID_ARGUMENT naming the entry and the field, or for bad JSON the
// line and column; a wrong file changes nothing.
#ifndef KABAR_LIBS_WHATSAPP_ERROR_POLICY_H_
#define KABAR_LIBS_WHATSAPP_ERROR_POLICY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::whatsapp {

enum class ErrorAction {
  kRetryBackoffSlowSender,  // try again with exponential backoff and jitter; slow that number
  kRetryRecipient,          // this recipient only, after 4^n s
  kPauseSender,             // pause the number
  kFinal,                   // this message failed
  kFinalNoRetry24h,         // failed, and no new try to this recipient within 24 h
  kOptOut,                  // failed; the customer refuses marketing: record, never again
  kNotReachable,            // failed; the recipient is not on WhatsApp
  kWindowClosed,            // use the template form, else failed
  kPauseCampaign,           // failed; template or parameters are wrong
  kEndCampaign,             // failed; the template is paused or disabled
  kStopSender,              // credentials or rights of the number
  kStopAccount,             // policy, payment, country: the whole account
  kRequestWrong,            // failed; our request is wrong
  kMediumWrong,             // failed; the medium cannot be used
  kAmbiguous,               // nobody knows: UNKNOWN
};
// What a person who gets its alert should do, a sentence; empty for those that alert nobody.
absl::string_view ErrorActionAdvice(ErrorAction action);
absl::string_view ErrorActionName(ErrorAction action);  // "RETRY_BACKOFF_SLOW_SENDER"
std::optional<ErrorAction> ParseErrorAction(absl::string_view name);

// What the refusal says of the number.
enum class ErrorSignal {
  kNone,    // nothing: it works
  kRate,    // it sends too much: slow it down
  kOutage,  // the provider is in trouble: with enough of them in a row, stop and probe
};
absl::string_view ErrorSignalName(ErrorSignal signal);  // "RATE"

struct ErrorDecision {
  ErrorAction action = ErrorAction::kFinal;
  bool alert = false;     // tell a person
  bool fallback = false;  // another channel may be tried
  bool known = false;     // the table names this code
  ErrorSignal signal = ErrorSignal::kNone;
  // Before the next try, if the action has one: from the first, doubled each time with jitter up to
  // the longest. (RETRY_RECIPIENT waits 4^n s instead.)
  absl::Duration first_wait = absl::ZeroDuration();
  absl::Duration longest_wait = absl::ZeroDuration();
  // The try counts against the lane's max_attempts. Not where the message is not to blame: it is
  // tried until its lane ends.
  bool costs_try = true;
};

// What a rule has that names the action and nothing else.
ErrorDecision DecisionFor(ErrorAction action, bool known);
std::vector<absl::string_view> ErrorActionNames();

class ErrorPolicy {
 public:
  static const ErrorPolicy& BuiltIn();
  // The built-in table with the file's rules laid over it. `source` names the text in errors.
  static absl::StatusOr<ErrorPolicy> Parse(absl::string_view json, absl::string_view source);
  static absl::StatusOr<ErrorPolicy> LoadFile(const std::string& path);

  // A code nobody has named is judged by the answer's HTTP status (0: none, from a webhook), always
  // with an alert, so that a person sees it and adds the code: 429 slows the number and tries
  // again, 401 stops the number and 403 pauses it (every other message would fare alike), anything
  // else is FINAL: repeating what is not understood could harm the number's quality. (5xx with an
  // unknown code is no answer at all: ParseSendResponse.)
  ErrorDecision For(int code, int http_status = 0) const;
  bool IsKnown(int code) const { return For(code).known; }

 private:
  struct Rule {
    int first = 0, last = 0;
    ErrorDecision decision;
  };
  std::vector<Rule> rules_;      // the first that matches decides; the file's come first
  std::vector<Rule> by_status_;  // unknown codes, by HTTP status
  ErrorDecision unknown_;
};

// 4^n seconds after the n-th refusal by the pair limit in a row (n from 1), at most 1 h.
absl::Duration PairRetryDelay(int n);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_ERROR_POLICY_H_
