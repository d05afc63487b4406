// Makes .xlsx files out of the XML of their parts, as Excel or a program would write them. Include
// only from tests.
//
// Thread safety: free functions. Blocks: on a temporary file. Errors: end the test case.
#ifndef KABAR_SERVICES_CONTACTS_TESTING_WORKBOOK_H_
#define KABAR_SERVICES_CONTACTS_TESTING_WORKBOOK_H_

#include <zip.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace kabar::contacts {

// Part -> its XML.
using Parts = std::map<std::string, std::string>;

inline std::string Zipped(const Parts& parts) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const memory = zip_source_buffer_create(nullptr, 0, 0, &error);
  REQUIRE(memory != nullptr);
  zip_source_keep(memory);
  zip_t* const archive = zip_open_from_source(memory, ZIP_TRUNCATE, &error);
  REQUIRE(archive != nullptr);
  for (const auto& [name, text] : parts) {
    zip_source_t* const part = zip_source_buffer(archive, text.data(), text.size(), 0);
    REQUIRE(zip_file_add(archive, name.c_str(), part, ZIP_FL_ENC_UTF_8) >= 0);
  }
  REQUIRE(zip_close(archive) == 0);
  REQUIRE(zip_source_open(memory) == 0);
  std::string out;
  char buffer[4096];
  for (zip_int64_t n; (n = zip_source_read(memory, buffer, sizeof(buffer))) > 0;) {
    out.append(buffer, static_cast<std::size_t>(n));
  }
  zip_source_close(memory);
  zip_source_free(memory);
  zip_error_fini(&error);
  return out;
}

// A workbook of one sheet with these rows ("<row r=\"1\">...</row>...").
inline Parts WorkbookParts(const std::string& rows) {
  return {
      {"xl/workbook.xml",
       "<?xml version=\"1.0\"?><workbook xmlns:r=\"r\"><sheets>"
       "<sheet name=\"Pagi\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"},
      {"xl/_rels/workbook.xml.rels",
       "<Relationships><Relationship Id=\"rId1\" Type=\"http://x/worksheet\" "
       "Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId8\" Type=\"http://x/styles\" "
       "Target=\"styles.xml\"/><Relationship Id=\"rId9\" Type=\"http://x/sharedStrings\" "
       "Target=\"/xl/sharedStrings.xml\"/></Relationships>"},
      {"xl/styles.xml",
       "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"dd\\-mmm\\-yy\\ hh:mm\"/>"
       "<numFmt numFmtId=\"165\" formatCode=\"&quot;Rp&quot;#,##0\"/></numFmts>"
       "<cellStyleXfs><xf numFmtId=\"22\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>"
       "<xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"20\"/><xf numFmtId=\"165\"/>"
       "</cellXfs></styleSheet>"},
      {"xl/sharedStrings.xml",
       "<sst><si><t>nama</t></si><si><t>no_hp</t></si><si><t>Budi</t></si>"
       "<si><r><t>Siti </t></r><r><t>Aminah</t></r><rPh><t>x</t></rPh></si><si><t/></si></sst>"},
      {"xl/worksheets/sheet1.xml",
       absl::StrCat("<worksheet><sheetData>", rows, "</sheetData></worksheet>")}};
}

// A sheet of texts.
inline std::string TextRows(const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  for (const auto& row : rows) {
    out += "<row>";
    for (const std::string& cell : row) {
      absl::StrAppend(&out, "<c t=\"inlineStr\"><is><t>", cell, "</t></is></c>");
    }
    out += "</row>";
  }
  return out;
}

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_TESTING_WORKBOOK_H_
