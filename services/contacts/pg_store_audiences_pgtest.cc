// Segments and run audiences of store.h, against PostgreSQL.
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;

// Ani: Jakarta, vip, R1 Transit and R2 Delivered. Budi: Bogor, R3 Transit with COD. Citra: no city,
// no shipment.
struct People : StoreFixture {
  People() {
    Contact contact;
    contact.phone = "+62811";
    contact.name = "Ani";
    contact.city = "Jakarta";
    contact.vip = true;
    contact.tags = {"VIP", "baru"};
    contact.attributes = {{"warna", "merah"}};
    ani = Add(kA, contact);
    contact = Contact();
    contact.phone = "+62812";
    contact.name = "Budi";
    contact.city = "Bogor";
    budi = Add(kA, contact);
    citra = Add(kA, "+62813", "Citra");
    Ship(kA, "R1", ani.id, "In Transit");
    Ship(kA, "R2", ani.id, "Delivered");
    Shipment cod;
    cod.tracking_number = "R3";
    cod.contact_id = budi.id;
    cod.status = "In Transit";
    cod.cod_amount = 150000;
    cod.driver_name = "Agus";
    Must(kA, [&](Store::Unit& u) { return u.UpsertShipment(cod); });
    other = Add(kB, "+62811", "Other");
    Ship(kB, "R1", other.id, "In Transit");
  }

  int64_t Create(const std::string& outlet, const std::string& run, Subject subject,
                 const std::string& filter) {
    const SegmentFilter checked = Filter(filter);
    return Must(outlet, [&](Store::Unit& u) { return u.CreateAudience(run, subject, checked); })
        .size;
  }
  std::vector<AudienceMember> List(const AudienceQuery& query, const std::string& outlet = kA) {
    return Must(outlet, [&](Store::Unit& u) { return u.ListAudience(query); });
  }

  Contact ani, budi, citra, other;
};

TEST_CASE("Segments: filters over contacts", "[segments]") {
  People f;
  CHECK(f.Names(kA, "") == "Ani Budi Citra");
  CHECK(f.Names(kA, "city = jakarta") == "Ani");
  CHECK(f.Names(kA, "city != Jakarta") == "Budi Citra");
  CHECK(f.Names(kA, "NOT city = Jakarta") == "Budi Citra");
  CHECK(f.Names(kA, "city = \"\"") == "Citra");
  CHECK(f.Names(kA, "city:*") == "Ani Budi");
  CHECK(f.Names(kA, "city = \"*o*\"") == "Budi");
  CHECK(f.Names(kA, "city : ogo") == "Budi");
  CHECK(f.Names(kA, "vip = true") == "Ani");
  CHECK(f.Names(kA, "vip = false") == "Budi Citra");
  CHECK(f.Names(kA, "tags:vip AND tags:BARU") == "Ani");
  CHECK(f.Names(kA, "tags != vip") == "Budi Citra");
  CHECK(f.Names(kA, "attributes.warna = Merah") == "Ani");
  CHECK(f.Names(kA, "attributes.warna:*") == "Ani");
  CHECK(f.Names(kA, "name > b") == "Budi Citra");
  CHECK(f.Names(kA, "created_at <= 2100-01-01 AND NOT last_inbound_at:*") == "Ani Budi Citra");
  CHECK(f.Names(kA, "name = \"x' OR true --\"").empty());
  CHECK(f.Names(kA, "name = \"100%\" OR name = \"A_i\"").empty());
}

TEST_CASE("Segments: filters over shipments ask each of a contact's", "[segments]") {
  People f;
  CHECK(f.Names(kA, "status = \"in transit\"") == "Ani Budi");
  CHECK(f.Names(kA, "status = \"In Transit\" AND shipment.cod_amount > 0") == "Budi");
  CHECK(f.Names(kA, "status = Delivered AND resi = R1").empty());
  CHECK(f.Names(kA, "status = Delivered AND city = Jakarta") == "Ani");
  CHECK(f.Names(kA, "NOT status = \"In Transit\"") == "Ani Citra");
  CHECK(f.Names(kA, "cod_paid = false") == "Ani Budi");
  CHECK(f.Names(kA, "shipments_30d > 1") == "Ani");
  CHECK(f.Names(kA, "shipments_total = 0") == "Citra");
  f.Sql(
      "UPDATE shipments SET created_at = now() - interval '31 days' WHERE tracking_number = 'R2'");
  CHECK(f.Names(kA, "shipments_30d > 1").empty());
  CHECK(f.Names(kA, "shipments_90d > 1") == "Ani");
}

