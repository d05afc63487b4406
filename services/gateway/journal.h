// The seam to the dispatcher's webhook journal.
//
// Thread safety: Append may be called from any thread, also while earlier calls are under way.
// Blocks: no. Errors: told to `done`.
#ifndef KABAR_SERVICES_GATEWAY_JOURNAL_H_
#define KABAR_SERVICES_GATEWAY_JOURNAL_H_

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace kabar::gateway {

// One webhook as it came over the wire, its signature checked.
struct Payload {
  std::string body;
  absl::Time received;
};

class Journal {
 public:
  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  virtual ~Journal() = default;

  // `done` is called exactly once, from any thread: OK says that all of it is durable.
  virtual void Append(std::vector<Payload> payloads, Done done) = 0;

  // OK when the journal can be reached and serves.
  virtual void Check(Done done) = 0;
};

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_JOURNAL_H_
