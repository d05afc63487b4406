// Two contacts become one, and two again. Against PostgreSQL.
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "absl/strings/str_join.h"
#include "kabar/events/v1/events.pb.h"
#include "libs/base/status.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;

struct MergeFixture : StoreFixture {
  // Somebody imported by phone, with a shipment, and somebody who wrote by BSUID.
  MergeFixture() {
    Contact one;
    one.phone = "+62811";
    one.name = "Siti";
    one.tags = {"vip"};
    siti = Add(kA, one);
    Ship(kA, "JP1", siti.id, "In Transit");
    Contact other;
    other.bsuid = "ID.1";
    other.name = "siti r";
    other.city = "Bogor";
    other.tags = {"baru"};
    other.attributes = {{"hobi", "kopi"}};
    hidden = Add(kA, other);
    Ship(kA, "JP2", hidden.id, "Delivered");
  }
  Merge Join(const std::string& survivor, const std::string& merged) {
    return Must(
        kA, [&](Store::Unit& u) { return u.MergeContacts(survivor, merged, "operator", "op"); });
  }
  absl::Status Part(const std::string& merge_id) {
    return Do(kA, [&](Store::Unit& u) { return u.UndoMerge(merge_id, "op").status(); });
  }
  std::vector<AudienceMember> Audience(const std::string& run) {
    return Must(kA, [&](Store::Unit& u) {
      return u.ListAudience({.run_id = run, .limit = 100, .fields = {"name", "status"}});
    });
  }
  std::string OwnerOfShipment(const std::string& number) {
    return Must(kA, [&](Store::Unit& u) { return u.FindShipment(number); }).contact_id;
  }
  std::atomic<bool> failed = false;
  // The last consent events: "phone/bsuid out|in", sorted by nothing.
  std::string LastConsents() {
    events::Publisher publisher(pool);
    REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
    events::Reader reader(pool, {});
    events::v1::ReadEventsResponse response;
    REQUIRE_THAT(reader.Read(1, Soon(), &response), IsOk());
    if (response.batches().empty()) return "";
    std::string out;
    for (const auto& event : response.batches().rbegin()->batch().events()) {
      if (event.has_contacts_parted()) {
        const auto& two = event.contacts_parted();
        absl::StrAppend(&out, absl::StrJoin(two.phones(), ","), "/",
                        absl::StrJoin(two.bsuids(), ","), " is not ",
                        absl::StrJoin(two.other_phones(), ","), "/",
                        absl::StrJoin(two.other_bsuids(), ","), "\n");
        continue;
      }
      const auto& c = event.consent_changed();
      absl::StrAppend(&out, c.phone(), "/", c.bsuid(), " ", c.purpose().substr(0, 1), " ",
                      c.opted_out() ? "out" : "in", "\n");
    }
    return out;
  }
  Contact siti, hidden;
};

TEST_CASE("MergeContacts: the survivor has everything of both", "[merges]") {
  MergeFixture f;
  const Merge merge = f.Join(f.siti.id, f.hidden.id);
  CHECK(merge.survivor_before.name == "Siti");
  CHECK(merge.merged_before.name == "siti r");
  CHECK(merge.merged_before.attributes.at("hobi") == "kopi");
  const Contact one = f.Get(kA, f.siti.id);
  CHECK(one.phone == "+62811");
  CHECK(one.bsuid == "ID.1");
  CHECK(one.city == "Bogor");
  CHECK(one.tags == std::vector<std::string>{"vip", "baru"});
  CHECK(f.OwnerOfShipment("JP2") == f.siti.id);
  CHECK(f.Names(kA, "shipments_total = 2") == "Siti");
  // The other id stands for the survivor everywhere.
  CHECK(f.Get(kA, f.hidden.id).id == f.siti.id);
  CHECK(f.Names(kA, "") == "Siti");
  f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti");
  CHECK(f.Ship(kA, "JP3", f.hidden.id, "New").contact_id == f.siti.id);
  // A file that knows only the BSUID's phone-less contact finds the survivor by it.
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.FindContact({.bsuid = "ID.1"}); }).id ==
        f.siti.id);
  const auto merges = f.Must(kA, [&](Store::Unit& u) { return u.ListMerges(f.hidden.id, 0, 10); });
  REQUIRE(merges.size() == 1);
  CHECK(merges[0].by == "op");
}