TEST_CASE("CountSegment: contacts once, shipments each", "[segments]") {
  People f;
  auto count = [&](const std::string& filter) {
    const SegmentFilter checked = f.Filter(filter);
    const SegmentSize size = f.Must(kA, [&](Store::Unit& u) { return u.CountSegment(checked); });
    return absl::StrCat(size.contacts, " ", size.shipments, " ", size.contacts_with_shipments);
  };
  CHECK(count("") == "3 3 2");
  CHECK(count("status = \"In Transit\"") == "2 2 2");
  CHECK(count("city = Jakarta") == "1 2 1");
  CHECK(count("city = Nowhere") == "0 0 0");
}

TEST_CASE("CreateAudience: each matching shipment, each contact once", "[audiences]") {
  People f;
  CHECK(f.Create(kA, "run-1", Subject::kShipment, "") == 3);
  CHECK(f.Create(kA, "run-2", Subject::kShipment, "status = \"In Transit\"") == 2);
  CHECK(f.Create(kA, "run-3", Subject::kContact, "") == 3);
  CHECK(f.Create(kA, "run-4", Subject::kContact, "status:*") == 2);
  CHECK(f.Create(kA, "run-5", Subject::kContact, "city = Nowhere") == 0);
  std::string subjects;
  for (const AudienceMember& m : f.List({.run_id = "run-4", .limit = 10})) {
    CHECK(m.subject.empty());
    CHECK_FALSE(m.gone);
  }
}

TEST_CASE("CreateAudience: once a run, whatever is asked later", "[audiences]") {
  People f;
  CHECK(f.Create(kA, "run-1", Subject::kShipment, "city = Jakarta") == 2);
  f.Ship(kA, "R4", f.ani.id, "In Transit");
  CHECK(f.Create(kA, "run-1", Subject::kShipment, "") == 2);
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.GetAudience("run-1"); }).size == 2);
  CHECK(f.Create(kB, "run-1", Subject::kShipment, "") == 1);
  CHECK(f.Create(kA, "run-1", Subject::kContact, "") == 2);
  CHECK_THAT(f.Do(kB, [](Store::Unit& u) { return u.GetAudience("run-x").status(); }),
             ReasonIs("RUN_NOT_FOUND"));
}

TEST_CASE("CreateAudience: twice at once writes it once", "[audiences]") {
  People f;
  const SegmentFilter all = f.Filter("");
  std::vector<int64_t> sizes(6);
  std::vector<std::jthread> threads;
  for (int64_t& size : sizes) {
    threads.emplace_back([&] {
      (void)f.store.Write(kA, "Test", Soon(), [&](Store::Unit& u) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const Audience made,
                               u.CreateAudience("run-1", Subject::kShipment, all));
        size = made.size;
        return absl::OkStatus();
      });
    });
  }
  threads.clear();
  for (const int64_t size : sizes) CHECK(size == 3);
  CHECK(f.Sql("SELECT count(*) FROM audience_members") == "3");
}

TEST_CASE("ListAudience: the values as they are now", "[audiences]") {
  People f;
  f.Create(kA, "run-1", Subject::kShipment, "resi = R3");
  AudienceQuery query{.run_id = "run-1", .limit = 10};
  query.fields = {"nama",  "no_resi",     "status",      "cod_amount",       "cod_paid",
                  "vip",   "kurir",       "warna",       "attributes.warna", "tags",
                  "bsuid", "productname", "waktu_update"};
  const auto members = f.List(query);
  REQUIRE(members.size() == 1);
  const AudienceMember& m = members[0];
  CHECK(m.ordinal == 1);
  CHECK(m.contact_id == f.budi.id);
  CHECK(m.subject == "R3");
  CHECK(m.phone == "+62812");
  REQUIRE(m.values.size() == query.fields.size());
  CHECK(m.values[0] == "Budi");
  CHECK(m.values[1] == "R3");
  CHECK(m.values[2] == "In Transit");
  CHECK(m.values[3] == "150000");
  CHECK(m.values[4].empty());
  CHECK(m.values[5].empty());
  CHECK(m.values[6] == "Agus");
  CHECK(m.values[7].empty());
  CHECK(m.values[12].size() == 16);

  f.Create(kA, "run-2", Subject::kContact, "city = Jakarta");
  query.run_id = "run-2";
  const auto contacts = f.List(query);
  REQUIRE(contacts.size() == 1);
  CHECK(contacts[0].values[0] == "Ani");
  CHECK(contacts[0].values[1].empty());
  CHECK(contacts[0].values[5] == "ya");
  CHECK(contacts[0].values[7] == "merah");
  CHECK(contacts[0].values[8] == "merah");
  CHECK(contacts[0].values[9] == "VIP, baru");

  f.Ship(kA, "R3", "", "Delivered");
  query.run_id = "run-1";
  CHECK(f.List(query)[0].values[2] == "Delivered");
}

