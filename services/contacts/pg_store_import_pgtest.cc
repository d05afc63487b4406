// Importing through the real store: a morning file with everything wrong that can be.
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

#include "libs/fields/fields.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;

// Without assertions: also for other threads.
absl::StatusOr<ImportReport> TryImport(StoreFixture& f, const std::string& outlet,
                                       const std::string& file, std::size_t chunk_rows) {
  Importer importer({.zone = absl::FixedTimeZone(7 * 3600), .chunk_rows = chunk_rows},
                    [&](FileChunk& part) -> absl::StatusOr<ChunkCounts> {
                      const ImportChunk chunk = MergeRows(absl::MakeSpan(part.rows));
                      ChunkCounts counts;
                      KABAR_RETURN_IF_ERROR(f.store.Write(
                          outlet, "Import", Soon(), [&](Store::Unit& u) -> absl::Status {
                            KABAR_ASSIGN_OR_RETURN(counts, u.Import(chunk));
                            return absl::OkStatus();
                          }));
                      return counts;
                    });
  KABAR_RETURN_IF_ERROR(importer.Feed(file));
  KABAR_RETURN_IF_ERROR(importer.Finish());
  return importer.report();
}

ImportReport ImportFile(StoreFixture& f, const std::string& outlet, const std::string& file,
                        std::size_t chunk_rows = 2000) {
  absl::StatusOr<ImportReport> report = TryImport(f, outlet, file, chunk_rows);
  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->rows == report->accepted + report->refused);
  return *std::move(report);
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

// Of people who say little only the usual columns are copied and compared; whatever one of a chunk
// says besides must be seen, alone and among such people.
TEST_CASE("Import: each column alone, of a new contact and of a known one", "[import]") {
  struct Column {
    std::string header;
    std::string cell;
    std::string sql;  // how it reads in the store
    std::string stored;
  };
  std::vector<Column> columns = {{"tags", "x", "array_to_string(tags, ' ')", "x"},
                                 {"attributes.a", "1", "attributes ->> 'a'", "1"}};
  for (const fields::Field& field : fields::All()) {
    if (field.owner != fields::Owner::kContact || field.derived || field.name == "phone") continue;
    const std::string name(field.name);
    Column column{name, "Isi", name, "Isi"};
    if (field.type == fields::Type::kBool) column = {name, "ya", name + "::text", "true"};
    if (field.type == fields::Type::kNumber) column = {name, "4", name + "::text", "4"};
    if (name == "time_zone") column.cell = column.stored = "WIT";
    columns.push_back(std::move(column));
  }
  REQUIRE(columns.size() >= 17);
  StoreFixture f;
  int people = 0;
  for (const Column& column : columns) {
    for (const bool known : {false, true}) {
      for (const bool among_others : {false, true}) {
        INFO(column.header << (known ? ", known" : ", new") << (among_others ? ", not alone" : ""));
        const std::string before = absl::StrCat("0812345", 10000 + people++);
        const std::string number = absl::StrCat("0812345", 10000 + people++);
        const std::string after = absl::StrCat("0812345", 10000 + people++);
        std::string everybody = "no_hp\n";
        for (const std::string& one : {before, number, after}) {
          absl::StrAppend(&everybody, one, "\n");
        }
        if (known) ImportFile(f, kA, everybody);
        std::string file = absl::StrCat("no_hp,", column.header, "\n");
        if (among_others) absl::StrAppend(&file, before, ",\n");
        absl::StrAppend(&file, number, ",", column.cell, "\n");
        if (among_others) absl::StrAppend(&file, after, ",\n");
        ImportFile(f, kA, file);
        CHECK(f.Sql(absl::StrCat("SELECT ", column.sql, " FROM contacts WHERE phone = '+62",
                                 number.substr(1), "'")) == column.stored);
        CHECK(f.Sql(absl::StrCat("SELECT count(*) FROM contacts WHERE ", column.sql, " = '",
                                 column.stored, "' AND phone IN ('+62", before.substr(1), "', '+62",
                                 after.substr(1), "')")) == "0");
      }
    }
  }
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
  const Contact budi = f.Must(kA, [](Store::Unit& u) { return u.FindContact({.bsuid = "ID.1"}); });
  CHECK(budi.name == "Budi");
  f.Must(kA, [](Store::Unit& u) {
    return u.FindOrInsertContact({.id = "", .phone = "+6281234567892", .bsuid = "ID.1"});
  });
  const ImportReport report =
      ImportFile(f, kA, "nama,hp,kota\nBudi 1,081234567892,Solo\nBudi 2,081234567890,\n");
  CHECK(report.counts.contacts_created == 0);
  CHECK(report.counts.contacts_updated == 1);
  CHECK(f.Get(kA, budi.id).phone == "+6281234567890");
  CHECK(f.Get(kA, budi.id).name == "Budi 2");  // the later row
  CHECK(f.Get(kA, budi.id).city == "Solo");    // what only the earlier one says
}

