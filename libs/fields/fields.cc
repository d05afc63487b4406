#include "libs/fields/fields.h"

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace kabar::fields {
namespace {

struct Entry {
  Field field;
  std::vector<absl::string_view> aliases;
};

// Written with underscores for the reader; the lookup drops them. A bare "no" is left out on
// purpose: in most files it is the row's running number. So is a bare "nomor".
const std::vector<Entry>& Table() {
  using enum Owner;
  using enum Type;
  static const auto* const kTable = new std::vector<Entry>{
      {{"name", kContact, kText},
       {"nama", "nama_penerima", "nama_pelanggan", "nama_kontak", "nama_lengkap", "nama_customer",
        "contact_name", "customer_name", "full_name", "recipient_name", "penerima", "pelanggan"}},
      {{"phone", kContact, kPhone},
       {"no_hp",
        "nomor_hp",
        "hp",
        "hp_penerima",
        "no_hp_penerima",
        "handphone",
        "no_handphone",
        "telepon",
        "telpon",
        "telp",
        "no_telepon",
        "no_telpon",
        "no_telp",
        "nomor_telepon",
        "telepon_penerima",
        "telp_penerima",
        "nomor_telp",
        "no_telp_penerima",
        "nomor_handphone",
        "wa",
        "no_wa",
        "nomor_wa",
        "whatsapp",
        "no_whatsapp",
        "nomor_whatsapp",
        "phone_number",
        "recipient_phone",
        "mobile",
        "msisdn"}},
      {{"address", kContact, kText},
       {"alamat", "alamat_lengkap", "alamat_rumah", "alamat_pelanggan"}},
      {{"city", kContact, kText},
       {"kota", "kota_penerima", "kabupaten", "kota_kabupaten", "kab_kota"}},
      {{"subdistrict", kContact, kText}, {"kelurahan", "kel", "desa", "kelurahan_desa"}},
      {{"district", kContact, kText}, {"kecamatan", "kec"}},
      {{"province", kContact, kText}, {"provinsi", "propinsi", "prov"}},
      {{"postcode", kContact, kText}, {"kode_pos", "postal_code", "zip", "zip_code"}},
      {{"service_type", kContact, kText},
       {"layanan", "jenis_layanan", "tipe_layanan", "service", "jenis_service"}},
      {{"vip", kContact, kBool}, {"is_vip", "pelanggan_vip", "status_vip"}},
      {{"preferred_time", kContact, kText},
       {"waktu_preferensi", "preferensi_waktu", "waktu_antar", "waktu_pengantaran", "jam_antar",
        "preferred_delivery_time"}},
      {{"notes", kContact, kText}, {"catatan", "keterangan", "note", "catatan_khusus"}},
      {{"language", kContact, kText}, {"bahasa"}},
      {{"style", kContact, kText}, {"gaya", "gaya_bahasa", "gaya_komunikasi"}},
      {{"time_zone", kContact, kText}, {"zona_waktu"}},
      {{"satisfaction", kContact, kNumber}, {"kepuasan", "skor_kepuasan", "nilai_kepuasan"}},

      {{"lifecycle", kContact, kText, true}, {"tahap_pelanggan"}},
      {{"shipments_total", kContact, kNumber, true}, {"jumlah_kiriman", "total_kiriman"}},
      {{"shipments_7d", kContact, kNumber, true}, {}},
      {{"shipments_30d", kContact, kNumber, true}, {}},
      {{"shipments_90d", kContact, kNumber, true}, {}},
      {{"shipments_per_month", kContact, kNumber, true}, {"frekuensi_kiriman"}},
      {{"shipments_regular", kContact, kNumber, true}, {"kiriman_reguler"}},
      {{"shipments_express", kContact, kNumber, true}, {"kiriman_ekspres"}},
      {{"shipments_cod", kContact, kNumber, true}, {"kiriman_cod"}},
      {{"shipments_corporate", kContact, kNumber, true}, {"kiriman_korporat"}},
      {{"last_shipment_at", kContact, kTime, true}, {"kiriman_terakhir"}},

      {{"tracking_number", kShipment, kText},
       {"no_resi", "resi", "nomor_resi", "kode_resi", "awb", "no_awb", "nomor_awb", "awb_number",
        "airway_bill", "tracking", "tracking_no", "tracking_id", "tracking_code"}},
      {{"status", kShipment, kText},
       {"status_pengiriman", "status_kiriman", "status_paket", "status_resi", "delivery_status",
        "shipment_status"}},
      {{"location", kShipment, kText},
       {"lokasi", "posisi", "lokasi_terakhir", "posisi_terakhir", "lokasi_paket", "posisi_paket",
        "current_location", "last_location"}},
      {{"estimate", kShipment, kText},
       {"estimasi", "estimasi_tiba", "estimasi_sampai", "perkiraan_tiba", "eta",
        "estimated_arrival", "estimated_delivery"}},
      {{"driver_name", kShipment, kText},
       {"kurir", "nama_kurir", "driver", "nama_driver", "pengantar", "courier_name"}},
      {{"driver_phone", kShipment, kPhone},
       {"hp_kurir", "no_hp_kurir", "nomor_hp_kurir", "telepon_kurir", "telp_kurir", "no_telp_kurir",
        "wa_kurir", "no_wa_kurir", "kontak_kurir", "no_kurir", "hp_driver", "no_hp_driver",
        "courier_phone"}},
      {{"destination_address", kShipment, kText},
       {"alamat_tujuan", "alamat_penerima", "alamat_kirim", "alamat_pengiriman", "tujuan",
        "delivery_address", "shipping_address"}},
      {{"cod_amount", kShipment, kMoney},
       {"cod", "nilai_cod", "jumlah_cod", "nominal_cod", "total_cod", "tagihan_cod"}},
      {{"cod_paid", kShipment, kBool},
       {"cod_lunas", "lunas", "cod_dibayar", "cod_terbayar", "status_cod"}},
      {{"delay_reason", kShipment, kText},
       {"alasan_keterlambatan", "alasan_terlambat", "alasan_tunda", "alasan_delay",
        "penyebab_keterlambatan"}},
      {{"new_estimate", kShipment, kText},
       {"estimasi_baru", "estimasi_tiba_baru", "eta_baru", "new_eta"}},
      {{"updated_at", kShipment, kTime},
       {"diperbarui", "waktu_update", "update_terakhir", "tanggal_update", "last_update",
        "last_updated", "waktu_status"}},

      {{"productname", kTrigger, kText}, {"nama_produk", "produk", "nama_barang", "product"}},
      {{"documentnumber", kTrigger, kText}, {"no_dokumen", "nomor_dokumen", "document_no"}},
      {{"username", kTrigger, kText}, {"nama_pengguna", "nama_user"}},
  };
  return *kTable;
}

const absl::flat_hash_map<std::string, Field>& Index() {
  static const auto* const kIndex = [] {
    auto* index = new absl::flat_hash_map<std::string, Field>();
    for (const Entry& entry : Table()) {
      index->emplace(Key(entry.field.name), entry.field);
      for (const absl::string_view alias : entry.aliases) index->emplace(Key(alias), entry.field);
    }
    return index;
  }();
  return *kIndex;
}

std::optional<Field> Find(absl::string_view name) {
  const auto found = Index().find(Key(name));
  if (found == Index().end()) return std::nullopt;
  return found->second;
}

// "shipment.status" -> "status" when `prefix` is "shipment.".
bool ConsumeOwner(absl::string_view prefix, absl::string_view* name) {
  if (!absl::StartsWithIgnoreCase(*name, prefix)) return false;
  name->remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::string Key(absl::string_view name) {
  std::string key;
  key.reserve(name.size());
  for (const char c : name) {
    if (c == '_' || c == '-' || c == '.' || absl::ascii_isspace(static_cast<unsigned char>(c))) {
      continue;
    }
    key.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  }
  return key;
}

std::optional<Field> Canonical(absl::string_view name) {
  if (const std::optional<Field> field = Find(name)) return field;
  Owner owner;
  if (ConsumeOwner("contact.", &name)) {
    owner = Owner::kContact;
  } else if (ConsumeOwner("shipment.", &name)) {
    owner = Owner::kShipment;
  } else {
    return std::nullopt;
  }
  const std::optional<Field> field = Find(name);
  if (!field.has_value() || field->owner != owner) return std::nullopt;
  return field;
}

absl::Span<const Field> All() {
  static const auto* const kAll = [] {
    auto* all = new std::vector<Field>();
    for (const Entry& entry : Table()) all->push_back(entry.field);
    return all;
  }();
  return *kAll;
}

absl::Span<const absl::string_view> Aliases(absl::string_view canonical_name) {
  for (const Entry& entry : Table()) {
    if (entry.field.name == canonical_name) return entry.aliases;
  }
  return {};
}

}  // namespace kabar::fields
