// Campaigns that recur: exactly one run an occurrence, whatever dies; pauses, holidays, changes.
#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "libs/base/local_time.h"
#include "libs/base/status.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/peers.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using kabar::testing::HasFieldViolation;
using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using Stub = v1::CampaignsService::Stub;

absl::Time At(const std::string& text) { return base::ParseLocalTime(text, absl::Now()).value(); }

// Each weekday from 08:00 to 11:00, WIB; it is Sunday, 2093-11-22, noon (the store's deadlines go
// by this clock, so it must not stand in the past).
struct Recurring : testing::CampaignFixture {
  Recurring() {
    contacts.audience = 3;  // whose last word nobody tells: a run goes on
    v1::CreateCampaignRequest request;
    v1::Campaign& c = *request.mutable_campaign();
    c.set_name("pagi");
    c.set_template_id("tpl_1");
    c.set_segment_id("seg_1");
    c.set_sender_id("snd_1");
    c.set_rate("600/min");
    c.set_start("08:00 Asia/Jakarta");
    c.set_end("11:00 Asia/Jakarta");
    for (const auto day : {v1::MONDAY, v1::TUESDAY, v1::WEDNESDAY, v1::THURSDAY, v1::FRIDAY}) {
      c.add_weekdays(day);
    }
    c.set_skip_holidays(true);
    const auto made = Call(&Stub::CreateCampaign, request);
    REQUIRE_THAT(made, IsOk());
    id = made->id();
  }
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }
  template <typename Request>
  absl::StatusOr<v1::Campaign> Do(grpc::Status (Stub::*verb)(grpc::ClientContext*, const Request&,
                                                             v1::Campaign*)) {
    Request request;
    request.set_id(id);
    return Call(verb, request);
  }
  void Schedule() { REQUIRE_THAT(Do(&Stub::ScheduleCampaign), IsOk()); }
  // The clock shows it, and all that is due is done.
  void GoTo(const std::string& time) {
    clock.Advance(At(time) - clock.Now());
    Work();
  }
  void Work() {
    for (int i = 0; i < 50; ++i) {
      const auto worked = runner->Step();
      REQUIRE_THAT(worked, IsOk());
      if (!*worked) return;
    }
    FAIL("there is no end to it");
  }
  void Restart() {
    runner = std::make_unique<Runner>(RunnerOptions{.name = "another"}, store, peers, clock);
  }
  std::vector<v1::Campaign> Runs(int page_size = 0) {
    v1::ListRunsRequest request;
    request.set_id(id);
    request.set_page_size(page_size);
    std::vector<v1::Campaign> runs;
    do {
      const auto page = Call(&Stub::ListRuns, request);
      REQUIRE_THAT(page, IsOk());
      runs.insert(runs.end(), page->campaigns().begin(), page->campaigns().end());
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return runs;
  }
  v1::Campaign Get() { return Do(&Stub::GetCampaign).value(); }
  std::string Next() {
    return base::FormatLocalTime(absl::FromUnixSeconds(Get().start_time().seconds()), "WIB")
        .value();
  }
  absl::Status Holidays(const std::vector<std::string>& days) {
    v1::PutHolidaysRequest request;
    for (const std::string& day : days) {
      request.add_holidays()->set_date(day);
      request.mutable_holidays()->rbegin()->set_name("libur");
    }
    return Call(&Stub::PutHolidays, request).status();
  }
  absl::Status Update(const v1::Campaign& changed, const std::string& path) {
    v1::UpdateCampaignRequest request;
    *request.mutable_campaign() = changed;
    request.mutable_campaign()->set_id(id);
    request.mutable_update_mask()->add_paths(path);
    return Call(&Stub::UpdateCampaign, request).status();
  }

  kabar::testing::FakeClock clock{At("2093-11-22 12:00 WIB")};
  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer peer{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = peer.address(), .templates = peer.address(), .dispatcher = peer.address()},
      "service"};
  std::unique_ptr<Runner> runner =
      std::make_unique<Runner>(RunnerOptions{.name = "test"}, store, peers, clock);
  Handler handler{store, peers, [] {}, clock, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  const std::unique_ptr<Stub> stub = v1::CampaignsService::NewStub(server.channel());
  std::string id;
};

