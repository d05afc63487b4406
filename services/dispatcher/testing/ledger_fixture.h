// For tests of the ledger: a migrated database, one outlet with a portfolio, a sender and lanes,
// and short names for what tests do all the time. Include only from tests.
//
// Thread safety: one thread, but for `store`, which takes any.
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/message_id.h"
#include "libs/pg/pool.h"
#include "libs/testing/status_matchers.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/pg_store.h"

namespace kabar::dispatcher {

// Catch2 shows names instead of numbers.
inline std::ostream& operator<<(std::ostream& out, MessageState state) {
  return out << std::string(Name(state));
}
inline std::ostream& operator<<(std::ostream& out, LaneState state) {
  return out << std::string(Name(state));
}

struct LedgerFixture {
  LedgerFixture() {
    REQUIRE_THAT(store.CreatePortfolio({.id = "pf", .outlet_id = "toko-a", .name = "Toko A"}, {},
                                       Deadline()),
                 testing::IsOk());
    AddSender("snd", "1001");
    AddLane("lane");
  }

  // One database for all tests of the process, emptied for each: making one takes a second.
  static pg::PoolOptions NewDatabase();
  static absl::Time Deadline() { return absl::Now() + absl::Seconds(30); }

  // The id of the message of this number; its phone, contact and so on follow from the number too.
  std::string Id(int n, const std::string& run = "run") const {
    return base::MakeMessageId(day, run, n, "1", absl::StrCat("contact-", n), "");
  }
  std::vector<std::string> Ids(int first, int last) const {
    std::vector<std::string> ids;
    for (int n = first; n <= last; ++n) ids.push_back(Id(n));
    return ids;
  }

  NewMessage Message(int n) const {
    return {.id = Id(n),
            .ordinal = n,
            .contact_id = absl::StrCat("contact-", n),
            .subject = absl::StrCat("resi-", n),
            .phone = absl::StrCat("+62812", 1000000 + n),
            .text = absl::StrCat("halo ", n),
            .form = {.name = "paket", .language = "id", .parameters = {"a, b", "\"c\""}},
            .rendered_at = absl::Now()};
  }
  std::vector<NewMessage> Messages(int first, int last) const {
    std::vector<NewMessage> messages;
    for (int n = first; n <= last; ++n) messages.push_back(Message(n));
    return messages;
  }

  void AddSender(const std::string& id, const std::string& phone_number_id) {
    Sender sender;
    sender.id = id;
    sender.outlet_id = "toko-a";
    sender.portfolio_id = "pf";
    sender.phone_number_id = phone_number_id;
    sender.sealed_token = std::string("\0sealed", 7);
    sender.throughput = {.limit = 80};
    sender.pair_rate = {.limit = 1, .window = absl::Seconds(6)};
    REQUIRE_THAT(store.CreateSender(sender, {}, Deadline()), testing::IsOk());
  }

  Lane NewLane(const std::string& id) const {
    Lane lane;
    lane.id = id;
    lane.outlet_id = "toko-a";
    lane.sender_id = "snd";
    lane.run_id = "run";
    lane.asked = 1000;
    lane.rate = base::Rate{.limit = 45, .window = absl::Minutes(1)};
    lane.purpose = "DELIVERY_UPDATES";
    return lane;
  }
  void AddLane(const std::string& id) {
    REQUIRE_THAT(store.CreateLane(NewLane(id), Deadline()), testing::IsOk());
  }

  EnqueueResult Enqueue(const std::vector<NewMessage>& messages, const std::string& lane = "lane") {
    auto result = store.Enqueue("toko-a", lane, messages, Deadline());
    REQUIRE_THAT(result, testing::IsOk());
    return *result;
  }
  StartResult Start(const std::vector<std::string>& ids, const std::string& lane = "lane",
                    absl::Duration lease = absl::Minutes(1)) {
    auto result = store.StartAttempts(lane, ids, "worker-1", lease, Deadline());
    REQUIRE_THAT(result, testing::IsOk());
    return *result;
  }
  std::vector<Store::Requeued> Record(const std::vector<Outcome>& outcomes) {
    auto result = store.RecordOutcomes(outcomes, Deadline());
    REQUIRE_THAT(result, testing::IsOk());
    return *result;
  }
  Outcome Accepted(int n, int attempt = 1) const {
    Outcome outcome;
    outcome.message_id = Id(n);
    outcome.attempt = attempt;
    outcome.state = AttemptState::kAccepted;
    outcome.provider_id = absl::StrCat("wamid.", n, ".", attempt);
    outcome.started_at = absl::Now();
    return outcome;
  }
  Outcome Ended(int n, AttemptState state, const std::string& reason = "", int attempt = 1) const {
    Outcome outcome;
    outcome.message_id = Id(n);
    outcome.attempt = attempt;
    outcome.state = state;
    outcome.reason = reason;
    return outcome;
  }
  // The provider refused it, and what that asks for beyond the message.
  Outcome Refused(int n, OutcomeAction action, const std::string& reason) const {
    Outcome outcome = Ended(n, AttemptState::kFailed, reason);
    outcome.action = action;
    return outcome;
  }
  // As contacts' event tells it.
  void OptOut(const std::string& phone, const std::string& bsuid,
              const std::string& purpose = "DELIVERY_UPDATES");
  void OptOut(int n, const std::string& purpose = "DELIVERY_UPDATES") {
    OptOut(Message(n).phone, "", purpose);
  }

