// Contacts, identities, shipments and consents of store.h, against PostgreSQL.
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;

// The consent changes in the outbox, as "name-or-phone PURPOSE out|in", one a line.
std::string Events(StoreFixture& f) {
  events::Publisher publisher(f.pool);
  REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
  events::Reader reader(f.pool, {});
  events::v1::ReadEventsResponse response;
  REQUIRE_THAT(reader.Read(1, Soon(), &response), IsOk());
  std::string out;
  for (const auto& batch : response.batches()) {
    for (const auto& event : batch.batch().events()) {
      const auto& change = event.consent_changed();
      absl::StrAppend(&out, event.outlet_id(), " ", change.phone(), " ", change.purpose(), " ",
                      change.opted_out() ? "out" : "in", " ", change.source(), "\n");
    }
  }
  return out;
}

TEST_CASE("InsertContact: everything comes back as it went in", "[contacts]") {
  StoreFixture f;
  Contact wanted;
  wanted.phone = "+6281234567890";
  wanted.bsuid = "ID.1349";
  wanted.name = "Budi \xF0\x9F\x93\xA6 'O\\";
  wanted.address = "Jl. Melati\nNo 5";
  wanted.vip = true;
  wanted.attributes = {{"warna", "merah \"tua\""}, {"a.b", ""}};
  wanted.tags = {"vip", "a,\"b"};
  const Contact added = f.Add(kA, wanted);
  const Contact read = f.Get(kA, added.id);
  CHECK(read.name == wanted.name);
  CHECK(read.address == wanted.address);
  CHECK(read.vip);
  CHECK(read.attributes == wanted.attributes);
  CHECK(read.tags == wanted.tags);
  CHECK(read.bsuid == "ID.1349");
  CHECK_FALSE(read.last_inbound_at.has_value());
  CHECK(read.created_at == added.created_at);
}

TEST_CASE("InsertContact: an identity belongs to one contact of an outlet", "[contacts]") {
  StoreFixture f;
  Contact first = f.Add(kA, "+62811", "A");
  const absl::Status again = f.Do(kA, [&](Store::Unit& unit) {
    return unit.InsertContact({.id = "", .phone = "+62811", .bsuid = ""}).status();
  });
  CHECK_THAT(again, ReasonIs("CONTACT_EXISTS"));
  CHECK(base::GetMeta(again, "contact_id") == first.id);
  CHECK(f.Add(kB, "+62811", "B").id != first.id);
}

TEST_CASE("Contacts: another outlet neither sees nor touches them", "[contacts]") {
  StoreFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  f.Ship(kA, "R1", a.id, "Transit");
  auto as_b = [&](Store::Work work) { return f.Do(kB, work); };
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.GetContact(a.id).status(); }),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.DeleteContact(a.id); }),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.ReplaceContact(a).status(); }),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(as_b([&](Store::Unit& u) {
               return u.SetConsent({a.id, Purpose::kMarketing, true, "x", absl::Now()}).status();
             }),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.ListConsents(a.id, 0, 1000).status(); }),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.FindShipment("R1").status(); }),
             ReasonIs("SHIPMENT_NOT_FOUND"));
  Shipment stolen;
  stolen.tracking_number = "R2";
  stolen.contact_id = a.id;
  CHECK_THAT(as_b([&](Store::Unit& u) { return u.UpsertShipment(stolen).status(); }),
             testing::HasFieldViolation("shipment.contact_id"));
  CHECK(f.Names(kB, "").empty());
  CHECK(f.Must(kB, [](Store::Unit& u) { return u.FindContact({.phone = "+62811"}); }).id.empty());
  CHECK(f.Get(kA, a.id).name == "A");
}

TEST_CASE("ReplaceContact: identities move with it", "[contacts]") {
  StoreFixture f;
  Contact a = f.Add(kA, "+62811", "A");
  f.Add(kA, "+62812", "B");
  a.phone = "+62813";
  a.city = "Bogor";
  const Contact moved = f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(a); });
  CHECK(moved.city == "Bogor");
  CHECK(moved.created_at == a.created_at);
  CHECK(f.Find(kA, "+62813").id == a.id);
  CHECK(f.Find(kA, "+62811").id.empty());
  a.phone = "+62812";
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.ReplaceContact(a).status(); }),
             ReasonIs("CONTACT_EXISTS"));
  CHECK(f.Get(kA, a.id).phone == "+62813");
}

TEST_CASE("FindOrInsertContact: phone and bsuid meet in one contact", "[contacts]") {
  StoreFixture f;
  auto resolve = [&](const std::string& phone, const std::string& bsuid) {
    return f.Must(kA, [&](Store::Unit& u) {
      return u.FindOrInsertContact({.id = "", .phone = phone, .bsuid = bsuid, .name = "Budi"});
    });
  };
  const Contact first = resolve("+62811", "");
  CHECK(first.name == "Budi");
  CHECK(resolve("+62811", "ID.1").id == first.id);
  CHECK(resolve("", "ID.1").id == first.id);
  CHECK(f.Get(kA, first.id).bsuid == "ID.1");
  const Contact hidden = resolve("", "ID.2");
  CHECK(hidden.id != first.id);
  CHECK(resolve("+62812", "ID.2").id == hidden.id);
  CHECK(f.Get(kA, hidden.id).phone == "+62812");
  // Both known, but of two people: the phone decides.
  CHECK(resolve("+62811", "ID.2").id == first.id);
}

