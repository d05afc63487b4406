// Events, automations, steps and the table of values: no servers.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "services/triggers/automation.h"
#include "services/triggers/business_event.h"
#include "services/triggers/paging.h"
#include "services/triggers/step.h"
#include "services/triggers/values_table.h"

namespace kabar::triggers {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1795222800);

BusinessEvent GoodEvent() {
  return {.id = "order-1/paid",
          .type = EventType::kOrderPaid,
          .phone = "0812-3456-7890",
          .name = "Budi",
          .variables = {{"documentnumber", "INV-1"}, {"productname", "Sepatu"}}};
}

absl::Status Normalize(BusinessEvent event) { return NormalizeEvent(&event, kNow); }

TEST_CASE("NormalizeEvent: one form of a phone", "[triggers]") {
  BusinessEvent event = GoodEvent();
  REQUIRE_THAT(NormalizeEvent(&event, kNow), IsOk());
  CHECK(event.phone == "+6281234567890");
  event.phone = "";
  event.contact_id = "con_1";
  CHECK_THAT(NormalizeEvent(&event, kNow), IsOk());
}

TEST_CASE("NormalizeEvent: names each fault", "[triggers]") {
  const auto with = [](auto change) {
    BusinessEvent event = GoodEvent();
    change(event);
    return Normalize(event);
  };
  CHECK_THAT(with([](BusinessEvent& e) { e.id = ""; }), HasFieldViolation("event.id"));
  CHECK_THAT(with([](BusinessEvent& e) { e.id = "a\nb"; }), HasFieldViolation("event.id"));
  CHECK_THAT(with([](BusinessEvent& e) { e.id = std::string(129, 'x'); }),
             HasFieldViolation("event.id"));
  CHECK_THAT(with([](BusinessEvent& e) { e.id = std::string(128, 'x'); }), IsOk());
  CHECK_THAT(with([](BusinessEvent& e) { e.type = EventType::kUnspecified; }),
             HasFieldViolation("event.type"));
  CHECK_THAT(with([](BusinessEvent& e) { e.type = static_cast<EventType>(7); }),
             HasFieldViolation("event.type"));
  CHECK_THAT(with([](BusinessEvent& e) { e.phone = ""; }), HasFieldViolation("event.phone"));
  CHECK_THAT(with([](BusinessEvent& e) { e.phone = "12"; }), HasFieldViolation("event.phone"));
  CHECK_THAT(with([](BusinessEvent& e) { e.name = std::string(201, 'x'); }),
             HasFieldViolation("event.name"));
  CHECK_THAT(with([](BusinessEvent& e) { e.time = kNow + absl::Hours(24 * 400); }),
             HasFieldViolation("event.time"));
  CHECK_THAT(with([](BusinessEvent& e) { e.time = absl::FromUnixSeconds(0); }),
             HasFieldViolation("event.time"));
  CHECK_THAT(with([](BusinessEvent& e) { e.time = kNow + absl::Hours(24); }), IsOk());
  CHECK_THAT(with([](BusinessEvent& e) { e.amount = -1; }), HasFieldViolation("event.amount"));
  CHECK_THAT(with([](BusinessEvent& e) { e.order_id = std::string(129, 'x'); }),
             HasFieldViolation("event.order_id"));
  CHECK_THAT(with([](BusinessEvent& e) {
               e.type = EventType::kContactCreated;
               e.order_id = "SO-1";
             }),
             HasFieldViolation("event.order_id"));
  const absl::Status all = Normalize({});
  CHECK_THAT(all, HasFieldViolation("event.id"));
  CHECK_THAT(all, HasFieldViolation("event.type"));
  CHECK_THAT(all, HasFieldViolation("event.phone"));
}

TEST_CASE("NormalizeEvent: variables are few, small and distinct", "[triggers]") {
  const auto with = [](std::vector<Variable> variables) {
    BusinessEvent event = GoodEvent();
    event.variables = std::move(variables);
    return Normalize(event);
  };
  CHECK_THAT(with({{"", "x"}}), HasFieldViolation("event.variables"));
  CHECK_THAT(with({{std::string(65, 'n'), "x"}}), HasFieldViolation("event.variables"));
  CHECK_THAT(with({{"Warna", std::string(4001, 'x')}}),
             HasFieldViolation("event.variables[\"Warna\"]"));
  CHECK_THAT(with({{"Warna", std::string("a\0b", 3)}}),
             HasFieldViolation("event.variables[\"Warna\"]"));
  // Templates would not know which of them is meant.
  CHECK_THAT(with({{"nama", "a"}, {"contactname", "b"}}),
             HasFieldViolation("event.variables[\"contactname\"]"));
  CHECK_THAT(with({{"No Polis", "a"}, {"no_polis", "b"}}),
             HasFieldViolation("event.variables[\"no_polis\"]"));
  CHECK_THAT(with({{"documentnumber", std::string(129, 'x')}}),
             HasFieldViolation("event.variables[\"documentnumber\"]"));
  std::vector<Variable> many;
  for (int i = 0; i < 101; ++i) many.push_back({absl::StrCat("v", i), "x"});
  CHECK_THAT(with(many), HasFieldViolation("event.variables"));
  many.pop_back();
  CHECK_THAT(with(many), IsOk());
  many.resize(20);
  for (Variable& variable : many) variable.value = std::string(2000, 'x');
  CHECK_THAT(with(many), HasFieldViolation("event.variables"));
}

