// PreflightCampaign over gRPC: what it says, that it leaves nothing behind, and that a run of the
// same campaign comes to the same.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/rate_card.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using kabar::testing::IsOk;
using kabar::testing::ReasonIs;

std::string Phone(int n) { return absl::StrCat("+62812", 1000000 + n); }

struct Flight : testing::CampaignFixture {
  Flight() {
    contacts.audience = 1200;
    templates.form = "pagi";
    Campaign c = Put(State::kDraft);
    c.run_id.clear();
    c.run_day.reset();
    c.end_at.reset();
    c.asked.reset();
    c.cursor = 0;
    c.rate = "6000/min";
    Save(c);
    // One of each.
    contacts.shape = [](contacts::v1::AudienceMember& member) {
      switch (member.ordinal()) {
        case 1:
          member.set_opted_out(true);
          break;
        case 2:
          member.clear_phone();
          break;
        case 3:
          member.set_phone("0812-bad");
          break;
        case 4:
        case 5:
          member.set_values(0, "");
          break;
        case 6:
          member.set_gone(true);
          break;
        case 7:
          member.mutable_data_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) - 25 * 3600);
          break;
        case 8:
          member.mutable_data_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) - 23 * 3600);
          break;
        default:
          break;
      }
      if (member.ordinal() < 10) member.set_subject(absl::StrCat("JP", member.ordinal()));
    };
  }

  struct Answer {
    std::vector<v1::PreflightCampaignResponse> parts;
    std::map<std::string, v1::PreflightRow> rows;  // by tracking number
    v1::PreflightSummary summary;
    std::map<std::string, std::int64_t> reasons;
  };
  absl::StatusOr<Answer> Ask(bool with_rows = true) {
    v1::PreflightCampaignRequest request;
    request.set_id("cmp_1");
    request.set_with_rows(with_rows);
    grpc::ClientContext context;
    rpc::testing::As(context, "viewer-a");
    const auto reader = stub->PreflightCampaign(&context, request);
    Answer answer;
    v1::PreflightCampaignResponse part;
    while (reader->Read(&part)) {
      answer.parts.push_back(part);
      for (const auto& row : part.rows()) answer.rows[row.tracking_number()] = row;
    }
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl(reader->Finish()));
    answer.summary = answer.parts.back().summary();
    for (const auto& reason : answer.summary.reasons()) {
      answer.reasons[reason.reason()] += reason.messages();
    }
    return answer;
  }
  void WithAge(int hours) {
    Campaign c = Get();
    c.max_data_age_hours = hours;
    Save(c);
  }

  void Start() {
    Campaign c = Get();
    REQUIRE_THAT(campaigns::Start(c, clock.Now()), IsOk());
    Write([&](Store::Unit& unit) { return unit.Save(c, clock.Now()); });
  }
  void Steps(int n) {
    for (int i = 0; i < n; ++i) {
      clock.Advance(absl::Seconds(1));
      REQUIRE_THAT(runner.Step(), IsOk());
    }
  }

  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer peer{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = peer.address(), .templates = peer.address(), .dispatcher = peer.address()},
      "service"};
  kabar::testing::FakeClock clock{absl::Now()};
  Runner runner{{.name = "test"}, store, peers, clock};
  Handler handler{store, peers, [] {}, clock, guard};
  // Its destructor waits for the end of every call.
  std::unique_ptr<rpc::testing::LocalServer> server{
      new rpc::testing::LocalServer(guard, {&handler})};
  std::unique_ptr<v1::CampaignsService::Stub> stub =
      v1::CampaignsService::NewStub(server->channel());
};

