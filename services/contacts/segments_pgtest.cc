// Filters against PostgreSQL: dates, aggregates, how shipments choose contacts, explanations.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

// 2026-11-22 12:00 in Jakarta. Ani has three shipments, one of them made half an hour after
// Jakarta's midnight; Budi an old one; Cici none. The other outlet's Dodi has what nobody must see.
struct People : StoreFixture {
  People() {
    Contact ani;
    ani.phone = "+6281200000001";
    ani.name = "Ani";
    ani.city = "Jakarta";
    ani.tags = {"VIP"};
    const std::string ani_id = Add(kA, ani).id;
    const std::string budi_id = Add(kA, "+6281200000002", "Budi").id;
    Contact cici;
    cici.phone = "+6281200000003";
    cici.name = "Cici";
    cici.city = "jakarta";
    Add(kA, cici);
    Made(kA, "A1", ani_id, "Delivered", 50000, true, "2026-11-21 10:00+07");
    Made(kA, "A2", ani_id, "delivered", 0, false, "2026-10-30 10:00+07");
    Made(kA, "A3", ani_id, "In Transit", 100000, false, "2026-11-22 00:30+07");
    Made(kA, "B1", budi_id, "Delivered", 0, false, "2026-08-01 10:00+07");
    // Ids are an outlet's own: the same one may stand in both.
    Sql(absl::StrCat("INSERT INTO contacts (outlet_id, id, name) VALUES ('toko-b', '", ani_id,
                     "', 'Dodi')"));
    const std::string& dodi_id = ani_id;
    for (const char* number : {"D1", "D2", "D3", "D4"}) {
      Made(kB, number, dodi_id, "Delivered", 700000, false, "2026-11-22 09:00+07");
    }
  }
  void Made(const std::string& outlet, const std::string& number, const std::string& contact_id,
            const std::string& status, int64_t cod, bool paid, const std::string& time) {
    Shipment shipment;
    shipment.tracking_number = number;
    shipment.contact_id = contact_id;
    shipment.status = status;
    shipment.cod_amount = cod;
    shipment.cod_paid = paid;
    Must(outlet, [&](Store::Unit& unit) { return unit.UpsertShipment(shipment); });
    Sql(absl::StrCat("UPDATE shipments SET created_at = '", time, "', updated_at = '", time,
                     "' WHERE outlet_id = '", outlet, "' AND tracking_number = '", number, "'"));
  }
  SegmentFilter At(const std::string& text) {
    auto filter = noon.Check(text);
    INFO(text);
    INFO(filter.status());
    REQUIRE(filter.ok());
    return *std::move(filter);
  }
  std::string Who(const std::string& text) {
    const SegmentFilter filter = At(text);
    const auto found =
        Must(kA, [&](Store::Unit& unit) { return unit.ListContacts(filter, "", 1000); });
    std::vector<std::string> names;
    for (const Contact& one : found) names.push_back(one.name);
    std::sort(names.begin(), names.end());
    // Counting must agree with listing, with and without shipments.
    for (const bool contacts_only : {false, true}) {
      const auto size =
          Must(kA, [&](Store::Unit& unit) { return unit.CountSegment(filter, contacts_only); });
      INFO(text);
      CHECK(size.contacts == static_cast<int64_t>(names.size()));
    }
    std::string out;
    for (const std::string& name : names) absl::StrAppend(&out, out.empty() ? "" : " ", name);
    return out;
  }

  testing::FakeClock clock{absl::FromUnixSeconds(1795323600)};
  SegmentLanguage noon{absl::FixedTimeZone(7 * 3600), clock};
};

