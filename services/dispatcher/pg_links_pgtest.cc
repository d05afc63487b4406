// People who were two recipients until both their addresses came together: the queue speaks of them
// by one id, and what was written for either holds for both, whatever ran at the same time.
#include <catch2/catch.hpp>
#include <thread>

#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "services/dispatcher/pg_recipients.h"
#include "services/dispatcher/pg_windows.h"
#include "services/dispatcher/queue_keeper.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/open_transaction.h"
#include "services/dispatcher/testing/queue_of_lists.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

constexpr char kPhone[] = "+628111";
constexpr char kUserId[] = "ID.1";

struct Links : LedgerFixture {
  // For any thread.
  absl::StatusOr<std::int64_t> TryIdOf(int n, const std::string& phone, const std::string& bsuid) {
    NewMessage message = Message(n);
    message.phone = phone;
    message.bsuid = bsuid;
    KABAR_ASSIGN_OR_RETURN(const EnqueueResult result,
                           store.Enqueue("toko-a", "lane", {message}, Deadline()));
    return result.to_push.at(0).recipient_id;
  }
  std::int64_t IdOf(int n, const std::string& phone, const std::string& bsuid) {
    const auto id = TryIdOf(n, phone, bsuid);
    REQUIRE_THAT(id, IsOk());
    return *id;
  }
  // As the queue's keeper does it.
  void TellQueue() {
    const auto links = store.ListUntoldLinks(Deadline());
    REQUIRE_THAT(links, IsOk());
    REQUIRE_THAT(store.NoteLinksTold(*links, Deadline()), IsOk());
  }
  // No claim of before that is under way any more.
  void ToldLongAgo() {
    Sql("UPDATE recipients SET queue_told_at = queue_told_at - interval '6 seconds'");
  }
  std::vector<std::int64_t> Resolve(pg::Transaction& tx, const std::string& phone,
                                    const std::string& bsuid) {
    return ResolveRecipients(tx, "toko-a", {{.phone = phone, .bsuid = bsuid}}, LinkWord::kTold);
  }
};

TEST_CASE("Links: nothing is sent to who was two until the queue knows him as one",
          "[dispatcher]") {
  Links f;
  const std::int64_t alone = f.IdOf(1, "", kUserId);
  REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
  f.IdOf(2, "", kUserId);
  const std::int64_t one = f.IdOf(3, kPhone, kUserId);
  REQUIRE(one != alone);
  const auto links = f.store.ListUntoldLinks(f.Deadline());
  REQUIRE_THAT(links, IsOk());
  REQUIRE(links->size() == 1);
  CHECK((*links)[0].outlet_id == "toko-a");
  CHECK((*links)[0].given_up == alone);
  CHECK((*links)[0].recipient_id == one);

  // Under whichever id: back to the queue under the one that stays, for a moment later.
  const StartResult waits = f.Start({f.Id(2), f.Id(3)});
  CHECK(waits.started.empty());
  REQUIRE(waits.not_due.size() == 2);
  for (const QueueEntry& entry : waits.not_due) {
    CHECK(entry.recipient_id == one);
    CHECK(entry.not_before > absl::Now());
  }
  CHECK(f.State(2) == MessageState::kQueued);

  f.TellQueue();
  CHECK(f.store.ListUntoldLinks(f.Deadline())->empty());
  // A claim that the queue judged before it was told.
  CHECK(f.Start({f.Id(2), f.Id(3)}).started.empty());
  f.ToldLongAgo();
  const StartResult started = f.Start({f.Id(2), f.Id(3)});
  REQUIRE(started.started.size() == 2);
  for (const StartedMessage& message : started.started) CHECK(message.recipient_id == one);
}

TEST_CASE("Links: whom the queue cannot know as two does not wait", "[dispatcher]") {
  Links f;
  f.IdOf(1, kPhone, "");
  const std::int64_t one = f.IdOf(2, kPhone, kUserId);
  CHECK(f.store.ListUntoldLinks(f.Deadline())->empty());
  CHECK(f.Start({f.Id(1), f.Id(2)}).started.size() == 2);
  CHECK(f.IdOf(3, "", kUserId) == one);
}

