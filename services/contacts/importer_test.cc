#include "services/contacts/importer.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "libs/testing/status_matchers.h"
#include "services/contacts/import_chunk.h"
#include "services/contacts/testing/workbook.h"

namespace kabar::contacts {
namespace {

struct Imported {
  absl::Status status;
  ImportReport report;
  std::vector<ImportRow> rows;
  std::vector<std::size_t> chunks;
};

Imported Import(const std::string& file, ImportOptions options = {}) {
  Imported out;
  options.zone = absl::FixedTimeZone(7 * 3600);
  Importer importer(options, [&](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
    out.chunks.push_back(chunk.rows.size());
    for (ImportRow& row : chunk.rows) out.rows.push_back(std::move(row));
    return ChunkCounts{.contacts_created = static_cast<int64_t>(chunk.rows.size())};
  });
  out.status = importer.Feed(file);
  if (out.status.ok()) out.status = importer.Finish();
  out.report = importer.report();
  CHECK(out.report.rows == out.report.accepted + out.report.refused);
  return out;
}

TEST_CASE("Importer: Indonesian headers, typed cells", "[import]") {
  const Imported got = Import(
      "No;Nama Penerima;No. HP;Kota;VIP;No Resi;Status Pengiriman;Nilai COD;COD Lunas;"
      "HP Kurir;Waktu Update;Tags;Warna\n"
      "1;Budi;0812-3456-7890;Jakarta;ya;JKT001;In Transit;Rp 150.000;belum;0813 1111 2222;"
      "22/11/2026 08.30;vip, baru;merah\n");
  REQUIRE_THAT(got.status, testing::IsOk());
  REQUIRE(got.rows.size() == 1);
  const ImportRow& row = got.rows[0];
  CHECK(row.phone == "+6281234567890");
  CHECK(row.contact.name == "Budi");
  CHECK(row.contact.city == "Jakarta");
  CHECK(row.contact.vip == true);
  CHECK(row.contact.tags == std::vector<std::string>{"vip", "baru"});
  CHECK(row.tracking_number == "JKT001");
  CHECK(row.shipment.status == "In Transit");
  CHECK(row.shipment.cod_amount == 150000);
  CHECK(row.shipment.cod_paid == false);
  CHECK(row.shipment.driver_phone == "+6281311112222");
  CHECK(row.shipment.updated_at == absl::FromUnixSeconds(1795311000));
  CHECK_FALSE(row.shipment.location.has_value());
  CHECK(got.report.delimiter == ';');
  CHECK(got.report.ignored_columns == std::vector<std::string>{"No", "Warna"});
  CHECK(got.report.counts.contacts_created == 1);
}

TEST_CASE("Importer: an empty cell says nothing of a contact, but something of a shipment",
          "[import]") {
  const Imported got =
      Import("nama,hp,kota,resi,status,alasan_terlambat,cod\n,08123456789,,R1,Delivered,,\n");
  REQUIRE(got.rows.size() == 1);
  CHECK_FALSE(got.rows[0].contact.name.has_value());
  CHECK_FALSE(got.rows[0].contact.city.has_value());
  CHECK(got.rows[0].shipment.delay_reason == "");
  CHECK(got.rows[0].shipment.cod_amount == 0);
}

TEST_CASE("Importer: every kind of bad row is reported and the rest goes on", "[import]") {
  const std::string file =
      "nama,hp,resi,status,cod,lunas,waktu update,hp kurir\n"
      "A,081234567890,R1,Transit,,,,\n"
      "B,,R2,Transit,,,,\n"
      "C,0812,R3,Transit,,,,\n"
      "D,8.12345E+11,R4,Transit,,,,\n"
      "\n"
      "E,081234567891,R5,Transit,lima,,,\n"
      "F,081234567892,R6,Transit,,mungkin,,\n"
      "G,081234567893,R7,Transit,,,kemarin,\n"
      "H,081234567894,R8,Transit,,,,xx\n"
      "I,081234567895,1.2E+15,Transit,,,,\n"
      "J,081234567896,,Transit,,,,\n"
      "K,081234567897,R9,Jl. A, No 5,,,,\n"
      "L,081234567898,R10\n"
      "\"M\" x,081234567899,R11,Transit,,,,\n"
      "N\x81,081234567800,R12,Transit,,,,\n" +
      std::string("O\0,081234567801,R13,Transit,,,,\n", 32) + "P" + std::string(300, 'x') +
      ",081234567802,R14,Transit,,,,\n"
      "Q,081234567803,R15,\"Transit\n2\",,,,\n";
  const Imported got = Import(file);
  REQUIRE_THAT(got.status, testing::IsOk());
  CHECK(got.report.rows == 17);
  CHECK(got.report.accepted == 2);
  CHECK(got.report.refused == 15);
  std::string reasons;
  for (const RowProblem& p : got.report.problems) {
    reasons += std::to_string(p.row) + " " + p.column + " " + p.reason + "\n";
    CHECK_FALSE(p.message.empty());
  }
  CHECK(
      reasons ==
      "3 hp REQUIRED\n4 hp PHONE_TOO_SHORT\n5 hp PHONE_SCIENTIFIC_NOTATION\n7 cod INVALID_AMOUNT\n"
      "8 lunas INVALID_YES_NO\n9 waktu update INVALID_TIME\n10 hp kurir PHONE_NOT_A_NUMBER\n"
      "11 resi INVALID_TRACKING_NUMBER\n12  TRACKING_NUMBER_MISSING\n13  COLUMN_COUNT\n"
      "14  COLUMN_COUNT\n15  BAD_QUOTES\n16 nama NOT_TEXT\n17 nama NOT_TEXT\n18 nama TOO_LONG\n");
  CHECK(got.rows[1].shipment.status == "Transit\n2");
}

TEST_CASE("Importer: a formula's error is no value", "[import]") {
  const Imported got =
      Import("hp,nama,catatan\n081234567890,#N/A,\n#REF!,Budi,\n081234567891,# 5,x\n");
  CHECK(got.report.accepted == 1);
  REQUIRE(got.report.problems.size() == 2);
  CHECK(got.report.problems[0].reason == "FORMULA_ERROR");
  CHECK(got.report.problems[1].reason == "FORMULA_ERROR");
}

TEST_CASE("Importer: refused rows come back as a file that can be imported again", "[import]") {
  const Imported got = Import(
      "nama;hp;alamat\nA;081234567890;x\n\"B; \"\"b\"\"\";0812;\"Jl. C\nNo "
      "1\"\nC;;\nD;0813;a;b;c\n");
  CHECK(got.report.refused_csv ==
        "nama;hp;alamat;row;column;reason\n"
        "\"B; \"\"b\"\"\";0812;\"Jl. C\nNo 1\";3;hp;PHONE_TOO_SHORT\n"
        "C;;;4;hp;REQUIRED\n"
        "D;0813;a;5;;COLUMN_COUNT;b;c\n");
  const Imported again = Import(got.report.refused_csv);
  CHECK_THAT(again.status, testing::IsOk());
  CHECK(again.report.rows == 3);
  CHECK(again.report.ignored_columns == std::vector<std::string>{"row", "column", "reason"});
  CHECK(Import("hp\n081234567890\n").report.refused_csv.empty());
}

TEST_CASE("Importer: the report is bounded, the figures are not", "[import]") {
  std::string file = "hp,nama\n";
  for (int i = 0; i < 500; ++i) file += "0812,someone\n";
  const Imported got = Import(file, {.max_problems = 10, .max_refused_bytes = 400});
  CHECK(got.report.refused == 500);
  CHECK(got.report.problems.size() == 10);
  CHECK(got.report.refused_csv.size() <= 400);
  CHECK(got.report.refused_csv_truncated);
}

TEST_CASE("Importer: chunks", "[import]") {
  std::string file = "hp\n";
  for (int i = 0; i < 25; ++i) file += "0812345678" + std::to_string(10 + i) + "\n";
  const Imported got = Import(file, {.chunk_rows = 10});
  CHECK(got.chunks == std::vector<std::size_t>{10, 10, 5});
  CHECK(got.report.counts.contacts_created == 25);
}

TEST_CASE("Importer: a file that cannot be understood is refused whole", "[import]") {
  CHECK_THAT(Import("").status, testing::ReasonIs("FILE_EMPTY"));
  CHECK_THAT(Import("\n\n").status, testing::ReasonIs("FILE_EMPTY"));
  CHECK_THAT(Import("nama,resi\nA,R1\n").status, testing::ReasonIs("HEADER_NO_PHONE"));
  CHECK_THAT(Import("Budi,081234567890,Jakarta\n").status, testing::ReasonIs("HEADER_NO_PHONE"));
  CHECK_THAT(Import("no_hp,whatsapp\n1,2\n").status, testing::ReasonIs("HEADER_AMBIGUOUS"));
  CHECK_THAT(Import("hp,\x81\n").status, testing::ReasonIs("HEADER_NOT_TEXT"));
  CHECK_THAT(Import("hp,\"x\n081234567890,b\n").status, testing::ReasonIs("HEADER_NOT_TEXT"));
  const Imported headerless = Import("Budi,081234567890,Jakarta\n");
  CHECK(std::string(headerless.status.message()).find("0812") == std::string::npos);
}

TEST_CASE("Importer: the mapping goes before the table", "[import]") {
  const Imported got = Import(
      "Kontak,whatsapp,no_hp,warna\nBudi,081234567890,x,merah\n",
      {.mapping = {{"Kontak", "nama"}, {"no_hp", ""}, {"warna", "attributes.Warna Favorit"}}});
  REQUIRE_THAT(got.status, testing::IsOk());
  REQUIRE(got.rows.size() == 1);
  CHECK(got.rows[0].contact.name == "Budi");
  CHECK(got.rows[0].phone == "+6281234567890");
  CHECK(got.rows[0].contact.attributes ==
        std::map<std::string, std::string>{{"Warna Favorit", "merah"}});
  CHECK(got.report.ignored_columns == std::vector<std::string>{"no_hp"});
  CHECK_THAT(Import("hp\n1\n", {.mapping = {{"telp", "phone"}}}).status,
             testing::ReasonIs("MAPPING_UNKNOWN_COLUMN"));
  CHECK_THAT(Import("hp\n1\n", {.mapping = {{"hp", "telefax"}}}).status,
             testing::ReasonIs("MAPPING_UNKNOWN_FIELD"));
}

TEST_CASE("Importer: an error of the store says how far it came", "[import]") {
  int calls = 0;
  Importer importer({.chunk_rows = 1}, [&](FileChunk&) -> absl::StatusOr<ChunkCounts> {
    if (++calls == 2) return absl::UnavailableError("no database");
    return ChunkCounts{};
  });
  const absl::Status status = importer.Feed("hp\n081234567890\n081234567891\n081234567892\n");
  CHECK_THAT(status, testing::StatusIs(absl::StatusCode::kUnavailable, "behind row 1"));
}

TEST_CASE("Importer: chunks are written one by one in the file's order, while the next is read",
          "[import]") {
  absl::Mutex mutex;
  int writing = 0;
  bool alone = true;
  std::string order;
  Importer importer({.chunk_rows = 1}, [&](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
    {
      absl::MutexLock lock(&mutex);
      alone = alone && ++writing == 1;
      order += chunk.rows[0].tracking_number;
    }
    std::this_thread::yield();  // a second writer has its chance
    absl::MutexLock lock(&mutex);
    --writing;
    return ChunkCounts{.shipments_created = 1};
  });
  std::string file = "hp,resi\n";
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    absl::StrAppend(&file, "081234567890,R", i, "\n");
    absl::StrAppend(&expected, "R", i);
  }
  REQUIRE_THAT(importer.Feed(file), testing::IsOk());
  REQUIRE_THAT(importer.Finish(), testing::IsOk());
  CHECK(alone);
  CHECK(order == expected);
  CHECK(importer.report().counts.shipments_created == 50);
}

TEST_CASE("Importer: nothing is written behind a chunk that failed", "[import]") {
  std::string begun;
  Importer importer({.chunk_rows = 1}, [&](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
    begun += chunk.rows[0].tracking_number;
    return absl::UnavailableError("no database");
  });
  const absl::Status status =
      importer.Feed("hp,resi\n081234567890,R1\n081234567891,R2\n081234567892,R3\n");
  CHECK_THAT(status, testing::StatusIs(absl::StatusCode::kUnavailable, "behind row 0"));
  CHECK(begun == "R1");
}

// Until the writer fails, and what was kept of it until then.
ImportSoFar CutOff(const std::string& file, int chunks, ImportOptions options) {
  ImportSoFar kept;
  Importer importer(options, [&](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
    if (chunks-- == 0) return absl::UnavailableError("no database");
    kept.progress = chunk.until;
    kept.progress.counts.contacts_created += static_cast<int64_t>(chunk.rows.size());
    for (const RowProblem& problem : chunk.refused.problems) {
      kept.refused.problems.push_back(problem);
    }
    kept.refused.csv += chunk.refused.csv;
    kept.refused.csv_truncated = kept.refused.csv_truncated || chunk.refused.csv_truncated;
    return ChunkCounts{.contacts_created = static_cast<int64_t>(chunk.rows.size())};
  });
  absl::Status status = importer.Feed(file);
  if (status.ok()) status = importer.Finish();
  CHECK_FALSE(status.ok());
  return kept;
}

TEST_CASE("Importer: goes on behind the last chunk, with the report of a whole import",
          "[import]") {
  std::string file = "hp,nama\n";
  for (int i = 0; i < 40; ++i) {
    file += i % 3 == 0 ? "0812,bad\n" : absl::StrCat("0812345678", 10 + i, ",N\n");
  }
  const ImportOptions options{.chunk_rows = 7, .max_problems = 5, .max_refused_bytes = 200};
  const Imported whole = Import(file, options);
  for (int chunks = 0; chunks < 6; ++chunks) {
    CAPTURE(chunks);
    const ImportSoFar kept = CutOff(file, chunks, options);
    CHECK(kept.progress.rows == 7 * chunks);
    Imported rest;
    Importer importer(
        options,
        [&](FileChunk& chunk) -> absl::StatusOr<ChunkCounts> {
          for (ImportRow& row : chunk.rows) rest.rows.push_back(std::move(row));
          return ChunkCounts{.contacts_created = static_cast<int64_t>(chunk.rows.size())};
        },
        kept);
    REQUIRE_THAT(importer.Feed(file), testing::IsOk());
    REQUIRE_THAT(importer.Finish(), testing::IsOk());
    const ImportReport& report = importer.report();
    CHECK(report.rows == 40);
    CHECK(report.accepted == whole.report.accepted);
    CHECK(report.refused == whole.report.refused);
    CHECK(report.counts.contacts_created == whole.report.counts.contacts_created);
    CHECK(report.refused_csv == whole.report.refused_csv);
    CHECK(report.refused_csv_truncated == whole.report.refused_csv_truncated);
    CHECK(report.problems.size() == whole.report.problems.size());
    CHECK(report.rows_before == 7 * chunks);
    // None twice, none lost.
    CHECK(static_cast<int64_t>(rest.rows.size()) == report.accepted - kept.progress.accepted);
  }
}

TEST_CASE("Importer: goes on with the same file only", "[import]") {
  std::string file = "hp,nama\n";
  for (int i = 0; i < 40; ++i) absl::StrAppend(&file, "0812345678", 10 + i, ",N\n");
  const ImportSoFar kept = CutOff(file, 2, {.chunk_rows = 10});
  const auto go_on = [&](const std::string& other) {
    int written = 0;
    Importer importer(
        {.chunk_rows = 10},
        [&](FileChunk&) -> absl::StatusOr<ChunkCounts> {
          ++written;
          return ChunkCounts{};
        },
        kept);
    absl::Status status = importer.Feed(other);
    if (status.ok()) status = importer.Finish();
    CHECK((status.ok() || written == 0));
    return status;
  };
  CHECK_THAT(go_on(file), testing::IsOk());
  CHECK_THAT(go_on(file + "081234567890,more\n"), testing::IsOk());
  std::string other = file;
  other[file.find('N')] = 'M';
  CHECK_THAT(go_on(other), testing::ReasonIs("IMPORT_FILE_CHANGED"));
  CHECK_THAT(go_on("nama,hp\n" + file.substr(8)), testing::ReasonIs("IMPORT_FILE_CHANGED"));
  CHECK_THAT(go_on(file.substr(0, 100)), testing::ReasonIs("IMPORT_FILE_CHANGED"));
}

TEST_CASE("Importer: Windows-1252 is read and said", "[import]") {
  const Imported got =
      Import("hp,nama\n081234567890,Andr\xE9\n0812,\x93x\x94\n081234567891,Budi\n");
  REQUIRE_THAT(got.status, testing::IsOk());
  REQUIRE(got.rows.size() == 2);
  CHECK(got.rows[0].contact.name == "André");
  CHECK(got.report.windows_1252_rows == 2);
  CHECK(got.report.refused_csv == "hp,nama,row,column,reason\n0812,“x”,3,hp,PHONE_TOO_SHORT\n");
  const Imported marked = Import("\xEF\xBB\xBFhp,nama\n081234567890,Andr\xE9\n");
  CHECK(marked.report.refused == 1);
  CHECK(marked.report.windows_1252_rows == 0);
}

TEST_CASE("Importer: a workbook goes the same way as a CSV file", "[import]") {
  const std::string file = Zipped(
      WorkbookParts(TextRows({{"Nama", "No. HP", "No Resi", "Waktu Update"},
                              {"Budi", "0812-3456-7890", "R1"},
                              {"Siti", "0812", "R2"}}) +
                    "<row><c t=\"s\"><v>2</v></c><c><v>81234567891</v></c><c><v>12345678901</v></c>"
                    "<c s=\"2\"><v>46348.354166666664</v></c></row>"));
  const Imported got = Import(file);
  REQUIRE_THAT(got.status, testing::IsOk());
  REQUIRE(got.rows.size() == 2);
  CHECK(got.rows[0].contact.name == "Budi");
  CHECK(got.rows[1].phone == "+6281234567891");
  CHECK(got.rows[1].tracking_number == "12345678901");
  CHECK(got.rows[1].shipment.updated_at == absl::FromUnixSeconds(1795311000));
  CHECK(got.report.refused_csv ==
        "Nama,No. HP,No Resi,Waktu Update,row,column,reason\n"
        "Siti,0812,R2,,3,No. HP,PHONE_TOO_SHORT\n");
  CHECK_THAT(Import("hp\n081234567890\n", {.sheet = "Pagi"}).status,
             testing::HasFieldViolation("options.sheet"));
  CHECK_THAT(Import("\xD0\xCF\x11\xE0\xA1\xB1").status, testing::ReasonIs("FILE_NOT_XLSX"));
}

TEST_CASE("Importer: the apostrophe before what looks like a formula is the file's", "[import]") {
  const Imported got = Import(
      "hp,nama,catatan,resi\n'+6281234567890,'=A1,\"'- pagar hijau\",'17\n"
      "081234567891,'kata,''-x,\n");
  REQUIRE(got.rows.size() == 2);
  CHECK(got.rows[0].phone == "+6281234567890");
  CHECK(got.rows[0].contact.name == "=A1");
  CHECK(got.rows[0].contact.notes == "- pagar hijau");
  CHECK(got.rows[0].tracking_number == "17");
  CHECK(got.rows[1].contact.name == "'kata");
  CHECK(got.rows[1].contact.notes == "'-x");
}

TEST_CASE("MergeRows: one upsert a phone and a tracking number, later rows win", "[import]") {
  std::vector<ImportRow> rows(3);
  rows[0].phone = rows[2].phone = "+622";
  rows[1].phone = "+621";
  rows[0].contact.name = "Budi";
  rows[0].contact.city = "Bogor";
  rows[0].contact.tags = {"a"};
  rows[2].contact.name = "Budi S";
  rows[2].contact.tags = {"b", "A"};
  rows[0].tracking_number = rows[1].tracking_number = "R1";
  rows[0].shipment.status = "Transit";
  rows[0].shipment.location = "Bogor";
  rows[1].shipment.status = "Delivered";
  rows[2].tracking_number = "R0";
  const ImportChunk chunk = MergeRows(absl::MakeSpan(rows));
  REQUIRE(chunk.contacts.size() == 2);
  CHECK(chunk.contacts[0].phone == "+621");
  CHECK(chunk.contacts[1].patch.name == "Budi S");
  CHECK(chunk.contacts[1].patch.city == "Bogor");
  CHECK(chunk.contacts[1].patch.tags == std::vector<std::string>{"a", "b"});
  REQUIRE(chunk.shipments.size() == 2);
  CHECK(chunk.shipments[0].tracking_number == "R0");
  CHECK(chunk.shipments[1].patch.status == "Delivered");
  CHECK(chunk.shipments[1].patch.location == "Bogor");
  CHECK(chunk.shipments[1].phone == "+621");
}

}  // namespace
}  // namespace kabar::contacts
