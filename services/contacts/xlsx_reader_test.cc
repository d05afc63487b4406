#include "services/contacts/xlsx_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "libs/testing/status_matchers.h"
#include "services/contacts/testing/workbook.h"

namespace kabar::contacts {
namespace {

struct Read {
  absl::Status status;
  std::vector<std::string> rows;  // "3: a|b"
};

Read ReadFile(const std::string& file, XlsxOptions options = {}, std::size_t piece = 1000) {
  Read out;
  XlsxReader reader(std::move(options), [&](CsvRecord record) {
    out.rows.push_back(absl::StrCat(
        record.number, ": ",
        record.fault == CsvFault::kNone ? absl::StrJoin(record.fields, "|") : "too large"));
    return absl::OkStatus();
  });
  for (std::size_t i = 0; i < file.size(); i += piece) {
    out.status = reader.Feed(file.substr(i, piece));
    if (!out.status.ok()) return out;
  }
  out.status = reader.Finish();
  return out;
}

Read ReadRows(const std::string& rows) { return ReadFile(Zipped(WorkbookParts(rows))); }

using Rows = std::vector<std::string>;

TEST_CASE("XlsxReader: texts of every kind, rows and columns by their references", "[xlsx]") {
  const Read got = ReadRows(
      "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>"
      "<c r=\"D1\" t=\"inlineStr\"><is><r><t>ca</t></r><r><t>tatan</t></r></is></c></row>"
      "<row r=\"3\"><c r=\"A3\" t=\"s\"><v>3</v></c><c r=\"B3\" t=\"str\"><f>A1</f><v>08&amp;12"
      "</v></c></row><row r=\"4\"/>"
      "<row><c t=\"s\"><v>2</v></c><c t=\"b\"><v>1</v></c><c t=\"e\"><v>#N/A</v></c>"
      "<c t=\"s\"><v>4</v></c><c><v>7</v></c></row>");
  CHECK_THAT(got.status, testing::IsOk());
  CHECK(got.rows ==
        Rows{"1: nama|no_hp||catatan", "3: Siti Aminah|08&12||", "4: |||", "5: Budi|1|#N/A||7"});
}

TEST_CASE("XlsxReader: numbers keep their digits, days and times are written out", "[xlsx]") {
  const Read got = ReadRows(
      "<row r=\"1\"><c><v>6281234567890</v></c><c><v>6.2812345678E+10</v></c><c><v>12.50</v></c>"
      "<c><v>1.2345678901234567E+17</v></c><c s=\"4\"><v>150000</v></c></row>"
      "<row r=\"2\"><c s=\"1\"><v>46348</v></c><c s=\"2\"><v>46348.354166666664</v></c>"
      "<c s=\"3\"><v>0.35416666666666669</v></c><c s=\"99\"><v>46348</v></c><c s=\"1\"><v>x</v></c>"
      "</row>");
  CHECK_THAT(got.status, testing::IsOk());
  CHECK(got.rows == Rows{"1: 6281234567890|62812345678|12.5|1.23456789012346e+17|150000",
                         "2: 22/11/2026|22/11/2026 08:30|08:30|46348|x"});
}

TEST_CASE("XlsxReader: a workbook that counts from 1904", "[xlsx]") {
  Parts parts = WorkbookParts("<row><c s=\"1\"><v>44886</v></c></row>");
  std::string& workbook = parts["xl/workbook.xml"];
  absl::StrReplaceAll({{"<sheets>", "<workbookPr date1904=\"1\"/><sheets>"}}, &workbook);
  CHECK(ReadFile(Zipped(parts)).rows == Rows{"1: 22/11/2026"});
}

TEST_CASE("Number formats: which are days, which are times", "[xlsx]") {
  using S = NumberStyle;
  CHECK(StyleOfCode("General") == S::kNumber);
  CHECK(StyleOfCode("#,##0.00") == S::kNumber);
  CHECK(StyleOfCode("\"hari\" 0") == S::kNumber);
  CHECK(StyleOfCode("[Red]0;[h]:mm") == S::kNumber);
  CHECK(StyleOfCode("[h]:mm:ss") == S::kNumber);
  CHECK(StyleOfCode("0\\d") == S::kNumber);
  CHECK(StyleOfCode("[$-421]d mmmm yyyy") == S::kDay);
  CHECK(StyleOfCode("mmm-yy") == S::kDay);
  CHECK(StyleOfCode("hh:mm") == S::kTime);
  CHECK(StyleOfCode("yyyy-mm-dd\\ hh:mm:ss") == S::kDayAndTime);
  CHECK(StyleOfBuiltIn(14) == S::kDay);
  CHECK(StyleOfBuiltIn(20) == S::kTime);
  CHECK(StyleOfBuiltIn(22) == S::kDayAndTime);
  CHECK(StyleOfBuiltIn(4) == S::kNumber);
}

TEST_CASE("XlsxReader: the first sheet that is shown, or the one named", "[xlsx]") {
  Parts parts = WorkbookParts("<row><c><v>1</v></c></row>");
  parts["xl/workbook.xml"] =
      "<workbook xmlns:r=\"r\"><sheets><sheet name=\"Arsip\" state=\"hidden\" r:id=\"rId2\"/>"
      "<sheet name=\"Pagi\" r:id=\"rId1\"/></sheets></workbook>";
  absl::StrReplaceAll({{"<Relationship Id=\"rId8\"",
                        "<Relationship Id=\"rId2\" Type=\"http://x/worksheet\" "
                        "Target=\"worksheets/sheet2.xml\"/><Relationship Id=\"rId8\""}},
                      &parts["xl/_rels/workbook.xml.rels"]);
  parts["xl/worksheets/sheet2.xml"] =
      "<x:worksheet xmlns:x=\"m\"><x:sheetData><x:row><x:c><x:v>2</x:v></x:c></x:row>"
      "</x:sheetData></x:worksheet>";
  const std::string file = Zipped(parts);
  CHECK(ReadFile(file).rows == Rows{"1: 1"});
  CHECK(ReadFile(file, {.sheet = "arsip"}).rows == Rows{"1: 2"});
  CHECK_THAT(ReadFile(file, {.sheet = "Sore"}).status, testing::ReasonIs("SHEET_NOT_FOUND"));
  CHECK_THAT(ReadFile(file, {.sheet = "Sore"}).status,
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "Arsip, Pagi"));
}

TEST_CASE("XlsxReader: a file that is cut off or damaged is refused", "[xlsx]") {
  const std::string file = Zipped(WorkbookParts("<row><c><v>1</v></c></row>"));
  for (std::size_t size : {std::size_t{4}, file.size() / 2, file.size() - 1}) {
    CAPTURE(size);
    CHECK_THAT(ReadFile(file.substr(0, size)).status, testing::ReasonIs("FILE_NOT_XLSX"));
  }
  for (const char* rows :
       {"<row><c>", "<row r=\"2\"/><row r=\"1\"/>", "<row><c r=\"B1\"/><c r=\"A1\"/></row>",
        "<row><c r=\"A\"><v>1</v></c></row>", "<row><c t=\"s\"><v>99</v></c></row>"}) {
    CAPTURE(rows);
    CHECK_THAT(ReadRows(rows).status, testing::ReasonIs("FILE_NOT_XLSX"));
  }
  for (const char* part : {"xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"}) {
    CAPTURE(part);
    Parts parts = WorkbookParts("<row><c><v>1</v></c></row>");
    parts.erase(part);
    CHECK_THAT(ReadFile(Zipped(parts)).status, testing::ReasonIs("FILE_NOT_XLSX"));
  }
  CHECK_THAT(ReadFile(file, {.max_file_bytes = 100}).status, testing::ReasonIs("FILE_TOO_LARGE"));
}

TEST_CASE("XlsxReader: bombs are refused: unpacked size, ratio, entities, nesting, endless tags",
          "[xlsx]") {
  const std::string blanks(4 << 20, ' ');
  const std::string file = Zipped(WorkbookParts(blanks + "<row><c><v>1</v></c></row>"));
  REQUIRE(file.size() < 100'000);
  CHECK(ReadFile(file).rows == Rows{"1: 1"});
  CHECK_THAT(ReadFile(file, {.limits = {.max_unpacked = 1 << 20}}).status,
             testing::ReasonIs("FILE_UNPACKS_TOO_LARGE"));
  CHECK_THAT(ReadFile(file, {.limits = {.ratio_from = 1 << 20, .max_ratio = 50}}).status,
             testing::ReasonIs("FILE_UNPACKS_TOO_LARGE"));
  Parts entities = WorkbookParts("<row><c><v>&a;</v></c></row>");
  entities["xl/worksheets/sheet1.xml"].insert(0, "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\">]>");
  CHECK_THAT(ReadFile(Zipped(entities)).status, testing::ReasonIs("FILE_NOT_XLSX"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "<x>";
  CHECK_THAT(ReadRows(deep).status, testing::ReasonIs("FILE_NOT_XLSX"));
  CHECK_THAT(ReadRows("<row r=\"" + std::string(3 << 20, '1') + "\"/>").status,
             testing::ReasonIs("FILE_NOT_XLSX"));
}

TEST_CASE("XlsxReader: one long text that many cells name is no way to fill memory or time",
          "[xlsx]") {
  Parts parts = WorkbookParts("");
  parts["xl/sharedStrings.xml"] = "<sst><si><t>" + std::string(1000, 'x') + "</t></si></sst>";
  std::string rows;
  for (int i = 0; i < 50; ++i) rows += "<row><c t=\"s\"><v>0</v></c></row>";
  parts["xl/worksheets/sheet1.xml"] = "<worksheet><sheetData>" + rows + "</sheetData></worksheet>";
  const std::string file = Zipped(parts);
  CHECK(ReadFile(file).rows.size() == 50);
  CHECK_THAT(ReadFile(file, {.limits = {.max_unpacked = 40'000}}).status,
             testing::ReasonIs("FILE_UNPACKS_TOO_LARGE"));
  CHECK_THAT(ReadRows("<row r=\"1048577\"/>").status, testing::ReasonIs("FILE_NOT_XLSX"));
}

TEST_CASE("XlsxReader: the names of sheets are few and short, whatever the file says", "[xlsx]") {
  Parts parts = WorkbookParts("<row><c><v>1</v></c></row>");
  std::string sheets;
  for (int i = 0; i < 1001; ++i) sheets += "<sheet name=\"x\" state=\"hidden\"/>";
  parts["xl/workbook.xml"] = "<workbook><sheets>" + sheets + "</sheets></workbook>";
  CHECK_THAT(ReadFile(Zipped(parts)).status,
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "1,000 sheets"));
  parts["xl/workbook.xml"] =
      "<workbook><sheets><sheet name=\"" + std::string(100'000, 'y') + "\"/></sheets></workbook>";
  CHECK(ReadFile(Zipped(parts), {.sheet = "z"}).status.message().size() < 200);
}

TEST_CASE("XlsxReader: a row far too large is one bad row", "[xlsx]") {
  const std::string file = Zipped(WorkbookParts(TextRows(
      {{"hp"}, {std::string(1000, 'x')}, {"1"}, std::vector<std::string>(20, "2"), {"3"}})));
  CHECK(ReadFile(file, {.max_record_bytes = 500, .max_fields = 10}).rows ==
        Rows{"1: hp", "2: too large", "3: 1", "4: too large", "5: 3"});
}

TEST_CASE("UnescapeText: characters that XML cannot hold", "[xlsx]") {
  CHECK(UnescapeText("a_x000D__x000A_b") == "a\nb");
  CHECK(UnescapeText("_x005F_x000D_") == "_x000D_");
  CHECK(UnescapeText("_x00") == "_x00");
}

}  // namespace
}  // namespace kabar::contacts
