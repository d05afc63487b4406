// Dead letters: applied again once their cause is mended, or dropped.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/base/clock.h"
#include "libs/whatsapp/error_policy.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/queue_of_lists.h"
#include "services/dispatcher/webhook_applier.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

struct Letters : LedgerFixture {
  // From a customer to the number `phone_number_id`.
  static std::string Inbound(const std::string& phone_number_id, const std::string& id = "in.1") {
    return R"({"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":)"
           R"("messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":")" +
           phone_number_id + R"("},"messages":[{"from":"628121","id":")" + id +
           R"(","timestamp":"1700000000","type":"text","text":{"body":"ya"}}]}}]}]})";
  }
  void Arrive(const std::string& body) {
    REQUIRE_THAT(store.AppendWebhooks({{.received_at = absl::Now(), .body = body}}, Deadline()),
                 IsOk());
    ApplyAll();
  }
  void ApplyAll() {
    for (bool more = true; more;) {
      const auto applied = applier.RunOnce();
      REQUIRE_THAT(applied, IsOk());
      more = *applied;
    }
  }
  std::vector<DeadLetter> List(const std::string& outlet, const DeadLetterFilter& filter = {}) {
    const auto letters = store.ListDeadLetters(outlet, filter, 0, 10, Deadline());
    REQUIRE_THAT(letters, IsOk());
    return *letters;
  }
  DeadLetter Only(const std::string& outlet) {
    const auto letters = List(outlet);
    REQUIRE(letters.size() == 1);
    return letters[0];
  }
  RequestKey By(const std::string& method, const std::string& request = "") {
    return {request, method, "print", {.key_name = "siti", .role = "OPERATOR"}};
  }
  absl::StatusOr<DeadLetter> Retry(std::int64_t id, const std::string& request = "",
                                   const std::string& outlet = "toko-a") {
    return store.RetryDeadLetter(outlet, id, "mended", By("RetryDeadLetter", request), Deadline());
  }
  absl::StatusOr<DeadLetter> Drop(std::int64_t id, const std::string& request = "") {
    return store.DropDeadLetter("toko-a", id, "a test number", By("DropDeadLetter", request),
                                Deadline());
  }

  QueueOfLists queue;
  whatsapp::ErrorPolicy policy = whatsapp::ErrorPolicy::BuiltIn();
  WebhookApplier applier{store, store, queue, policy, base::SystemClock()};
};

TEST_CASE("RetryDeadLetter: applied once the number is registered, once however often asked",
          "[dispatcher]") {
  Letters f;
  f.Arrive(Letters::Inbound("3003"));
  CHECK(f.List("toko-a").empty());  // nobody's yet
  const DeadLetter letter = f.Only("");
  CHECK(letter.kind == "WEBHOOK_UNKNOWN_SENDER");
  CHECK(letter.phone_number_id == "3003");
  CHECK(letter.payload == Letters::Inbound("3003"));
  CHECK_THAT(f.Retry(letter.id), ReasonIs("DEAD_LETTER_NOT_FOUND"));

  f.AddSender("snd-3", "3003");
  CHECK(f.Only("toko-a").id == letter.id);
  CHECK_THAT(f.Retry(letter.id, "", "toko-b"), ReasonIs("DEAD_LETTER_NOT_FOUND"));
  for (const char* request : {"req-1", "req-1", "req-2"}) {
    const auto retried = f.Retry(letter.id, request);
    REQUIRE_THAT(retried, IsOk());
    CHECK(retried->state == DeadLetter::State::kRetrying);
    CHECK(retried->retries == 1);
    CHECK(retried->handled_by == "siti");
  }
  CHECK(f.Sql("SELECT count(*) FROM webhook_journal WHERE applied < size") == "1");
  CHECK_THAT(f.Drop(letter.id), ReasonIs("DEAD_LETTER_RETRYING"));
  f.ApplyAll();
  CHECK(f.Sql("SELECT count(*) FROM inbound WHERE sender_id = 'snd-3'") == "1");
  CHECK(f.List("toko-a").empty());
  CHECK(f.Sql("SELECT count(*) || ' ' || max(state) FROM dead_letters") == "1 3");
  CHECK_THAT(f.Retry(letter.id, "req-3"), ReasonIs("DEAD_LETTER_APPLIED"));
  CHECK(f.Retry(letter.id, "req-2")->state == DeadLetter::State::kApplied);
  CHECK(f.Sql("SELECT string_agg(action, ' ') FROM audit_log") == "RetryDeadLetter");
}

