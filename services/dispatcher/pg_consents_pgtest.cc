// What contacts say of people's consents, applied to the ledger. Against PostgreSQL.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "services/dispatcher/consent_sink.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

struct ConsentFixture : LedgerFixture {
  static events::v1::Event Says(const std::string& phone, const std::string& bsuid, bool out) {
    events::v1::Event event;
    event.set_outlet_id("toko-a");
    event.mutable_consent_changed()->set_phone(phone);
    event.mutable_consent_changed()->set_bsuid(bsuid);
    event.mutable_consent_changed()->set_purpose("DELIVERY_UPDATES");
    event.mutable_consent_changed()->set_opted_out(out);
    return event;
  }
  static events::v1::Event Parted(const std::string& phone, const std::string& bsuid) {
    events::v1::Event event;
    event.set_outlet_id("toko-a");
    event.mutable_contacts_parted()->add_phones(phone);
    event.mutable_contacts_parted()->add_other_bsuids(bsuid);
    return event;
  }
  void Tell(const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    for (const events::v1::Event& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Deadline()), IsOk());
  }
  // Whether a message to this address is taken, by a message of its own.
  bool Reaches(const std::string& phone, const std::string& bsuid) {
    NewMessage message = Message(++messages);
    message.phone = phone;
    message.bsuid = bsuid;
    Enqueue({message});
    return State(messages) == MessageState::kQueued;
  }
  std::int64_t number = 0;
  int messages = 0;
  std::unique_ptr<events::Sink> sink = MakeConsentSink(pool);
};

// As contacts tell it: Siti (a phone) and Ani (a user id) were merged by mistake and parted.
TEST_CASE("Consents: after a merge is undone what one says does not hold for the other",
          "[dispatcher]") {
  ConsentFixture f;
  f.Tell({f.Says("", "ID.1", true)});        // Ani: STOP
  f.Tell({f.Says("+62811", "ID.1", true)});  // merged: the stricter word
  REQUIRE_FALSE(f.Reaches("+62811", ""));
  const std::vector<events::v1::Event> undone = {
      f.Parted("+62811", "ID.1"), f.Says("+62811", "", false), f.Says("", "ID.1", true)};
  SECTION("read alone") { f.Tell(undone); }
  SECTION("read together with what was said of them as one") {
    std::vector<events::v1::Event> all = {f.Says("+62811", "ID.1", true)};
    all.insert(all.end(), undone.begin(), undone.end());
    f.Tell(all);
  }
  CHECK(f.Reaches("+62811", ""));
  CHECK_FALSE(f.Reaches("", "ID.1"));
  // Siti out and in again: Ani's STOP stands.
  f.Tell({f.Says("+62811", "", true), f.Says("+62811", "", false)});
  CHECK(f.Reaches("+62811", ""));
  CHECK_FALSE(f.Reaches("", "ID.1"));
  // A message that was made while they were one and comes now does not make them one again.
  CHECK(f.Reaches("+62811", "ID.1"));
  f.Tell({f.Says("+62811", "", true), f.Says("+62811", "", false)});
  CHECK_FALSE(f.Reaches("", "ID.1"));
  // Merged again, the STOP holds for both.
  f.Tell({f.Says("+62811", "ID.1", true)});
  CHECK_FALSE(f.Reaches("+62811", ""));
  f.Tell({f.Says("+62811", "ID.1", false)});
  CHECK(f.Reaches("", "ID.1"));
}

TEST_CASE("Consents: what is queued for two who were parted is asked for again", "[dispatcher]") {
  ConsentFixture f;
  f.Tell({f.Says("+62811", "ID.1", false)});
  REQUIRE(f.Reaches("", "ID.1"));
  REQUIRE(f.Reaches("+62811", ""));
  REQUIRE(f.Reaches("+62812", ""));
  f.Tell({f.Parted("+62811", "ID.1")});
  CHECK(f.Sql("SELECT string_agg(ordinal::text, ' ' ORDER BY ordinal) FROM messages "
              "WHERE rendered_at IS NULL") == "1 2");
}

TEST_CASE("Consents: parting two that were never linked, or another pair, changes nothing",
          "[dispatcher]") {
  ConsentFixture f;
  f.Tell({f.Says("+62811", "ID.1", true)});
  f.Tell({f.Parted("+62811", "ID.2"), f.Parted("+62812", "ID.1"), f.Parted("+62813", "ID.3")});
  f.Tell({f.Says("+62811", "", false)});
  CHECK(f.Reaches("", "ID.1"));
  CHECK(f.Sql("SELECT phone || ' ' || bsuid FROM recipients") == "+62811 ID.1");
}

}  // namespace
}  // namespace kabar::dispatcher