TEST_CASE("OrderOf: its number, or the sales code where the document is one", "[triggers]") {
  const auto document = [](EventType type) {
    return OrderOf({.type = type, .variables = {{"documentnumber", " SO  1 "}}});
  };
  CHECK(document(EventType::kOrderCreated) == "SO 1");
  CHECK(document(EventType::kOrderReceived) == "SO 1");
  CHECK(document(EventType::kOrderPaid).empty());
  CHECK(document(EventType::kOrderDelivery).empty());
  CHECK(document(EventType::kContactCreated).empty());
  CHECK(OrderOf({.type = EventType::kOrderPaid, .order_id = "SO-2"}) == "SO-2");
}

TEST_CASE("SubjectOf: the document, however it is called", "[triggers]") {
  CHECK(SubjectOf({{"productname", "x"}, {"No. Dokumen", "INV-1"}}) == "INV-1");
  CHECK(SubjectOf({{"productname", "x"}}).empty());
}

TEST_CASE("CheckAutomation: names each fault", "[triggers]") {
  const Automation good{.name = "Lunas",
                        .event_type = EventType::kOrderPaid,
                        .template_id = "tpl_1",
                        .sender_id = "snd_1",
                        .delay = absl::Hours(1)};
  CHECK_THAT(CheckAutomation(good), IsOk());
  const absl::Status all = CheckAutomation({.delay = -absl::Seconds(1)});
  for (const char* field : {"name", "event_type", "template_id", "sender_id", "delay_seconds"}) {
    CHECK_THAT(all, HasFieldViolation(absl::StrCat("automation.", field)));
  }
  Automation late = good;
  late.delay = kMaxDelay + absl::Seconds(1);
  CHECK_THAT(CheckAutomation(late), HasFieldViolation("automation.delay_seconds"));
}

TEST_CASE("Conclude: a step's states", "[triggers]") {
  StepWork step{.outlet_id = "toko-a", .id = "stp_1", .lease = "lea_1", .tries = 1};
  const auto half = [] { return 0.5; };
  const StepChange handed = Conclude(step, {.kind = StepResult::Kind::kHandedOver}, kNow, half);
  CHECK(handed.state == StepState::kHandedOver);
  CHECK(handed.id == "stp_1");
  CHECK(handed.lease == "lea_1");
  CHECK(handed.reason.empty());

  const StepChange refused = Conclude(
      step, {.kind = StepResult::Kind::kRefused, .reason = "MISSING_VARIABLE"}, kNow, half);
  CHECK(refused.state == StepState::kRefused);
  CHECK(refused.reason == "MISSING_VARIABLE");

  const StepResult retry{.kind = StepResult::Kind::kRetry, .reason = "UNAVAILABLE"};
  const StepChange first = Conclude(step, retry, kNow, half);
  CHECK(first.state == StepState::kWaiting);
  CHECK(first.reason == "UNAVAILABLE");
  CHECK(first.ready_at > kNow);
  CHECK(first.ready_at <= kNow + absl::Seconds(1));
  step.tries = 4;
  const StepChange later = Conclude(step, retry, kNow, half);
  CHECK(later.ready_at > first.ready_at);
  step.tries = 1000;  // for ever, but not ever rarer
  CHECK(Conclude(step, retry, kNow, [] { return 0.999; }).ready_at <= kNow + absl::Seconds(30));
}

TEST_CASE("ResultOf: what may pass by itself is tried again", "[triggers]") {
  using Code = absl::StatusCode;
  for (const Code code : {Code::kUnavailable, Code::kDeadlineExceeded, Code::kResourceExhausted,
                          Code::kAborted, Code::kCancelled, Code::kInternal, Code::kUnknown,
                          Code::kUnauthenticated, Code::kPermissionDenied}) {
    INFO(absl::StatusCodeToString(code));
    CHECK(ResultOf(absl::Status(code, "x")).kind == StepResult::Kind::kRetry);
  }
  for (const Code code : {Code::kInvalidArgument, Code::kNotFound, Code::kAlreadyExists,
                          Code::kFailedPrecondition, Code::kOutOfRange}) {
    INFO(absl::StatusCodeToString(code));
    CHECK(ResultOf(absl::Status(code, "x")).kind == StepResult::Kind::kRefused);
  }
  CHECK(ReasonOf(base::Error(Code::kNotFound, "SENDER_NOT_FOUND", "x")) == "SENDER_NOT_FOUND");
  CHECK(ReasonOf(absl::UnavailableError("x")) == "UNAVAILABLE");
}

