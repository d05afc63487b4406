#include "services/contacts/record_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

std::vector<std::string> Decoded(RecordText& text, std::vector<std::string> fields) {
  CsvRecord record;
  record.fields = std::move(fields);
  text.Decode(record);
  return record.fields;
}

using Fields = std::vector<std::string>;

TEST_CASE("RecordText: Windows-1252 names, quotes and dashes become what they were", "[import]") {
  RecordText text;
  CHECK(Decoded(text, {"nama", "alamat"}) == Fields{"nama", "alamat"});
  CHECK(Decoded(text, {"Andr\xE9",
                       "Toko \x93Maju\x94 \x96 Jl. Ra\x92"
                       "den \x80 5"}) == Fields{"André", "Toko “Maju” – Jl. Ra’den € 5"});
  CHECK(text.windows_1252_records() == 1);
  CHECK(Decoded(text, {"Budi"}) == Fields{"Budi"});
  CHECK(text.windows_1252_records() == 1);
}

TEST_CASE("RecordText: every byte but five has its character, and no two the same", "[import]") {
  std::vector<std::string> seen;
  int none = 0;
  for (int byte = 0; byte < 256; ++byte) {
    std::string one(1, static_cast<char>(byte));
    if (!DecodeWindows1252(one)) {
      ++none;
      CHECK(one == std::string(1, static_cast<char>(byte)));
      continue;
    }
    CHECK(base::IsValidUtf8(one));
    CHECK(base::CountCodepoints(one) == 1);
    CHECK(std::find(seen.begin(), seen.end(), one) == seen.end());
    seen.push_back(one);
  }
  CHECK(none == 5);
}

TEST_CASE("RecordText: a file that was UTF-8 before has damaged records, not other ones",
          "[import]") {
  RecordText by_mark;
  by_mark.SetUtf8();
  CHECK(Decoded(by_mark, {"Andr\xE9"}) == Fields{"Andr\xE9"});
  RecordText by_text;
  CHECK(Decoded(by_text, {"André"}) == Fields{"André"});
  CHECK(Decoded(by_text, {"Andr\xE9"}) == Fields{"Andr\xE9"});
  CHECK(by_text.windows_1252_records() == 0);
}

TEST_CASE("RecordText: what neither encoding has stays, and so do cut lines' proofs", "[import]") {
  RecordText text;
  CHECK(Decoded(text, {"caf\xE9", "x\x81"}) == Fields{"caf\xE9", "x\x81"});
  CHECK(text.windows_1252_records() == 0);
  CsvRecord cut;
  cut.fields = {"André"};
  cut.fault = CsvFault::kBadQuotes;
  text.Decode(cut);
  CHECK(Decoded(text, {"Andr\xE9"}) == Fields{"André"});
}

}  // namespace
}  // namespace kabar::contacts