TEST_CASE("MergeContacts: refused for one and the same, for nobody, for another outlet's",
          "[merges]") {
  MergeFixture f;
  const auto join = [&](const std::string& outlet, const std::string& a, const std::string& b) {
    return f.Do(outlet,
                [&](Store::Unit& u) { return u.MergeContacts(a, b, "operator", "op").status(); });
  };
  CHECK_THAT(join(kA, f.siti.id, f.siti.id), ReasonIs("SAME_CONTACT"));
  CHECK_THAT(join(kA, f.siti.id, "con_nobody"), ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(join(kB, f.siti.id, f.hidden.id), ReasonIs("CONTACT_NOT_FOUND"));
  f.Join(f.siti.id, f.hidden.id);
  CHECK_THAT(join(kA, f.siti.id, f.hidden.id), ReasonIs("SAME_CONTACT"));
}

TEST_CASE("MergeContacts: an opt-out of either stands, and all addresses are told", "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
  f.SetConsent(kA, f.siti.id, Purpose::kMarketing, false);  // said later, and yet
  f.Add(kA, "+62812", "Siti dua");
  const std::string second = f.Find(kA, "+62812").id;
  const Merge first_merge = f.Join(f.siti.id, f.hidden.id);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti");
  CHECK(f.Names(kA, "delivery_updates_opted_out = true").empty());
  CHECK(f.LastConsents() == "+62811/ID.1 M out\n");
  const auto history =
      f.Must(kA, [&](Store::Unit& u) { return u.ListConsents(f.siti.id, 0, 1000); });
  REQUIRE(history.size() == 3);  // both of before, and what the merge made of them
  CHECK(history[0].source == "merge");
  f.Join(f.siti.id, second);
  CHECK(f.LastConsents() == "+62811/ID.1 M out\n+62812/ M out\n");

  REQUIRE_THAT(f.Part(first_merge.id), IsOk());
  // Each as without the merge; the opt-out is told last.
  CHECK(f.Names(kA, "marketing_opted_out = true") == "siti r");
  CHECK(f.LastConsents() ==
        "+62811,+62812/ is not /ID.1\n+62811/ M in\n+62812/ M in\n/ID.1 M out\n");
}

TEST_CASE("MergeContacts: a contact does not disappear into a deleted one", "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.siti.id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.siti.id); }), IsOk());
  const auto join = [&](const std::string& survivor, const std::string& merged) {
    return f.Do(kA, [&](Store::Unit& u) {
      return u.MergeContacts(survivor, merged, "operator", "op").status();
    });
  };
  CHECK_THAT(join(f.siti.id, f.hidden.id), ReasonIs("CONTACT_DELETED"));
  CHECK(f.Names(kA, "") == "siti r");
  REQUIRE_THAT(join(f.hidden.id, f.siti.id), IsOk());
  CHECK(f.Names(kA, "marketing_opted_out = true") == "siti r");
}

TEST_CASE("MergeContacts: the opt-out of a deleted contact is not lost", "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.hidden.id, Purpose::kDeliveryUpdates, true);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.hidden.id); }), IsOk());
  const std::string merge = f.Must(kA, [&](Store::Unit& u) {
                               return u.RecognizeSender({.phone = "+62811", .bsuid = "ID.1"}, "");
                             }).contact.id;
  CHECK(merge == f.siti.id);
  CHECK(f.Names(kA, "delivery_updates_opted_out = true") == "Siti");
}

TEST_CASE("MergeContacts: audiences of before reach the survivor, under the ids of before",
          "[merges]") {
  MergeFixture f;
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kShipment, all); });
  const Merge merge = f.Join(f.siti.id, f.hidden.id);
  const auto check = [&](const std::string& name_of_second, const std::string& phone) {
    for (const AudienceMember& member : f.Audience("run")) {
      CHECK_FALSE(member.gone);
      if (member.subject != "JP2") continue;
      CHECK(member.contact_id == f.hidden.id);  // message ids derive from it
      CHECK(member.values[0] == name_of_second);
      CHECK(member.phone == phone);
      CHECK(member.values[1] == "Delivered");
    }
  };
  check("Siti", "+62811");
  REQUIRE_THAT(f.Part(merge.id), IsOk());
  check("siti r", "");
}

