// Who writes, by the dispatcher's events, against PostgreSQL.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;

struct SenderFixture : StoreFixture {
  // One message from this phone and BSUID, applied.
  events::v1::InboundReceived From(const std::string& phone, const std::string& bsuid) const {
    events::v1::InboundReceived inbound;
    inbound.set_kind("text");
    inbound.set_text("halo");
    inbound.set_phone(phone);
    inbound.set_bsuid(bsuid);
    inbound.set_profile_name("Profil");
    return inbound;
  }
  void Take(const events::v1::InboundReceived& inbound) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(1795222800);
    *event.mutable_inbound_received() = inbound;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  void Move(const std::string& phone, const std::string& bsuid, const std::string& new_phone,
            const std::string& new_bsuid) {
    events::v1::InboundReceived inbound = From(phone, bsuid);
    inbound.set_kind("system");
    inbound.set_payload("user_changed_number");
    inbound.set_text("Profil changed from " + phone + " to " + new_phone);
    inbound.set_new_phone(new_phone);
    inbound.set_new_bsuid(new_bsuid);
    Take(inbound);
  }
  Contact ByBsuid(const std::string& bsuid) {
    return Must(kA, [&](Store::Unit& u) { return u.FindContact({.bsuid = bsuid}); });
  }
  std::string Merges() {
    return Sql("SELECT coalesce(string_agg(reason, ' ' ORDER BY number), '') FROM contact_merges");
  }
  int64_t number = 0;
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink();
};

TEST_CASE("Sender: by BSUID alone he is one contact, found again", "[senders]") {
  SenderFixture f;
  f.Take(f.From("", "ID.1"));
  f.Take(f.From("", "ID.1"));
  CHECK(f.Names(kA, "") == "Profil");
  CHECK(f.ByBsuid("ID.1").phone.empty());
}

TEST_CASE("Sender: phone and BSUID told together make one of two contacts", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Take(f.From("", "ID.1"));
  const std::string hidden = f.ByBsuid("ID.1").id;
  REQUIRE(hidden != siti.id);
  f.Take(f.From("+62811", "ID.1"));
  CHECK(f.ByBsuid("ID.1").id == siti.id);
  CHECK(f.Get(kA, hidden).id == siti.id);
  CHECK(f.Get(kA, siti.id).name == "Siti");
  CHECK(f.Merges() == "inbound");
  f.Take(f.From("+62811", "ID.1"));
  CHECK(f.Merges() == "inbound");
}

TEST_CASE("Sender: two that a person parted are not merged again by themselves", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Take(f.From("", "ID.1"));
  f.Take(f.From("+62811", "ID.1"));
  const std::string merge = f.Sql("SELECT id FROM contact_merges");
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.UndoMerge(merge, "op").status(); }), IsOk());
  events::v1::InboundReceived answer = f.From("", "ID.1");
  answer.set_context_contact_id(siti.id);  // of a message that was sent while they were one
  f.Take(answer);
  CHECK(f.ByBsuid("ID.1").id != siti.id);
  f.Take(f.From("+62811", "ID.1"));
  CHECK(f.ByBsuid("ID.1").id != siti.id);
  CHECK(f.Merges() == "inbound");
}

TEST_CASE("Sender: hidden, he is whom the answered message went to", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  events::v1::InboundReceived answer = f.From("", "ID.1");
  answer.set_context_contact_id(siti.id);
  f.Take(answer);
  CHECK(f.ByBsuid("ID.1").id == siti.id);
  CHECK(f.Names(kA, "") == "Siti");

  // He had written before: the two are merged.
  const Contact ani = f.Add(kA, "+62812", "Ani");
  f.Take(f.From("", "ID.2"));
  events::v1::InboundReceived later = f.From("", "ID.2");
  later.set_last_contact_id(ani.id);
  f.Take(later);
  CHECK(f.ByBsuid("ID.2").id == ani.id);
  CHECK(f.Merges() == "inbound");

  // An id that nobody has is no hint.
  events::v1::InboundReceived odd = f.From("", "ID.3");
  odd.set_context_contact_id("con_gone");
  f.Take(odd);
  CHECK(f.ByBsuid("ID.3").name == "Profil");
}

TEST_CASE("Sender: contacts with addresses of their own are not merged, but noted", "[senders]") {
  SenderFixture f;
  Contact known;
  known.phone = "+62811";
  known.bsuid = "ID.1";
  known.name = "Siti";
  f.Add(kA, known);
  f.Take(f.From("", "ID.2"));
  f.Take(f.From("+62811", "ID.2"));
  CHECK(f.Merges().empty());
  const auto pairs = f.Must(kA, [](Store::Unit& u) { return u.ListDuplicates("", 10); });
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0].reason == "SHARED_IDENTITY");
}

TEST_CASE("Sender: a second number of somebody who opted out is told to who suppresses",
          "[senders]") {
  SenderFixture f;
  const Contact known = f.Must(kA, [](Store::Unit& u) {
    return u.FindOrInsertContact({.phone = "+62811", .bsuid = "ID.1", .name = "Siti"});
  });
  f.SetConsent(kA, known.id, Purpose::kMarketing, true);
  f.Sql("DELETE FROM outbox");
  f.Take(f.From("+62812", "ID.1"));
  CHECK(f.Get(kA, known.id).phone == "+62811");
  f.Take(f.From("+62812", "ID.1"));  // known by now: nothing to tell
  // Payloads are protobuf: the number stands in them as it is.
  CHECK(f.Sql("SELECT count(*) FROM outbox WHERE position('+62812'::bytea IN batch) > 0") == "1");
}