TEST_CASE("schedule: one run a weekday, each with its own audience", "[schedule]") {
  Recurring f;
  f.Schedule();
  CHECK(f.Next() == "2093-11-23 08:00 WIB");
  f.GoTo("2093-11-23 07:59 WIB");
  CHECK(f.Runs().empty());
  f.GoTo("2093-11-23 08:00 WIB");
  auto runs = f.Runs();
  REQUIRE(runs.size() == 1);
  CHECK(runs[0].state() == v1::RUNNING);
  CHECK(runs[0].name() == "pagi 2093-11-23");
  CHECK(runs[0].parent_id() == f.id);
  CHECK(runs[0].template_version() == 7);
  CHECK(f.Next() == "2093-11-24 08:00 WIB");
  CHECK(f.Get().state() == v1::SCHEDULED);
  CHECK(f.Get().run_id().empty());

  f.Restart();
  f.Work();
  CHECK(f.Runs().size() == 1);
  f.GoTo("2093-11-24 08:00:30 WIB");
  runs = f.Runs(1);  // page by page
  REQUIRE(runs.size() == 2);
  CHECK(runs[0].occurrence_time().seconds() == absl::ToUnixSeconds(At("2093-11-24 08:00 WIB")));
  CHECK(runs[0].run_id() != runs[1].run_id());
  REQUIRE(f.contacts.created.size() == 2);
  CHECK(f.contacts.created[0].run_id() != f.contacts.created[1].run_id());
  // Lists show the schedule, not its runs.
  v1::ListCampaignsRequest list;
  CHECK(f.Call(&Stub::ListCampaigns, list)->campaigns_size() == 1);
  list.set_show_runs(true);
  CHECK(f.Call(&Stub::ListCampaigns, list)->campaigns_size() == 3);
}

TEST_CASE("schedule: what was missed runs within its end time, past it is told", "[schedule]") {
  Recurring f;
  f.Schedule();
  f.Restart();  // down from Sunday to Wednesday
  f.GoTo("2093-11-25 10:30 WIB");
  const auto runs = f.Runs();
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].state() == v1::RUNNING);
  CHECK(runs[0].end_time().seconds() == absl::ToUnixSeconds(At("2093-11-25 11:00 WIB")));
  CHECK(runs[1].state() == v1::MISSED);
  CHECK(runs[2].state() == v1::MISSED);
  CHECK_THAT(runs[2].state_reason(), Catch::Contains("not started before its end"));
  CHECK(runs[2].name() == "pagi 2093-11-23");
  CHECK(f.contacts.created.size() == 1);
  CHECK(f.Next() == "2093-11-26 08:00 WIB");
}

TEST_CASE("schedule: an occurrence has one run, whoever comes to it and dies", "[schedule]") {
  Recurring f;
  f.Schedule();
  f.GoTo("2093-11-23 08:00 WIB");
  REQUIRE(f.Runs().size() == 1);
  // As if whoever made the run had not noted it, and the schedule were due once more.
  f.Write([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock(f.id));
    c.start_at = At("2093-11-23 08:00 WIB");
    return unit.Save(c, f.clock.Now());
  });
  f.Restart();
  f.Work();
  CHECK(f.Runs().size() == 1);
  CHECK(f.Next() == "2093-11-24 08:00 WIB");
}

TEST_CASE("schedule: a change is for future runs only", "[schedule]") {
  Recurring f;
  f.Schedule();
  f.GoTo("2093-11-23 08:00 WIB");
  v1::Campaign changed;
  changed.set_rate("60/min");
  REQUIRE_THAT(f.Update(changed, "rate"), IsOk());
  changed.set_segment_id("seg_2");
  REQUIRE_THAT(f.Update(changed, "segment_id"), IsOk());
  CHECK(f.dispatcher.lane.rate() == "600/min");
  CHECK(f.Runs()[0].rate() == "600/min");
  CHECK(f.Runs()[0].segment_id() == "seg_1");
  f.GoTo("2093-11-24 08:00 WIB");
  CHECK(f.Runs()[0].rate() == "60/min");
  CHECK(f.contacts.created.back().segment_id() == "seg_2");

  changed.set_start("09:30 WIB");
  REQUIRE_THAT(f.Update(changed, "start"), IsOk());
  CHECK(f.Next() == "2093-11-24 09:30 WIB");
  changed.set_start("2093-11-30 09:30 WIB");
  CHECK_THAT(f.Update(changed, "start"), HasFieldViolation("campaign.start"));
}

TEST_CASE("schedule: paused it starts nothing, and what runs goes on", "[schedule]") {
  Recurring f;
  f.Schedule();
  f.GoTo("2093-11-23 08:00 WIB");
  REQUIRE_THAT(f.Do(&Stub::PauseCampaign), IsOk());
  CHECK(f.Get().state() == v1::PAUSED);
  CHECK(f.Runs()[0].state() == v1::RUNNING);
  CHECK(f.dispatcher.lane.state() == events::v1::RUNNING);
  f.GoTo("2093-11-25 09:00 WIB");
  CHECK(f.Runs().size() == 1);
  REQUIRE_THAT(f.Do(&Stub::ResumeCampaign), IsOk());
  CHECK(f.Next() == "2093-11-26 08:00 WIB");  // what was paused away is not made up for
  f.GoTo("2093-11-26 08:00 WIB");
  CHECK(f.Runs().size() == 2);
  REQUIRE_THAT(f.Do(&Stub::CancelCampaign), IsOk());
  f.GoTo("2093-11-27 08:00 WIB");
  CHECK(f.Runs().size() == 2);
  CHECK(f.Get().state() == v1::CANCELLED);
}

