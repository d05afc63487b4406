// A running campaign whose provider template gets into trouble.
#include <catch2/catch.hpp>
#include <string>

#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/runner.h"
#include "services/campaigns/testing/campaign_fixture.h"
#include "services/campaigns/testing/fake_peers.h"

namespace kabar::campaigns {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using kabar::testing::IsOk;

constexpr char kPaused[] = "PROVIDER_TEMPLATE_PAUSED";

// A campaign of 250 shipments at 60 a minute: it takes several steps to hand them over.
struct Troubled : testing::CampaignFixture {
  Troubled() {
    contacts.audience = 250;
    templates.form = "antar";
    Campaign c = Put(State::kRunning);
    c.asked.reset();
    c.cursor = 0;
    c.rate = "60/min";
    Write([&](Store::Unit& unit) { return unit.Save(c, clock.Now()); });
  }
  void Steps(int n) {
    for (int i = 0; i < n; ++i) {
      clock.Advance(absl::Seconds(1));
      REQUIRE_THAT(runner.Step(), IsOk());
    }
  }
  void ResumeIt() {
    Write([&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(Campaign c, unit.Lock("cmp_1"));
      KABAR_RETURN_IF_ERROR(Resume(c, clock.Now()));
      KABAR_RETURN_IF_ERROR(peers.ResumeLane(c, true));
      return unit.Save(c, clock.Now());
    });
  }

  kabar::testing::FakeClock clock{absl::Now()};
  testing::FakeContacts contacts;
  testing::FakeTemplates templates;
  testing::FakeDispatcher dispatcher;
  rpc::Guard guard{{.service = "campaigns"}, rpc::testing::TestKeys()};
  rpc::testing::LocalServer server{guard, {&contacts, &templates, &dispatcher}};
  Peers peers{
      {.contacts = server.address(), .templates = server.address(), .dispatcher = server.address()},
      "service"};
  Runner runner{{.name = "test"}, store, peers, clock};
};

TEST_CASE("Runner: a provider template that WhatsApp pauses under way stops the campaign",
          "[campaigns]") {
  Troubled f;
  f.Steps(2);
  REQUIRE(f.Get().state == State::kRunning);
  REQUIRE(f.Get().known_troubles == "");
  f.templates.trouble = kPaused;
  f.Steps(5);
  CHECK(f.Get().state == State::kPaused);
  CHECK_THAT(f.Get().state_reason, StartsWith(kPaused));
  CHECK_THAT(f.Get().state_reason, Contains("WhatsApp has a fault with it"));
  CHECK(f.dispatcher.lane.state() == events::v1::PAUSED);
  CHECK(f.dispatcher.lane.state_reason() == f.Get().state_reason);
}

TEST_CASE("Runner: whoever resumes it accepts the trouble; another one stops it again",
          "[campaigns]") {
  Troubled f;
  f.Steps(2);
  f.templates.trouble = kPaused;
  f.Steps(5);
  REQUIRE(f.Get().state == State::kPaused);
  f.ResumeIt();
  CHECK(f.dispatcher.rendered_again);
  f.Steps(6);
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.Get().known_troubles == "antar/id PROVIDER_TEMPLATE_PAUSED");
  f.templates.trouble = "PROVIDER_TEMPLATE_RECATEGORISED";
  f.Steps(5);
  CHECK(f.Get().state == State::kPaused);
  CHECK_THAT(f.Get().state_reason, StartsWith("PROVIDER_TEMPLATE_RECATEGORISED"));
}

TEST_CASE("Runner: what was known before the start does not stop it", "[campaigns]") {
  Troubled f;
  f.templates.trouble = kPaused;
  f.Steps(8);
  CHECK(f.Get().state == State::kRunning);
  // Its windows are closed, so each message is refused with the reason.
  REQUIRE_FALSE(f.dispatcher.ledger.empty());
  CHECK(f.dispatcher.ledger[0].refusal().reason() == kPaused);
  CHECK(f.dispatcher.ledger[0].provider_form().name().empty());
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
