#include "services/campaigns/pg_store.h"

#include <catch2/catch.hpp>
#include <string>

#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "services/campaigns/testing/campaign_fixture.h"

namespace kabar::campaigns {
namespace {

using events::v1::MessageState;
using kabar::testing::IsOk;

struct Events : testing::CampaignFixture {
  absl::Status Apply(std::int64_t number, MessageState from, MessageState to, int times) {
    events::v1::NumberedBatch batch;
    batch.set_number(number);
    for (int i = 0; i < times; ++i) {
      auto* changed = batch.mutable_batch()->add_events()->mutable_message_changed();
      changed->set_run_id("run_1");
      changed->set_from(from);
      changed->set_to(to);
    }
    const events::v1::NumberedBatch* const views[] = {&batch};
    return sink->Apply(views, absl::Now() + absl::Seconds(5));
  }
  const std::unique_ptr<events::Sink> sink = store.MakeSink(nullptr);
};

TEST_CASE("events: a retry whose asker died wakes the completed campaign", "[campaigns]") {
  Events f;
  f.Put(State::kCompleted);
  REQUIRE_THAT(f.Apply(1, events::v1::MESSAGE_STATE_UNSPECIFIED, events::v1::FAILED, 3), IsOk());
  CHECK(f.Get().state == State::kCompleted);
  CHECK_FALSE(f.TakeDue());

  REQUIRE_THAT(f.Apply(2, events::v1::FAILED, events::v1::QUEUED, 2), IsOk());
  CHECK(f.Get().state == State::kRunning);
  CHECK(f.Get().retried == 2);
  CHECK_FALSE(f.Get().finished_at);
  const auto due = f.TakeDue();
  REQUIRE(due);
  CHECK(due->id == "cmp_1");
}

TEST_CASE("events: a retry that was noted is not noted twice", "[campaigns]") {
  Events f;
  Campaign campaign = f.Put(State::kRunning);
  campaign.retried = 3;
  f.Save(campaign);
  REQUIRE_THAT(f.Apply(1, events::v1::FAILED, events::v1::QUEUED, 2), IsOk());
  CHECK(f.Get().retried == 3);
  REQUIRE_THAT(f.Apply(2, events::v1::FAILED, events::v1::QUEUED, 2), IsOk());
  CHECK(f.Get().retried == 4);  // the events know of more
  CHECK(f.Get().state == State::kRunning);
}

TEST_CASE("events: do not wait for a verb that holds the campaign", "[campaigns]") {
  Events f;
  const Campaign waiting = f.Put(State::kRunning);
  f.Write([&](Store::Unit& unit) { return unit.Save(waiting, absl::Now() + absl::Hours(1)); });
  f.Write([&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(const Campaign held, unit.Lock("cmp_1"));
    CHECK_THAT(f.Apply(1, events::v1::MESSAGE_STATE_UNSPECIFIED, events::v1::QUEUED, 1), IsOk());
    return unit.Save(held, absl::Now() + absl::Hours(1));
  });
  CHECK_FALSE(f.TakeDue());
  REQUIRE_THAT(f.Apply(2, events::v1::QUEUED, events::v1::SENDING, 1), IsOk());
  CHECK(f.TakeDue());  // nobody holds it now: it is woken
}

TEST_CASE("events: a retry does not wake what a person has cancelled", "[campaigns]") {
  Events f;
  f.Put(State::kCancelled);
  REQUIRE_THAT(f.Apply(1, events::v1::FAILED, events::v1::QUEUED, 1), IsOk());
  CHECK(f.Get().state == State::kCancelled);
  CHECK_FALSE(f.TakeDue());
}

}  // namespace
}  // namespace kabar::campaigns
