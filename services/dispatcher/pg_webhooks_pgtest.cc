#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/status.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/open_transaction.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

struct Sent : LedgerFixture {
  Sent() {
    Enqueue(Messages(1, 3));
    Start(Ids(1, 3));
    Record({Accepted(1), Accepted(2), Accepted(3)});
  }
  std::string DeadLetter() {
    return Sql("SELECT outlet_id || ' ' || kind FROM dead_letters ORDER BY id DESC LIMIT 1");
  }
};

TEST_CASE("ApplyWebhooks: whatever the order, the message ends where its statuses lead",
          "[dispatcher]") {
  struct Case {
    std::vector<AttemptState> statuses;
    MessageState end;
  };
  using A = AttemptState;
  const std::vector<Case> cases = {
      {{A::kAccepted, A::kDelivered, A::kRead}, MessageState::kRead},
      {{A::kAccepted, A::kDelivered}, MessageState::kDelivered},
      {{A::kAccepted, A::kRead}, MessageState::kRead},
      {{A::kAccepted, A::kFailed}, MessageState::kFailed},
      {{A::kFailed, A::kDelivered}, MessageState::kDelivered},
      {{A::kAccepted, A::kFailed, A::kDelivered, A::kRead}, MessageState::kRead},
  };
  LedgerFixture f;
  int n = 0;
  for (const Case& c : cases) {
    std::vector<A> order = c.statuses;
    std::sort(order.begin(), order.end());
    do {
      // With the HTTP response before, between and after the webhooks, in one batch or several.
      for (std::size_t response = 0; response <= order.size(); ++response) {
        ++n;
        f.Enqueue({f.Message(n)});
        f.Start({f.Id(n)});
        for (std::size_t i = 0; i <= order.size(); ++i) {
          if (i == response) f.Record({f.Accepted(n)});
          if (i < order.size()) {
            f.Apply({f.Status(n, order[i], 1, "GRAPH_131026"),
                     f.Status(n, order[i], 1, "GRAPH_131026")});  // delivered twice
          }
        }
        CAPTURE(n, response);
        CHECK(f.State(n) == c.end);
      }
    } while (std::next_permutation(order.begin(), order.end()));
  }
  CHECK(f.FoldedStates() == f.CountedStates());
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "0");
}

TEST_CASE("ApplyWebhooks: duplicates of a failed attempt never touch the next", "[dispatcher]") {
  Sent f;
  const StatusChange failed = f.Status(1, AttemptState::kFailed, 1, "GRAPH_131000");
  const WebhookEffects effects = f.Apply({failed});
  REQUIRE(effects.requeued.size() == 1);
  CHECK(effects.requeued[0].entry.not_before > absl::Now());
  CHECK(f.State(1) == MessageState::kQueued);
  f.Apply({failed});
  CHECK(f.State(1) == MessageState::kQueued);
  f.Sql("UPDATE messages SET not_before = NULL");
  REQUIRE(f.Start({f.Id(1)}).started[0].attempt == 2);
  f.Apply({failed});
  CHECK(f.State(1) == MessageState::kSending);
  f.Record({f.Accepted(1, 2)});
  CHECK(f.Apply({failed, failed}).changes == 0);
  CHECK(f.State(1) == MessageState::kSent);
  // What it had reached is told, so that it is counted once.
  for (const events::v1::Event& event : f.Events()) {
    const auto& changed = event.message_changed();
    if (changed.message_id() == f.Id(1) && changed.attempt() == 2) {
      CHECK(changed.reached_before() == events::v1::SENT);
    }
  }
  f.Apply({f.Status(1, AttemptState::kFailed, 2, "GRAPH_131026")});
  CHECK(f.State(1) == MessageState::kFailed);
}

TEST_CASE("ApplyWebhooks: acceptance of an earlier attempt cancels a retry", "[dispatcher]") {
  Sent f;
  f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131000")});
  REQUIRE(f.State(1) == MessageState::kQueued);
  f.Apply({f.Status(1, AttemptState::kDelivered)});
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.Start({f.Id(1)}).started.empty());
}