TEST_CASE("PreflightCampaign: names the open facts that keep contacts out of marketing",
          "[preflight]") {
  Flight f;
  f.contacts.shape = [](contacts::v1::AudienceMember& member) {
    if (member.ordinal() == 1) member.set_suppression("OPEN_COMPLAINT");
    if (member.ordinal() == 2 || member.ordinal() == 3) member.set_suppression("OVERDUE_COD");
    if (member.ordinal() == 3) member.set_opted_out(true);  // which weighs more
    if (member.ordinal() < 10) member.set_subject(absl::StrCat("JP", member.ordinal()));
  };
  Campaign c = f.Get();
  c.purpose = contacts::v1::MARKETING;
  f.Save(c);
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  CHECK(f.contacts.purpose == contacts::v1::MARKETING);
  const std::map<std::string, std::int64_t> expected = {
      {"OPEN_COMPLAINT", 1}, {"OVERDUE_COD", 1}, {"OPTED_OUT", 1}};
  CHECK(answer->reasons == expected);
  CHECK(answer->summary.suppressed() == 3);
  CHECK(answer->summary.to_send() == 1197);
  CHECK(answer->rows["JP1"].outcome() == v1::WOULD_BE_SUPPRESSED);
  CHECK_THAT(answer->rows["JP1"].advice(), Catch::Contains("complaint"));
  // The run does what the preflight said.
  f.Start();
  f.Steps(5);
  REQUIRE(f.dispatcher.ledger.size() >= 3);
  CHECK(f.dispatcher.ledger[0].refusal().reason() == "OPEN_COMPLAINT");
  CHECK(f.dispatcher.ledger[0].refusal().state() == events::v1::SUPPRESSED);
  CHECK(f.dispatcher.ledger[0].text().empty());
}

TEST_CASE("PreflightCampaign: says of every message what would become of it", "[preflight]") {
  Flight f;
  f.WithAge(24);
  f.dispatcher.suppressed.insert(Phone(9));
  f.dispatcher.windows.insert(Phone(10));
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  const v1::PreflightSummary& summary = answer->summary;
  CHECK(summary.audience() == 1200);
  CHECK(summary.to_send() == 1192);
  CHECK(summary.suppressed() == 3);
  CHECK(summary.refused() == 5);
  CHECK(summary.to_send() + summary.suppressed() + summary.refused() == summary.audience());
  CHECK(summary.as_text() == 1);
  CHECK(summary.as_template() == 1191);
  const std::map<std::string, std::int64_t> expected = {{"OPTED_OUT", 2},  {"NO_PHONE", 1},
                                                        {"BAD_PHONE", 1},  {"CONTACT_GONE", 1},
                                                        {"STALE_DATA", 1}, {"MISSING_VARIABLE", 2}};
  CHECK(answer->reasons == expected);
  int rows = 0;
  for (const auto& part : answer->parts) rows += part.rows_size();
  CHECK(rows == 1200);
  CHECK(std::count_if(answer->rows.begin(), answer->rows.end(),
                      [](const auto& row) { return !row.second.reason().empty(); }) == 8);
  CHECK(answer->rows["JP8"].outcome() == v1::WOULD_BE_SENT);
  CHECK(answer->rows["JP8"].text() == "Halo Budi 8");
  CHECK(answer->rows["JP8"].provider_template() == "pagi");
  CHECK(answer->rows["JP8"].advice().empty());
  CHECK(answer->rows["JP4"].text().empty());
  CHECK(answer->rows["JP4"].variable() == "name");
  CHECK(answer->rows["JP4"].phone() == Phone(4));
  CHECK(answer->rows["JP4"].outcome() == v1::WOULD_BE_REFUSED);
  CHECK_FALSE(answer->rows["JP4"].advice().empty());
  CHECK(answer->rows["JP9"].outcome() == v1::WOULD_BE_SUPPRESSED);
  REQUIRE(summary.samples_size() == 5);
  CHECK(summary.samples(0).text() == "Halo Budi 8");
  CHECK(summary.samples(0).provider_template() == "pagi");
  CHECK(summary.samples(1).provider_template().empty());  // he wrote today
  CHECK(summary.plan().messages() == 1192);
  CHECK(f.dispatcher.planned.recipients() == 1192);
  // Page by page.
  REQUIRE(answer->parts.size() == 4);
  CHECK(answer->parts[0].done() == 500);
  CHECK(answer->parts[1].done() == 1000);

  const auto short_one = f.Ask(/*with_rows=*/false);
  REQUIRE_THAT(short_one, IsOk());
  CHECK(short_one->rows.empty());
  CHECK(short_one->reasons == expected);
}

