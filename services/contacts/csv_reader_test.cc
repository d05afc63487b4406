#include "services/contacts/csv_reader.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "libs/testing/status_matchers.h"

namespace kabar::contacts {
namespace {

struct Read {
  absl::Status status;
  char delimiter = 0;
  std::vector<CsvRecord> records;

  std::string Text() const {
    std::string out;
    for (const CsvRecord& record : records) {
      out += std::to_string(record.number);
      if (record.fault == CsvFault::kBadQuotes) out += "!quotes";
      if (record.fault == CsvFault::kRecordTooLarge) out += "!large";
      for (const std::string& field : record.fields) out += "|" + field;
      out += "\n";
    }
    return out;
  }
};

Read ReadPieces(const std::vector<std::string>& pieces, CsvOptions options = {}) {
  Read out;
  CsvReader reader(options, [&](CsvRecord record) {
    out.records.push_back(std::move(record));
    return absl::OkStatus();
  });
  for (const std::string& piece : pieces) {
    out.status = reader.Feed(piece);
    if (!out.status.ok()) return out;
  }
  out.status = reader.Finish();
  out.delimiter = reader.delimiter();
  return out;
}

std::string Text(const std::string& file, CsvOptions options = {}) {
  const Read read = ReadPieces({file}, options);
  CHECK_THAT(read.status, testing::IsOk());
  return read.Text();
}

TEST_CASE("CsvReader: finds the delimiter in the first record", "[csv]") {
  CHECK(ReadPieces({"nama,no_hp\nA,1\n"}).delimiter == ',');
  CHECK(ReadPieces({"nama;no_hp;kota\nA,B;1;2\n"}).delimiter == ';');
  CHECK(ReadPieces({"nama\tno hp\nA\t1"}).delimiter == '\t');
  CHECK(ReadPieces({"\"a,b,c\";d\n"}).delimiter == ';');
  CHECK(ReadPieces({"no_hp\n0812\n"}).delimiter == ',');
  CHECK(ReadPieces({"\n\n  \na;b\n"}).delimiter == ';');
  CHECK(ReadPieces({"sep=;\na;b,c,d\n"}).delimiter == ';');
  CHECK(ReadPieces({"a;b;c\n"}, {.delimiter = ','}).delimiter == ',');
  CHECK(Text("sep=;\r\na;b,c\r\n") == "1|a|b,c\n");
  CHECK(Text("SEP=|\na|b\n") == "1|a|b\n");
}

TEST_CASE("CsvReader: quotes, line breaks and line ends", "[csv]") {
  CHECK(Text("a,b\r\n\"Jl. Melati\nNo. 5, RT 1\",x\r\n") == "1|a|b\n2|Jl. Melati\nNo. 5, RT 1|x\n");
  CHECK(Text("a,b\n\"dia bilang \"\"ya\"\"\",\"\"\n") == "1|a|b\n2|dia bilang \"ya\"|\n");
  CHECK(Text("a,b\n\"x\r\ny\",z") == "1|a|b\n2|x\ny|z\n");
  CHECK(Text("a,b\rc,d\re,f") == "1|a|b\n2|c|d\n3|e|f\n");
  CHECK(Text("a,b\n5\" pipa,x\n") == "1|a|b\n2|5\" pipa|x\n");
  CHECK(Text("a,b\n x , \"y\" \n") == "1|a|b\n2| x |y\n");
  CHECK(Text("a,b\n,\n") == "1|a|b\n2||\n");
  CHECK(Text("\xEF\xBB\xBF"
             "nama,hp\n") == "1|nama|hp\n");
  CHECK(Text("").empty());
  CHECK(Text("\xEF\xBB\xBF").empty());
}

TEST_CASE("CsvReader: empty records keep their numbers", "[csv]") {
  const Read read = ReadPieces({"a,b\n\n , \nx,y\n"});
  REQUIRE(read.records.size() == 4);
  CHECK_FALSE(read.records[0].Empty());
  CHECK(read.records[1].Empty());
  CHECK(read.records[2].Empty());
  CHECK(read.records[3].number == 4);
}

TEST_CASE("CsvReader: a bad quote spoils its own line only", "[csv]") {
  CHECK(Text("a,b\n\"Toko\" Budi,x\nc,d\n") == "1|a|b\n2!quotes|\"Toko\" Budi,x\n3|c|d\n");
  CHECK(Text("a,b\nx,\"never closed\nc,d\ne,f\n") ==
        "1|a|b\n2!quotes|x,\"never closed\n3|c|d\n4|e|f\n");
  CHECK(Text("a,b\nx,\"open\nc,\"d e\" f\ng,h\n") ==
        "1|a|b\n2!quotes|x,\"open\n3!quotes|c,\"d e\" f\n4|g|h\n");
  CHECK(Text("a,b\nx,\"open\nc,\"\"\ng,\"h\"\n") == "1|a|b\n2!quotes|x,\"open\n3|c|\n4|g|h\n");
  CHECK(Text("a,b\nx,\"") == "1|a|b\n2!quotes|x,\"\n");
}

TEST_CASE("CsvReader: a record too large is a fault, and memory stays bounded", "[csv]") {
  const CsvOptions small{.max_record_bytes = 40, .max_fields = 3};
  CHECK(Text("a,b\n" + std::string(60, 'x') + "\nc,d\n", small) ==
        "1|a|b\n2!large|" + std::string(60, 'x') + "\n3|c|d\n");
  CHECK(Text("a,b\n\"" + std::string(20, 'y') + "\n" + std::string(30, 'z') + "\nc,d\n", small) ==
        "1|a|b\n2!quotes|\"" + std::string(20, 'y') + "\n3|" + std::string(30, 'z') + "\n4|c|d\n");
  CHECK(Text("a,b\n1,2,3,4,5\nc,d\n", small) == "1|a|b\n2!large|1,2,3,4,5\n3|c|d\n");
  const std::string huge(1'000'000, 'x');
  const Read read = ReadPieces({"a,b\n", huge, "\nc,d\n"});
  REQUIRE(read.records.size() == 3);
  CHECK(read.records[1].fields[0].size() == 4096);
  CHECK(read.records[2].fields[1] == "d");
}

TEST_CASE("CsvReader: cut at every byte it reads the same", "[csv]") {
  const std::string files[] = {
      "\xEF\xBB\xBFnama;no_hp;alamat\r\nBudi;0812;\"Jl. \"\"A\"\"\r\nNo 5; "
      "x\"\r\n\r\nSiti;0813;y\r\n",
      "sep=,\r\na,b\r\n\"x\" y,1\r\n\"open,2\r\n3,4",
      "a\tb\r\"c\r\nd\"\te\r\rf\tg",
  };
  for (const std::string& file : files) {
    const Read whole = ReadPieces({file});
    const std::string expected = whole.Text();
    CHECK(whole.records.size() >= 3);
    for (std::size_t i = 0; i <= file.size(); ++i) {
      const Read cut = ReadPieces({file.substr(0, i), file.substr(i)});
      REQUIRE(cut.Text() == expected);
      REQUIRE(cut.delimiter == whole.delimiter);
    }
    std::vector<std::string> bytes;
    for (const char c : file) bytes.emplace_back(1, c);
    CHECK(ReadPieces(bytes).Text() == expected);
  }
}

TEST_CASE("CsvReader: UTF-16 is refused with what to do", "[csv]") {
  for (const std::string& file : {std::string("\xFF\xFE"
                                              "n\0a\0",
                                              6),
                                  std::string("\xFE\xFF\0n", 4)}) {
    const Read read = ReadPieces({file});
    CHECK_THAT(read.status, testing::ReasonIs("FILE_NOT_UTF8"));
  }
}

TEST_CASE("CsvReader: the callback's error ends the reading", "[csv]") {
  int records = 0;
  CsvReader reader({}, [&](CsvRecord) {
    return ++records == 2 ? absl::AbortedError("enough") : absl::OkStatus();
  });
  CHECK_THAT(reader.Feed("a,b\nc,d\ne,f\n"), testing::StatusIs(absl::StatusCode::kAborted));
  CHECK(records == 2);
}

}  // namespace
}  // namespace kabar::contacts