TEST_CASE("schedule: what a person accepted for one run holds for the next, while it is so",
          "[schedule]") {
  Recurring f;
  f.contacts.audience = 1000;
  f.templates.form = "antar";
  f.templates.trouble = "PROVIDER_TEMPLATE_PAUSED";
  f.Schedule();
  f.GoTo("2093-11-23 08:00 WIB");
  f.GoTo("2093-11-23 08:01 WIB");
  REQUIRE(f.Runs()[0].state() == v1::PAUSED);
  v1::ResumeCampaignRequest accept;
  accept.set_id(f.Runs()[0].id());
  accept.set_accept_troubles(true);
  REQUIRE_THAT(f.Call(&Stub::ResumeCampaign, accept), IsOk());
  f.GoTo("2093-11-24 08:00 WIB");
  f.GoTo("2093-11-24 08:01 WIB");
  CHECK(f.Runs()[0].state() == v1::RUNNING);
  SECTION("over, and here again another day") {
    f.templates.trouble.clear();
    f.GoTo("2093-11-25 08:00 WIB");
    f.GoTo("2093-11-25 08:01 WIB");
    f.templates.trouble = "PROVIDER_TEMPLATE_PAUSED";
  }
  SECTION("another one") { f.templates.trouble = "PROVIDER_TEMPLATE_REJECTED"; }
  SECTION("taken back: its run is cancelled") {
    v1::CancelCampaignRequest cancel;
    cancel.set_id(f.Runs()[0].id());
    REQUIRE_THAT(f.Call(&Stub::CancelCampaign, cancel), IsOk());
  }
  SECTION("taken back: its run is paused") {
    v1::PauseCampaignRequest pause;
    pause.set_id(f.Runs()[0].id());
    REQUIRE_THAT(f.Call(&Stub::PauseCampaign, pause), IsOk());
    v1::ResumeCampaignRequest resume;
    resume.set_id(f.Runs()[0].id());
    CHECK_THAT(f.Call(&Stub::ResumeCampaign, resume), ReasonIs("PROVIDER_TEMPLATE_PAUSED"));
  }
  f.GoTo("2093-11-26 08:00 WIB");
  f.GoTo("2093-11-26 08:01 WIB");
  CHECK(f.Runs()[0].state() == v1::PAUSED);
}

TEST_CASE("schedule: holidays are passed over, also those that come to light late", "[schedule]") {
  Recurring f;
  REQUIRE_THAT(f.Holidays({"2093-11-23", "2093-12-25"}), IsOk());
  f.Schedule();
  CHECK(f.Next() == "2093-11-24 08:00 WIB");
  REQUIRE_THAT(f.Holidays({"2093-11-24"}), IsOk());  // the year's others are gone with it
  f.Work();
  CHECK(f.Next() == "2093-11-23 08:00 WIB");
  f.GoTo("2093-11-23 08:00 WIB");
  CHECK(f.Runs().size() == 1);
  CHECK(f.Next() == "2093-11-25 08:00 WIB");
  v1::ListHolidaysRequest list;
  list.set_year(2093);
  CHECK(f.Call(&Stub::ListHolidays, list)->holidays_size() == 1);

  CHECK_THAT(f.Holidays({"2093-02-30"}), HasFieldViolation("holidays[0].date"));
  CHECK_THAT(f.Holidays({"2093-12-25", "2093-12-25"}), HasFieldViolation("holidays[1].date"));
  CHECK_THAT(f.Holidays({}), HasFieldViolation("holidays"));
}

TEST_CASE("schedule: is not started by hand, and needs hours without a date", "[schedule]") {
  Recurring f;
  CHECK_THAT(f.Do(&Stub::StartCampaign), ReasonIs("CAMPAIGN_RECURS"));
  v1::Campaign changed;
  changed.set_start("2093-11-22 08:00 WIB");
  CHECK_THAT(f.Update(changed, "start"), HasFieldViolation("campaign.start"));
  changed.add_weekdays(static_cast<v1::Weekday>(9));
  CHECK_THAT(f.Update(changed, "weekdays"), HasFieldViolation("campaign.weekdays"));
}

}  // namespace
}  // namespace kabar::campaigns
