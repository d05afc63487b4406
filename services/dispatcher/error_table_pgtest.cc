// Every code of the provider's error table (whatsapp-cloud-api.md, "Error classes"), from the
// refusal to the ledger: what becomes of the message, its recipient, its number, its lane, the
// account, and who is alerted.
#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "libs/metrics/metrics.h"
#include "prometheus/counter.h"
#include "services/dispatcher/slot_sender.h"
#include "services/dispatcher/testing/ledger_fixture.h"
#include "services/dispatcher/testing/worker_fakes.h"
#include "services/dispatcher/webhook_applier.h"

namespace kabar::dispatcher {
namespace {

struct Row {
  std::vector<int> codes = {};
  std::string alert = {};  // the class that is counted; empty: nobody is alerted
  MessageState message = MessageState::kFailed;
  // QUEUED again: not before, in seconds from now, and whether it cost a try.
  double least_wait = 0, most_wait = 0;
  int failures = 0;
  SenderState number = SenderState::kActive;
  SenderState others = SenderState::kActive;  // of its portfolio
  LaneState lane = LaneState::kRunning;
  std::string suppressed = {};  // "purpose for how many hours"
  bool slowed = false;
  bool provider_in_trouble = false;  // told to the circuit
};

constexpr auto kQueued = MessageState::kQueued;
constexpr auto kPaused = SenderState::kPaused;
constexpr auto kStopped = SenderState::kStopped;

// In the order of the document, a line of it each; the waits are those of a first try.
const std::vector<Row>& Document() {
  static const auto* const rows = new std::vector<Row>{
      {.codes = {1, 131000},
       .message = kQueued,
       .least_wait = 1,
       .most_wait = 2,
       .failures = 1,
       .provider_in_trouble = true},
      {.codes = {2, 131016},
       .message = kQueued,
       .least_wait = 2.5,
       .most_wait = 5,
       .provider_in_trouble = true},
      {.codes = {4, 80007}, .message = kQueued, .least_wait = 15, .most_wait = 30, .slowed = true},
      {.codes = {130429}, .message = kQueued, .least_wait = 0.5, .most_wait = 1, .slowed = true},
      {.codes = {131057}, .message = kQueued, .least_wait = 7.5, .most_wait = 15, .slowed = true},
      {.codes = {131056}, .message = kQueued, .least_wait = 4, .most_wait = 4},
      {.codes = {131048},
       .alert = "PAUSE_SENDER",
       .message = kQueued,
       .least_wait = 10,
       .most_wait = 10,
       .number = kPaused},
      {.codes = {131049, 130472}, .failures = 1, .suppressed = "DELIVERY_UPDATES 24"},
      {.codes = {131050}, .failures = 1, .suppressed = "MARKETING ever"},
      {.codes = {131026}, .failures = 1},
      // In free text, with a template to go instead.
      {.codes = {131047}, .message = kQueued, .failures = 1},
      {.codes = {132000, 132001, 132005, 132007, 132012},
       .alert = "PAUSE_CAMPAIGN",
       .failures = 1,
       .lane = LaneState::kPaused},
      {.codes = {132015, 132016},
       .alert = "END_CAMPAIGN",
       .failures = 1,
       .lane = LaneState::kPaused},
      {.codes = {0, 3, 10, 190, 200, 201, 254, 299, 133010},
       .alert = "STOP_SENDER",
       .message = kQueued,
       .least_wait = 10,
       .most_wait = 10,
       .number = kStopped},
      {.codes = {368, 131031, 131042, 130497},
       .alert = "STOP_ACCOUNT",
       .message = kQueued,
       .least_wait = 10,
       .most_wait = 10,
       .number = kStopped,
       .others = kStopped},
      {.codes = {100, 131008, 131009, 131021, 131051, 131052},
       .alert = "REQUEST_WRONG",
       .failures = 1},
      // By a link: nobody else's message is to blame.
      {.codes = {131053}, .alert = "MEDIUM_WRONG", .failures = 1},
      // And one that nobody has named.
      {.codes = {999999}, .alert = "FINAL", .failures = 1},
  };
  return *rows;
}

double Alerts(const std::string& action) {
  return metrics::GetCounter("kabar_dispatcher_alerts_total", "What a person must look at.",
                             {{"action", action}})
      .Value();
}

double AllAlerts() {
  double all = 0;
  for (int i = 0; i <= static_cast<int>(whatsapp::ErrorAction::kAmbiguous); ++i) {
    all += Alerts(std::string(whatsapp::ErrorActionName(static_cast<whatsapp::ErrorAction>(i))));
  }
  return all;
}

// One message of the ledger in the hands of a worker's sender.
struct Refusing : LedgerFixture {
  Refusing() {
    AddSender("snd-2", "1002");
    Enqueue({Message(1)});
    const StartResult started = Start({Id(1)});
    REQUIRE(started.started.size() == 1);
    sender.emplace(SlotSender::Options(), queue, outcomes, turns, provider.Function(),
                   whatsapp::ErrorPolicy::BuiltIn(), base::SystemClock());
    auto job = std::make_unique<SendJob>();
    job->portfolio_id = "pf";
    job->lane_id = "lane";
    job->sender_id = "snd";
    job->sender = std::make_shared<SenderCredentials>();
    job->message_id = Id(1);
    job->attempt = 1;
    job->recipient_id = started.started[0].recipient_id;
    job->free_text = true;
    job->has_form = true;
    job->claimed_us = base::SystemClock().BoottimeMicros();
    job->slot.start_not_before_us = job->claimed_us;
    job->start_until_us = job->slot.start_not_after_us = job->claimed_us + 10000000;
    turns.Claimed("snd", "lane", 1);
    sender->Enter(std::move(job));
    REQUIRE(provider.WaitForRequests(1));
  }
  void Refuse(int code) {
    REQUIRE(provider.Reject(code));
    REQUIRE(turns.WaitUntilEmpty(Deadline()));
    REQUIRE(outcomes.Drain(Deadline()));
    sender.reset();  // what is told apart from the outcome is told
  }
  SenderState StateOf(const std::string& id) {
    return store.GetSender("toko-a", id, Deadline())->state;
  }
  double SecondsTo(const std::string& what) {
    double seconds = 0;
    CHECK(absl::SimpleAtod(
        Sql("SELECT COALESCE(extract(epoch FROM not_before - now()), 0) FROM " + what), &seconds));
    return seconds;
  }