TEST_CASE("Segments: today and now, in the service's zone", "[segments]") {
  People p;
  CHECK(p.Who("shipment.created_at = today") == "Ani");
  CHECK(p.Who("shipment.created_at = today AND shipment.status = delivered") == "");
  CHECK(p.Who("shipment.created_at < today") == "Ani Budi");
  CHECK(p.Who("shipment.created_at = today - 1d AND shipment.cod_amount = 50000") == "Ani");
  CHECK(p.Who("shipment.created_at <= today - 90d") == "Budi");
  CHECK(p.Who("shipment.created_at <= today + 1d AND NOT shipment.created_at < today") == "Ani");
  CHECK(p.Who("shipment.updated_at > now - 12h") == "Ani");
  CHECK(p.Who("shipment.updated_at > now - 11h") == "");
  CHECK(p.Who("shipment.updated_at >= today + 30min") == "Ani");
  CHECK(p.Who("shipment.updated_at >= today + 31min") == "");
}

TEST_CASE("Segments: count, sum and last of a contact's shipments", "[segments]") {
  People p;
  CHECK(p.Who("shipments.count() > 0") == "Ani Budi");
  CHECK(p.Who("shipments.count() = 0") == "Cici");
  CHECK(p.Who("shipments.count() != 3") == "Budi Cici");
  CHECK(p.Who("shipments.count(30d) >= 3") == "Ani");
  CHECK(p.Who("shipments.count(2w) = 2") == "Ani");
  CHECK(p.Who("shipments.count(12h) = 1") == "Ani");
  CHECK(p.Who("NOT shipments.count(90d) >= 1") == "Budi Cici");
  CHECK(p.Who("shipments.count((status = \"Delivered\"), 30d) > 1") == "Ani");
  CHECK(p.Who("shipments.count((status = \"Delivered\"), 14d) > 1") == "");
  CHECK(p.Who("shipments.count((status = \"Delivered\" AND NOT cod_amount > 0)) = 1") ==
        "Ani Budi");
  CHECK(p.Who("shipments.count((created_at = today)) = 1") == "Ani");
  CHECK(p.Who("shipments.sum(cod_amount) = 150000") == "Ani");
  CHECK(p.Who("shipments.sum(cod_amount, (cod_paid = false)) = 100000") == "Ani");
  CHECK(p.Who("shipments.sum(cod_amount, 14d) < 1") == "Budi Cici");
  CHECK(p.Who("shipments.last() < today - 90d") == "Budi");
  CHECK(p.Who("shipments.last((status:deliv*)) = 2026-11-21") == "Ani");
  CHECK(p.Who("shipments.last((status = Delayed)) < now") == "");
  CHECK(p.Who("shipments.last() != today") == "Budi Cici");
  CHECK(p.Who("city = JAKARTA AND (shipments.count(1w) > 1 OR shipments.count() < 1)") ==
        "Ani Cici");
  // Beside clauses over one shipment.
  CHECK(p.Who("shipment.status = \"In Transit\" AND shipments.count((status = Delivered)) > 1") ==
        "Ani");
}

TEST_CASE("Segments: an estimate in words or figures is a time where it is asked for one",
          "[segments]") {
  People p;
  const auto estimate = [&](const std::string& text) {
    p.Sql(absl::StrCat("UPDATE shipments SET estimate = '", text,
                       "' WHERE outlet_id = 'toko-a' AND tracking_number = 'A1'"));  // of 11-21
  };
  const auto on = [&](const std::string& text, const std::string& day) {
    estimate(text);
    INFO(text);
    CHECK(p.Who("shipment.eta = " + day) == "Ani");
  };
  on("2026-11-23", "2026-11-23");
  on("23/11/2026", "today + 1d");
  on("paling lambat 3-12-2026 sore", "2026-12-03");
  on("2026-11-23 14:30", "\"2026-11-23 14:30\"");
  on("23.11.2026 08.15 WIB", "\"2026-11-23 08:15\"");
  on("14:00", "\"2026-11-21 14:00\"");
  on("hari ini", "today - 1d");
  on("Besok siang", "today");
  on("lusa", "today + 1d");
  on("1 hari", "today");
  on("2-3 hari kerja", "today + 2d");
  on("31/02/2026", "2026-03-03");
  estimate("2 hari");
  CHECK(p.Who("shipment.eta <= today + 1d") == "Ani");
  CHECK(p.Who("shipment.eta < today + 1d") == "");
  CHECK(p.Who("shipments.count((estimasi <= today + 1d)) = 1") == "Ani");
  CHECK(p.Who("shipment.eta = \"2 hari\"") == "Ani");
  for (const char* nothing : {"segera", "", "99/99/2026", "25:99", "2026-13-01"}) {
    estimate(nothing);
    INFO(nothing);
    CHECK(p.Who("shipment.eta < today + 999d OR shipment.eta >= today - 999d") == "");
  }
}