TEST_CASE("ListAudience: opt-outs by purpose, and who is gone", "[audiences]") {
  People f;
  f.Create(kA, "run-1", Subject::kShipment, "");
  f.SetConsent(kA, f.ani.id, Purpose::kMarketing, true);
  f.SetConsent(kA, f.budi.id, Purpose::kDeliveryUpdates, true);
  auto opted_out = [&](Purpose purpose) {
    std::string out;
    for (const AudienceMember& m : f.List({.run_id = "run-1", .limit = 10, .purpose = purpose})) {
      if (m.opted_out) absl::StrAppend(&out, m.phone, " ");
    }
    return out;
  };
  CHECK(opted_out(Purpose::kMarketing) == "+62811 +62811 ");
  CHECK(opted_out(Purpose::kDeliveryUpdates) == "+62812 ");

  f.Ship(kA, "R1", f.citra.id, "In Transit");  // moved to somebody else
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.budi.id); }), IsOk());
  std::vector<std::string> gone;
  std::vector<std::string> subjects;
  for (const AudienceMember& m : f.List({.run_id = "run-1", .limit = 10, .fields = {"status"}})) {
    subjects.push_back(m.subject);
    if (m.gone) gone.push_back(m.subject);
    if (m.gone) CHECK(m.values[0].empty());
  }
  std::sort(gone.begin(), gone.end());
  CHECK(gone == std::vector<std::string>{"R1", "R3"});
  CHECK(subjects.size() == 3);
}

TEST_CASE("ListAudience: pages by ordinal, or the ordinals named", "[audiences]") {
  StoreFixture f;
  const Contact a = f.Add(kA, "+62811", "A");
  for (int i = 0; i < 25; ++i) f.Ship(kA, absl::StrCat("R", i), a.id, "x");
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kShipment, all); });
  AudienceQuery query{.run_id = "run", .limit = 10};
  int64_t expected = 1;
  for (int page = 0; page < 3; ++page) {
    for (const AudienceMember& m :
         f.Must(kA, [&](Store::Unit& u) { return u.ListAudience(query); })) {
      CHECK(m.ordinal == expected++);
      query.after_ordinal = m.ordinal;
    }
  }
  CHECK(expected == 26);
  query.after_ordinal = 0;
  query.limit = 1000;
  query.ordinals = {24, 3, 99, 3};
  const auto named = f.Must(kA, [&](Store::Unit& u) { return u.ListAudience(query); });
  REQUIRE(named.size() == 2);
  CHECK(named[0].ordinal == 3);
  CHECK(named[1].ordinal == 24);
  CHECK_THAT(f.Do(kB, [&](Store::Unit& u) { return u.ListAudience(query).status(); }),
             ReasonIs("RUN_NOT_FOUND"));
}