TEST_CASE("Import: writes only what the file says anew", "[import]") {
  StoreFixture f;
  const std::string file =
      "nama,hp,kota,tags,attributes.a,resi,status,waktu update\n"
      "Budi,081234567890,Solo,x,1,R1,In Transit,22/11/2026 08:00\n"
      "Siti,081234567891,,,,R2,In Transit,22/11/2026 08:00\n";
  ImportFile(f, kA, file);
  const auto versions = [&](const char* table) {
    return f.Sql(absl::StrCat("SELECT string_agg(ctid::text, ' ' ORDER BY id) FROM ", table));
  };
  const std::string contacts = versions("contacts");
  const std::string shipments = versions("shipments");
  const ImportReport again = ImportFile(f, kA, file);
  CHECK(again.counts.contacts_updated == 2);
  CHECK(again.counts.shipments_updated == 2);
  CHECK(versions("contacts") == contacts);
  CHECK(versions("shipments") == shipments);
  // Each value alone is news.
  for (const char* news : {"nama,hp\nBudi S,081234567890\n", "kota,hp\nBogor,081234567890\n",
                           "tags,hp\ny,081234567890\n", "attributes.a,hp\n2,081234567890\n",
                           "vip,hp\ntidak,081234567890\n"}) {
    INFO(news);
    const std::string before = versions("contacts");
    ImportFile(f, kA, news);
    CHECK(versions("contacts") != before);
  }
  // A file without times says that its shipments stand so now: their age begins anew.
  f.Sql("UPDATE shipments SET updated_at = '2026-01-01'");
  ImportFile(f, kA, "hp,resi,status\n081234567890,R1,In Transit\n");
  CHECK(f.Sql("SELECT count(*) FROM shipments WHERE updated_at > '2026-01-02'") == "1");
}

TEST_CASE("Import: a shipment goes over to another contact, and stays when the first one goes",
          "[import]") {
  StoreFixture f;
  ImportFile(f, kA, "nama,hp,resi\nBudi,081234567890,R1\n");
  const std::string budi = f.Find(kA, "+6281234567890").id;
  const ImportReport report = ImportFile(f, kA, "nama,hp,resi\nSiti,081234567891,R1\n");
  CHECK(report.counts.shipments_updated == 1);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(budi); }), IsOk());
  const Shipment r1 = f.Must(kA, [](Store::Unit& u) { return u.FindShipment("R1"); });
  CHECK(r1.contact_id == f.Find(kA, "+6281234567891").id);
}

constexpr char kOrphans[] =
    "SELECT (SELECT count(*) FROM shipments s WHERE NOT EXISTS (SELECT 1 FROM contacts c WHERE "
    "c.outlet_id = s.outlet_id AND c.id = s.contact_id)) + (SELECT count(*) FROM "
    "contact_identities i WHERE NOT EXISTS (SELECT 1 FROM contacts c WHERE c.outlet_id = "
    "i.outlet_id AND c.id = i.contact_id))";

