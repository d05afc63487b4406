// Segments against PostgreSQL: dates, aggregates, named segments, the library, explanations.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

using Stub = Server::Stub;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

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

struct Saved : Server {
  absl::Status Save(const std::string& name, const std::string& filter) {
    v1::CreateSegmentRequest request;
    request.mutable_segment()->set_name(name);
    request.mutable_segment()->set_filter(filter);
    v1::Segment response;
    const absl::Status status = Call(&Stub::CreateSegment, request, &response);
    if (status.ok()) ids[name] = response.id();
    return status;
  }
  absl::Status Change(const std::string& name, const std::string& filter,
                      const std::string& new_name = "") {
    v1::UpdateSegmentRequest request;
    request.mutable_segment()->set_id(ids[name]);
    request.mutable_segment()->set_filter(filter);
    request.mutable_segment()->set_name(new_name);
    v1::Segment response;
    return Call(&Stub::UpdateSegment, request, &response);
  }
  absl::Status Delete(const std::string& name) {
    v1::DeleteSegmentRequest request;
    request.set_id(ids[name]);
    v1::DeleteSegmentResponse response;
    return Call(&Stub::DeleteSegment, request, &response);
  }
  int64_t CountOf(const std::string& filter, const std::string& key = "viewer-a") {
    v1::CountSegmentRequest request;
    request.set_filter(filter);
    v1::CountSegmentResponse response;
    REQUIRE_THAT(Call(&Stub::CountSegment, request, &response, key), IsOk());
    return response.contacts();
  }
  std::map<std::string, std::string> ids;
};

TEST_CASE("Segments API: segments within segments", "[handler]") {
  Saved s;
  const v1::Contact ani = s.Create("081200000001", "Ani");
  const v1::Contact budi = s.Create("081200000002", "Budi");
  s.Ship(kA, "A1", ani.id(), "Delayed");
  s.Ship(kA, "B1", budi.id(), "Delivered");
  REQUIRE_THAT(s.Save("Terlambat", "shipment.status = Delayed"), IsOk());
  REQUIRE_THAT(s.Save("Nama A", "name = a*"), IsOk());
  REQUIRE_THAT(s.Save("Keduanya", "segment(\"terlambat\") AND segment(\"NAMA A\")"), IsOk());

  CHECK(s.CountOf("segment(\"Keduanya\")") == 1);
  CHECK(s.CountOf(absl::StrCat("segment(\"", s.ids["Keduanya"], "\") OR name = budi")) == 2);
  CHECK(s.CountOf("NOT segment(\"Nama A\")") == 1);
  v1::ListShipmentsRequest shipments;
  shipments.set_filter("segment(\"Keduanya\")");
  v1::ListShipmentsResponse found;
  REQUIRE_THAT(s.Call(&Stub::ListShipments, shipments, &found), IsOk());
  REQUIRE(found.shipments_size() == 1);
  CHECK(found.shipments(0).tracking_number() == "A1");
  v1::CreateAudienceRequest audience;
  audience.set_run_id("run-1");
  audience.set_subject(v1::SHIPMENT);
  audience.set_segment_id(s.ids["Keduanya"]);
  v1::Audience made;
  REQUIRE_THAT(s.Call(&Stub::CreateAudience, audience, &made), IsOk());
  CHECK(made.size() == 1);

  // Another outlet's segments cannot be named.
  v1::CountSegmentRequest count;
  count.set_filter("segment(\"Nama A\")");
  v1::CountSegmentResponse size;
  const absl::Status foreign = s.Call(&Stub::CountSegment, count, &size, "viewer-b");
  CHECK_THAT(foreign, StatusIs(kInvalid, "no segment \"Nama A\""));
  CHECK_THAT(foreign, HasFieldViolation("filter"));

  // Nothing that makes a circle, or breaks who names it.
  CHECK_THAT(s.Change("Terlambat", "segment(\"Keduanya\")"),
             StatusIs(kInvalid, "\"Terlambat\" -> \"Keduanya\" -> \"Terlambat\""));
  CHECK_THAT(s.Save("Baru", "segment(\"Baru\")"), StatusIs(kInvalid, "no segment \"Baru\""));
  CHECK_THAT(s.Delete("Nama A"), ReasonIs("SEGMENT_IN_USE"));
  CHECK_THAT(s.Change("Nama A", "name = a*", "Lain"), ReasonIs("SEGMENT_IN_USE"));
  CHECK_THAT(s.Save("nama a", "name = b*"), ReasonIs("SEGMENT_IN_USE"));
  REQUIRE_THAT(s.Save("Bukan A", "NOT segment(\"Nama A\")"), IsOk());
  CHECK_THAT(s.Change("Nama A", "name = a* AND shipment.cod_amount > 0"),
             ReasonIs("SEGMENT_IN_USE"));
  // Two levels up, where only the one above is still right.
  REQUIRE_THAT(s.Save("Dasar", "name = a*"), IsOk());
  REQUIRE_THAT(s.Save("Tengah", "segment(\"Dasar\") AND vip = true"), IsOk());
  REQUIRE_THAT(s.Save("Atas", "NOT segment(\"Tengah\")"), IsOk());
  CHECK_THAT(s.Change("Dasar", "shipment.status = Delayed"), ReasonIs("SEGMENT_IN_USE"));
  REQUIRE_THAT(s.Change("Nama A", "name = b*"), IsOk());
  CHECK(s.CountOf("segment(\"Keduanya\")") == 0);
  REQUIRE_THAT(s.Delete("Keduanya"), IsOk());
  REQUIRE_THAT(s.Delete("Bukan A"), IsOk());
  REQUIRE_THAT(s.Delete("Nama A"), IsOk());

  // Two of one name.
  REQUIRE_THAT(s.Save("Ganda", "vip = true"), IsOk());
  const std::string first = s.ids["Ganda"];
  REQUIRE_THAT(s.Save("Ganda", "vip = false"), IsOk());
  CHECK_THAT(s.Save("Atas ganda", "segment(\"ganda\")"), StatusIs(kInvalid, "several segments"));
  CHECK(s.CountOf(absl::StrCat("segment(\"", first, "\")")) == 0);
}

