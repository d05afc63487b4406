// The keeper's parts on a real ledger: webhooks from the journal to queue and senders, rescues,
// consents, the election.
#include <atomic>
#include <catch2/catch.hpp>

#include "absl/synchronization/notification.h"
#include "libs/base/clock.h"
#include "libs/testing/eventually.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/keeper_lock.h"
#include "services/dispatcher/lane_closer.h"
#include "services/dispatcher/rescuer.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/queue_of_lists.h"
#include "services/dispatcher/webhook_applier.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct KeeperFixture : LedgerFixture {
  QueueOfLists queue;
  WebhookApplier applier{store, store, queue, whatsapp::ErrorPolicy::BuiltIn(),
                         base::SystemClock()};

  std::string Envelope(const std::string& value) {
    return absl::StrCat(
        R"({"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{"field":"messages",)",
        R"("value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"1",)",
        R"("phone_number_id":"1001"},)", value, "}}]}]}");
  }
  std::string Status(int n, const std::string& status, int error = 0) {
    const std::string errors =
        error == 0 ? "" : absl::StrCat(R"(,"errors":[{"code":)", error, R"(,"title":"x"}])");
    return Envelope(absl::StrCat(R"("statuses":[{"id":"wamid.)", n, R"(","status":")", status,
                                 R"(","timestamp":")", absl::ToUnixSeconds(absl::Now()),
                                 R"(","recipient_id":"62812","biz_opaque_callback_data":")",
                                 base::FormatAttemptTag(Id(n), 1), "\"", errors, "}]"));
  }
  void Arrive(const std::vector<std::string>& bodies) {
    std::vector<JournalEntry> entries;
    for (const std::string& body : bodies) {
      entries.push_back({.received_at = absl::Now(), .body = body});
    }
    REQUIRE_THAT(store.AppendWebhooks(entries, Deadline()), IsOk());
  }
};

TEST_CASE("WebhookApplier: from the journal to the ledger and what follows", "[dispatcher]") {
  KeeperFixture f;
  f.Enqueue(f.Messages(1, 5));
  f.Start(f.Ids(1, 5));
  f.Arrive({f.Status(1, "delivered"), "garbage", f.Status(2, "failed", 131026),
            f.Status(3, "failed", 131000), f.Status(4, "failed", 132001),
            f.Status(5, "failed", 131048)});
  REQUIRE(*f.applier.RunOnce());
  CHECK_FALSE(*f.applier.RunOnce());
  CHECK(f.State(1) == MessageState::kDelivered);
  CHECK(f.State(2) == MessageState::kFailed);
  CHECK(f.Get(2).reason == "GRAPH_131026");
  CHECK(f.State(3) == MessageState::kQueued);
  CHECK(f.State(4) == MessageState::kFailed);
  CHECK(f.State(5) == MessageState::kQueued);
  CHECK(f.queue.Pushed("lane") == std::vector<std::string>{f.Id(3) < f.Id(5) ? f.Id(3) : f.Id(5),
                                                           f.Id(3) < f.Id(5) ? f.Id(5) : f.Id(3)});
  CHECK(f.LaneStateOf("lane") == LaneState::kPaused);
  CHECK(f.queue.Told("lane") == LaneState::kPaused);
  CHECK(f.store.GetSender("toko-a", "snd", f.Deadline())->state == SenderState::kPaused);
  CHECK(f.queue.ToldSender("snd") == SenderState::kPaused);
  CHECK(f.Sql("SELECT kind FROM dead_letters") == "WEBHOOK_MALFORMED");
}

TEST_CASE("WebhookApplier: a customer's message opens the window in the queue too",
          "[dispatcher]") {
  KeeperFixture f;
  f.Arrive({f.Envelope(absl::StrCat(
      R"("messages":[{"from":"628121000001","id":"in.1","timestamp":")",
      absl::ToUnixSeconds(absl::Now()), R"(","type":"text","text":{"body":"YA"}}])"))});
  REQUIRE(*f.applier.RunOnce());
  CHECK(f.queue.Windows() == 1);
  f.Enqueue(f.Messages(1, 1));
  CHECK(f.Start({f.Id(1)}).started.at(0).window_open);
}