TEST_CASE("Segments: an aggregate chooses shipments for an audience too", "[segments]") {
  People p;
  const SegmentFilter filter = p.At("shipments.count(30d) > 2 AND shipment.status = delivered");
  const auto audience = p.Must(kA, [&](Store::Unit& unit) {
    return unit.CreateAudience("run-1", Subject::kShipment, filter);
  });
  CHECK(audience.size == 2);
  CHECK(p.Sql("SELECT string_agg(tracking_number, ' ' ORDER BY tracking_number) "
              "FROM audience_members") == "A1 A2");
}

TEST_CASE("ExplainSegment: how each clause narrows or widens", "[segments]") {
  People p;
  const auto explain = [&](const std::string& text) {
    const SegmentFilter filter = p.At(text);
    const SegmentExplanation found =
        p.Must(kA, [&](Store::Unit& unit) { return unit.ExplainSegment(filter); });
    std::string out = absl::StrCat(found.contacts, "/", found.everyone, found.any_of ? " any" : "");
    for (const auto& clause : found.clauses) {
      absl::StrAppend(&out, "; ", clause.text, " ", clause.alone, " ", clause.together);
    }
    return out;
  };
  CHECK(explain("") == "3/3");
  CHECK(explain("city = Jakarta") == "2/3; city = \"Jakarta\" 2 2");
  CHECK(explain("NOT (city = Jakarta OR vip = true)") ==
        "1/3; NOT (city = \"Jakarta\" OR vip = \"true\") 1 1");
  CHECK(explain("city = Jakarta AND shipments.count() > 0 AND tags:vip") ==
        "1/3; city = \"Jakarta\" 2 2; shipments.count() > \"0\" 2 1; tags : \"vip\" 1 1");
  // Over shipments a contact needs one shipment that is all of it.
  CHECK(explain("shipment.status = delivered AND shipment.cod_amount > 0 AND "
                "shipment.created_at = today") ==
        "0/3; shipment.status = \"delivered\" 2 2; shipment.cod_amount > \"0\" 1 1; "
        "shipment.created_at = \"today\" 1 0");
  CHECK(explain("city = Bandung OR tags:vip OR city = jakarta") ==
        "2/3 any; city = \"Bandung\" 0 0; tags : \"vip\" 1 1; city = \"jakarta\" 2 2");
}

TEST_CASE("Segments: taken apart or asked pair by pair, a filter finds the same people",
          "[segments]") {
  People p;
  // Who() compares the three: counted pair by pair, counted apart, listed.
  CHECK(p.Who("shipment.status = delivered") == "Ani Budi");
  CHECK(p.Who("city = Jakarta AND shipment.status = delivered") == "Ani");
  CHECK(p.Who("(city = Jakarta AND name = a*) AND shipment.status = delivered") == "Ani");
  CHECK(p.Who("shipment.status = \"In Transit\" AND shipment.cod_amount = 50000") == "");
  CHECK(p.Who("shipment.status = delivered AND (shipment.cod_amount > 0 OR "
              "shipment.updated_at < today - 90d)") == "Ani Budi");
  CHECK(p.Who("NOT vip = true AND shipment.cod_paid = false") == "Ani Budi");
  // True of who has no shipment: these cannot be taken apart.
  CHECK(p.Who("shipment.status != delivered") == "Ani Cici");
  CHECK(p.Who("NOT shipment.status = delivered") == "Ani Cici");
  CHECK(p.Who("shipment.location = \"\"") == "Ani Budi Cici");
  CHECK(p.Who("city = Jakarta OR shipment.status = delivered") == "Ani Budi Cici");
  CHECK(p.Who("city = Jakarta AND NOT shipment.status:*") == "Cici");
  const std::pair<const char*, int64_t> audiences[] = {
      {"shipment.status = delivered", 2},
      {"NOT shipment.status = delivered", 2},
      {"city = Jakarta AND shipment.status = delivered", 1},
      {"city = Jakarta", 2}};
  for (const auto& [text, size] : audiences) {
    INFO(text);
    const SegmentFilter filter = p.At(text);
    const auto audience = p.Must(kA, [&, run = std::string(text)](Store::Unit& unit) {
      return unit.CreateAudience(run, Subject::kContact, filter);
    });
    CHECK(audience.size == size);
  }
}

