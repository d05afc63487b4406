// A campaign whose provider template gets into trouble: nobody is given up for it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using kabar::testing::IsOk;
using kabar::testing::ReasonIs;

constexpr char kPaused[] = "PROVIDER_TEMPLATE_PAUSED";
constexpr char kMoved[] = "PROVIDER_TEMPLATE_RECATEGORISED";

// A campaign of 1,000 contacts of which each step hands over 100.
struct Troubled : testing::CampaignFixture {
  Troubled() {
    contacts.audience = 1000;
    templates.form = "antar";
    Campaign c = Put(State::kRunning);
    c.asked.reset();
    c.cursor = 0;
    c.rate = "6000/min";
    Write([&](Store::Unit& unit) { return unit.Save(c, clock.Now()); });
  }
  void Steps(int n) {
    for (int i = 0; i < n; ++i) {
      clock.Advance(absl::Seconds(1));
      REQUIRE_THAT(runner.Step(), IsOk());
    }
  }
  absl::Status ResumeIt(bool accept = false) {
    v1::ResumeCampaignRequest request;
    request.set_id("cmp_1");
    request.set_accept_troubles(accept);
    v1::Campaign answer;
    grpc::ClientContext context;
    rpc::testing::As(context, "operator-a");
    return rpc::ToAbsl(stub->ResumeCampaign(&context, request, &answer));
  }
  std::int64_t Refused() const {
    return std::count_if(dispatcher.ledger.begin(), dispatcher.ledger.end(),
                         [](const auto& message) { return message.has_refusal(); });
  }

  kabar::testing::FakeClock clock{absl::Now()};
  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer peer{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = peer.address(), .templates = peer.address(), .dispatcher = peer.address()},
      "service"};
  Runner runner{{.name = "test"}, store, peers, clock};
  Handler handler{store, peers, [] {}, clock, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  const std::unique_ptr<v1::CampaignsService::Stub> stub =
      v1::CampaignsService::NewStub(server.channel());
};

TEST_CASE("Runner: a provider template that WhatsApp pauses under way: it stops, nobody is refused",
          "[campaigns]") {
  Troubled f;
  f.Steps(2);  // the second one has noted that nothing is wrong
  REQUIRE(f.Get().state == State::kRunning);
  REQUIRE(f.dispatcher.ledger.size() == 100);
  f.templates.trouble = kPaused;
  f.Steps(5);
  CHECK(f.Get().state == State::kPaused);
  CHECK_THAT(f.Get().state_reason, StartsWith(kPaused));
  CHECK_THAT(f.Get().state_reason, Contains("WhatsApp has a fault with it"));
  CHECK(f.dispatcher.lane.state() == events::v1::PAUSED);
  CHECK(f.dispatcher.lane.state_reason() == f.Get().state_reason);
  CHECK(f.dispatcher.ledger.size() == 100);
  CHECK(f.Refused() == 0);
  CHECK(f.Get().cursor == 100);
}

TEST_CASE("Runner: what is rendered again meets the trouble: it stops, and stays as it was",
          "[campaigns]") {
  Troubled f;
  f.Steps(3);
  REQUIRE(f.dispatcher.ledger.size() == 200);
  dispatcher::v1::StaleMessage old;
  old.set_id(f.dispatcher.ledger[0].id());
  old.set_ordinal(1);
  f.dispatcher.stale.push_back(old);
  f.templates.trouble = kPaused;
  f.Steps(1);  // too early for the runner's own look
  CHECK(f.Get().state == State::kPaused);
  CHECK(f.dispatcher.stale.size() == 1);
  CHECK(f.dispatcher.ledger.size() == 200);
  CHECK(f.Refused() == 0);
}

TEST_CASE("Runner: a trouble that is there at the start stops it before its first message",
          "[campaigns]") {
  Troubled f;
  f.templates.trouble = kPaused;
  f.Steps(8);
  CHECK(f.Get().state == State::kPaused);
  CHECK_THAT(f.Get().state_reason, StartsWith(kPaused));
  CHECK(f.dispatcher.ledger.empty());
}

TEST_CASE("Runner: while one of templates' processes has old news, nothing goes and nobody is lost",
          "[campaigns]") {
  Troubled f;
  f.Steps(2);
  f.templates.rendered_trouble = kPaused;  // it has passed, and this one does not know
  f.Steps(3);
  CHECK(f.Get().state == State::kRunning);
  CHECK_THAT(f.Get().state_reason, Contains("antar/id PROVIDER_TEMPLATE_PAUSED"));
  CHECK(f.dispatcher.ledger.size() == 100);
  f.templates.rendered_trouble.reset();
  f.Steps(10);
  CHECK(f.dispatcher.ledger.size() == 1000);
  CHECK(f.Refused() == 0);
  CHECK(f.Get().state_reason.empty());
}