TEST_CASE("Links: one batch that names a user id alone and with its phone", "[dispatcher]") {
  Links f;
  NewMessage alone = f.Message(1), both = f.Message(2);
  alone.phone.clear();
  alone.bsuid = both.bsuid = kUserId;
  both.phone = kPhone;
  const EnqueueResult result = f.Enqueue({alone, both});
  REQUIRE(result.to_push.size() == 2);
  CHECK(result.to_push[0].recipient_id == result.to_push[1].recipient_id);
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "1");
}

TEST_CASE("Links: what is QUEUED again goes to the queue under the id that stays", "[dispatcher]") {
  Links f;
  f.IdOf(1, "", kUserId);
  REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
  const std::int64_t one = f.IdOf(2, kPhone, kUserId);
  Outcome failed = f.Ended(1, AttemptState::kFailed, "GRAPH_131000");
  failed.retry = true;
  const auto requeued = f.Record({failed});
  REQUIRE(requeued.size() == 1);
  CHECK(requeued[0].entry.recipient_id == one);
}

TEST_CASE("Links: a pair refused by webhook is told to the queue under the id that stays",
          "[dispatcher]") {
  Links f;
  f.IdOf(1, "", kUserId);
  REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
  f.Record({f.Accepted(1)});
  const std::int64_t one = f.IdOf(2, kPhone, kUserId);
  const WebhookEffects effects = f.Apply({f.Status(1, AttemptState::kFailed, 1, "GRAPH_131056")});
  REQUIRE(effects.refused_pairs.size() == 1);
  CHECK(effects.refused_pairs[0].recipient_id == one);
}

TEST_CASE("Links: a queue that is built anew learns of a window under the id that stays alone",
          "[dispatcher]") {
  Links f;
  f.IdOf(1, "", kUserId);
  const std::int64_t one = f.IdOf(2, kPhone, kUserId);
  InboundMessage yes;
  yes.phone_number_id = "1001";
  yes.provider_id = "in.1";
  yes.bsuid = kUserId;
  yes.time = absl::Now();
  f.Apply({}, {yes});
  const auto windows = f.store.ListOpenWindows("pf", f.Deadline());
  REQUIRE_THAT(windows, IsOk());
  REQUIRE(windows->size() == 1);
  CHECK((*windows)[0].recipient_id == one);
}

TEST_CASE("Links: who is written to while his addresses come together is known to the queue as one",
          "[dispatcher]") {
  Links f;
  SECTION("the link comes first: the message waits for it") {
    std::int64_t one = 0;
    OpenTransaction link(f.pool,
                         [&](pg::Transaction& tx) { one = f.Resolve(tx, kPhone, kUserId)[0]; });
    absl::StatusOr<std::int64_t> given = 0;
    std::jthread enqueue([&] { given = f.TryIdOf(1, "", kUserId); });
    AwaitBlocked(f);
    link.Commit();
    enqueue.join();
    REQUIRE_THAT(given, IsOk());
    CHECK(*given == one);
  }
  SECTION("the message comes first: the link waits for it, and the queue is told") {
    OpenTransaction alone(f.pool, [&](pg::Transaction& tx) { f.Resolve(tx, "", kUserId); });
    absl::StatusOr<std::int64_t> given = 0;
    std::jthread enqueue([&] { given = f.TryIdOf(1, kPhone, kUserId); });
    AwaitBlocked(f);
    alone.Commit();
    enqueue.join();
    REQUIRE_THAT(given, IsOk());
    const auto links = f.store.ListUntoldLinks(f.Deadline());
    REQUIRE_THAT(links, IsOk());
    REQUIRE(links->size() == 1);
    CHECK((*links)[0].recipient_id == *given);
  }
}