TEST_CASE("Rescuer: pushes what it settles, and does without the queue", "[dispatcher]") {
  KeeperFixture f;
  Rescuer rescuer(f.store, f.queue, absl::ZeroDuration(), base::SystemClock());
  f.Enqueue(f.Messages(1, 2));
  f.Start({f.Id(1)}, "lane", absl::ZeroDuration());
  CHECK(*rescuer.RunOnce());
  CHECK(f.State(1) == MessageState::kUnknown);
  f.Sql("UPDATE unknowns SET sent_by = now() - interval '1 hour'");
  f.Start({f.Id(2)});
  f.Arrive({f.Status(2, "sent")});
  REQUIRE(*f.applier.RunOnce());
  CHECK_FALSE(*rescuer.RunOnce());
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(f.queue.Pushed("lane") == std::vector<std::string>{f.Id(1)});
}

TEST_CASE("LaneCloser: tells the queue of lanes that end", "[dispatcher]") {
  KeeperFixture f;
  LaneCloser closer(f.store, f.queue, base::SystemClock());
  f.AddLane("done");
  REQUIRE_THAT(f.store.FinishLane("toko-a", "done", f.Deadline()), IsOk());
  f.Sql("UPDATE lanes SET end_time = clock_timestamp() WHERE id = 'lane'");
  REQUIRE_THAT(closer.EndLanes(), IsOk());
  REQUIRE_THAT(closer.CloseLanes(), IsOk());
  CHECK(f.queue.Told("lane") == LaneState::kExpired);
  CHECK(f.queue.Told("done") == LaneState::kClosed);
}

TEST_CASE("Consents: who opts out gets nothing more, who opts in again does", "[dispatcher]") {
  KeeperFixture f;
  const std::unique_ptr<events::Sink> sink = MakeConsentSink(f.pool);
  f.Enqueue(f.Messages(1, 2));
  std::int64_t number = 0;
  const auto consent = [&](int n, bool out, const std::string& outlet = "toko-a") {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id(outlet);
    event.mutable_consent_changed()->set_phone(f.Message(n).phone);
    event.mutable_consent_changed()->set_purpose("DELIVERY_UPDATES");
    event.mutable_consent_changed()->set_opted_out(out);
    const events::v1::NumberedBatch* const batches[] = {&batch};
    REQUIRE_THAT(sink->Apply(batches, f.Deadline()), IsOk());
  };
  consent(1, true);
  consent(2, true, "toko-b");  // another outlet's customer of the same number
  CHECK(*sink->Position(f.Deadline()) == 2);
  CHECK(f.Start(f.Ids(1, 2)).started.size() == 1);
  CHECK(f.State(1) == MessageState::kSuppressed);
  CHECK(f.Get(1).reason == "OPTED_OUT");

  consent(1, false);
  NewMessage next = f.Message(1);
  next.id = f.Id(1, "next-run");
  CHECK(f.Enqueue({next}).to_push.size() == 1);
  // The provider's refusal is not his to take back.
  NewMessage refused = f.Message(1);
  refused.id = f.Id(1, "refused");
  f.Enqueue({refused});
  REQUIRE(f.Start({refused.id}).started.size() == 1);
  Outcome refusal = f.Refused(1, OutcomeAction::kRest24h, "GRAPH_131049");
  refusal.message_id = refused.id;
  f.Record({refusal});
  consent(1, false);
  CHECK(f.Start({next.id}).started.empty());
}

TEST_CASE("KeeperLock: one at a time, and another when it goes", "[dispatcher]") {
  LedgerFixture f;
  pg::PoolOptions options = f.pool.options();
  options.max_connections = 1;
  pg::Pool pool_a(options), pool_b(options);
  std::atomic<int> keepers = 0;
  std::atomic<int> most = 0;
  absl::Notification a_elected, b_elected;
  const auto elected = [&](absl::Notification* note) {
    return [&, note] {
      most = std::max<int>(most, ++keepers);
      note->Notify();
    };
  };
  const auto lost = [&] { --keepers; };
  KeeperLock a(pool_a, base::SystemClock(), elected(&a_elected), lost);
  a.Start();
  a_elected.WaitForNotification();
  KeeperLock b(pool_b, base::SystemClock(), elected(&b_elected), lost);
  b.Start();
  CHECK_FALSE(b_elected.WaitForNotificationWithTimeout(absl::Milliseconds(300)));
  a.Stop();
  CHECK(b_elected.WaitForNotificationWithTimeout(absl::Seconds(20)));
  b.Stop();
  CHECK(keepers == 0);
  CHECK(most == 1);
}

}  // namespace
}  // namespace kabar::dispatcher
