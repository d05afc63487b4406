// The one table of Cloud API error codes: what each means for the message, its sender, its
// campaign. Built in, and editable: a JSON file replaces entries of the built-in table.
//
// File: {"rules": [{"codes": "131049", "action": "FINAL_NO_RETRY_24H", "alert": false,
//                   "fallback": true, "note": "..."},
//                  {"codes": "200-299", "action": "STOP_SENDER"}],
//        "unknown": {"action": "FINAL", "alert": true}}
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
  kAmbiguous,               // nobody knows: UNKNOWN
};
absl::string_view ErrorActionName(ErrorAction action);  // "RETRY_BACKOFF_SLOW_SENDER"
std::optional<ErrorAction> ParseErrorAction(absl::string_view name);

struct ErrorDecision {
  ErrorAction action = ErrorAction::kFinal;
  bool alert = false;     // tell a person
  bool fallback = false;  // another channel may be tried
  bool known = false;     // the table names this code
};

class ErrorPolicy {
 public:
  static const ErrorPolicy& BuiltIn();
  // The built-in table with the file's rules laid over it. `source` names the text in errors.
  static absl::StatusOr<ErrorPolicy> Parse(absl::string_view json, absl::string_view source);
  static absl::StatusOr<ErrorPolicy> LoadFile(const std::string& path);

  // A code nobody has named is FINAL with an alert: repeating what is not understood could double
  // a message or harm the number's quality, and a person sees it and adds the code.
  ErrorDecision For(int code) const;
  bool IsKnown(int code) const { return For(code).known; }

 private:
  struct Rule {
    int first = 0, last = 0;
    ErrorDecision decision;
  };
  std::vector<Rule> rules_;  // the first that matches decides; the file's come first
  ErrorDecision unknown_;
};

// 4^attempt seconds after the attempt-th refusal by the pair limit (attempt from 1), at most 1 h.
absl::Duration PairRetryDelay(int attempt);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_ERROR_POLICY_H_