TEST_CASE("Sender: a STOP by the alias of a merged contact is noted as that", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Take(f.From("", "ID.1"));
  const std::string hidden = f.ByBsuid("ID.1").id;
  f.Take(f.From("+62811", "ID.1"));
  events::v1::InboundReceived stop = f.From("", "ID.1");
  stop.set_text("STOP");
  f.Take(stop);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti");
  CHECK(f.Sql("SELECT DISTINCT merged_from FROM consent_changes") == hidden);
}

TEST_CASE("Number changed: what he is known by moves, the old number is a former one",
          "[senders]") {
  SenderFixture f;
  Contact known;
  known.phone = "+62811";
  known.bsuid = "ID.1";
  known.name = "Siti";
  const Contact siti = f.Add(kA, known);
  f.SetConsent(kA, siti.id, Purpose::kMarketing, true);
  f.Move("+62811", "ID.1", "+62899", "ID.9");
  const Contact moved = f.Get(kA, siti.id);
  CHECK(moved.phone == "+62899");
  CHECK(moved.bsuid == "ID.9");
  CHECK_FALSE(moved.last_inbound_at);
  // Files with the old number still find him, and write to the new one.
  CHECK(f.Find(kA, "+62811").id == siti.id);
  const auto identities = f.Must(kA, [&](Store::Unit& u) { return u.ListIdentities(siti.id); });
  REQUIRE(identities.size() == 4);
  CHECK_FALSE(identities[0].former_since);
  CHECK(identities[3].former_since == absl::FromUnixSeconds(1795222800));
  // Told again, nothing changes.
  f.Move("+62811", "ID.1", "+62899", "ID.9");
  CHECK(f.Get(kA, siti.id).phone == "+62899");
  CHECK(f.Names(kA, "") == "Siti");
  // Whoever writes from the old number now is somebody else.
  f.Take(f.From("+62811", "ID.5"));
  CHECK(f.Names(kA, "") == "Profil Siti");
  CHECK(f.Find(kA, "+62811").id != siti.id);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti");
}

TEST_CASE("Number changed: and back by hand: the old number is in use again", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Move("+62811", "", "+62899", "ID.9");
  Contact back = f.Get(kA, siti.id);
  back.phone = "+62811";
  back.bsuid.clear();
  f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(back); });
  f.Take(f.From("+62811", ""));  // himself, not somebody else who has his former number
  CHECK(f.Names(kA, "") == "Siti");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities WHERE former_since IS NOT NULL") == "0");
}

TEST_CASE("Number changed: a contact known by the new number alone is the same person",
          "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  const Contact imported = f.Add(kA, "+62899", "S. Rahma");
  f.Move("+62811", "", "+62899", "ID.9");
  CHECK(f.Get(kA, imported.id).id == siti.id);
  CHECK(f.Get(kA, siti.id).phone == "+62899");
  CHECK(f.Get(kA, siti.id).bsuid == "ID.9");
  CHECK(f.Merges() == "number_changed");
}

TEST_CASE("Number changed: who had the new number before keeps the rest", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  Contact other;
  other.phone = "+62899";
  other.bsuid = "ID.7";
  other.name = "Ani";
  const Contact ani = f.Add(kA, other);
  f.Move("+62811", "", "+62899", "ID.9");
  CHECK(f.Find(kA, "+62899").id == siti.id);
  CHECK(f.Get(kA, ani.id).phone.empty());
  CHECK(f.Get(kA, ani.id).bsuid == "ID.7");
  CHECK(f.Merges().empty());
}

TEST_CASE("Number changed: of a deleted contact, whose opt-out goes with him", "[senders]") {
  SenderFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.SetConsent(kA, siti.id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(siti.id); }), IsOk());
  const Contact imported = f.Add(kA, "+62899", "S. Rahma");
  f.Move("+62811", "", "+62899", "ID.9");
  CHECK(f.Get(kA, imported.id).name == "S. Rahma");
  CHECK(f.Get(kA, imported.id).phone == "+62899");
  CHECK(f.Names(kA, "marketing_opted_out = true") == "S. Rahma");
}

TEST_CASE("Number changed: of somebody unknown makes a contact", "[senders]") {
  SenderFixture f;
  f.Move("+62811", "", "+62899", "");
  CHECK(f.Find(kA, "+62899").name == "Profil");
}

TEST_CASE("Username: goes to whom the provider names", "[senders]") {
  SenderFixture f;
  Contact noted;
  noted.username = " @Budi.S";
  noted.name = "Budi";
  REQUIRE_THAT(NormalizeContact("", noted), IsOk());
  const Contact budi = f.Add(kA, noted);
  events::v1::InboundReceived inbound = f.From("", "ID.1");
  inbound.set_username("budi.s");
  f.Take(inbound);  // nothing but the username was known: the same
  CHECK(f.Get(kA, budi.id).bsuid == "ID.1");
  CHECK(f.Merges() == "username");
  CHECK(f.Names(kA, "username = budi.s") == "Profil");
  inbound.set_username("budi");
  f.Take(inbound);
  CHECK(f.ByBsuid("ID.1").username == "budi");
  events::v1::InboundReceived another = f.From("", "ID.2");
  another.set_username("budi");
  f.Take(another);
  CHECK(f.ByBsuid("ID.2").username == "budi");
  CHECK(f.ByBsuid("ID.1").username.empty());
  CHECK(f.Merges() == "username");
}

}  // namespace
}  // namespace kabar::contacts