TEST_CASE("Segments API: the library is installed once", "[handler]") {
  Saved s;
  REQUIRE_THAT(s.Save("PELANGGAN vip", "vip = true"), IsOk());
  v1::InstallLibrarySegmentsRequest some;
  some.add_codes("pembeli-30-hari");
  some.add_codes("pembeli-30-hari");
  v1::InstallLibrarySegmentsResponse installed;
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, some, &installed), IsOk());
  CHECK(installed.installed_size() == 1);
  CHECK(installed.present_size() == 0);
  v1::InstallLibrarySegmentsRequest all;
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed), IsOk());
  std::vector<std::string> present(installed.present().begin(), installed.present().end());
  CHECK(present == std::vector<std::string>{"pembeli-30-hari", "vip"});
  const int rest = installed.installed_size();
  REQUIRE_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed), IsOk());
  CHECK(installed.installed_size() == 0);
  CHECK(installed.present_size() == rest + 2);
  CHECK_THAT(s.Call(&Stub::InstallLibrarySegments, all, &installed, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  some.add_codes("nothing");
  CHECK_THAT(s.Call(&Stub::InstallLibrarySegments, some, &installed), HasFieldViolation("codes"));
}

// Whom each finds, and who only looks like it.
TEST_CASE("Segments API: each of the library finds its people and nobody else", "[handler]") {
  Saved s;
  struct Customer {
    const char* name;
    const char* set;  // of his row
    const char* status;
    int shipments;
  };
  const Customer customers[] = {
      {"Sering", "notes = ''", "Delivered", 6},
      {"Sekali", "notes = ''", "Delivered", 1},
      {"Vip", "vip = true", "", 0},
      {"Bertag", "tags = '{VIP}'", "", 0},
      {"Biasa", "vip = false, tags = '{vipers}'", "", 0},
      {"Reguler", "service_type = 'Reguler', city = 'Kota Jakarta Selatan'", "", 0},
      {"Regular", "service_type = 'REGULAR', city = 'Jakarta'", "", 0},
      {"Express", "service_type = 'Express', city = 'Surabaya'", "", 0},
      {"Cod", "service_type = 'COD', city = 'Bandung'", "", 0},
      {"Noncod", "service_type = 'Non-COD', city = 'Kab. Bandung Barat'", "", 0},
      {"Korporat", "service_type = 'Korporat', city = 'Medan'", "", 0},
      {"Sumedang", "service_type = 'lain', city = 'Kab. Sumedang'", "", 0},
      {"Semarang", "city = 'Semarang'", "", 0},
      {"Makassar", "city = 'Kota Makassar'", "", 0},
      {"Jalan", "notes = ''", "Sedang diantar kurir", 1},
      {"Out", "notes = ''", "Out for Delivery", 1},
      {"Selesai", "notes = ''", "Telah diantar", 1},
      {"Gagal", "notes = ''", "Gagal diantar", 1},
      {"Menunggu", "notes = ''", "Menunggu pengantaran", 1},
      {"Kemarin", "notes = ''", "Out for Delivery", 1},
  };
  int number = 0;
  for (const Customer& one : customers) {
    ++number;
    const v1::Contact made = s.Create(absl::StrCat("08120000", 1000 + number), one.name);
    s.Sql(absl::StrCat("UPDATE contacts SET ", one.set, " WHERE id = '", made.id(), "'"));
    for (int i = 0; i < one.shipments; ++i) {
      s.Ship(kA, absl::StrCat("N", number, "-", i), made.id(), one.status);
    }
  }
  s.Sql(
      "UPDATE shipments SET updated_at = now() - interval '2 days', created_at = now() - "
      "interval '31 days' WHERE contact_id = (SELECT id FROM contacts WHERE name = 'Kemarin')");
  v1::InstallLibrarySegmentsResponse installed;
  REQUIRE_THAT(
      s.Call(&Stub::InstallLibrarySegments, v1::InstallLibrarySegmentsRequest(), &installed),
      IsOk());
  std::map<std::string, std::string> found;
  for (const v1::Segment& segment : installed.installed()) {
    found[segment.name()] = s.Names(kA, segment.filter());
  }
  const std::map<std::string, std::string> expected = {
      {"Pembeli 30 hari terakhir", "Gagal Jalan Menunggu Out Sekali Selesai Sering"},
      {"Lebih dari 5 kiriman sebulan", "Sering"},
      {"Pelanggan VIP", "Bertag Vip"},
      {"Layanan reguler", "Regular Reguler"},
      {"Layanan express", "Express"},
      {"Layanan COD", "Cod"},
      {"Layanan korporat", "Korporat"},
      {"Kota Jakarta", "Regular Reguler"},
      {"Kota Surabaya", "Express"},
      {"Kota Bandung", "Cod"},
      {"Kota Medan", "Korporat"},
      {"Kota Semarang", "Semarang"},
      {"Kota Makassar", "Makassar"},
      {"Paket diantar hari ini", "Jalan Out"},
  };
  CHECK(found == expected);
  v1::ListLibrarySegmentsResponse library;
  REQUIRE_THAT(
      s.Call(&Stub::ListLibrarySegments, v1::ListLibrarySegmentsRequest(), &library, "viewer-a"),
      IsOk());
  CHECK(library.segments_size() == static_cast<int>(expected.size()));
}

TEST_CASE("Segments API: explained with a sample", "[handler]") {
  Saved s;
  s.Create("081200000001", "Ani");
  s.Create("081200000002", "Budi");
  REQUIRE_THAT(s.Save("A", "name = a*"), IsOk());
  v1::ExplainSegmentRequest request;
  request.set_filter("segment(\"A\") AND vip = false");
  v1::ExplainSegmentResponse response;
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response, "viewer-a"), IsOk());
  CHECK(response.everyone() == 2);
  CHECK(response.contacts() == 1);
  REQUIRE(response.clauses_size() == 2);
  CHECK(response.clauses(0).text() == "segment(\"A\")");
  CHECK(response.clauses(1).alone() == 2);
  CHECK(response.clauses(1).together() == 1);
  REQUIRE(response.sample_size() == 1);
  CHECK(response.sample(0).name() == "Ani");
  request.set_segment_id(s.ids["A"]);
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response), IsOk());
  CHECK(response.contacts() == 1);
  request.set_filter("");
  request.set_page_size(1);
  REQUIRE_THAT(s.Call(&Stub::ExplainSegment, request, &response), IsOk());
  CHECK(response.contacts() == 2);
  CHECK(response.sample_size() == 1);
  request.set_filter("name = ");
  CHECK_THAT(s.Call(&Stub::ExplainSegment, request, &response), HasFieldViolation("filter"));
}

}  // namespace
}  // namespace kabar::contacts