TEST_CASE("ApplyWebhooks: a message cancelled after it was sent is told as it is", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)}, "lane", absl::ZeroDuration());
  f.store.RescueExpired(10, f.Deadline()).value();
  f.Record({f.Ended(1, AttemptState::kReturned)});
  REQUIRE_THAT(f.store.CancelLane("toko-a", "lane", f.Deadline()), IsOk());
  CHECK(f.State(1) == MessageState::kCancelled);
  f.Apply({f.Status(1, AttemptState::kDelivered)});
  CHECK(f.State(1) == MessageState::kDelivered);
}

TEST_CASE("ApplyWebhooks: the error table's actions, once each", "[dispatcher]") {
  Sent f;
  SECTION("opt-out: never again for marketing") {
    f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131050")});
    CHECK(f.State(1) == MessageState::kFailed);
    CHECK(f.Sql("SELECT purpose || ' ' || reason FROM suppressions") == "MARKETING GRAPH_131050");
  }
  SECTION("no new try within 24 h") {
    f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131049")});
    NewMessage next = f.Message(1);
    next.id = f.Id(1, "tomorrow");
    CHECK(f.Enqueue({next}).to_push.empty());
    f.Sql("UPDATE suppressions SET until = now()");
    next.id = f.Id(1, "later");
    CHECK(f.Enqueue({next}).to_push.size() == 1);
  }
  SECTION("window closed: again as a template, unless he wrote after the try") {
    const bool after = GENERATE(false, true);
    const absl::Duration ago = after ? absl::ZeroDuration() : absl::Hours(1);
    f.Apply({}, {{.phone_number_id = "1001",
                  .provider_id = "in.1",
                  .phone = f.Message(1).phone,
                  .time = absl::Now() - ago}});
    const WebhookEffects effects = f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131047")});
    CHECK(effects.requeued.size() == 1);
    CHECK(f.Start({f.Id(1)}).started.at(0).window_open == after);
  }
  SECTION("senders and lanes") {
    StatusChange stop = f.Status(1, AttemptState::kFailed, 1, "GRAPH_131031");
    const WebhookEffects effects =
        f.Apply({stop, stop, f.Status(2, AttemptState::kFailed, 1, "GRAPH_131048"),
                 f.Status(3, AttemptState::kFailed, 1, "GRAPH_132001")});
    // Stopped with the statuses, not after them.
    CHECK(f.Sql("SELECT state || ' ' || state_reason FROM senders WHERE id = 'snd'") ==
          "3 GRAPH_131031");
    CHECK(f.LaneStateOf("lane") == LaneState::kPaused);
    CHECK(f.Sql("SELECT state_reason FROM lanes WHERE id = 'lane'") == "GRAPH_132001");
    const auto events = f.Events();
    CHECK(std::count_if(events.begin(), events.end(), [](const events::v1::Event& event) {
            return event.has_lane_changed() &&
                   event.lane_changed().to() == static_cast<int>(LaneState::kPaused);
          }) == 1);
    REQUIRE(effects.senders.size() == 2);
    CHECK(effects.senders[0].whole_portfolio);
    CHECK_FALSE(effects.senders[1].whole_portfolio);
    CHECK(effects.lanes == std::vector<std::string>{"lane"});
    CHECK(effects.alerts.size() == 3);
    CHECK(effects.requeued.size() == 2);  // they wait for their number
    CHECK(f.State(3) == MessageState::kFailed);
  }
}