TEST_CASE("MergeContacts: of an audience's two who became one since, the first has the message",
          "[merges]") {
  MergeFixture f;
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kContact, all); });
  REQUIRE(f.Audience("run").size() == 2);
  const bool survivor_first = GENERATE(true, false);
  const std::string first = f.Audience("run")[0].contact_id;
  const bool siti_first = first == f.siti.id;
  const Merge merge = siti_first == survivor_first ? f.Join(f.siti.id, f.hidden.id)
                                                   : f.Join(f.hidden.id, f.siti.id);
  CHECK_FALSE(f.Audience("run")[0].gone);
  CHECK(f.Audience("run")[1].gone);
  // The page that holds the second alone says so too.
  const auto last = f.Must(kA, [&](Store::Unit& u) {
    return u.ListAudience({.run_id = "run", .after_ordinal = 1, .limit = 1});
  });
  REQUIRE(last.size() == 1);
  CHECK(last[0].gone);
  REQUIRE_THAT(f.Part(merge.id), IsOk());
  CHECK_FALSE(f.Audience("run")[1].gone);
}

TEST_CASE("MergeContacts: a member about several parcels keeps them", "[merges]") {
  MergeFixture f;
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) {
    return u.CreateAudience("run", Subject::kContactParcels, all, /*temporary=*/false);
  });
  f.Join(f.siti.id, f.hidden.id);
  int parcels = 0;
  for (const AudienceMember& member : f.Audience("run")) {
    CHECK_FALSE(member.gone);
    CHECK(member.phone == "+62811");
    parcels += static_cast<int>(member.parcels.size());
  }
  CHECK(parcels == 2);
}

TEST_CASE("UndoMerge: each has what it had; what came since stays, but by the other's alias",
          "[merges]") {
  MergeFixture f;
  const Merge merge = f.Join(f.siti.id, f.hidden.id);
  f.Ship(kA, "JP3", f.siti.id, "New");    // the survivor's
  f.Ship(kA, "JP4", f.hidden.id, "New");  // named by the other's id
  const Recognized by_bsuid =
      f.Must(kA, [](Store::Unit& u) { return u.RecognizeSender({.bsuid = "ID.1"}, ""); });
  CHECK(by_bsuid.contact.id == f.siti.id);
  CHECK(by_bsuid.merged_from == f.hidden.id);
  const absl::Time heard = absl::FromUnixSeconds(1795222800);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.TouchInbound(by_bsuid, heard); }), IsOk());
  const Consent stop{f.siti.id, Purpose::kMarketing, true, "keyword", heard, by_bsuid.merged_from};
  f.Must(kA, [&](Store::Unit& u) { return u.SetConsent(stop); });
  Contact renamed = f.Get(kA, f.siti.id);
  renamed.name = "Siti Rahma";
  f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(renamed); });

  REQUIRE_THAT(f.Part(merge.id), IsOk());
  const Contact siti = f.Get(kA, f.siti.id), hidden = f.Get(kA, f.hidden.id);
  CHECK(hidden.id == f.hidden.id);
  CHECK(hidden.name == "siti r");
  CHECK(hidden.bsuid == "ID.1");
  CHECK(hidden.phone.empty());
  CHECK(hidden.last_inbound_at == heard);
  CHECK(siti.name == "Siti Rahma");
  CHECK(siti.bsuid.empty());
  CHECK(siti.city.empty());
  CHECK(siti.tags == std::vector<std::string>{"vip"});
  CHECK(f.OwnerOfShipment("JP1") == siti.id);
  CHECK(f.OwnerOfShipment("JP3") == siti.id);
  CHECK(f.OwnerOfShipment("JP2") == hidden.id);
  CHECK(f.OwnerOfShipment("JP4") == hidden.id);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "siti r");
  CHECK_THAT(f.Part(merge.id), ReasonIs("MERGE_UNDONE"));
  CHECK_THAT(f.Part("mrg_nothing"), ReasonIs("MERGE_NOT_FOUND"));
}