TEST_CASE("Import: what belongs to a contact goes with him, and nothing else", "[import]") {
  StoreFixture f;
  ImportFile(f, kA, "hp,bsuid,resi\n081234567890,ID.1,R1\n081234567890,,R2\n081234567891,,R3\n");
  ImportFile(f, kB, "hp,resi\n081234567890,R1\n");
  const std::string id = f.Find(kA, "+6281234567890").id;
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(id); }), IsOk());
  CHECK(f.Sql(kOrphans) == "0");
  CHECK(f.Sql("SELECT string_agg(outlet_id || ' ' || tracking_number, ', ' ORDER BY 1) "
              "FROM shipments") == "toko-a R3, toko-b R1");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities") == "2");
}

// Deletions, API calls and two imports of the same people and shipments, all at once.
TEST_CASE("Import: beside API calls nothing is lost, beside deletions nothing is orphaned",
          "[import]") {
  const bool deletions = GENERATE(false, true);
  StoreFixture f;
  constexpr int kPeople = 60;
  const auto phone = [](int i) { return absl::StrCat("+628123456", 1000 + i); };
  std::string file = "nama,hp,resi\n";
  for (int i = 0; i < kPeople; ++i) {
    absl::StrAppend(&file, "N,", phone(i), ",R", i, "\nM,", phone(kPeople - i), ",Q", i, "\n");
  }
  std::atomic<bool> over = false;
  std::atomic<int> deleted = 0;
  std::vector<std::jthread> others;
  for (int part = 0; part < 2; ++part) {
    others.emplace_back([&, part] {
      for (int i = part; !over; i = (i + 2) % kPeople) {
        (void)f.Do(kA, [&](Store::Unit& u) -> absl::Status {
          Contact wanted;
          wanted.phone = phone(i);
          wanted.bsuid = absl::StrCat("ID.", i * 13 % kPeople);  // mostly somebody else's by now
          KABAR_ASSIGN_OR_RETURN(const Contact contact, u.FindOrInsertContact(wanted));
          Shipment shipment;
          shipment.tracking_number = absl::StrCat("R", (i * 7) % kPeople);
          shipment.contact_id = contact.id;
          return u.UpsertShipment(shipment).status();
        });
        if (!deletions) {
          ++deleted;
          continue;
        }
        const absl::Status gone = f.Do(kA, [&](Store::Unit& u) -> absl::Status {
          KABAR_ASSIGN_OR_RETURN(const Contact contact,
                                 u.FindContact({.phone = phone(i * 11 % kPeople)}));
          return contact.id.empty() ? absl::OkStatus() : u.DeleteContact(contact.id);
        });
        deleted += gone.ok();
      }
    });
  }
  for (int round = 0; round < 3 || deleted < 100; ++round) {
    absl::Status second;
    std::jthread other([&] { second = TryImport(f, kA, file, 25).status(); });
    const absl::Status first = TryImport(f, kA, file, 40).status();
    other.join();
    CHECK_THAT(first, IsOk());
    CHECK_THAT(second, IsOk());
  }
  over = true;
  others.clear();
  CHECK(f.Sql(kOrphans) == "0");
  if (deletions) ImportFile(f, kA, file);  // what they took along comes again
  CHECK(f.Sql(kOrphans) == "0");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities WHERE kind = 'phone'") ==
        absl::StrCat(kPeople + 1));
  CHECK(f.Sql("SELECT count(*) FROM shipments") == absl::StrCat(2 * kPeople));
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
  std::vector<absl::Status> ends(4, absl::UnknownError("not run"));
  std::vector<std::jthread> threads;
  for (const std::string* file : {&up, &down, &up, &down}) {
    absl::Status& end = ends[threads.size()];
    threads.emplace_back([&f, &end, file] { end = TryImport(f, kA, *file, 50).status(); });
  }
  threads.clear();
  for (const absl::Status& end : ends) CHECK_THAT(end, IsOk());
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "300");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities") == "300");
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "300");
}

}  // namespace
}  // namespace kabar::contacts