TEST_CASE("ApplyWebhooks: what belongs to nothing goes to the dead letters", "[dispatcher]") {
  Sent f;
  StatusChange status = f.Status(1, AttemptState::kDelivered);
  SECTION("unknown number") {
    status.phone_number_id = "9999";
    f.Apply({status});
    CHECK(f.DeadLetter() == " WEBHOOK_UNKNOWN_SENDER");
  }
  SECTION("unknown message") {
    status.tag = base::FormatAttemptTag(f.Id(999), 1);
    f.Apply({status});
    CHECK(f.DeadLetter() == "toko-a WEBHOOK_UNKNOWN_MESSAGE");
    const auto letters = f.store.ListDeadLetters("toko-a", {}, 0, 10, f.Deadline());
    REQUIRE(letters->size() == 1);
    CHECK(letters->front().payload == "the status");
    CHECK(f.store.ListDeadLetters("toko-b", {}, 0, 10, f.Deadline())->empty());
  }
  SECTION("an attempt that never was") {
    status.tag = base::FormatAttemptTag(f.Id(1), 2);
    f.Apply({status});
    CHECK(f.DeadLetter() == "toko-a WEBHOOK_UNKNOWN_ATTEMPT");
  }
  SECTION("another number's message") {
    f.AddSender("snd-2", "1002");
    status.phone_number_id = "1002";
    f.Apply({status});
    CHECK(f.DeadLetter() == "toko-a WEBHOOK_WRONG_SENDER");
  }
  SECTION("neither tag nor known id") {
    status.tag = "something else";
    status.provider_id = "wamid.unknown";
    f.Apply({status});
    CHECK(f.DeadLetter() == "toko-a WEBHOOK_UNKNOWN_MESSAGE");
  }
  CHECK(f.State(1) == MessageState::kSent);
  CHECK(f.store.ReadJournal(10, f.Deadline())->empty());
}

TEST_CASE("ApplyWebhooks: without our tag the provider's id names the attempt", "[dispatcher]") {
  Sent f;
  StatusChange status = f.Status(2, AttemptState::kRead);
  status.tag.clear();
  f.Apply({status});
  CHECK(f.State(2) == MessageState::kRead);
}

TEST_CASE("ApplyWebhooks: the price stands in one event of a message", "[dispatcher]") {
  Sent f;
  for (const AttemptState state : {AttemptState::kDelivered, AttemptState::kRead}) {
    StatusChange status = f.Status(1, state);
    status.pricing_category = "utility";
    status.billable = true;
    f.Apply({status});
  }
  int billed = 0;
  for (const events::v1::Event& event : f.Events()) {
    if (event.message_changed().billable()) ++billed;
  }
  CHECK(billed == 1);
}

TEST_CASE("ApplyWebhooks: a customer's message is one event, with what it answers",
          "[dispatcher]") {
  Sent f;
  const InboundMessage inbound{.phone_number_id = "1001",
                               .provider_id = "in.1",
                               .phone = f.Message(1).phone,
                               .bsuid = "ID.7",
                               .profile_name = "Sari",
                               .username = "sari.w",
                               .new_phone = "+62899",
                               .new_bsuid = "ID.9",
                               .kind = "button",
                               .text = "YA",
                               .payload_id = "yes",
                               .context_id = "wamid.1.1",
                               .time = absl::Now() + absl::Hours(5)};
  const WebhookEffects first = f.Apply({}, {inbound, inbound});
  CHECK(first.inbound == 1);
  REQUIRE(first.windows.size() == 1);
  CHECK(first.windows[0].portfolio_id == "pf");
  CHECK(first.windows[0].last_inbound <= absl::Now());  // whatever his clock says
  CHECK(f.Apply({}, {inbound}).inbound == 0);           // delivered again

  std::vector<events::v1::InboundReceived> received;
  for (const events::v1::Event& event : f.Events()) {
    if (event.has_inbound_received()) received.push_back(event.inbound_received());
  }
  REQUIRE(received.size() == 1);
  CHECK(received[0].inbound_id() == "in.1");
  CHECK(received[0].sender_id() == "snd");
  CHECK(received[0].phone() == f.Message(1).phone);
  CHECK(received[0].text() == "YA");
  CHECK(received[0].username() == "sari.w");
  CHECK(received[0].new_phone() == "+62899");
  CHECK(received[0].new_bsuid() == "ID.9");
  CHECK(received[0].context_message_id() == f.Id(1));
  CHECK(received[0].context_contact_id() == "contact-1");
  CHECK(received[0].context_run_id() == "run");

  // The user id is the same person's from now on.
  NewMessage by_bsuid = f.Message(50);
  by_bsuid.phone.clear();
  by_bsuid.bsuid = "ID.7";
  f.Enqueue({by_bsuid});
  CHECK(f.Start({f.Id(50)}).started.at(0).window_open);
}