TEST_CASE("audiences: a contact's parcels are one member", "[audiences]") {
  People f;
  const SegmentFilter all = f.Filter("");
  const Audience made = f.Must(
      kA, [&](Store::Unit& u) { return u.CreateAudience("run-1", Subject::kContactParcels, all); });
  CHECK(made.size == 2);  // Citra has none
  CHECK(made.shipments == 3);
  f.Sql("UPDATE shipments SET updated_at = '2026-11-20 08:00Z' WHERE tracking_number = 'R2'");
  f.Sql("UPDATE shipments SET updated_at = '2026-11-21 08:00Z' WHERE tracking_number <> 'R2'");
  const auto list = [&] {
    std::map<std::string, AudienceMember> members;
    for (AudienceMember& m : f.List({.run_id = "run-1",
                             .limit = 10,
                             .fields = {"nama"},
                             .parcel_fields = {"no_resi", "status"}})) {
      members[m.values.at(0)] = m;
    }
    return members;
  };
  auto members = list();
  REQUIRE(members.size() == 2);
  REQUIRE(members["Ani"].parcels.size() == 2);
  CHECK(members["Ani"].subject.empty());
  CHECK(members["Ani"].parcels[0].values == std::vector<std::string>{"R1", "In Transit"});
  CHECK(members["Ani"].parcels[1].values == std::vector<std::string>{"R2", "Delivered"});
  CHECK(absl::FormatTime("%d", *members["Ani"].data_time, absl::UTCTimeZone()) == "20");
  CHECK(absl::FormatTime("%d", *members["Budi"].data_time, absl::UTCTimeZone()) == "21");
  CHECK(members["Budi"].parcels.size() == 1);

  // What is another's by now is nobody's here.
  f.Sql("DELETE FROM shipments WHERE outlet_id = 'toko-a' AND tracking_number IN ('R1', 'R3')");
  members = list();
  CHECK(members["Ani"].parcels.size() == 1);
  CHECK_FALSE(members["Ani"].gone);
  CHECK(members["Budi"].gone);
}

TEST_CASE("audiences: more parcels than a message takes are another member", "[audiences]") {
  People f;
  for (int i = 0; i < kMaxParcels; ++i) f.Ship(kA, absl::StrCat("X", 100 + i), f.ani.id, "Sortir");
  const SegmentFilter ani = f.Filter("name = Ani");
  const Audience made = f.Must(
      kA, [&](Store::Unit& u) { return u.CreateAudience("run-1", Subject::kContactParcels, ani); });
  CHECK(made.size == 2);
  CHECK(made.shipments == kMaxParcels + 2);
}

TEST_CASE("audiences: a temporary one can be deleted, a run's cannot", "[audiences]") {
  People f;
  const SegmentFilter all = f.Filter("");
  f.Create(kA, "run-1", Subject::kShipment, "");
  const auto drop = [&](const std::string& run) {
    return f.Do(kA, [&](Store::Unit& u) { return u.DeleteAudience(run); });
  };
  CHECK_THAT(drop("run-1"), ReasonIs("AUDIENCE_OF_A_RUN"));
  for (const char* run : {"preflight-1", "preflight-2"}) {
    f.Must(kA, [&](Store::Unit& u) {
      return u.CreateAudience(run, Subject::kShipment, all, /*temporary=*/true);
    });
  }
  CHECK_THAT(drop("preflight-1"), IsOk());
  CHECK_THAT(drop("preflight-1"), IsOk());
  const auto sweep = [&] {
    REQUIRE_THAT(f.store.ForgetAudiences(absl::Now() - absl::Hours(24 * 90), 1000, Soon()), IsOk());
  };
  sweep();
  CHECK(f.Sql("SELECT string_agg(run_id, ' ' ORDER BY run_id) FROM audiences") ==
        "preflight-2 run-1");
  CHECK(f.Sql("SELECT count(*) FROM audience_members") == "6");
  // What nobody deletes goes by itself, when it is old.
  f.Sql("UPDATE audiences SET created_at = now() - interval '25 hours'");
  sweep();
  CHECK(f.Sql("SELECT string_agg(run_id, ' ') FROM audiences") == "run-1");
  CHECK(f.Sql("SELECT count(*) FROM audience_members") == "3");
}

TEST_CASE("Audience: the parcels of one contact spread over the run, whatever the file's order",
          "[audiences]") {
  StoreFixture f;
  ImportChunk chunk;
  for (int i = 0; i < 200; ++i) {
    const std::string phone = absl::StrCat("+628123456", 1000 + i / 4);
    if (i % 4 == 0) chunk.contacts.push_back({.phone = phone, .bsuid = "", .patch = {}});
    chunk.shipments.push_back(
        {.tracking_number = absl::StrCat("R", 1000 + i), .phone = phone, .patch = {}});
  }
  f.Must(kA, [&](Store::Unit& u) { return u.Import(chunk); });
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kShipment, all); });
  const std::string neighbours = f.Sql(
      "SELECT count(*) FROM audience_members a JOIN audience_members b ON b.audience = "
      "a.audience AND b.ordinal = a.ordinal + 1 AND b.contact_id = a.contact_id");
  CHECK(std::stoi(neighbours) < 40);  // in the file's order 150, by chance 3
}

}  // namespace
}  // namespace kabar::contacts