  // A failure is judged as the error table has the code that its reason names ("GRAPH_131026").
  StatusChange Status(int n, AttemptState state, int attempt = 1,
                      const std::string& reason = "") const {
    absl::string_view code_text = reason;
    int code = -1;
    if (!absl::ConsumePrefix(&code_text, "GRAPH_") || !absl::SimpleAtoi(code_text, &code))
      code = -1;
    return {.phone_number_id = "1001",
            .provider_id = absl::StrCat("wamid.", n, ".", attempt),
            .tag = base::FormatAttemptTag(Id(n), attempt),
            .phone = Message(n).phone,
            .state = state,
            .reason = reason,
            .decision = whatsapp::ErrorPolicy::BuiltIn().For(code),
            .payload = "the status"};
  }
  // Through the journal, as one batch.
  WebhookEffects Apply(std::vector<StatusChange> statuses,
                       std::vector<InboundMessage> inbound = {}) {
    REQUIRE_THAT(store.AppendWebhooks({{.received_at = absl::Now(), .body = "{}"}}, Deadline()),
                 testing::IsOk());
    WebhookBatch batch;
    batch.statuses = std::move(statuses);
    batch.inbound = std::move(inbound);
    const auto journal = store.ReadJournal(100, Deadline());
    REQUIRE_THAT(journal, testing::IsOk());
    for (const JournalEntry& entry : *journal) {
      batch.journal.push_back({entry.id, entry.place, entry.place + 1});
    }
    auto effects = store.ApplyWebhooks(batch, Deadline());
    REQUIRE_THAT(effects, testing::IsOk());
    return *effects;
  }

  LedgerMessage Get(int n) {
    auto message = store.GetMessage("toko-a", Id(n), Deadline());
    REQUIRE_THAT(message, testing::IsOk());
    return *message;
  }
  MessageState State(int n) { return Get(n).state; }
  LaneState LaneStateOf(const std::string& id) {
    auto lane = store.GetLane("toko-a", id, Deadline());
    REQUIRE_THAT(lane, testing::IsOk());
    return lane->state;
  }

  // One value, as text; for what no method tells, and to turn the clock back.
  std::string Sql(const std::string& sql);

  // All events written so far, in order of their rows.
  std::vector<events::v1::Event> Events();
  // "QUEUED>SENDING" of one message, in order.
  std::vector<std::string> Story(int n) {
    std::vector<std::string> story;
    for (const events::v1::Event& event : Events()) {
      if (!event.has_message_changed()) continue;
      const events::v1::MessageChanged& changed = event.message_changed();
      if (changed.message_id() != Id(n)) continue;
      story.push_back(absl::StrCat(Name(static_cast<MessageState>(changed.from())), ">",
                                   Name(static_cast<MessageState>(changed.to()))));
    }
    return story;
  }

  // What the events add up to, and what the ledger holds: never different.
  std::map<std::string, int> FoldedStates() {
    std::map<std::string, int> states;
    for (const events::v1::Event& event : Events()) {
      if (!event.has_message_changed()) continue;
      const auto& changed = event.message_changed();
      const std::string from(Name(static_cast<MessageState>(changed.from())));
      if (from != "NONE") --states[from];
      ++states[std::string(Name(static_cast<MessageState>(changed.to())))];
    }
    std::erase_if(states, [](const auto& entry) { return entry.second == 0; });
    return states;
  }
  std::map<std::string, int> CountedStates();

  const absl::CivilDay day = absl::ToCivilDay(absl::Now(), absl::UTCTimeZone());
  pg::Pool pool{NewDatabase()};
  PgStore store{pool};
  std::int64_t consents = 0;  // events applied
};

}  // namespace kabar::dispatcher