TEST_CASE("RetryDeadLetter: fails again, and stays one letter with its newest reason",
          "[dispatcher]") {
  Letters f;
  f.Arrive(Letters::Inbound("3003"));
  const std::int64_t id = f.Only("").id;
  for (int i = 1; i <= 2; ++i) {
    REQUIRE_THAT(f.Retry(id, "", ""), IsOk());
    f.ApplyAll();
    const DeadLetter letter = f.Only("");
    CHECK(letter.state == DeadLetter::State::kOpen);
    CHECK(letter.retries == i);
  }
  // Another reason than before: the number is there, what it reports on is not.
  f.Sql("UPDATE dead_letters SET payload = convert_to('not json', 'UTF8')");
  REQUIRE_THAT(f.Retry(id, "", ""), IsOk());
  f.ApplyAll();
  CHECK(f.Only("").kind == "WEBHOOK_MALFORMED");
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "1");
}

TEST_CASE("RetryDeadLetter: what the ledger refuses for what it holds stays one letter",
          "[dispatcher]") {
  Letters f;
  f.Sql("ALTER TABLE inbound ADD CONSTRAINT test_no CHECK (provider_id <> 'in.bad')");
  f.Arrive(Letters::Inbound("3003", "in.bad"));
  f.AddSender("snd-3", "3003");
  const std::int64_t id = f.Only("toko-a").id;
  REQUIRE_THAT(f.Retry(id), IsOk());
  // It takes equal failures one after another; a busy machine may put others in between.
  for (int i = 0;
       i < 50 && f.Sql("SELECT count(*) FROM webhook_journal WHERE applied < size") != "0"; ++i) {
    f.applier.RunOnce().status().IgnoreError();
  }
  CHECK(f.Only("toko-a").kind == "WEBHOOK_NOT_APPLIED");
  f.Sql("ALTER TABLE inbound DROP CONSTRAINT test_no");
  REQUIRE_THAT(f.Retry(id), IsOk());
  f.ApplyAll();
  CHECK(f.List("toko-a").empty());
  CHECK(f.Sql("SELECT count(*) FROM dead_letters") == "1");
  CHECK(f.Sql("SELECT count(*) FROM inbound WHERE provider_id = 'in.bad'") == "1");
}

TEST_CASE("DropDeadLetter: marked with who and why, and out of the list", "[dispatcher]") {
  Letters f;
  f.Arrive(Letters::Inbound("1001", "in.1"));
  CHECK(f.List("toko-a").empty());
  f.Sql(
      "INSERT INTO dead_letters (outlet_id, kind, reason, payload)"
      " VALUES ('toko-a', 'K1', 'r', ''), ('toko-a', 'K2', 'r', '')");
  CHECK(f.List("toko-a", {.kind = "K2"}).size() == 1);
  const std::int64_t id = f.List("toko-a", {.kind = "K1"}).front().id;
  const auto dropped = f.Drop(id, "req-1");
  REQUIRE_THAT(dropped, IsOk());
  CHECK(dropped->state == DeadLetter::State::kDropped);
  CHECK(dropped->handled_by == "siti");
  CHECK(dropped->handled_reason == "a test number");
  CHECK(dropped->handled_time.has_value());
  REQUIRE_THAT(f.Drop(id, "req-1"), IsOk());
  CHECK(f.Only("toko-a").kind == "K2");
  CHECK(f.List("toko-a", {.state = DeadLetter::State::kDropped}).size() == 1);
  CHECK(f.store.GetDeadLetter("toko-a", id, f.Deadline())->kind == "K1");
  CHECK_THAT(f.store.GetDeadLetter("toko-b", id, f.Deadline()), ReasonIs("DEAD_LETTER_NOT_FOUND"));
  CHECK_THAT(f.Retry(id), ReasonIs("DEAD_LETTER_DROPPED"));
  CHECK(f.Sql("SELECT string_agg(action || ':' || reason, ' ') FROM audit_log") ==
        "DropDeadLetter:a test number");
}

TEST_CASE("ApplyWebhooks: one webhook's parts that fail alike are one letter", "[dispatcher]") {
  Letters f;
  const std::string status = R"({"id":"w","status":"sent","timestamp":"1700000000"})";
  f.Arrive(R"({"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":)"
           R"("messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":)"
           R"("3003"},"statuses":[)" +
           status + "," + status + R"(]}}]}]})");
  CHECK(f.Only("").kind == "WEBHOOK_UNKNOWN_SENDER");
}

}  // namespace
}  // namespace kabar::dispatcher