TEST_CASE("PreflightCampaign: leaves nothing behind", "[preflight]") {
  Flight f;
  SECTION("at its end") { REQUIRE_THAT(f.Ask(), IsOk()); }
  SECTION("after a failure") {
    f.dispatcher.plan_fault = testing::Gone("sender");
    CHECK_FALSE(f.Ask().ok());
  }
  REQUIRE(f.contacts.created.size() == 1);
  CHECK(f.contacts.created[0].temporary());
  CHECK(f.contacts.created[0].run_id() == f.contacts.deleted.at(0));
  CHECK(f.dispatcher.ledger.empty());
  CHECK(f.dispatcher.lane.id().empty());
  CHECK(f.Get().state == State::kDraft);
  CHECK(f.Get().run_id.empty());
  CHECK_FALSE(f.Get().asked);
}

TEST_CASE("PreflightCampaign: the cost by the rate card, at the start's prices", "[preflight]") {
  Flight f;
  f.contacts.shape = nullptr;
  f.contacts.audience = 10;
  f.dispatcher.windows = {Phone(1), Phone(2)};
  CHECK_FALSE(f.Ask()->summary.has_cost());  // no rate card
  const auto card = RateCard::Parse(
      "valid_from,country,category,rupiah\n"
      "2000-01-01,ID,UTILITY,356.65\n2000-01-01,ID,SERVICE,0\n2100-01-01,ID,UTILITY,1\n");
  REQUIRE_THAT(card, IsOk());
  Handler priced{f.store, f.peers, [] {}, f.clock, f.guard, &*card};
  rpc::testing::LocalServer other{f.guard, {&priced}};
  f.stub = v1::CampaignsService::NewStub(other.channel());
  const auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  const v1::CostEstimate& cost = answer->summary.cost();
  CHECK(cost.rupiah() == 2854);  // 8 x 356.65
  CHECK(cost.unpriced() == 0);
  REQUIRE(cost.items_size() == 2);
  CHECK(cost.items(1).messages() == 8);
  CHECK(cost.items(1).price_hundredths() == 35665);
}

TEST_CASE("PreflightCampaign: who hangs up ends it", "[preflight]") {
  Flight f;
  f.contacts.audience = 100'000'000;
  v1::PreflightCampaignRequest request;
  request.set_id("cmp_1");
  grpc::ClientContext context;
  rpc::testing::As(context, "viewer-a");
  const auto reader = f.stub->PreflightCampaign(&context, request);
  v1::PreflightCampaignResponse part;
  REQUIRE(reader->Read(&part));
  context.TryCancel();
  while (reader->Read(&part)) {
  }
  CHECK(reader->Finish().error_code() == grpc::StatusCode::CANCELLED);
  f.server.reset();
  CHECK(f.contacts.deleted.size() == 1);
}

TEST_CASE("PreflightCampaign: the messaging limit's last place is today's last", "[preflight]") {
  Flight f;
  f.contacts.shape = nullptr;
  f.dispatcher.plan.set_messaging_limit(1250);
  f.dispatcher.plan.set_fits_now(1100);
  f.dispatcher.windows.insert(Phone(1200));  // takes none
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  CHECK(answer->summary.to_send() == 1200);
  CHECK(answer->reasons == std::map<std::string, std::int64_t>{{"OVER_QUOTA_TODAY", 99}});
  CHECK(answer->summary.reasons(0).outcome() == v1::WOULD_WAIT);
}

TEST_CASE("PreflightCampaign: without Redis it tells all but the plan", "[preflight]") {
  Flight f;
  f.dispatcher.plan.set_messaging_limit(250);
  f.dispatcher.plan_fault = testing::Away();
  const auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  CHECK_FALSE(answer->summary.has_plan());
  CHECK(answer->summary.to_send() == 1194);
  CHECK(answer->summary.refused() == 4);
}