TEST_CASE("Segments: free attributes are compared as what they are compared with", "[segments]") {
  People p;
  const auto give = [&](const std::string& name, const std::string& json) {
    p.Sql(absl::StrCat("UPDATE contacts SET attributes = '", json,
                       "' WHERE outlet_id = 'toko-a' AND name = '", name, "'"));
  };
  give("Ani", R"({"umur": "9", "lahir": "2026-11-22", "kode": "A9"})");
  give("Budi", R"({"umur": "17.5", "lahir": "1999-02-31", "kode": "A10"})");
  give("Cici", R"({"umur": "tua", "lahir": "kemarin", "kode": ""})");
  CHECK(p.Who("attributes.umur > 9") == "Budi");
  CHECK(p.Who("attributes.umur >= 9") == "Ani Budi");
  CHECK(p.Who("attributes.umur < 10") == "Ani");
  CHECK(p.Who("attributes.umur <= -1") == "");
  CHECK(p.Who("attributes.umur = 9") == "Ani");
  CHECK(p.Who("attributes.umur:*") == "Ani Budi Cici");
  CHECK(p.Who("attributes.lahir = today") == "Ani");
  CHECK(p.Who("attributes.lahir < 2000-01-01") == "Budi");
  CHECK(p.Who("attributes.lahir != today") == "Budi Cici");
  CHECK(p.Who("attributes.lahir > today - 1w AND attributes.umur < 10") == "Ani");
  CHECK(p.Who("attributes.kode > a1") == "Ani Budi");
  CHECK(p.Who("attributes.kode >= A9") == "Ani");
}

TEST_CASE("Segments: tags and VIP, without regard to case", "[segments]") {
  People p;
  p.Sql(
      "UPDATE contacts SET tags = '{Élite,baru}', vip = true "
      "WHERE outlet_id = 'toko-a' AND name = 'Budi'");
  p.Sql("UPDATE contacts SET vip = false WHERE outlet_id = 'toko-a' AND name = 'Cici'");
  // Of another outlet.
  p.Sql("UPDATE contacts SET tags = '{vip,baru}', vip = true WHERE outlet_id = 'toko-b'");
  CHECK(p.Who("tags:vip") == "Ani");
  CHECK(p.Who("tags = Vip") == "Ani");
  CHECK(p.Who("tags:BARU") == "Budi");
  CHECK(p.Who("tags:élite") == "Budi");
  CHECK(p.Who("tags:b*") == "Budi");
  CHECK(p.Who("tags != vip") == "Budi Cici");
  CHECK(p.Who("NOT tags:baru") == "Ani Cici");
  CHECK(p.Who("tags:*") == "Ani Budi");
  CHECK(p.Who("vip = true") == "Budi");
  CHECK(p.Who("vip != false") == "Budi");
  CHECK(p.Who("vip = false") == "Ani Cici");
  CHECK(p.Who("vip != true") == "Ani Cici");
  CHECK(p.Who("vip = true OR tags:vip") == "Ani Budi");
}

}  // namespace
}  // namespace kabar::contacts
