// Webhooks from the journal to the ledger and the queue: what the database refuses, what passes,
// what Redis is told.
#include <catch2/catch.hpp>
#include <functional>

#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/queue_of_lists.h"
#include "services/dispatcher/webhook_applier.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

// Fails the applying of a batch with what `fault` answers, before the ledger sees it.
class FaultyStore : public PgStore {
 public:
  using PgStore::PgStore;
  absl::StatusOr<WebhookEffects> ApplyWebhooks(const WebhookBatch& batch,
                                               absl::Time deadline) override {
    if (fault) KABAR_RETURN_IF_ERROR(fault(batch));
    return PgStore::ApplyWebhooks(batch, deadline);
  }
  std::function<absl::Status(const WebhookBatch&)> fault;
};

// A customer's message.
JournalEntry Inbound(const std::string& id) {
  return {.received_at = absl::Now(),
          .body = absl::StrCat(
              R"({"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{)",
              R"("field":"messages","value":{"messaging_product":"whatsapp","metadata":{)",
              R"("display_phone_number":"1","phone_number_id":"1001"},"messages":[{)",
              R"("from":"628121000001","id":")", id, R"(","timestamp":")",
              absl::ToUnixSeconds(absl::Now()), R"(","type":"text","text":{"body":"YA"}}]}}]}]})")};
}

// Three customers' messages in the journal, of which the ledger refuses the second.
struct Poisoned : LedgerFixture {
  Poisoned() {
    Sql("ALTER TABLE inbound ADD CONSTRAINT poison CHECK (provider_id <> 'in.2')");
    REQUIRE_THAT(
        store.AppendWebhooks({Inbound("in.1"), Inbound("in.2"), Inbound("in.3")}, Deadline()),
        IsOk());
  }
  ~Poisoned() { Sql("ALTER TABLE inbound DROP CONSTRAINT poison"); }

  std::string Applied() {
    return Sql("SELECT string_agg(provider_id, ' ' ORDER BY provider_id) FROM inbound");
  }
  // Rounds until the journal is empty; how many failed.
  int Rounds(int most) {
    int failed = 0;
    for (int i = 0; i < most; ++i) {
      const absl::StatusOr<bool> more = applier.RunOnce();
      if (more.ok() && !*more) break;
      if (!more.ok()) ++failed;
      if (!more.ok()) UNSCOPED_INFO(more.status());
    }
    return failed;
  }

  FaultyStore faulty{pool};
  QueueOfLists queue;
  WebhookApplier applier{faulty, store, queue, whatsapp::ErrorPolicy::BuiltIn(),
                         base::SystemClock()};
};

TEST_CASE("WebhookApplier: a payload that the ledger refuses does not stop those behind it",
          "[dispatcher]") {
  Poisoned f;
  CHECK(f.Rounds(10) == 2);
  CHECK(f.Applied() == "in.1 in.3");
  CHECK(f.Sql("SELECT count(*) FROM webhook_journal WHERE applied < size") == "0");
  const auto letters = f.store.ListDeadLetters("toko-a", {}, 0, 10, f.Deadline());
  REQUIRE_THAT(letters, IsOk());
  REQUIRE(letters->size() == 1);
  CHECK(letters->front().kind == "WEBHOOK_NOT_APPLIED");
  CHECK(letters->front().reason.find("23514") != std::string::npos);
  CHECK(letters->front().payload.find("in.2") != std::string::npos);
  int told = 0;
  for (const events::v1::Event& event : f.Events()) told += event.has_inbound_received() ? 1 : 0;
  CHECK(told == 2);
}

TEST_CASE("WebhookApplier: a batch that needs too long comes again half as large, and grows again",
          "[dispatcher]") {
  LedgerFixture f;
  FaultyStore slow(f.pool);
  QueueOfLists queue;
  WebhookApplier applier(slow, f.store, queue, whatsapp::ErrorPolicy::BuiltIn(),
                         base::SystemClock());
  std::vector<std::size_t> in_time;
  bool busy = true;
  slow.fault = [&](const WebhookBatch& batch) -> absl::Status {
    if (busy && batch.inbound.size() > 1) return absl::DeadlineExceededError("statement timeout");
    in_time.push_back(batch.inbound.size());
    return absl::OkStatus();
  };
  std::vector<JournalEntry> webhooks;
  for (int n = 0; n < 40; ++n) webhooks.push_back(Inbound(absl::StrCat("in.", n)));
  REQUIRE_THAT(f.store.AppendWebhooks(webhooks, f.Deadline()), IsOk());  // one row
  int late = 0;
  while (in_time.empty() && late < 100) late += applier.RunOnce().ok() ? 0 : 1;
  CHECK(late == 5);  // 40, 20, 10, 5, 2
  busy = false;
  absl::StatusOr<bool> more = true;
  while (more.ok() && *more) more = applier.RunOnce();
  REQUIRE_THAT(more, IsOk());
  CHECK(in_time == std::vector<std::size_t>{1, 1, 1, 1, 1, 1, 1, 1,  //
                                            2, 2, 2, 2, 2, 2, 2, 2, 4, 4, 4, 4});
  CHECK(f.Sql("SELECT count(*) FROM inbound") == "40");
  CHECK(f.Sql("SELECT count(*) FROM webhook_journal WHERE applied < size") == "0");
}