TEST_CASE("PreflightCampaign: only of what has not been started", "[preflight]") {
  Flight f;
  Campaign c = f.Get();
  c.state = GENERATE(State::kRunning, State::kPaused, State::kCompleted, State::kCancelled);
  if (c.ended()) c.finished_at = absl::Now();
  f.Save(c);
  CHECK_THAT(f.Ask(), ReasonIs("WRONG_CAMPAIGN_STATE"));
  CHECK(f.contacts.created.empty());
}

TEST_CASE("PreflightCampaign: a contact's parcels are one message, in the run too", "[preflight]") {
  Flight f;
  f.templates.merges = true;
  f.contacts.audience = 2;
  f.contacts.shipments = 3;
  f.contacts.shape = [](contacts::v1::AudienceMember& member) {
    for (int i = 0; i <= member.ordinal() % 2; ++i) {
      auto& parcel = *member.add_parcels();
      parcel.set_tracking_number(absl::StrCat("JP", member.ordinal(), i));
      parcel.add_values(parcel.tracking_number());
    }
  };
  f.dispatcher.suppressed.insert(Phone(1));
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  CHECK(f.contacts.created[0].subject() == contacts::v1::CONTACT_PARCELS);
  CHECK(answer->summary.audience() == 2);
  CHECK(answer->summary.merged() == 1);
  CHECK(answer->summary.samples(0).text() == "Halo Budi 2 JP20");
  CHECK(answer->rows.count("JP10 JP11") == 1);

  f.Start();
  f.Steps(2);
  CHECK(f.contacts.created[1].subject() == contacts::v1::CONTACT_PARCELS);
  CHECK(f.Get().asked == 2);
  REQUIRE(f.dispatcher.ledger.size() == 2);
  CHECK(f.dispatcher.ledger[0].text() == "Halo Budi 1 JP10 JP11");
  CHECK(f.dispatcher.ledger[0].subject().empty());
  CHECK(f.dispatcher.ledger[1].subject() == "JP20");
}

TEST_CASE("PreflightCampaign: what is about contacts merges nothing", "[preflight]") {
  Flight f;
  f.templates.merges = true;
  Campaign c = f.Get();
  c.subject = contacts::v1::CONTACT;
  f.Save(c);
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  CHECK(f.contacts.created[0].subject() == contacts::v1::CONTACT);
  CHECK(answer->summary.merged() == 0);
}

// One judge for both: whoever changes the one changes the other.
TEST_CASE("PreflightCampaign: the run then comes to the same, reason by reason", "[preflight]") {
  Flight f;
  f.WithAge(24);
  f.templates.trouble = GENERATE("", "PROVIDER_TEMPLATE_PAUSED");
  f.dispatcher.windows = {Phone(10), Phone(11)};
  auto answer = f.Ask();
  REQUIRE_THAT(answer, IsOk());
  if (!f.templates.trouble.empty()) {
    CHECK(answer->summary.to_send() == 2);
    CHECK(answer->reasons["PROVIDER_TEMPLATE_PAUSED"] == 1191);
    // Who goes on all the same gets what was told.
    Campaign c = f.Get();
    c.accepted_troubles = "pagi/id PROVIDER_TEMPLATE_PAUSED";
    f.Save(c);
  }

  f.Start();
  f.Steps(20);
  REQUIRE(f.dispatcher.ledger.size() == 1200);
  std::map<std::string, std::int64_t> refused;
  std::int64_t to_send = 0;
  for (const auto& message : f.dispatcher.ledger) {
    if (message.has_refusal()) {
      ++refused[message.refusal().reason()];
    } else {
      ++to_send;
    }
  }
  CHECK(refused == answer->reasons);
  CHECK(to_send == answer->summary.to_send());
}

}  // namespace
}  // namespace kabar::campaigns