TEST_CASE("UndoMerge: a STOP after the merge stands, though the merge had opted him out already",
          "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
  SECTION("said by himself") {
    const Merge merge = f.Join(f.siti.id, f.hidden.id);
    f.SetConsent(kA, f.siti.id, Purpose::kMarketing, true);
    REQUIRE_THAT(f.Part(merge.id), IsOk());
    CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti siti r");
  }
  SECTION("said by both, each by his own alias") {
    f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, false);
    const Merge merge = f.Join(f.siti.id, f.hidden.id);
    f.SetConsent(kA, f.siti.id, Purpose::kMarketing, true);
    f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
    f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);  // once more: no change
    CHECK(f.Must(kA, [&](Store::Unit& u) { return u.ListConsents(f.siti.id, 0, 100); }).size() ==
          4);
    REQUIRE_THAT(f.Part(merge.id), IsOk());
    CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti siti r");
  }
}

TEST_CASE("UndoMerge: who suppresses is told first that they are two, then what each said",
          "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Part(f.Join(f.siti.id, f.hidden.id).id), IsOk());
  CHECK(f.LastConsents() == "+62811/ is not /ID.1\n+62811/ M in\n/ID.1 M out\n");
}

TEST_CASE("UndoMerge: whoever never said anything has opted neither in nor out", "[merges]") {
  MergeFixture f;
  f.SetConsent(kA, f.hidden.id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Part(f.Join(f.siti.id, f.hidden.id).id), IsOk());
  CHECK(f.Names(kA, "marketing_opted_out = true") == "siti r");
  CHECK(f.Names(kA, "marketing_opted_in = true").empty());
  // So a file may say that he agreed.
  ImportChunk chunk;
  chunk.contacts.push_back(
      {.phone = "+62811", .bsuid = "", .patch = {}, .opt_ins = {Purpose::kMarketing}});
  f.Must(kA, [&](Store::Unit& u) { return u.Import(chunk); });
  CHECK(f.Names(kA, "marketing_opted_in = true") == "Siti");
}

TEST_CASE("UndoMerge: a STOP that waits for the undoing finds the contact it was said to",
          "[merges]") {
  MergeFixture f;
  const Merge merge = f.Join(f.siti.id, f.hidden.id);
  std::jthread stop;
  REQUIRE_THAT(
      f.Do(kA,
           [&](Store::Unit& u) -> absl::Status {
             KABAR_RETURN_IF_ERROR(u.UndoMerge(merge.id, "op").status());
             stop = std::jthread([&] {
               const Consent said{f.hidden.id, Purpose::kMarketing, true, "keyword", absl::Now()};
               const absl::Status status = f.store.Write(
                   kA, "Stop", Soon(),
                   [&](Store::Unit& other) { return other.SetConsent(said).status(); });
               if (!status.ok()) f.failed = true;
             });
             f.AwaitLock();
             return absl::OkStatus();
           }),
      IsOk());
  stop.join();
  CHECK_FALSE(f.failed);
  CHECK(f.Names(kA, "marketing_opted_out = true") == "siti r");
}

