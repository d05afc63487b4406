// Importing through the real store: a morning file with everything wrong that can be.
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;

ImportReport ImportFile(StoreFixture& f, const std::string& outlet, const std::string& file,
                        std::size_t chunk_rows = 2000) {
  Importer importer({.zone = absl::FixedTimeZone(7 * 3600), .chunk_rows = chunk_rows},
                    [&](absl::Span<ImportRow> rows) -> absl::StatusOr<ChunkCounts> {
                      const ImportChunk chunk = MergeRows(rows);
                      ChunkCounts counts;
                      KABAR_RETURN_IF_ERROR(f.store.Write(
                          outlet, "Import", Soon(), [&](Store::Unit& u) -> absl::Status {
                            KABAR_ASSIGN_OR_RETURN(counts, u.Import(chunk));
                            return absl::OkStatus();
                          }));
                      return counts;
                    });
  absl::Status status = importer.Feed(file);
  if (status.ok()) status = importer.Finish();
  INFO(status);
  REQUIRE(status.ok());
  CHECK(importer.report().rows == importer.report().accepted + importer.report().refused);
  return importer.report();
}

TEST_CASE("Import: a nasty morning file", "[import]") {
  StoreFixture f;
  const std::string file =
      "\xEF\xBB\xBFNama Penerima;No. HP;Kota;No Resi;Status Pengiriman;Alamat Tujuan;Nilai COD\r\n"
      "Budi;0812-3456-7890;Jakarta;R1;In Transit;\"Jl. Melati; No 5\r\nRT 1\";Rp 150.000\r\n"
      "Siti;+62 0813 3456 7890;Bandung;R2;Delivered;Jl. Mawar;\r\n"
      "Budi S;6281234567890;;R3;In Transit;;-\r\n"  // the same person once more
      "Joko;;Medan;R4;In Transit;;\r\n"             // no phone
      "Ani;8.12E+11;Medan;R5;In Transit;;\r\n"      // Excel
      "\"Rusak\" x;081434567890;Medan;R6;In Transit;;\r\n"
      "\r\n"
      "Dewi;(021) 555-1234;Jakarta;R2;Delayed;Jl. Baru;0\r\n"  // R2 again, of someone else
      "Eko;081534567890;Solo;R7;In Transit;Jl. A; No 3;;\r\n"  // cells too many
      "Tanpa Resi;081634567890;Solo;;;;\r\n";
  const ImportReport report = ImportFile(f, kA, file);
  CHECK(report.rows == 9);
  CHECK(report.accepted == 5);
  CHECK(report.refused == 4);
  CHECK(report.counts.contacts_created == 4);
  CHECK(report.counts.contacts_updated == 0);
  CHECK(report.counts.shipments_created == 3);
  CHECK(f.Names(kA, "") == "Budi S Dewi Siti Tanpa Resi");

  const Contact budi = f.Find(kA, "+6281234567890");
  CHECK(budi.name == "Budi S");
  CHECK(budi.city == "Jakarta");
  const Shipment r1 = f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R1"); });
  CHECK(r1.destination_address == "Jl. Melati; No 5\nRT 1");
  CHECK(r1.cod_amount == 150000);
  CHECK(r1.contact_id == budi.id);
  const Shipment r2 = f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R2"); });
  CHECK(r2.status == "Delayed");
  CHECK(r2.contact_id == f.Find(kA, "+62215551234").id);

  // The same file again changes nothing but the counts.
  const ImportReport again = ImportFile(f, kA, file);
  CHECK(again.accepted == 5);
  CHECK(again.counts.contacts_created == 0);
  CHECK(again.counts.contacts_updated == 4);
  CHECK(again.counts.shipments_created == 0);
  CHECK(again.counts.shipments_updated == 3);
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "4");
}

TEST_CASE("Import: small chunks give the same as one", "[import]") {
  StoreFixture f;
  std::string file = "nama,hp,resi,status\n";
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&file, "N", i, ",0812345678", 10 + i % 20, ",R", i % 30, ",S", i, "\n");
  }
  const ImportReport report = ImportFile(f, kA, file, 7);
  CHECK(report.accepted == 50);
  CHECK(report.counts.contacts_created == 20);
  CHECK(report.counts.shipments_created == 30);
  CHECK(f.Find(kA, "+62812345678" + std::to_string(19)).name == "N49");
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R19"); }).status == "S49");
}

