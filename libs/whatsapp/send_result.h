// What came back for one send request, read into an outcome the ledger can book.
//
// Thread safety: values and free functions. Nothing blocks, nothing fails: what cannot be
// understood is kAmbiguous with a reason, for only the provider's own words prove that it did or
// did not take a message.
#ifndef KABAR_LIBS_WHATSAPP_SEND_RESULT_H_
#define KABAR_LIBS_WHATSAPP_SEND_RESULT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace kabar::whatsapp {

class ErrorPolicy;

// {"error":{...}} of the Graph API.
struct GraphError {
  int code = 0;
  int subcode = 0;
  std::string type = {};
  std::string message = {};  // may quote the recipient's phone: never log it
  std::string details = {};
  std::string trace_id = {};
  int http_status = 0;
};

struct SendOutcome {
  enum class Kind {
    kNotSent,    // certainly not one byte was written
    kAccepted,   // the provider took it: wamid
    kRejected,   // the provider refused it: error
    kAmbiguous,  // nobody knows: UNKNOWN
  };
  Kind kind = Kind::kAmbiguous;
  bool gate_refused = false;   // kNotSent because the caller's own gate said no
  std::string wamid = {};      // kAccepted
  std::string wa_id = {};      // kAccepted, may be empty
  std::string user_id = {};    // kAccepted, the BSUID when the provider names it
  GraphError error = {};       // kRejected
  std::string reason = {};     // kNotSent, kAmbiguous: for people
  int http_status = 0;         // of the answer, whatever was made of it; 0: none
  bool no_connection = false;  // kNotSent because the provider could not be reached
  bool stopped = false;        // kAmbiguous because our own client was stopped
  absl::Time written_at = absl::InfinitePast();
  absl::Time completed_at = absl::InfinitePast();
};
absl::string_view SendOutcomeKindName(SendOutcome::Kind kind);  // "ACCEPTED"

// A complete HTTP response -> kAccepted, kRejected or kAmbiguous. A 5xx counts as kRejected only
// with a Graph code the policy knows; anything without a wamid and without a Graph error (a
// proxy's page, 200 with garbage) is kAmbiguous.
SendOutcome ParseSendResponse(int http_status, absl::string_view body, const ErrorPolicy& policy);

}  // namespace kabar::whatsapp

#endif  // KABAR_LIBS_WHATSAPP_SEND_RESULT_H_