TEST_CASE("Links: an opt-out under one address while it is linked to the other stops both",
          "[dispatcher]") {
  Links f;
  const std::int64_t by_phone = f.IdOf(1, kPhone, ""), by_user_id = f.IdOf(2, "", kUserId);
  const std::int64_t refused = GENERATE(0, 1) == 0 ? by_phone : by_user_id;
  const auto opt_out = [&](pg::Transaction& tx) {
    Suppress(tx, "toko-a", refused, "DELIVERY_UPDATES", "consent", "OPTED_OUT",
             absl::InfiniteFuture());
    OpenWindowFor(tx, "snd", refused, absl::Now());
  };
  const auto link = [&](pg::Transaction& tx) { f.Resolve(tx, kPhone, kUserId); };
  const bool link_first = GENERATE(false, true);
  {
    // Each has done its work before the other commits.
    OpenTransaction first(f.pool, link_first ? std::function<void(pg::Transaction&)>(link)
                                             : std::function<void(pg::Transaction&)>(opt_out));
    OpenTransaction second(f.pool, link_first ? std::function<void(pg::Transaction&)>(opt_out)
                                              : std::function<void(pg::Transaction&)>(link));
    first.Commit();
    second.Commit();
  }
  f.TellQueue();
  f.ToldLongAgo();
  CHECK(f.Start({f.Id(1), f.Id(2)}).started.empty());
  CHECK(f.State(1) == MessageState::kSuppressed);
  CHECK(f.State(2) == MessageState::kSuppressed);
  // Of a purpose that he did not refuse: the window that he opened is open under both.
  Lane other = f.NewLane("other");
  other.purpose = "MARKETING";
  REQUIRE_THAT(f.store.CreateLane(other, f.Deadline()), IsOk());
  NewMessage message = f.Message(3);
  message.phone = kPhone;
  f.Enqueue({message}, "other");
  const StartResult started = f.Start({f.Id(3)}, "other");
  REQUIRE(started.started.size() == 1);
  CHECK(started.started[0].window_open);
}

TEST_CASE("Links: an opt-in under one address while it is linked to the other holds for both",
          "[dispatcher]") {
  Links f;
  f.IdOf(1, kPhone, "");
  const std::int64_t by_user_id = f.IdOf(2, "", kUserId);
  f.OptOut("", kUserId);
  REQUIRE(f.Sql("SELECT count(*) FROM suppressions") == "1");
  const auto opt_in = [&](pg::Transaction& tx) {
    Unsuppress(tx, by_user_id, "DELIVERY_UPDATES", "consent");
  };
  const auto link = [&](pg::Transaction& tx) { f.Resolve(tx, kPhone, kUserId); };
  const bool link_first = GENERATE(false, true);
  {
    OpenTransaction first(f.pool, link_first ? std::function<void(pg::Transaction&)>(link)
                                             : std::function<void(pg::Transaction&)>(opt_in));
    std::jthread second([&] {
      CHECK_THAT(pg::Transact(f.pool, "Test", f.Deadline(),
                              [&](pg::Transaction& tx) {
                                link_first ? opt_in(tx) : link(tx);
                                return absl::OkStatus();
                              }),
                 IsOk());
    });
    AwaitBlocked(f);
    first.Commit();
  }
  CHECK(f.Sql("SELECT count(*) FROM suppressions") == "0");
}

TEST_CASE("Links: a user id that comes with two phones at once stays one person's",
          "[dispatcher]") {
  Links f;
  f.IdOf(1, "", kUserId);
  f.OptOut("+628222", "");
  std::vector<std::int64_t> ids;
  REQUIRE_THAT(pg::Transact(f.pool, "Test", f.Deadline(),
                            [&](pg::Transaction& tx) {
                              ids = ResolveRecipients(tx, "toko-a",
                                                      {{.phone = kPhone, .bsuid = kUserId},
                                                       {.phone = "+628222", .bsuid = kUserId}},
                                                      LinkWord::kTold);
                              return absl::OkStatus();
                            }),
               IsOk());
  REQUIRE(ids[0] != ids[1]);
  CHECK(f.Sql("SELECT count(*) FROM suppressions") == "1");  // the other one's refusal
}

TEST_CASE("QueueKeeper: tells the queue of who was two, once", "[dispatcher]") {
  Links f;
  QueueOfLists queue;
  QueueKeeper keeper({}, queue, f.store, base::SystemClock());
  f.IdOf(1, "", kUserId);
  const std::int64_t one = f.IdOf(2, kPhone, kUserId);
  queue.SetDown(true);
  CHECK_FALSE(keeper.Round().ok());
  CHECK(f.store.ListUntoldLinks(f.Deadline())->size() == 1);
  queue.SetDown(false);
  REQUIRE_THAT(keeper.Round(), IsOk());
  REQUIRE_THAT(keeper.Round(), IsOk());
  CHECK(queue.Joined() == std::vector<std::pair<std::string, std::int64_t>>{{"pf", one}});
  f.ToldLongAgo();
  CHECK(f.Start({f.Id(1), f.Id(2)}).started.size() == 2);
}

}  // namespace
}  // namespace kabar::dispatcher