TEST_CASE("ResumeCampaign: refused while the trouble holds, and after it all go", "[campaigns]") {
  Troubled f;
  f.Steps(2);
  f.templates.trouble = kPaused;
  f.Steps(2);
  REQUIRE(f.Get().state == State::kPaused);
  const absl::Status refused = f.ResumeIt();
  CHECK_THAT(refused, ReasonIs(kPaused));
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK_THAT(std::string(refused.message()), Contains("WhatsApp has a fault with it"));
  CHECK_THAT(std::string(refused.message()), Contains("--accept-troubles"));
  f.Steps(2);
  CHECK(f.Get().state == State::kPaused);
  CHECK(f.dispatcher.lane.state() == events::v1::PAUSED);
  CHECK(f.dispatcher.ledger.size() == 100);

  f.templates.trouble.clear();
  REQUIRE_THAT(f.ResumeIt(), IsOk());
  CHECK(f.dispatcher.rendered_again);
  f.Steps(11);
  CHECK(f.dispatcher.ledger.size() == 1000);
  CHECK(f.Refused() == 0);
}

TEST_CASE(
    "ResumeCampaign: whoever accepts a pause goes on with open windows; another trouble stops",
    "[campaigns]") {
  Troubled f;
  f.templates.trouble = kPaused;
  f.dispatcher.windows = {"+628121000001"};
  f.Steps(3);
  REQUIRE(f.Get().state == State::kPaused);
  REQUIRE_THAT(f.ResumeIt(/*accept=*/true), IsOk());
  CHECK(f.Get().accepted_troubles == "antar/id PROVIDER_TEMPLATE_PAUSED");
  CHECK(f.templates.agreed.empty());
  f.Steps(3);
  CHECK(f.Get().state == State::kRunning);
  REQUIRE(f.dispatcher.ledger.size() >= 100);
  CHECK(f.dispatcher.ledger[0].text() == "Halo Budi 1");
  CHECK_FALSE(f.dispatcher.ledger[0].has_refusal());
  CHECK(f.dispatcher.ledger[1].refusal().reason() == kPaused);
  CHECK(f.dispatcher.ledger[1].provider_form().name().empty());
  const std::int64_t refused = f.Refused();
  SECTION("the same, which was over in between") {
    f.templates.trouble.clear();
    f.Steps(5);
    CHECK(f.Get().accepted_troubles.empty());
    REQUIRE(f.Get().state == State::kRunning);
    const std::int64_t before = f.Refused();
    f.templates.trouble = kPaused;
    f.Steps(5);
    CHECK(f.Get().state == State::kPaused);
    CHECK_THAT(f.Get().state_reason, StartsWith(kPaused));
    CHECK(f.Refused() == before);
    return;
  }
  f.templates.trouble = kMoved;
  f.Steps(5);
  CHECK(f.Get().state == State::kPaused);
  CHECK_THAT(f.Get().state_reason, StartsWith(kMoved));
  CHECK(f.Refused() == refused);
}

TEST_CASE("ResumeCampaign: whoever accepts another category agrees to it, and all is sent in it",
          "[campaigns]") {
  Troubled f;
  f.Steps(2);
  f.templates.trouble = kMoved;
  f.Steps(2);
  REQUIRE(f.Get().state == State::kPaused);
  CHECK_THAT(f.ResumeIt(), ReasonIs(kMoved));
  REQUIRE_THAT(f.ResumeIt(/*accept=*/true), IsOk());
  CHECK(f.templates.agreed == std::vector<std::string>{"antar"});
  CHECK(f.Sql("SELECT became ->> 'agreed_category of antar/id' FROM audit_log "
              "WHERE action = 'ResumeCampaign'") == "UTILITY");
  CHECK(f.Get().accepted_troubles.empty());
  CHECK(f.dispatcher.rendered_again);
  f.templates.rendered_trouble = kMoved;  // another process of templates, for three seconds
  f.Steps(3);
  f.templates.rendered_trouble.reset();
  f.Steps(11);
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.dispatcher.ledger.size() == 1000);
  CHECK(f.Refused() == 0);
  CHECK(f.dispatcher.ledger.back().provider_form().name() == "antar");
}

TEST_CASE("ResumeCampaign: after a person's pause nothing is rendered again", "[campaigns]") {
  Troubled f;
  f.Steps(2);
  f.Write([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock("cmp_1"));
    KABAR_RETURN_IF_ERROR(Pause(c, "", f.clock.Now()));
    return unit.Save(c, f.clock.Now());
  });
  REQUIRE_THAT(f.ResumeIt(), IsOk());
  CHECK_FALSE(f.dispatcher.rendered_again);
  // Nor is anything asked of templates where it runs already.
  f.templates.fault = testing::Away();
  CHECK_THAT(f.ResumeIt(), IsOk());
}

TEST_CASE("Runner: an answer of templates that does not come stops nothing", "[campaigns]") {
  Troubled f;
  f.Steps(3);
  f.templates.fault = testing::Away();
  f.Steps(5);
  CHECK(f.Get().state == State::kRunning);
}

}  // namespace
}  // namespace kabar::campaigns
