// Payloads of the webhook journal, read and judged (error table), as the ledger applies them, and
// what the applying asks for outside of the ledger.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "libs/whatsapp/account_template.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/message.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

struct StatusChange {
  std::string phone_number_id = {};
  std::string provider_id = {};
  std::string tag = {};    // biz_opaque_callback_data
  std::string phone = {};  // of the recipient, E.164 with '+'; or empty
  std::string bsuid = {};  // or empty
  AttemptState state = AttemptState::kAccepted;
  std::string reason = {};                // kFailed: GRAPH_131026
  whatsapp::ErrorDecision decision = {};  // kFailed: what the error table says of it
  std::string pricing_category = {};
  bool billable = false;
  std::string payload = {};         // the webhook, for the dead letter, should it belong to nothing
  std::int64_t dead_letter_id = 0;  // the webhook is this dead letter's, once more
};

struct InboundMessage {
  std::string phone_number_id = {};
  std::string provider_id = {};
  std::string phone = {};  // E.164 with '+', or empty
  std::string bsuid = {};
  std::string profile_name = {};
  std::string username = {};
  std::string new_phone = {};  // he changed his number: E.164 with '+'
  std::string new_bsuid = {};
  std::string kind = {};
  std::string text = {};
  std::string payload_id = {};  // a button's payload or id
  std::string context_id = {};  // provider id of the message it answers
  absl::Time time = absl::InfinitePast();
  bool opens_window = true;
  std::string payload = {};  // the webhook, for the dead letter
  std::int64_t dead_letter_id = 0;
};

// A message template of an account changed.
struct TemplateNews {
  whatsapp::TemplateChange change = {};
  std::string phone_number_id = {};  // always empty: it is of an account, not of a number
  std::string payload = {};          // the webhook, for the dead letter
  std::int64_t dead_letter_id = 0;
};

struct NewDeadLetter {
  std::string phone_number_id = {};  // names the outlet, if it is known
  std::string kind = {};
  std::string reason = {};
  std::string payload = {};
  std::int64_t dead_letter_id = 0;  // not a new one, but this one again
};

// Of one row of the journal the webhooks from `first` to before `end`; those before are applied.
struct JournalPart {
  std::int64_t id = 0;
  std::int32_t first = 0;
  std::int32_t end = 0;

  bool operator==(const JournalPart&) const = default;
};

struct WebhookBatch {
  std::vector<JournalPart> journal = {};
  std::vector<std::int64_t> retried_letters = {};  // whose webhooks are among them
  // In the order in which they came.
  std::vector<StatusChange> statuses = {};
  std::vector<InboundMessage> inbound = {};
  std::vector<TemplateNews> templates = {};
  std::vector<NewDeadLetter> dead_letters = {};
};

// To be done after the commit: what else than the ledger has to know. What of it gets lost is made
// good: the queue's keeper tells states anew, a number that still sends too much is refused again.
struct WebhookEffects {
  struct WindowOpened {
    std::string portfolio_id = {};
    std::string sender_id = {};
    std::int64_t recipient_id = 0;
    absl::Time last_inbound = {};
  };
  struct Pair {
    std::string portfolio_id = {};
    std::string sender_id = {};
    std::int64_t recipient_id = 0;
  };
  struct SenderChanged {
    std::string sender_id = {};
    std::string portfolio_id = {};
    bool whole_portfolio = false;
  };
  struct SentTooMuch {
    std::string sender_id = {};
    std::string portfolio_id = {};
    absl::Time at = {};  // when the last request of them was written
  };
  struct Alert {
    whatsapp::ErrorAction action = whatsapp::ErrorAction::kFinal;
    std::string reason = {};
  };
  std::vector<Store::Requeued> requeued = {};
  std::vector<Pair> closed_windows = {};  // before those that opened
  std::vector<WindowOpened> windows = {};
  std::vector<SenderChanged> senders = {};
  std::vector<std::string> lanes = {};     // that were paused
  std::vector<SentTooMuch> too_much = {};  // one for each number
  std::vector<Pair> refused_pairs = {};    // one for each refusal
  std::vector<Alert> alerts = {};          // of failures that a person must see
  std::int64_t changes = 0;                // of messages' states
  std::int64_t inbound = 0;                // new ones
  std::int64_t dead_letters = 0;
};

}  // namespace kabar::dispatcher
