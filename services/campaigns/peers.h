// What a run needs of contacts, templates and dispatcher, as calls in the campaign's own words.
//
// Thread safety: safe for concurrent use. Blocks: each call for its timeout at most. Errors: those
// of the services, with their reasons; UNAVAILABLE when one cannot be reached.
#ifndef KABAR_SERVICES_CAMPAIGNS_PEERS_H_
#define KABAR_SERVICES_CAMPAIGNS_PEERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/campaigns/campaign.h"

namespace kabar::campaigns {

struct PeerAddresses {
  std::string contacts;
  std::string templates;
  std::string dispatcher;
};

// A template as a run needs it.
struct PinnedTemplate {
  struct Provider {
    std::string category;
    std::string trouble;       // why WhatsApp would not take it: a reason; empty: it would
    std::string trouble_text;  // the same in a sentence, with what to do
  };
  std::int32_t version = 0;                 // the one to pin
  std::vector<std::string> variables = {};  // the fields that it prints
  // Several parcels of one contact are one message: these are what it prints of each.
  bool merges = false;
  std::vector<std::string> parcel_variables = {};
  // The provider templates that it names, as they are known now, by name and language.
  std::map<std::pair<std::string, std::string>, Provider> providers = {};

  // Those in trouble, "name/language REASON" each, and the sentence of one.
  std::map<std::string, std::string> troubles() const;
};

struct AudienceView {
  std::int64_t size = 0;
  std::int64_t shipments = 0;  // that its messages are about; 0: they are about contacts
};

// What would become of one message.
struct Foreseen {
  enum class Fate { kSent, kSuppressed, kRefused };
  Fate fate = Fate::kSent;
  std::string reason;
  std::string variable;  // if the reason is about one
  std::string phone;
  std::string subject;  // tracking numbers, blanks between
  std::string text;
  bool window_open = false;
  std::string provider_template;  // that goes instead of the text
  std::string category;           // by which WhatsApp charges it
  std::string country;            // of the recipient, ISO 3166; empty: not known
};

struct ForeseenPage {
  std::int64_t last_ordinal = 0;
  std::vector<Foreseen> messages = {};  // empty: there are no more
};

struct HandedOver {
  std::int64_t last_ordinal = 0;
  std::int64_t messages = 0;
  bool last_page = false;
  double rate_per_s = 0;  // the most the lane can send
  // Of a provider template, one that nobody has accepted (troubles.h): then nothing was handed
  // over.
  std::string trouble = {};
};

struct RenderedAgain {
  std::int64_t messages = 0;
  std::string trouble = {};  // as of HandedOver: then nothing was changed
};

struct TestMessage {
  std::string id;
  std::string text;
  std::string provider_template;
};

// A run's lane as the dispatcher has it.
struct LaneView {
  enum class State { kNone, kRunning, kPaused, kOver };  // kNone: it has not been opened yet
  State state = State::kNone;
  std::string reason;         // why it is PAUSED: empty if a person's verb did it
  std::int64_t enqueued = 0;  // messages of it in the ledger
  std::string held;           // an operator's pause of it or above it, in words; empty: none
  std::string lift;           // who or what lifts that pause: ends the sentence that tells of it
};

struct SenderView {
  bool active = true;
  std::string state;  // ACTIVE, PAUSED, STOPPED
  std::string reason;
  std::string trouble;  // with the provider, so that nothing but probes is sent; empty: none
};

// What the messaging limit of the sender's portfolio and the rate make of a run, as the dispatcher
// plans it.
struct QuotaView {
  struct Day {
    absl::Time start;
    std::int64_t messages = 0;
  };
  struct OtherNumber {
    std::string sender_id;
    std::string phone;
    std::int64_t free = 0;
    bool unlimited = false;
  };
  std::int64_t limit = 0;  // 0: unlimited
  std::int64_t reserve = 0;
  std::int64_t used = 0;
  std::int64_t others = 0;
  std::int64_t fits_now = 0;
  std::int64_t left_over = 0;
  std::vector<Day> days = {};
  std::optional<absl::Time> finish = {};
  std::optional<absl::Time> next_place = {};
  std::vector<OtherNumber> other_numbers = {};
};

// The service that a failed call was to ("contacts"); empty: the failure is of no call.
std::string PeerOf(const absl::Status& failure);

// A lane verb's answer that is as good as done: the lane has not been opened yet, or is over, and
// nothing of it is sent whatever the campaign's state.
bool NothingToStop(const absl::Status& lane_verb);

class Peers {
 public:
  Peers(const PeerAddresses& addresses, const std::string& service_key);
  ~Peers();

  // What a new campaign names must exist: a violation for each that does not.
  absl::Status CheckReferences(const Campaign& campaign);

  // `version` 0: the newest.
  absl::StatusOr<PinnedTemplate> GetTemplate(const Campaign& campaign, std::int32_t version);
  // Its outlet agrees to the category under which WhatsApp has this provider template now.
  absl::Status AgreeToCategory(const Campaign& campaign, const std::string& name,
                               const std::string& language);
  // Idempotent by the run.
  absl::StatusOr<AudienceView> CreateAudience(const Campaign& campaign,
                                              const PinnedTemplate& pinned, bool temporary = false);
  // Of a temporary one.
  absl::Status DeleteAudience(const Campaign& campaign);
  // Idempotent by the run.
  absl::Status CreateLane(const Campaign& campaign);

  // Renders the members after `campaign.cursor` (at most `count`) and enqueues them.
  absl::StatusOr<HandedOver> HandOver(const Campaign& campaign, const PinnedTemplate& pinned,
                                      std::int64_t count);
  // Renders again what the dispatcher holds but will not send any more because its text is old;
  // how many it were.
  absl::StatusOr<RenderedAgain> RenderStale(const Campaign& campaign, const PinnedTemplate& pinned);

  // What HandOver of the same members would come to if they were sent now; nothing is enqueued.
  absl::StatusOr<ForeseenPage> Foresee(const Campaign& campaign, const PinnedTemplate& pinned,
                                       std::int64_t count);

  // One message of it, filled in for the contact of this phone, to `phone` in a lane of its own;
  // the campaign's run_id names that. FAILED_PRECONDITION (TEST_NOT_SENT) when there would be none.
  absl::StatusOr<TestMessage> TestSend(const Campaign& campaign, const PinnedTemplate& pinned,
                                       const std::string& phone, const std::string& contact_phone);

  // NOT_FOUND when the lane has not been created yet.
  // `reason`: why, if it is not a person's verb.
  absl::Status PauseLane(const Campaign& campaign, const std::string& reason = "");
  // `render_again`: what waits in it is not sent as it was rendered before.
  absl::Status ResumeLane(const Campaign& campaign, bool render_again = false);
  absl::Status CancelLane(const Campaign& campaign);
  // In force within one claim once it succeeds.
  absl::Status SetLaneRate(const Campaign& campaign);
  absl::Status FinishLane(const Campaign& campaign);
  absl::StatusOr<std::int64_t> RetryFailed(const Campaign& campaign, const std::string& request_id);

  absl::StatusOr<LaneView> GetLane(const Campaign& campaign);
  absl::StatusOr<SenderView> GetSender(const Campaign& campaign);
  // How many messages the audience would be now.
  absl::StatusOr<std::int64_t> CountAudience(const Campaign& campaign,
                                             const PinnedTemplate& pinned);
  // `messages` more of it, from its start time on (now, if past).
  absl::StatusOr<QuotaView> PlanQuota(const Campaign& campaign, std::int64_t messages);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::campaigns

#endif  // KABAR_SERVICES_CAMPAIGNS_PEERS_H_
