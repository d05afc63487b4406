#include "services/dispatcher/send_job.h"

#include <catch2/catch.hpp>

#include "libs/base/status.h"
#include "nlohmann/json.hpp"

namespace kabar::dispatcher {
namespace {

using whatsapp::SendOutcome;

const absl::Time kNow = absl::FromUnixSeconds(1795222800);

SendJob Job() {
  SendJob job;
  job.message_id = "message";
  job.attempt = 2;
  job.free_text = true;
  job.has_form = true;
  return job;
}

SendOutcome Rejected(int code) {
  SendOutcome result;
  result.kind = SendOutcome::Kind::kRejected;
  result.error.code = code;
  result.written_at = kNow - absl::Seconds(1);
  return result;
}

Reaction Of(const SendOutcome& result, const SendJob& job = Job()) {
  return React(job, result, whatsapp::ErrorPolicy::BuiltIn(), {.initial = absl::Seconds(2)}, kNow);
}

StartedMessage Started() {
  StartedMessage message;
  message.id = "20261121-abc";
  message.attempt = 3;
  message.phone = "+628120001";
  message.text = "halo";
  message.form = {.name = "paket", .language = "id", .parameters = {"Budi", "besok"}};
  return message;
}

TEST_CASE("SendJob::MayStart: within slot and hold, their last moment included; before the end",
          "[dispatcher]") {
  SendJob job;
  job.slot.start_not_after_us = 1000;
  job.start_until_us = 2000;
  CHECK(job.MayStart(1000, kNow));
  CHECK_FALSE(job.MayStart(1001, kNow));
  job.slot.start_not_after_us = 3000;
  CHECK(job.MayStart(2000, kNow));
  CHECK_FALSE(job.MayStart(2001, kNow));
  job.end_time = kNow;
  // What passes the gate at the last moment would be on the wire after it.
  CHECK(job.MayStart(2000, kNow - absl::Milliseconds(11)));
  CHECK_FALSE(job.MayStart(2000, kNow - absl::Milliseconds(10)));
  CHECK_FALSE(job.MayStart(2000, kNow));
}

TEST_CASE("BuildBody: free text inside the window, the template outside, else a named fault",
          "[dispatcher]") {
  StartedMessage message = Started();
  bool free_text = false;
  message.window_open = true;
  auto body = BuildBody(message, &free_text);
  REQUIRE(body.ok());
  CHECK(free_text);
  auto json = nlohmann::json::parse(*body);
  CHECK(json["text"]["body"] == "halo");
  CHECK(json["to"] == "628120001");
  CHECK(json["biz_opaque_callback_data"] == "20261121-abc.3");

  message.window_open = false;
  body = BuildBody(message, &free_text);
  REQUIRE(body.ok());
  CHECK_FALSE(free_text);
  json = nlohmann::json::parse(*body);
  CHECK(json["template"]["name"] == "paket");
  CHECK(json["template"]["components"][0]["parameters"][1]["text"] == "besok");

  message.form = {};
  CHECK(base::GetReason(BuildBody(message, &free_text).status()) == "WINDOW_CLOSED_NO_TEMPLATE");
  message.window_open = true;
  message.text = std::string(5000, 'x');
  CHECK_FALSE(BuildBody(message, &free_text).ok());
}

TEST_CASE("React: accepted, unsent, and nobody knows", "[dispatcher]") {
  SendOutcome result;
  result.kind = SendOutcome::Kind::kAccepted;
  result.wamid = "wamid.1";
  result.written_at = kNow;
  Reaction reaction = Of(result);
  CHECK(reaction.outcome.message_id == "message");
  CHECK(reaction.outcome.attempt == 2);
  CHECK(reaction.outcome.state == AttemptState::kAccepted);
  CHECK(reaction.outcome.provider_id == "wamid.1");
  CHECK(reaction.outcome.started_at == kNow);

  result.kind = SendOutcome::Kind::kAmbiguous;
  CHECK(Of(result).outcome.state == AttemptState::kAmbiguous);
  CHECK_FALSE(Of(result).outcome.retry);
  CHECK(Of(result).word == SenderWord::kFailed);
  CHECK_FALSE(Of(result).slow);
  result.http_status = 429;
  CHECK(Of(result).slow);
  result.stopped = true;  // our own process ends
  CHECK(Of(result).outcome.state == AttemptState::kAmbiguous);
  CHECK(Of(result).word == SenderWord::kNone);

  result.kind = SendOutcome::Kind::kNotSent;
  result.gate_refused = true;
  CHECK(Of(result).outcome.state == AttemptState::kReturned);
  CHECK(Of(result).outcome.reason == "TOO_LATE_FOR_SLOT");
  CHECK(Of(result).outcome.not_before == kNow);
  CHECK(Of(result).outcome.started_at == absl::InfinitePast());
  result.gate_refused = false;
  CHECK(Of(result).word == SenderWord::kNone);  // the client was stopped, say
  result.no_connection = true;
  CHECK(Of(result).word == SenderWord::kFailed);
  CHECK(Of(result).outcome.reason == "NOT_CONNECTED");
  CHECK(Of(result).outcome.not_before > kNow);
}

TEST_CASE("React: each action of the error table", "[dispatcher]") {
  const auto outcome = [](int code) { return Of(Rejected(code)).outcome; };
  // Throughput of the number: again after a while; it is not the message's fault.
  CHECK(outcome(130429).state == AttemptState::kReturned);
  CHECK(outcome(130429).not_before > kNow);
  CHECK(Of(Rejected(130429)).action == whatsapp::ErrorAction::kRetryBackoffSlowSender);
  CHECK(Of(Rejected(130429)).slow);
  CHECK(Of(Rejected(130429)).word == SenderWord::kWell);  // it answers
  // Something went wrong, maybe by the message: each costs a try.
  CHECK(outcome(131000).state == AttemptState::kFailed);
  CHECK(outcome(131000).retry);
  CHECK(outcome(131000).not_before > kNow);
  CHECK_FALSE(Of(Rejected(131000)).slow);
  CHECK(Of(Rejected(131000)).word == SenderWord::kFailed);
  // The pair: 4^n seconds.
  CHECK(outcome(131056).state == AttemptState::kReturned);
  CHECK(outcome(131056).not_before == kNow + absl::Seconds(16));
  CHECK(Of(Rejected(131056)).word == SenderWord::kWell);
  // A code that nobody knows: by the status.
  SendOutcome unknown = Rejected(999999);
  unknown.http_status = 401;
  CHECK(Of(unknown).outcome.state == AttemptState::kReturned);
  CHECK(Of(unknown).outcome.action == OutcomeAction::kStopSender);
  unknown.http_status = 429;
  CHECK(Of(unknown).outcome.state == AttemptState::kReturned);
  CHECK(Of(unknown).slow);
  unknown.http_status = 400;
  CHECK(Of(unknown).outcome.state == AttemptState::kFailed);
  CHECK_FALSE(Of(unknown).outcome.retry);
  CHECK(Of(unknown).alert);
  // What is not the message's fault costs it no try.
  for (const auto& [code, action] : {std::pair{131048, OutcomeAction::kPauseSender},
                                     {190, OutcomeAction::kStopSender},
                                     {131042, OutcomeAction::kStopPortfolio},
                                     {368, OutcomeAction::kStopPortfolio}}) {
    INFO(code);
    CHECK(outcome(code).state == AttemptState::kReturned);
    CHECK(outcome(code).not_before == kNow + absl::Seconds(10));
    CHECK(outcome(code).action == action);
  }
  CHECK(Of(Rejected(131042)).alert);
  // The campaign's template is wrong.
  CHECK(outcome(132001).state == AttemptState::kFailed);
  CHECK(outcome(132001).action == OutcomeAction::kPauseLane);
  CHECK(outcome(132015).action == OutcomeAction::kPauseLane);
  CHECK_FALSE(outcome(132015).retry);
  CHECK(outcome(131050).action == OutcomeAction::kOptOut);
  CHECK(outcome(131049).action == OutcomeAction::kRest24h);
  // Final, and nothing else.
  CHECK(outcome(131026).state == AttemptState::kFailed);
  CHECK_FALSE(outcome(131026).retry);
  CHECK(outcome(131026).action == OutcomeAction::kNone);
  CHECK(outcome(131026).reason == "GRAPH_131026");
  CHECK(outcome(131026).started_at == kNow - absl::Seconds(1));
}

TEST_CASE("React: a closed window is tried again once as a template", "[dispatcher]") {
  SendJob job = Job();
  CHECK(Of(Rejected(131047), job).outcome.retry);
  CHECK(Of(Rejected(131047), job).outcome.action == OutcomeAction::kCloseWindow);
  job.has_form = false;
  CHECK_FALSE(Of(Rejected(131047), job).outcome.retry);
  CHECK(Of(Rejected(131047), job).outcome.action == OutcomeAction::kCloseWindow);
  job.has_form = true;
  job.free_text = false;
  CHECK_FALSE(Of(Rejected(131047), job).outcome.retry);
  CHECK(Of(Rejected(131047), job).outcome.action == OutcomeAction::kNone);
}

}  // namespace
}  // namespace kabar::dispatcher