TEST_CASE("UndoMerge: a file that waits for the undoing finds whose number it is", "[merges]") {
  MergeFixture f;
  const Contact ani = f.Add(kA, "+62812", "Ani");
  const Merge merge = f.Join(f.siti.id, ani.id);
  std::jthread file;
  REQUIRE_THAT(f.Do(kA,
                    [&](Store::Unit& u) -> absl::Status {
                      KABAR_RETURN_IF_ERROR(u.UndoMerge(merge.id, "op").status());
                      file = std::jthread([&] {
                        ImportChunk chunk;
                        chunk.contacts.push_back({.phone = "+62812", .bsuid = "", .patch = {}});
                        chunk.contacts.back().patch.city = "Bogor";
                        chunk.shipments.push_back(
                            {.tracking_number = "JP9", .phone = "+62812", .patch = {}});
                        const absl::Status status = f.store.Write(
                            kA, "File", Soon(),
                            [&](Store::Unit& other) { return other.Import(chunk).status(); });
                        if (!status.ok()) f.failed = true;
                      });
                      f.AwaitLock();
                      return absl::OkStatus();
                    }),
               IsOk());
  file.join();
  CHECK_FALSE(f.failed);
  CHECK(f.OwnerOfShipment("JP9") == ani.id);
  CHECK(f.Get(kA, ani.id).city == "Bogor");
  CHECK(f.Get(kA, f.siti.id).city.empty());
}

TEST_CASE("UndoMerge: an alias that came by an alias of the other goes back with it", "[merges]") {
  MergeFixture f;
  const Merge merge = f.Join(f.siti.id, f.hidden.id);
  f.Must(kA, [](Store::Unit& u) {
    return u.RecognizeSender({.phone = "+62899", .bsuid = "ID.1"}, "");
  });
  REQUIRE_THAT(f.Part(merge.id), IsOk());
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.FindContact({.phone = "+62899"}); }).id ==
        f.hidden.id);
  CHECK(f.Get(kA, f.hidden.id).phone == "+62899");
}

TEST_CASE("UndoMerge: of merges into each other the later goes first", "[merges]") {
  MergeFixture f;
  const Contact third = f.Add(kA, "+62813", "Tiga");
  const Merge inner = f.Join(f.siti.id, f.hidden.id);
  const Merge outer = f.Join(third.id, f.siti.id);
  CHECK(f.Get(kA, f.hidden.id).id == third.id);
  CHECK_THAT(f.Part(inner.id), ReasonIs("MERGE_COVERED"));
  REQUIRE_THAT(f.Part(outer.id), IsOk());
  CHECK(f.Get(kA, f.hidden.id).id == f.siti.id);
  CHECK(f.OwnerOfShipment("JP2") == f.siti.id);
  REQUIRE_THAT(f.Part(inner.id), IsOk());
  CHECK(f.Get(kA, f.hidden.id).name == "siti r");
  CHECK(f.OwnerOfShipment("JP2") == f.hidden.id);
  CHECK(f.Get(kA, third.id).phone == "+62813");
}

TEST_CASE("Import: a shipment by the alias of a merged contact goes back with him", "[merges]") {
  MergeFixture f;
  const Contact other = f.Add(kA, "+62819", "Lain");
  const Merge merge = f.Join(f.siti.id, other.id);
  ImportChunk chunk;
  chunk.contacts.push_back({.phone = "+62819", .bsuid = "", .patch = {}});
  chunk.shipments.push_back({.tracking_number = "JP9", .phone = "+62819", .patch = {}});
  f.Must(kA, [&](Store::Unit& u) { return u.Import(chunk); });
  CHECK(f.OwnerOfShipment("JP9") == f.siti.id);
  CHECK(f.Names(kA, "") == "Siti siti r");  // the import woke nobody up
  REQUIRE_THAT(f.Part(merge.id), IsOk());
  CHECK(f.OwnerOfShipment("JP9") == other.id);
}

TEST_CASE("DeleteContact: who was merged into him goes too", "[merges]") {
  MergeFixture f;
  f.Join(f.siti.id, f.hidden.id);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.hidden.id); }), IsOk());
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
  CHECK(f.Sql("SELECT count(*) FROM contact_merges") == "0");
}

}  // namespace
}  // namespace kabar::contacts
