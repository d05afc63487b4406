// The journal behind DispatcherService.AppendWebhooks, called asynchronously: no thread waits.
//
// Thread safety: as Journal. Its owner waits for every `done` before destroying it (GroupCommit::
// Stop does). Blocks: no. Errors: the dispatcher's, or UNAVAILABLE / DEADLINE_EXCEEDED of the way
// there. Nothing is repeated here: the provider delivers again, and a repeat of a call that did
// arrive would only double the journal's work.
#ifndef KABAR_SERVICES_GATEWAY_DISPATCHER_JOURNAL_H_
#define KABAR_SERVICES_GATEWAY_DISPATCHER_JOURNAL_H_

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/channel.h"
#include "services/gateway/journal.h"

namespace kabar::gateway {

class DispatcherJournal : public Journal {
 public:
  // `address`: host:port or dns:///name:port. `timeout` of one Append.
  DispatcherJournal(absl::string_view address, absl::string_view service_key,
                    absl::Duration timeout);
  ~DispatcherJournal() override;

  void Append(std::vector<Payload> payloads, Done done) override;
  void Check(Done done) override;

 private:
  struct Stubs;
  std::unique_ptr<Stubs> stubs_;
  rpc::Caller caller_;
  absl::Duration timeout_;
};

}  // namespace kabar::gateway

#endif  // KABAR_SERVICES_GATEWAY_DISPATCHER_JOURNAL_H_
