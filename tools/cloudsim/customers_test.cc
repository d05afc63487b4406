#include "tools/cloudsim/customers.h"

#include <catch2/catch.hpp>
#include <string>

#include "tools/cloudsim/clock.h"

namespace kabar::cloudsim {
namespace {

StatusPlan AtOnce() {
  StatusPlan plan;
  plan.sent_ms = plan.delivered_ms = plan.read_ms = {10, 10};
  plan.delivered = plan.read = 1;
  return plan;
}

Fate Plan(const StatusPlan& plan, const CustomerPlan& customers = {}, FateInput input = {}) {
  if (input.recipient.empty()) input.recipient = "6281";
  input.seed = 5;
  input.accepted_us = 1000;
  Fate fate;
  PlanFate(input, plan, customers, &fate);
  return fate;
}

// What the webhooks say, in the order in which they come.
std::string Story(const Fate& fate) {
  std::string story;
  std::vector<PlannedStatus> told(
      fate.statuses.begin(),
      fate.statuses.begin() + static_cast<std::ptrdiff_t>(fate.status_count));
  std::stable_sort(told.begin(), told.end(),
                   [](const auto& a, const auto& b) { return a.told_us < b.told_us; });
  for (const PlannedStatus& status : told) {
    story += std::string(StatusName(status.kind)) + (status.duplicate ? "* " : " ");
  }
  return story;
}

TEST_CASE("PlanFate: sent, delivered, read, each after the other", "[cloudsim]") {
  const Fate fate = Plan(AtOnce());
  CHECK(Story(fate) == "sent delivered read ");
  CHECK(fate.statuses[0].told_us == 1000 + 10 * kMicrosPerMilli);
  CHECK(fate.statuses[2].at_us == 1000 + 30 * kMicrosPerMilli);
  CHECK(fate.told == FinalStatus::kRead);
}

TEST_CASE("PlanFate: failures, not delivered, read at once", "[cloudsim]") {
  StatusPlan plan = AtOnce();
  plan.failed = 1;
  plan.failed_codes = {131049};
  Fate fate = Plan(plan);
  CHECK(Story(fate) == "sent failed ");
  CHECK(fate.statuses[1].code == 131049);
  CHECK(fate.told == FinalStatus::kFailed);

  plan = AtOnce();
  plan.delivered = 0;
  CHECK(Story(Plan(plan)) == "sent ");

  plan = AtOnce();
  plan.read_at_once = 1;
  CHECK(Story(Plan(plan)) == "sent read ");

  FateInput late;
  late.late_error = 131047;
  fate = Plan(AtOnce(), {}, late);
  CHECK(Story(fate) == "failed ");
  CHECK(fate.statuses[0].code == 131047);
}

TEST_CASE("PlanFate: reordered, duplicated, missing and late webhooks", "[cloudsim]") {
  StatusPlan plan = AtOnce();
  plan.reorder = 1;
  CHECK(Story(Plan(plan)) != "sent delivered read ");

  plan = AtOnce();
  plan.duplicate = 1;
  const Fate twice = Plan(plan);
  CHECK(twice.status_count == 6);
  CHECK(twice.told == FinalStatus::kRead);

  plan = AtOnce();
  plan.missing = 1;
  const Fate silent = Plan(plan);
  CHECK(silent.status_count == 0);
  CHECK(silent.told == FinalStatus::kNone);

  plan = AtOnce();
  plan.late = 1;
  plan.late_ms = {5000, 5000};
  const Fate late = Plan(plan);
  CHECK(late.statuses[0].told_us - late.statuses[0].at_us == 5000 * kMicrosPerMilli);
}

TEST_CASE("PlanFate: delays of zero can be reordered too", "[cloudsim]") {
  StatusPlan plan;
  plan.sent_ms = plan.delivered_ms = plan.read_ms = {0, 0};
  plan.delivered = 1;
  plan.read = 0;
  plan.reorder = 1;
  CHECK(Story(Plan(plan)) == "delivered sent ");
}

TEST_CASE("PlanFate: a function of seed, recipient and count", "[cloudsim]") {
  StatusPlan plan;
  plan.failed = 0.2;
  plan.duplicate = 0.2;
  plan.missing = 0.2;
  CustomerPlan customers;
  customers.answer = 0.5;
  int differ = 0;
  for (uint32_t nth = 0; nth < 50; ++nth) {
    FateInput input;
    input.nth = nth;
    const Fate one = Plan(plan, customers, input);
    const Fate again = Plan(plan, customers, input);
    REQUIRE(Story(one) == Story(again));
    REQUIRE(one.answer.content_json == again.answer.content_json);
    input.recipient = "6282";
    differ += Story(one) != Story(Plan(plan, customers, input)) ? 1 : 0;
  }
  CHECK(differ > 10);
}

TEST_CASE("PlanFate: answers in the form the message allows", "[cloudsim]") {
  CustomerPlan customers;
  customers.answer = 1;
  customers.yes = 1;
  customers.no = 0;
  customers.text_form = 0;
  customers.delay_ms = {100, 100};
  FateInput input;
  input.buttons = {{"payload-no", "TIDAK"}, {"payload-yes", "Ya, saya di rumah"}};

  input.buttons_kind = FateInput::Buttons::kTemplate;
  Fate fate = Plan(AtOnce(), customers, input);
  CHECK(fate.answer.kind == AnswerKind::kYes);
  CHECK(fate.answer.type == "button");
  CHECK(fate.answer.content_json == R"({"payload":"payload-yes","text":"Ya, saya di rumah"})");
  CHECK(fate.answer.with_context);
  // 20 ms until delivery, 100 ms after it.
  CHECK(fate.answer.at_us == 1000 + 120 * kMicrosPerMilli);

  input.buttons_kind = FateInput::Buttons::kReply;
  fate = Plan(AtOnce(), customers, input);
  CHECK(fate.answer.type == "interactive");
  CHECK(
      fate.answer.content_json ==
      R"({"type":"button_reply","button_reply":{"id":"payload-yes","title":"Ya, saya di rumah"}})");

  input.buttons.clear();
  input.buttons_kind = FateInput::Buttons::kNone;
  fate = Plan(AtOnce(), customers, input);
  CHECK(fate.answer.type == "text");

  input.may_answer = false;
  CHECK(Plan(AtOnce(), customers, input).answer.kind == AnswerKind::kNone);

  StatusPlan unread = AtOnce();
  unread.delivered = 0;
  input.may_answer = true;
  CHECK(Plan(unread, customers, input).answer.kind == AnswerKind::kNone);
}

TEST_CASE("PlanFate: shares of yes, no, stop and other", "[cloudsim]") {
  CustomerPlan customers;
  customers.answer = 1;
  customers.yes = 0.5;
  customers.no = 0.2;
  customers.stop = 0.1;
  int counts[5] = {};
  for (uint32_t nth = 0; nth < 2000; ++nth) {
    FateInput input;
    input.nth = nth;
    ++counts[static_cast<int>(Plan(AtOnce(), customers, input).answer.kind)];
  }
  CHECK(counts[static_cast<int>(AnswerKind::kYes)] == Approx(1000).epsilon(0.1));
  CHECK(counts[static_cast<int>(AnswerKind::kNo)] == Approx(400).epsilon(0.2));
  CHECK(counts[static_cast<int>(AnswerKind::kStop)] == Approx(200).epsilon(0.25));
  CHECK(counts[static_cast<int>(AnswerKind::kNone)] == 0);
}

}  // namespace
}  // namespace kabar::cloudsim