TEST_CASE("FindOrInsertContact: two at once make one contact", "[contacts]") {
  StoreFixture f;
  std::vector<std::string> ids(8);
  std::vector<std::jthread> threads;
  for (std::string& id : ids) {
    threads.emplace_back([&f, &id] {
      (void)f.store.Write(kA, "Test", Soon(), [&](Store::Unit& unit) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const Contact one, unit.FindOrInsertContact(
                                                      {.id = "", .phone = "+62811", .bsuid = "I"}));
        id = one.id;
        return absl::OkStatus();
      });
    });
  }
  threads.clear();
  for (const std::string& id : ids) CHECK(id == ids[0]);
  CHECK_FALSE(ids[0].empty());
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "1");
}

TEST_CASE("UpsertShipment: replaces, keeps the contact where none is named", "[shipments]") {
  StoreFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  Shipment first = f.Ship(kA, "R1", a.id, "Transit");
  first.cod_amount = 150000;
  first.driver_name = "Agus";
  f.Must(kA, [&](Store::Unit& u) { return u.UpsertShipment(first); });
  const Shipment second = f.Ship(kA, "R1", "", "Delivered");
  CHECK(second.id == first.id);
  CHECK(second.contact_id == a.id);
  CHECK(second.status == "Delivered");
  CHECK(second.driver_name.empty());
  CHECK(second.cod_amount == 0);
  Shipment orphan;
  orphan.tracking_number = "R9";
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.UpsertShipment(orphan).status(); }),
             testing::HasFieldViolation("shipment.contact_id"));
}

TEST_CASE("SetConsent: every change is kept and is an event, once", "[consents]") {
  StoreFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  f.SetConsent(kA, a.id, Purpose::kMarketing, true);
  f.SetConsent(kA, a.id, Purpose::kMarketing, true);
  f.SetConsent(kA, a.id, Purpose::kMarketing, false);
  f.SetConsent(kA, a.id, Purpose::kDeliveryUpdates, true);
  const auto consents = f.Must(kA, [&](Store::Unit& u) { return u.ListConsents(a.id, 0, 1000); });
  REQUIRE(consents.size() == 3);
  CHECK(consents[0].purpose == Purpose::kDeliveryUpdates);
  CHECK(consents[0].opted_out);
  CHECK_FALSE(consents[1].opted_out);
  CHECK(consents[2].opted_out);
  CHECK(consents[0].source == "operator");
  CHECK(f.Names(kA, "marketing_opted_out = true").empty());
  CHECK(f.Names(kA, "delivery_updates_opted_out = true") == "A");
  CHECK(Events(f) ==
        "toko-a +62811 MARKETING out operator\ntoko-a +62811 MARKETING in operator\n"
        "toko-a +62811 DELIVERY_UPDATES out operator\n");
}

TEST_CASE("SetConsent: a failed unit leaves neither state nor event", "[consents]") {
  StoreFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  const absl::Status failed = f.Do(kA, [&](Store::Unit& u) -> absl::Status {
    KABAR_RETURN_IF_ERROR(
        u.SetConsent({a.id, Purpose::kMarketing, true, "x", absl::Now()}).status());
    return absl::AbortedError("changed my mind");
  });
  CHECK_FALSE(failed.ok());
  CHECK(f.Names(kA, "marketing_opted_out = true").empty());
  CHECK(Events(f).empty());
}

TEST_CASE("Consents: a new phone of somebody who opted out is told", "[consents]") {
  StoreFixture f;
  Contact a = f.Add(kA, "+62811", "A");
  f.SetConsent(kA, a.id, Purpose::kMarketing, true);
  a.phone = "+62812";
  f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(a); });
  CHECK(Events(f) ==
        "toko-a +62811 MARKETING out operator\ntoko-a +62812 MARKETING out new identity\n");
}

TEST_CASE("DeleteContact: data goes, an opt-out stays with the phone", "[contacts]") {
  StoreFixture f;
  const Contact plain = f.Add(kA, "+62811", "A");
  Contact out = f.Add(kA, "+62812", "B");
  f.Ship(kA, "R1", plain.id, "Transit");
  f.Ship(kA, "R2", out.id, "Transit");
  f.SetConsent(kA, out.id, Purpose::kDeliveryUpdates, true);
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(plain.id); }), IsOk());
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(out.id); }), IsOk());
  CHECK(f.Names(kA, "").empty());
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "0");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities") == "1");
  CHECK(f.Sql("SELECT coalesce(name, '-') FROM contacts") == "-");
  CHECK(f.Find(kA, "+62812").id.empty());
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.GetContact(out.id).status(); }),
             ReasonIs("CONTACT_NOT_FOUND"));
  const Contact back = f.Add(kA, "+62812", "B again");
  CHECK(back.id == out.id);
  CHECK(back.name == "B again");
  CHECK(f.Names(kA, "delivery_updates_opted_out = true") == "B again");
}

TEST_CASE("ListContacts: pages by id without gaps", "[contacts]") {
  StoreFixture f;
  for (int i = 10; i < 35; ++i) f.Add(kA, absl::StrCat("+628", i), absl::StrCat("N", i));
  const SegmentFilter all = f.Filter("");
  std::string after;
  std::size_t seen = 0;
  for (int pages = 0; pages < 10; ++pages) {
    const auto page = f.Must(kA, [&](Store::Unit& u) { return u.ListContacts(all, after, 10); });
    if (page.empty()) break;
    for (const Contact& one : page) {
      CHECK(one.id > after);
      after = one.id;
      ++seen;
    }
  }
  CHECK(seen == 25);
}

}  // namespace
}  // namespace kabar::contacts
