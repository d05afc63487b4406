// Fields end to end: a file's columns, filters, a template's values, what follows from shipments.
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using Stub = Server::Stub;

struct FieldsFixture : Server {
  v1::Contact Read(const std::string& id) {
    v1::GetContactRequest get;
    get.set_id(id);
    v1::Contact contact;
    REQUIRE_THAT(Call(&Stub::GetContact, get, &contact), IsOk());
    return contact;
  }
  void Parcel(const std::string& number, const std::string& contact_id, const std::string& service,
              int64_t cod, int days_ago) {
    Shipment shipment;
    shipment.tracking_number = number;
    shipment.contact_id = contact_id;
    shipment.service_type = service;
    shipment.cod_amount = cod;
    Must(kA, [&](Store::Unit& u) { return u.UpsertShipment(shipment); });
    Sql(absl::StrCat("UPDATE shipments SET created_at = now() - interval '", days_ago,
                     " days' WHERE tracking_number = '", number, "'"));
  }
};

TEST_CASE("Fields: a file's columns come back from filters and templates", "[fields]") {
  FieldsFixture f;
  v1::ImportContactsResponse report;
  REQUIRE_THAT(
      f.Import("nama,no_hp,kelurahan,kecamatan,kota,provinsi,kode pos,bahasa,gaya,zona waktu,"
               "skor kepuasan,no_resi,jenis layanan,jumlah_kiriman\n"
               "Siti,081234567890,Menteng,Bogor Barat,Bogor,Jawa Barat,16111,id,santai,,4,JP1,"
               "Express,99\n"
               "Made,081234567891,,,Denpasar,Bali,,,,,,,,\n"
               "Yosef,081234567892,,,Jakarta,DKI Jakarta,,,,WIT,,,,\n"
               "Salah,081234567893,,,,,,,,Mars,,,,\n"
               "Nol,081234567894,,,,,,,,,0,,,\n",
               &report),
      IsOk());
  REQUIRE(report.problems_size() == 2);
  CHECK(report.problems(0).reason() == "INVALID_TIME_ZONE");
  CHECK(report.problems(1).reason() == "INVALID_SCORE");
  // What follows from other data is no column.
  REQUIRE(report.ignored_columns_size() == 1);
  CHECK(report.ignored_columns(0) == "jumlah_kiriman");

  const std::map<std::string, std::string> kExpected = {
      {"kelurahan = menteng", "Siti"},
      {"kecamatan = \"bogor barat\"", "Siti"},
      {"kode_pos = 16111", "Siti"},
      {"bahasa = id AND gaya = santai", "Siti"},
      {"satisfaction >= 4", "Siti"},
      {"time_zone = WIB", "Siti"},
      {"time_zone = WITA", "Made"},
      {"zona_waktu = WIT", "Yosef"},
      {"shipment.service_type = express", "Siti"},
      {"layanan = express", "Siti"},
      {"shipments_express = 1", "Siti"},
      {"lifecycle = acquire", "Made Siti Yosef"},
      {"lifecycle = RETAIN", ""},
      {"last_shipment_at > 2020-01-01", "Siti"},
  };
  for (const auto& [filter, names] : kExpected) {
    INFO(filter);
    CHECK(f.Names(kA, filter) == names);
  }

  const SegmentFilter all = f.Filter("nama = Siti");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kContact, all); });
  const auto members = f.Must(kA, [](Store::Unit& u) {
    return u.ListAudience(
        {.run_id = "run",
         .limit = 10,
         .fields = {"subdistrict", "district", "postcode", "language", "style", "time_zone",
                    "satisfaction", "shipments_total", "lifecycle", "shipments_per_month"}});
  });
  REQUIRE(members.size() == 1);
  CHECK(members[0].values == std::vector<std::string>{"Menteng", "Bogor Barat", "16111", "id",
                                                      "santai", "WIB", "4", "1", "acquire", "0.3"});
}

TEST_CASE("Fields: activity and lifecycle follow from shipments", "[fields]") {
  FieldsFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  CHECK(f.Read(siti.id).activity().lifecycle() == v1::ContactActivity::ACQUIRE);
  CHECK_FALSE(f.Read(siti.id).activity().has_last_shipment_time());
  f.Parcel("P1", siti.id, "Reguler", 0, 100);
  f.Parcel("P2", siti.id, "EXPRESS 1 hari", 0, 60);
  CHECK(f.Read(siti.id).activity().lifecycle() == v1::ContactActivity::RETAIN);
  f.Parcel("P3", siti.id, "corporate", 0, 20);
  f.Parcel("P4", siti.id, "cod", 0, 3);
  f.Parcel("P5", siti.id, "reguler", 150000, 2);
  CHECK(f.Read(siti.id).activity().lifecycle() == v1::ContactActivity::RETAIN);
  f.Parcel("P6", siti.id, "expressway", 0, 1);  // another word
  const v1::ContactActivity activity = f.Read(siti.id).activity();
  CHECK(activity.lifecycle() == v1::ContactActivity::ENHANCE);
  CHECK(activity.shipments_total() == 6);
  CHECK(activity.shipments_per_month() == 1.7);
  CHECK(activity.regular() == 2);
  CHECK(activity.express() == 1);
  CHECK(activity.cod() == 2);
  CHECK(activity.corporate() == 1);
  CHECK(activity.has_last_shipment_time());

  Contact vip;
  vip.phone = "+62812";
  vip.name = "Vip";
  vip.vip = true;
  const Contact added = f.Add(kA, vip);
  f.Parcel("V1", added.id, "", 0, 1);
  CHECK(f.Names(kA, "lifecycle = enhance") == "Siti Vip");
}

TEST_CASE("Fields: by the API, checked, masked", "[fields]") {
  FieldsFixture f;
  v1::Contact siti = f.Create("0812-3456-7890", "Siti");
  v1::UpdateContactRequest update;
  update.mutable_contact()->set_id(siti.id());
  update.mutable_contact()->set_province("Papua");
  update.mutable_contact()->set_satisfaction(6);
  v1::Contact updated;
  CHECK_THAT(f.Call(&Stub::UpdateContact, update, &updated),
             HasFieldViolation("contact.satisfaction"));
  update.mutable_contact()->set_satisfaction(5);
  update.mutable_contact()->set_time_zone("Mars");
  CHECK_THAT(f.Call(&Stub::UpdateContact, update, &updated),
             HasFieldViolation("contact.time_zone"));
  update.mutable_contact()->clear_time_zone();
  update.mutable_contact()->set_postcode("99111");
  REQUIRE_THAT(f.Call(&Stub::UpdateContact, update, &updated), IsOk());
  CHECK(f.Read(siti.id()).activity().time_zone() == "WIT");
  update.mutable_contact()->set_time_zone("wib");
  update.mutable_update_mask()->add_paths("time_zone");
  update.mutable_contact()->set_postcode("0");
  REQUIRE_THAT(f.Call(&Stub::UpdateContact, update, &updated), IsOk());
  CHECK(updated.postcode() == "99111");
  CHECK(updated.satisfaction() == 5);
  CHECK(f.Read(siti.id()).activity().time_zone() == "WIB");
}

}  // namespace
}  // namespace kabar::contacts
