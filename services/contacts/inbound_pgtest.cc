// The dispatcher's events applied by the real store.
#include "services/contacts/inbound.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "libs/testing/fake_clock.h"
#include "services/contacts/request_sweep.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;

struct InboundFixture : StoreFixture {
  // Delivers one batch with this number.
  absl::Status Apply(int64_t number, const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(number);
    for (const events::v1::Event& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    return sink->Apply(batches, Soon());
  }
  static events::v1::Event Inbound(const std::string& outlet, const std::string& phone,
                                   const std::string& text, const std::string& bsuid = "") {
    events::v1::Event event;
    event.set_outlet_id(outlet);
    event.mutable_time()->set_seconds(1795222800);
    auto* inbound = event.mutable_inbound_received();
    inbound->set_phone(phone);
    inbound->set_bsuid(bsuid);
    inbound->set_text(text);
    inbound->set_profile_name("Profil");
    return event;
  }
  static events::v1::Event Lane(const std::string& outlet, const std::string& run,
                                events::v1::LaneState to, int64_t at = 1795222800) {
    events::v1::Event event;
    event.set_outlet_id(outlet);
    event.mutable_time()->set_seconds(at);
    event.mutable_lane_changed()->set_lane_id(run);
    event.mutable_lane_changed()->set_run_id(run);
    event.mutable_lane_changed()->set_to(to);
    return event;
  }
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink();
};

TEST_CASE("Inbound: STOP opts out of everything, in the outlet it was said to", "[inbound]") {
  InboundFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  f.Add(kB, "+62811", "B");
  REQUIRE_THAT(f.Apply(1, {f.Inbound(kA, "+62811", " Stop! ")}), IsOk());
  CHECK(f.Names(kA, "marketing_opted_out = true AND delivery_updates_opted_out = true") == "A");
  CHECK(f.Names(kB, "marketing_opted_out = true").empty());
  const auto consents = f.Must(kA, [&](Store::Unit& u) { return u.ListConsents(a.id, 0, 1000); });
  REQUIRE(consents.size() == 2);
  CHECK(consents[0].source == "keyword");
  CHECK(consents[0].changed_at == absl::FromUnixSeconds(1795222800));
  CHECK(f.Sql("SELECT count(*) FROM outbox") == "1");
}

TEST_CASE("Inbound: any other message only says that he was heard of", "[inbound]") {
  InboundFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  REQUIRE_THAT(f.Apply(1, {f.Inbound(kA, "62811", "ya")}), IsOk());
  CHECK(f.Get(kA, a.id).last_inbound_at == absl::FromUnixSeconds(1795222800));
  CHECK(f.Get(kA, a.id).name == "A");
  CHECK(f.Names(kA, "marketing_opted_out = true").empty());
  CHECK(f.Sql("SELECT count(*) FROM outbox") == "0");
}

TEST_CASE("Inbound: an unknown sender becomes a contact", "[inbound]") {
  InboundFixture f;
  REQUIRE_THAT(f.Apply(1, {f.Inbound(kA, "+62819", "halo"), f.Inbound(kA, "", "BERHENTI", "ID.9"),
                           f.Inbound(kA, "", "halo")}),
               IsOk());
  CHECK(f.Names(kA, "") == "Profil Profil");
  CHECK(f.Names(kA, "bsuid = ID.9 AND marketing_opted_out = true") == "Profil");
}

TEST_CASE("Inbound: each batch counts once, other events only move the position", "[inbound]") {
  InboundFixture f;
  events::v1::Event other;
  other.set_outlet_id(kA);
  other.mutable_message_changed()->set_message_id("m");
  REQUIRE_THAT(f.Apply(1, {other}), IsOk());
  REQUIRE_THAT(f.Apply(2, {f.Inbound(kA, "+62811", "STOP")}), IsOk());
  CHECK(f.sink->Position(Soon()).value() == 2);
  CHECK_FALSE(f.Apply(2, {f.Inbound(kA, "+62812", "STOP")}).ok());
  CHECK(f.Names(kA, "") == "Profil");
  CHECK(f.Sql("SELECT count(*) FROM consent_changes") == "2");
}

TEST_CASE("Inbound: text that is no text never holds the events up", "[inbound]") {
  InboundFixture f;
  events::v1::Event odd = f.Inbound(kA, "+62811", std::string("a\0b", 3));
  odd.mutable_inbound_received()->set_profile_name(std::string("x\0y", 3));
  events::v1::Event lengthy = f.Inbound(kA, "+62812", "x");
  lengthy.mutable_inbound_received()->set_profile_name(std::string(5000, 'n'));
  REQUIRE_THAT(f.Apply(1, {odd, lengthy}), IsOk());
  CHECK(f.Find(kA, "+62811").name.empty());
  CHECK(f.Find(kA, "+62812").name.size() == kMaxShortText);
}

TEST_CASE("Audiences: of runs that are over, after some time, and of no others", "[audiences]") {
  InboundFixture f;
  for (int i = 0; i < 5; ++i) f.Add(kA, absl::StrCat("+6281", i), "A");
  f.Add(kB, "+62811", "B");
  const SegmentFilter all = f.Filter("");
  for (const std::string run : {"closed", "again", "running", "paused", "cancelled"}) {
    f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience(run, Subject::kContact, all); });
  }
  f.Must(kB, [&](Store::Unit& u) { return u.CreateAudience("closed", Subject::kContact, all); });
  REQUIRE_THAT(
      f.Apply(1,
              {f.Lane(kA, "closed", events::v1::CLOSED), f.Lane(kA, "again", events::v1::CLOSED),
               f.Lane(kA, "running", events::v1::RUNNING), f.Lane(kA, "paused", events::v1::PAUSED),
               f.Lane(kA, "cancelled", events::v1::CANCELLED_LANE)}),
      IsOk());
  REQUIRE_THAT(f.Apply(2, {f.Lane(kA, "again", events::v1::RUNNING)}), IsOk());
  const absl::Time ended = absl::FromUnixSeconds(1795222800);
  {
    testing::FakeClock clock(ended + absl::Hours(90 * 24));
    RequestSweep sweep(f.store, absl::Hours(90 * 24), clock);
    REQUIRE(clock.WaitForSleepers(1));
    CHECK(f.Sql("SELECT count(*) FROM audiences") == "6");  // 90 days exactly: they stay
    clock.Advance(absl::Hours(1));
    REQUIRE(clock.WaitForSleepers(1));
  }
  CHECK(f.Sql("SELECT count(*) FROM audiences") == "4");
  CHECK(f.Sql("SELECT count(*) FROM audiences WHERE run_id IN ('closed', 'cancelled')"
              " AND outlet_id = '" +
              std::string(kA) + "'") == "0");
  CHECK(f.Sql("SELECT count(*) FROM audience_members") == "16");
  // Some members at a time.
  REQUIRE_THAT(f.Apply(3, {f.Lane(kA, "again", events::v1::EXPIRED_LANE)}), IsOk());
  CHECK(*f.store.ForgetAudiences(ended + absl::Hours(1), 3, Soon()) == 3);
  CHECK_THAT(f.store.Read(kA, "Test", Soon(),
                          [](Store::Unit& u) { return u.GetAudience("again").status(); }),
             testing::ReasonIs("RUN_NOT_FOUND"));
  CHECK(*f.store.ForgetAudiences(ended + absl::Hours(1), 3, Soon()) == 2);
  CHECK(f.Sql("SELECT count(*) FROM audiences_forgotten") == "0");
}

}  // namespace
}  // namespace kabar::contacts