  QueueOfSlots queue;
  HeldProvider provider;
  ClaimTurns turns{100, 1000, base::SystemClock()};
  OutcomeWriter outcomes{{.linger = absl::ZeroDuration(), .writers = 1},
                         store,
                         [](std::vector<Store::Requeued>) {},
                         base::SystemClock()};
  std::optional<SlotSender> sender;
};

TEST_CASE("Error table: each code of the document, from the refusal to the ledger",
          "[dispatcher]") {
  for (const Row& row : Document()) {
    for (const int code : row.codes) {
      CAPTURE(code);
      Refusing f;
      const double alerts = AllAlerts(), of_class = Alerts(row.alert.empty() ? "FINAL" : row.alert);
      f.Refuse(code);

      const std::string reason = absl::StrCat("GRAPH_", code);
      CHECK(f.State(1) == row.message);
      CHECK(f.Get(1).reason == reason);
      CHECK(f.Sql("SELECT failures FROM messages") == absl::StrCat(row.failures));
      if (row.message == kQueued) {
        const double wait = f.SecondsTo("messages");
        CHECK(wait <= row.most_wait + 0.1);
        CHECK(wait >= row.least_wait - 2);  // a busy machine may take a moment to look
      }
      CHECK(f.StateOf("snd") == row.number);
      CHECK(f.StateOf("snd-2") == row.others);
      CHECK(f.LaneStateOf("lane") == row.lane);
      CHECK(f.Sql("SELECT COALESCE(string_agg(purpose || ' ' || CASE WHEN until = 'infinity' THEN"
                  " 'ever' ELSE round(extract(epoch FROM until - now()) / 3600)::text END, ', '),"
                  " '') FROM suppressions") == row.suppressed);
      CHECK(f.queue.Slowed() == (row.slowed ? 1 : 0));
      CHECK(f.queue.RefusedPairs() == (code == 131056 ? 1 : 0));
      const auto news = f.queue.News();
      CHECK((!news.empty() && news[0].failures > 0) == row.provider_in_trouble);
      CHECK(AllAlerts() - alerts == (row.alert.empty() ? 0 : 1));
      if (!row.alert.empty()) CHECK(Alerts(row.alert) - of_class == 1);
    }
  }
}

std::string FailedStatus(const std::string& id, int code) {
  return absl::StrCat(R"({"object":"whatsapp_business_account","entry":[{"id":"7","changes":[{)",
                      R"("field":"messages","value":{"messaging_product":"whatsapp","metadata":{)",
                      R"("display_phone_number":"1","phone_number_id":"1001"},"statuses":[{)",
                      R"("id":"wamid.1.1","status":"failed","timestamp":"1700000000",)",
                      R"("recipient_id":"628121000001","biz_opaque_callback_data":")",
                      base::FormatAttemptTag(id, 1), R"(","errors":[{"code":)", code,
                      R"(,"title":"x"}]}]}}]}]})");
}

TEST_CASE("Error table: each code of the document, told by a webhook", "[dispatcher]") {
  for (const Row& row : Document()) {
    for (const int code : row.codes) {
      CAPTURE(code);
      LedgerFixture f;
      f.AddSender("snd-2", "1002");
      f.Enqueue({f.Message(1)});
      REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
      f.Record({f.Accepted(1)});
      f.Sql("UPDATE messages SET form_name = 'kabar_update', form_language = 'id'");
      // Who is not to blame needs no tries.
      if (row.failures == 0) f.Sql("UPDATE lanes SET max_attempts = 1");
      REQUIRE_THAT(
          f.store.AppendWebhooks(
              {{.received_at = absl::Now(), .body = FailedStatus(f.Id(1), code)}}, f.Deadline()),
          testing::IsOk());
      QueueOfSlots queue;
      WebhookApplier applier(f.store, f.store, queue, whatsapp::ErrorPolicy::BuiltIn(),
                             base::SystemClock());
      const double alerts = AllAlerts();
      REQUIRE_THAT(applier.RunOnce(), testing::IsOk());

      CHECK(f.State(1) == row.message);
      CHECK(f.Sql("SELECT failures FROM messages") == absl::StrCat(row.failures));
      if (row.message == kQueued) {
        double wait = 0;
        CHECK(absl::SimpleAtod(
            f.Sql("SELECT COALESCE(extract(epoch FROM not_before - now()), 0) FROM messages"),
            &wait));
        CHECK(wait <= row.most_wait + 0.1);
        CHECK(wait >= row.least_wait - 2);  // a busy machine may take a moment to look
      }
      CHECK(f.store.GetSender("toko-a", "snd", f.Deadline())->state == row.number);
      CHECK(f.store.GetSender("toko-a", "snd-2", f.Deadline())->state == row.others);
      CHECK(f.LaneStateOf("lane") == row.lane);
      CHECK(f.Sql("SELECT count(*) FROM suppressions") == (row.suppressed.empty() ? "0" : "1"));
      CHECK(queue.Slowed() == (row.slowed ? 1 : 0));
      CHECK(queue.RefusedPairs() == (code == 131056 ? 1 : 0));
      CHECK(AllAlerts() - alerts == (row.alert.empty() ? 0 : 1));
    }
  }
}

}  // namespace
}  // namespace kabar::dispatcher