TEST_CASE("ApplyWebhooks: an answer that comes with its message's first status finds it",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Apply({f.Status(1, AttemptState::kDelivered)}, {{.phone_number_id = "1001",
                                                     .provider_id = "in.1",
                                                     .phone = f.Message(1).phone,
                                                     .context_id = "wamid.1.1",
                                                     .time = absl::Now()}});
  CHECK(f.Events().back().inbound_received().context_message_id() == f.Id(1));
}

TEST_CASE("ApplyWebhooks: a payload is applied once, whoever comes second", "[dispatcher]") {
  Sent f;
  REQUIRE_THAT(f.store.AppendWebhooks({{.received_at = absl::Now(), .body = std::string("\0{", 2)},
                                       {.received_at = absl::Now(), .body = "b"}},
                                      f.Deadline()),
               IsOk());
  const auto journal = f.store.ReadJournal(10, f.Deadline());
  REQUIRE(journal->size() == 2);
  CHECK(journal->at(0).body == std::string("\0{", 2));
  WebhookBatch batch;
  CHECK(journal->at(1).id == journal->at(0).id);
  batch.journal = {{journal->at(0).id, 0, 2}};
  batch.statuses = {f.Status(1, AttemptState::kDelivered)};
  REQUIRE_THAT(f.store.ApplyWebhooks(batch, f.Deadline()), IsOk());
  CHECK_THAT(f.store.ApplyWebhooks(batch, f.Deadline()), ReasonIs("JOURNAL_MOVED_ON"));
  CHECK(f.Story(1).size() == 4);
}

TEST_CASE("ApplyWebhooks: a failure that pauses its lane holds up no other lane", "[dispatcher]") {
  Sent f;
  f.AddLane("other");
  f.Enqueue({f.Message(10)}, "other");
  f.Start({f.Id(10)}, "other");
  f.Enqueue({f.Message(11)}, "other");
  // In the way of the webhooks, which have locked their lanes by then.
  OpenTransaction holds_up(f.pool, [&](pg::Transaction& tx) {
    tx.ExecScript("TestLock",
                  absl::StrCat("SELECT FROM messages WHERE id = '", f.Id(1), "' FOR UPDATE"));
  });
  REQUIRE_THAT(f.store.AppendWebhooks({{.received_at = absl::Now(), .body = "{}"}}, f.Deadline()),
               IsOk());
  WebhookBatch batch;
  batch.statuses = {f.Status(1, AttemptState::kFailed, 1, "GRAPH_132001"),
                    f.Status(10, AttemptState::kDelivered)};
  const auto journal = f.store.ReadJournal(100, f.Deadline());
  REQUIRE_THAT(journal, IsOk());
  for (const JournalEntry& entry : *journal) {
    batch.journal.push_back({entry.id, entry.place, entry.place + 1});
  }
  absl::StatusOr<WebhookEffects> applied = absl::UnknownError("not yet");
  std::jthread apply([&] { applied = f.store.ApplyWebhooks(batch, f.Deadline()); });
  AwaitBlocked(f);
  CHECK(f.Start({f.Id(11)}, "other").started.size() == 1);
  holds_up.Commit();
  apply.join();
  REQUIRE_THAT(applied, IsOk());
  CHECK(f.LaneStateOf("lane") == LaneState::kPaused);
  CHECK(f.LaneStateOf("other") == LaneState::kRunning);
  CHECK(f.State(10) == MessageState::kDelivered);
}

}  // namespace
}  // namespace kabar::dispatcher
