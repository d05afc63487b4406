#include "libs/fields/fields.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>

namespace kabar::fields {
namespace {

std::string NameOf(absl::string_view written) {
  const auto field = Canonical(written);
  return field.has_value() ? std::string(field->name) : "(none)";
}

TEST_CASE("Canonical: finds what Indonesians write", "[fields]") {
  const std::map<std::string, std::string> kExpected = {
      {"nama", "name"},
      {"Nama Penerima", "name"},
      {"contactname", "name"},
      {"NO_HP", "phone"},
      {"nohp", "phone"},
      {"No. HP", "phone"},
      {"no-wa", "phone"},
      {"whatsapp", "phone"},
      {"telepon", "phone"},
      {"alamat", "address"},
      {"kota", "city"},
      {"provinsi", "province"},
      {"Kelurahan", "subdistrict"},
      {"kec.", "district"},
      {"Kode Pos", "postcode"},
      {"zona waktu", "time_zone"},
      {"skor kepuasan", "satisfaction"},
      {"jenis_layanan", "service_type"},
      {"waktu preferensi", "preferred_time"},
      {"catatan", "notes"},
      {"Nomor Resi", "tracking_number"},
      {"awb", "tracking_number"},
      {"tracking", "tracking_number"},
      {"status_pengiriman", "status"},
      {"posisi", "location"},
      {"ETA", "estimate"},
      {"estimasi.tiba", "estimate"},
      {"nama_kurir", "driver_name"},
      {"no_hp_kurir", "driver_phone"},
      {"alamat_tujuan", "destination_address"},
      {"cod", "cod_amount"},
      {"cod_lunas", "cod_paid"},
      {"alasan_keterlambatan", "delay_reason"},
      {"estimasi_baru", "new_estimate"},
      {"productname", "productname"},
      {"documentnumber", "documentnumber"},
      {"username", "username"},
  };
  for (const auto& [written, name] : kExpected) {
    INFO(written);
    CHECK(NameOf(written) == name);
  }
}

TEST_CASE("Canonical: what is none of ours stays unknown", "[fields]") {
  for (const char* written : {"", "no", "nomor", "nama_ibu", "hp2", "shipment.", "contact.status",
                              "shipment.nama", "._- "}) {
    INFO(written);
    CHECK(NameOf(written) == "(none)");
  }
}

TEST_CASE("Canonical: an owner in front is understood", "[fields]") {
  CHECK(NameOf("shipment.status") == "status");
  CHECK(NameOf("Shipment.no_resi") == "tracking_number");
  CHECK(NameOf("contact.nama") == "name");
  CHECK(Canonical("shipment.status")->owner == Owner::kShipment);
  CHECK(Canonical("cod_amount")->type == Type::kMoney);
}

// Two fields that claim one spelling would make the answer depend on the table's order.
TEST_CASE("the table: every spelling belongs to one field", "[fields]") {
  std::map<std::string, std::string> owner_of;
  for (const Field& field : All()) {
    INFO(field.name);
    CHECK(NameOf(field.name) == field.name);
    CHECK(owner_of.emplace(Key(field.name), std::string(field.name)).second);
    for (const absl::string_view alias : Aliases(field.name)) {
      INFO(alias);
      const auto [at, added] = owner_of.emplace(Key(alias), std::string(field.name));
      CHECK(added);
      CHECK(at->second == field.name);
      CHECK(NameOf(alias) == field.name);
    }
  }
  CHECK(All().size() == 42);
}

TEST_CASE("Key: the same for every spelling of an unknown name", "[fields]") {
  CHECK(Key("No. Polis") == "nopolis");
  CHECK(Key("no_polis") == Key("NO-POLIS"));
  CHECK(Key("kelas") != Key("kelas2"));
}

}  // namespace
}  // namespace kabar::fields
