// What steps and answers need of contacts, templates and dispatcher, as calls in their own words.
//
// Thread safety: safe for concurrent use. Blocks: each call for its timeout at most. Errors: those
// of the services, with their reasons; UNAVAILABLE when one cannot be reached.
#ifndef KABAR_SERVICES_TRIGGERS_PEERS_H_
#define KABAR_SERVICES_TRIGGERS_PEERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/triggers/business_event.h"

namespace kabar::templates::v1 {
class Rendered;
}

namespace kabar::triggers {

struct PeerAddresses {
  std::string contacts = {};
  std::string templates = {};
  std::string dispatcher = {};
};

// An automation and what its messages can say.
struct TemplateUse {
  std::string automation_id = {};
  std::string template_id = {};
  std::string what = {};  // automation "Lunas" of ORDER_PAID
  std::vector<std::string> variables = {};

  bool operator==(const TemplateUse&) const = default;
};

// By what a contact is found.
struct Identity {
  std::string phone = {};
  std::string bsuid = {};
  std::string name = {};  // of one that is created
  // When we heard of him: whoever was erased since is not created.
  absl::Time heard = absl::InfiniteFuture();
};

// A contact as messages need it.
struct Person {
  std::string contact_id = {};  // empty: not found
  std::string phone = {};
  std::string bsuid = {};
  std::vector<Variable> fields = {};  // canonical names, those that have a value
};

// A message, or why there is none.
struct Rendered {
  std::string text = {};
  // As templates made it, for the provider form and the parts (header, buttons): nothing here looks
  // into these. nullptr: there are none.
  std::shared_ptr<const templates::v1::Rendered> made = {};
  std::string failure = {};  // reason; empty: rendered
  // Why WhatsApp would not take its provider template now: PROVIDER_TEMPLATE_PAUSED, ...; empty: it
  // would. Then the text alone goes, and only where the window is open.
  std::string trouble = {};
};

// For the ledger.
struct Outgoing {
  std::string id = {};
  std::string contact_id = {};
  std::string subject = {};
  std::string phone = {};
  std::string bsuid = {};
  Rendered content = {};
  bool suppressed = false;  // a failure is recorded as SUPPRESSED instead of FAILED
  absl::Time render_time = absl::InfinitePast();
};

inline constexpr int kMaxEnqueue = 500;
inline constexpr int kMaxResolve = 500;

class Peers {
 public:
  Peers(const PeerAddresses& addresses, const std::string& service_key);
  ~Peers();

  // INVALID_ARGUMENT ("automation.sender_id") if there is none; an empty id is not asked about.
  absl::Status CheckSender(const std::string& outlet, const std::string& sender_id);
  // Templates remembers the use: no later version may need what it lacks. INVALID_ARGUMENT
  // ("automation.template_id") if the template does not exist, is archived or needs what the use
  // lacks: then nothing was remembered. After another error it may have been.
  absl::Status PutTemplateUse(const std::string& outlet, const TemplateUse& use);
  // Waits for a short time only: callers have done their work and only tidy up.
  absl::Status DeleteTemplateUse(const std::string& outlet, const std::string& automation_id);

  // In the order asked, at most kMaxResolve.
  absl::StatusOr<std::vector<Person>> ResolveContacts(const std::string& outlet,
                                                      absl::Span<const Identity> identities,
                                                      bool create_missing);
  absl::StatusOr<Person> GetContact(const std::string& outlet, const std::string& id);

  // The newest version; one a row, in their order. Each row has a value for each column.
  absl::StatusOr<std::vector<Rendered>> Render(const std::string& outlet,
                                               const std::string& template_id,
                                               const std::vector<std::string>& columns,
                                               absl::Span<const std::vector<std::string>> rows);

  // The lane of automatic messages of a sender; idempotent.
  absl::Status CreateLane(const std::string& outlet, const std::string& sender_id);
  // At most kMaxEnqueue, of one day. Idempotent by the messages' ids. How many were left as they
  // are: in the ledger before, and not waiting any more.
  absl::StatusOr<std::int64_t> Enqueue(const std::string& outlet, const std::string& sender_id,
                                       absl::Span<const Outgoing> messages);
  // Whether the ledger has taken the message to be sent, whatever has become of it since; false: it
  // has refused it, or does not know it.
  absl::StatusOr<bool> WasTaken(const std::string& outlet, const std::string& message_id);
  // Of each message: whether it cannot go without a provider template, because its recipient's
  // window is closed. At most kMaxEnqueue.
  absl::StatusOr<std::vector<bool>> NeedTemplates(const std::string& outlet,
                                                  const std::string& sender_id,
                                                  absl::Span<const Outgoing> messages);
  // Ids of messages in the lane whose text is too old to be sent, page by page.
  struct StalePage {
    std::vector<std::string> ids = {};
    std::string next_page_token = {};  // empty: the last
  };
  absl::StatusOr<StalePage> ListStale(const std::string& outlet, const std::string& sender_id,
                                      int page_size, const std::string& page_token);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::triggers

#endif  // KABAR_SERVICES_TRIGGERS_PEERS_H_