TEST_CASE("WebhookApplier: a window that a status calls closed is closed in Redis too",
          "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 3));
  f.Start(f.Ids(1, 3));
  f.Record({f.Accepted(1), f.Accepted(2), f.Accepted(3)});
  f.Sql("UPDATE messages SET form_name = 'kabar_update', form_language = 'id'");
  REQUIRE_THAT(
      f.store.AppendWebhooks(
          {{.received_at = absl::Now(),
            .body = absl::StrCat(
                R"({"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{)",
                R"("field":"messages","value":{"messaging_product":"whatsapp","metadata":{)",
                R"("display_phone_number":"1","phone_number_id":"1001"},"statuses":[{)",
                R"("id":"wamid.1.1","status":"failed","timestamp":"1700000000",)",
                R"("recipient_id":"628121000001","biz_opaque_callback_data":")",
                base::FormatAttemptTag(f.Id(1), 1),
                R"(","errors":[{"code":131047,"title":"Re-engagement message"}]}]}}]}]})")}},
          f.Deadline()),
      IsOk());
  QueueOfLists queue;
  WebhookApplier applier(f.store, f.store, queue, whatsapp::ErrorPolicy::BuiltIn(),
                         base::SystemClock());
  REQUIRE_THAT(applier.RunOnce(), IsOk());
  CHECK(f.State(1) == MessageState::kQueued);
  CHECK(queue.Windows() == -1);
  CHECK(queue.Pushed("lane") == std::vector<std::string>{f.Id(1)});
}

TEST_CASE("WebhookApplier: what passes buries nothing, however often it comes", "[dispatcher]") {
  struct Fault {
    absl::StatusCode code;
    std::string state;
  };
  const Fault fault = GENERATE(values<Fault>({
      {absl::StatusCode::kUnavailable, ""},            // connection lost
      {absl::StatusCode::kUnavailable, "57P01"},       // admin shutdown
      {absl::StatusCode::kAborted, "40001"},           // serialisation
      {absl::StatusCode::kAborted, "55P03"},           // lock timeout
      {absl::StatusCode::kDeadlineExceeded, "57014"},  // statement timeout
      {absl::StatusCode::kUnknown, ""},                // lost in COMMIT
      {absl::StatusCode::kResourceExhausted, "53100"},
      {absl::StatusCode::kInternal, "42703"},  // not migrated: no such column
      {absl::StatusCode::kPermissionDenied, "42501"},
  }));
  Poisoned f;
  absl::Status failure = base::Error(fault.code, "DB", "the database's own trouble");
  if (!fault.state.empty()) failure = base::WithMeta(failure, "sqlstate", fault.state);
  CAPTURE(failure);
  f.faulty.fault = [&](const WebhookBatch&) { return failure; };
  CHECK(f.Rounds(10) == 10);
  // Also when it comes while payloads are taken one by one.
  f.faulty.fault = [&](const WebhookBatch& batch) {
    const bool last = batch.inbound.size() == 1 && batch.inbound[0].provider_id == "in.3";
    return last ? failure : absl::OkStatus();
  };
  // After a statement timeout they are taken one by one at once: two rounds that go well.
  CHECK(f.Rounds(10) == (absl::IsDeadlineExceeded(failure) ? 8 : 10));
  CHECK(f.Sql("SELECT string_agg(kind, ' ') FROM dead_letters") == "WEBHOOK_NOT_APPLIED");
  CHECK(f.Applied() == "in.1");
  f.faulty.fault = nullptr;
  f.Rounds(10);
  CHECK(f.Applied() == "in.1 in.3");
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "1");
}

}  // namespace
}  // namespace kabar::dispatcher