TEST_CASE("MessageIdOf: the same step and contact, the same id", "[triggers]") {
  StepWork step{.outlet_id = "toko-a",
                .id = "stp_1",
                .event_id = "order-1",
                .published_at = kNow,
                .variables = {{"documentnumber", "INV-1"}},
                .automation_id = "aut_1"};
  const std::string id = MessageIdOf(step, "con_1");
  CHECK(*base::ParseMessageDay(id) == absl::ToCivilDay(kNow, absl::UTCTimeZone()));
  // What is due long after its event belongs to the day when it is due: the other may be deleted.
  StepWork late = step;
  late.due_time = kNow + absl::Hours(29 * 24);
  CHECK(MessageIdOf(late, "con_1") == id);
  late.due_time = kNow + absl::Hours(300 * 24);
  CHECK(*base::ParseMessageDay(MessageIdOf(late, "con_1")) ==
        absl::ToCivilDay(late.due_time, absl::UTCTimeZone()));
  StepWork same = step;
  same.tries = 9;
  same.lease = "other";
  same.name = "other";
  CHECK(MessageIdOf(same, "con_1") == id);
  CHECK(MessageIdOf(step, "con_2") != id);
  const auto differs = [&](auto change) {
    StepWork other = step;
    change(other);
    return MessageIdOf(other, "con_1") != id;
  };
  CHECK(differs([](StepWork& s) { s.outlet_id = "toko-b"; }));
  CHECK(differs([](StepWork& s) { s.event_id = "order-2"; }));
  CHECK(differs([](StepWork& s) { s.automation_id = "aut_2"; }));
  CHECK(differs([](StepWork& s) { s.variables[0].value = "INV-2"; }));
  CHECK(StepId("toko-a", "e", "a") == StepId("toko-a", "e", "a"));
  CHECK(StepId("toko-a", "e", "a") != StepId("toko-b", "e", "a"));
  CHECK(LaneIdOf("toko-a", "wa-1") == "trg-6-toko-a-wa-1");
  CHECK(LaneIdOf("toko-a", "b") != LaneIdOf("toko", "a-b"));
}

TEST_CASE("ValuesTable: the event's words first, the contact's for the rest", "[triggers]") {
  ValuesTable table;
  table.AddRow({.name = "Pak Budi", .variables = {{"nama_produk", "Sepatu"}, {"Warna", "merah"}}},
               {.fields = {{"name", "Budi"}, {"city", "Bandung"}}});
  table.AddRow({.name = "Siti", .variables = {{"contactname", "Ibu Siti"}, {"warna", ""}}},
               {.fields = {{"phone", "+62812"}}});
  table.AddRow({.name = "Adi"}, {});
  const std::vector<std::vector<std::string>> rows = table.TakeRows();
  const auto value = [&](std::size_t row, const std::string& column) {
    for (std::size_t i = 0; i < table.columns().size(); ++i) {
      if (table.columns()[i] == column) return rows[row][i];
    }
    return std::string("no such column");
  };
  CHECK(table.columns().size() == 5);  // each name once, however it is spelled
  CHECK(value(0, "productname") == "Sepatu");
  CHECK(value(0, "Warna") == "merah");
  CHECK(value(0, "name") == "Budi");
  CHECK(value(0, "city") == "Bandung");
  CHECK(value(0, "phone").empty());
  CHECK(value(1, "name") == "Ibu Siti");
  CHECK(value(1, "Warna").empty());
  CHECK(value(1, "phone") == "+62812");
  CHECK(value(2, "name") == "Adi");
  for (const auto& row : rows) CHECK(row.size() == table.columns().size());
}

TEST_CASE("paging: a token works for its own list only", "[triggers]") {
  const std::string token = MakePageToken("steps e1", {kNow, "stp 1"});
  const auto start = StartOfPage("steps e1", token);
  REQUIRE_THAT(start, IsOk());
  CHECK(start->time == kNow);
  CHECK(start->id == "stp 1");
  CHECK_THAT(StartOfPage("steps e2", token), HasFieldViolation("page_token"));
  CHECK_THAT(StartOfPage("steps e1", "???"), HasFieldViolation("page_token"));
  CHECK(StartOfPage("steps e1", "")->time == absl::InfinitePast());
  CHECK(*PageSize(0) == 50);
  CHECK(*PageSize(1000) == 100);
  CHECK_THAT(PageSize(-1), HasFieldViolation("page_size"));
}

}  // namespace
}  // namespace kabar::triggers