TEST_CASE("Import: what a file does not say stays", "[import]") {
  StoreFixture f;
  ImportFile(f, kA,
             "nama,hp,kota,resi,status,alasan_terlambat,hp kurir,tags,attributes.a,vip\n"
             "Budi,081234567890,Bogor,R1,Delayed,Hujan,081311112222,x;y,1,ya\n");
  ImportFile(f, kA,
             "nama,hp,kota,resi,status,alasan_terlambat,tags,attributes.b,vip\n"
             ",081234567890,,R1,In Transit,,\"Y,z\",2,\n");
  const Contact budi = f.Find(kA, "+6281234567890");
  CHECK(budi.name == "Budi");
  CHECK(budi.city == "Bogor");
  CHECK(budi.vip);
  CHECK(budi.tags == std::vector<std::string>{"x", "y", "z"});
  CHECK(budi.attributes == std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}});
  const Shipment r1 = f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R1"); });
  CHECK(r1.status == "In Transit");
  CHECK(r1.delay_reason.empty());              // the column is there, the cell is empty
  CHECK(r1.driver_phone == "+6281311112222");  // the column is not there
}

TEST_CASE("Import: never touches a consent, not even of a deleted contact", "[import]") {
  StoreFixture f;
  const Contact kept = f.Add(kA, "+6281234567890", "Budi");
  const Contact deleted = f.Add(kA, "+6281234567891", "Siti");
  f.SetConsent(kA, kept.id, Purpose::kMarketing, true);
  f.SetConsent(kA, deleted.id, Purpose::kDeliveryUpdates, true);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(deleted.id); }), IsOk());
  ImportFile(f, kA, "nama,hp,marketing_opted_out\nA,081234567890,false\nB,081234567891,false\n");
  CHECK(f.Names(kA, "marketing_opted_out = true") == "A");
  CHECK(f.Names(kA, "delivery_updates_opted_out = true") == "B");
}

TEST_CASE("Import: bsuids, and two phones of one contact in a chunk", "[import]") {
  StoreFixture f;
  ImportFile(f, kA, "nama,hp,bsuid\nBudi,081234567890,ID.1\nSiti,081234567891,ID.1\n");
  CHECK(f.Find(kA, "+6281234567890").bsuid == "ID.1");
  CHECK(f.Find(kA, "+6281234567891").bsuid.empty());
  const Contact budi = f.Must(kA, [](Store::Unit& u) { return u.FindContact("", "ID.1"); });
  CHECK(budi.name == "Budi");
  f.Must(kA, [](Store::Unit& u) {
    return u.FindOrInsertContact({.id = "", .phone = "+6281234567892", .bsuid = "ID.1"});
  });
  const ImportReport report =
      ImportFile(f, kA, "nama,hp\nBudi 1,081234567890\nBudi 2,081234567892\n");
  CHECK(report.counts.contacts_created == 0);
  CHECK(report.counts.contacts_updated == 1);
  CHECK(f.Get(kA, budi.id).phone == "+6281234567890");
}

TEST_CASE("Import: outlets do not mix", "[import]") {
  StoreFixture f;
  ImportFile(f, kA, "nama,hp,resi,status\nA,081234567890,R1,a\n");
  const ImportReport report = ImportFile(f, kB, "nama,hp,resi,status\nB,081234567890,R1,b\n");
  CHECK(report.counts.contacts_created == 1);
  CHECK(report.counts.shipments_created == 1);
  CHECK(f.Find(kA, "+6281234567890").name == "A");
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R1"); }).status == "a");
}

TEST_CASE("Import: imports of the same people at once end well", "[import]") {
  StoreFixture f;
  std::string up = "nama,hp,resi\n";
  std::string down = up;
  for (int i = 0; i < 300; ++i) {
    absl::StrAppend(&up, "U,08123456", 1000 + i, ",R", 1000 + i, "\n");
    absl::StrAppend(&down, "D,08123456", 1299 - i, ",R", 1299 - i, "\n");
  }
  std::vector<std::jthread> threads;
  for (const std::string* file : {&up, &down, &up, &down}) {
    threads.emplace_back([&f, file] {
      Importer importer({.chunk_rows = 50}, [&](absl::Span<ImportRow> rows) {
        const ImportChunk chunk = MergeRows(rows);
        absl::StatusOr<ChunkCounts> counts = ChunkCounts();
        const absl::Status status =
            f.store.Write(kA, "Import", Soon(), [&](Store::Unit& u) -> absl::Status {
              counts = u.Import(chunk);
              return counts.status();
            });
        return status.ok() ? counts : absl::StatusOr<ChunkCounts>(status);
      });
      (void)importer.Feed(*file);
      (void)importer.Finish();
    });
  }
  threads.clear();
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "300");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities") == "300");
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "300");
}

}  // namespace
}  // namespace kabar::contacts
