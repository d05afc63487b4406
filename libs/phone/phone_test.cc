#include "libs/phone/phone.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/base/status.h"

namespace kabar::phone {
namespace {

struct Accepted {
  const char* raw;
  const char* e164;
};

struct Refused {
  const char* raw;
  const char* reason;
};

TEST_CASE("NormalizePhone: every form Indonesians type", "[phone]") {
  const Accepted rows[] = {
      {"0812-3456-7890", "+6281234567890"},
      {"081234567890", "+6281234567890"},
      {"6281234567890", "+6281234567890"},
      {"+6281234567890", "+6281234567890"},
      {"+62 0812 3456 7890", "+6281234567890"},
      {"62 0812 3456 7890", "+6281234567890"},
      {"+62 (0) 812-3456-7890", "+6281234567890"},
      {"(+62) 812 3456 7890", "+6281234567890"},
      {"81234567890", "+6281234567890"},
      {"0812.3456.7890", "+6281234567890"},
      {"0812 3456 7890", "+6281234567890"},
      {" 0812\t3456 7890 ", "+6281234567890"},
      {"0812/3456/7890", "+6281234567890"},
      {"006281234567890", "+6281234567890"},
      {"+0812 3456 7890", "+6281234567890"},
      {"00812 3456 7890", "+6281234567890"},
      {"0857 1234 567", "+628571234567"},
      {"(021) 555-1234", "+62215551234"},
      {"(021) 5551 2345", "+622155512345"},
      {"021-5551234", "+62215551234"},
      {"+62 21 5551234", "+62215551234"},
      {"(0274) 512345", "+62274512345"},
      {"(0622) 21234", "+6262221234"},
      {"+62 622 21234", "+6262221234"},
  };
  for (const Accepted& row : rows) {
    INFO(row.raw);
    const auto got = NormalizePhone(row.raw);
    INFO(got.status().ToString());
    REQUIRE(got.ok());
    CHECK(*got == row.e164);
  }
}

TEST_CASE("NormalizePhone: a doubled country code", "[phone]") {
  const Accepted rows[] = {
      {"626281234567890", "+6281234567890"},      {"6262 812 3456 7890", "+6281234567890"},
      {"+62 62 812 3456 7890", "+6281234567890"}, {"+62 +62 812 3456 7890", "+6281234567890"},
      {"+6262081234567890", "+6281234567890"},    {"62062081234567890", "+6281234567890"},
      {"06281234567890", "+6281234567890"},       {"+62 62 21 5551234", "+62215551234"},
  };
  for (const Accepted& row : rows) {
    INFO(row.raw);
    const auto got = NormalizePhone(row.raw);
    INFO(got.status().ToString());
    REQUIRE(got.ok());
    CHECK(*got == row.e164);
  }
}

TEST_CASE("NormalizePhone: what spreadsheets and links make of a number", "[phone]") {
  const Accepted rows[] = {
      {"'081234567890", "+6281234567890"},
      {"=\"081234567890\"", "+6281234567890"},
      {"\"081234567890\"", "+6281234567890"},
      {"6281234567890.0", "+6281234567890"},
      {"81234567890.0", "+6281234567890"},
      {"6281234567890,00", "+6281234567890"},
      {"tel:+6281234567890", "+6281234567890"},
      {"https://wa.me/6281234567890", "+6281234567890"},
      {"\xE2\x80\xAA+62 812\xC2\xA0"
       "3456\xE2\x80\x91"
       "7890\xE2\x80\xAC",
       "+6281234567890"},
      {"\xE2\x80\x99"
       "081234567890",
       "+6281234567890"},
  };
  for (const Accepted& row : rows) {
    INFO(row.raw);
    const auto got = NormalizePhone(row.raw);
    INFO(got.status().ToString());
    REQUIRE(got.ok());
    CHECK(*got == row.e164);
  }
}

TEST_CASE("NormalizePhone: other countries by their code or the region", "[phone]") {
  CHECK(*NormalizePhone("+65 9123 4567") == "+6591234567");
  CHECK(*NormalizePhone("+60 12-345 6789") == "+60123456789");
  CHECK(*NormalizePhone("0060 12-345 6789") == "+60123456789");
  CHECK(*NormalizePhone("9123 4567", "SG") == "+6591234567");
}

TEST_CASE("NormalizePhone: refusals carry a named reason and say what to do", "[phone]") {
  const Refused rows[] = {
      {"", "EMPTY"},
      {"   ", "EMPTY"},
      {"-", "EMPTY"},
      {"+", "EMPTY"},
      {"abc", "NOT_A_NUMBER"},
      {"08xx-xxxx", "NOT_A_NUMBER"},
      {"Budi 081234567890", "NOT_A_NUMBER"},
      {"0812+3456", "NOT_A_NUMBER"},
      {"#N/A", "NOT_A_NUMBER"},
      {"8.12345E+11", "SCIENTIFIC_NOTATION"},
      {"6,28123E+12", "SCIENTIFIC_NOTATION"},
      {"8.12E11", "SCIENTIFIC_NOTATION"},
      {"081234567890/081398765432", "SEVERAL_NUMBERS"},
      {"081234567890, 081398765432", "SEVERAL_NUMBERS"},
      {"081234567890 atau 081398765432", "SEVERAL_NUMBERS"},
      {"0812", "TOO_SHORT"},
      {"1", "TOO_SHORT"},
      {"0812345", "TOO_SHORT"},
      {"5551234", "TOO_SHORT"},
      {"08123456789012345", "TOO_LONG"},
      {"0812345678901234", "TOO_LONG"},
      {"+999 1234567", "UNKNOWN_COUNTRY"},
      {"084012345678", "NOT_IN_USE"},
      {"000000000000", "TOO_SHORT"},
  };
  for (const Refused& row : rows) {
    INFO(row.raw);
    const auto got = NormalizePhone(row.raw);
    REQUIRE_FALSE(got.ok());
    INFO(got.status().ToString());
    CHECK(base::GetReason(got.status()) == row.reason);
    CHECK(got.status().code() == absl::StatusCode::kInvalidArgument);
  }
  const auto excel = NormalizePhone("8.12345E+11");
  CHECK(std::string(excel.status().message()).find("format the column as text") !=
        std::string::npos);
}

TEST_CASE("NormalizePhone: its own output and garbage bytes", "[phone]") {
  const auto once = NormalizePhone("0812-3456-7890");
  REQUIRE(once.ok());
  CHECK(*NormalizePhone(*once) == *once);
  CHECK_FALSE(NormalizePhone(std::string("\xff\xfe\x00\x01", 4)).ok());
  CHECK_FALSE(NormalizePhone(std::string(100'000, '8')).ok());
}

// A dot between digits means nothing, but is not for the short way: the tables are asked.
std::string ByTables(const std::string& raw) {
  std::string dotted = raw;
  dotted.insert(raw[0] == '+' ? 2 : 1, ".");
  const auto got = NormalizePhone(dotted);
  return got.ok() ? *got : base::GetReason(got.status());
}

TEST_CASE("NormalizePhone: the short way for mobile numbers says what the tables say", "[phone]") {
  int agreed = 0;
  std::string differs;
  const auto compare = [&](const std::string& raw) {
    const auto got = NormalizePhone(raw);
    const std::string said = got.ok() ? *got : base::GetReason(got.status());
    if (said == ByTables(raw)) {
      ++agreed;
    } else if (differs.size() < 1000) {
      differs += raw + " is " + said + ", by the tables " + ByTables(raw) + "\n";
    }
  };
  const std::string tail = "21436587098";
  for (int prefix = 0; prefix < 1000; ++prefix) {
    // Every operator's numbers, of every length; of the other beginnings a tenth.
    for (const char first : {'8', static_cast<char>('1' + prefix % 7)}) {
      const std::string head = std::string(1, first) + std::to_string(1000 + prefix).substr(1);
      for (std::size_t more = 3; more <= 10; ++more) {
        const std::string n = head + tail.substr(0, more);
        compare(n);
        compare("0" + n);
        compare("62" + n);
        compare("+62 " + n);
        if (first == '8') compare("+" + n);
      }
      if (first == '8' && prefix % 10 != 0) break;
    }
  }
  CHECK(differs.empty());
  CHECK(agreed > 40'000);
}

TEST_CASE("NormalizePhone: signs around the short way", "[phone]") {
  for (const char* raw :
       {"0812-3456-7890", " 0812 3456 7890 ", "62 812-3456-7890", "+62-812-34567890",
        "812 3456 7890", "-0812 3456 7890", "+ 62 812 3456 7890"}) {
    CAPTURE(raw);
    const auto got = NormalizePhone(raw);
    REQUIRE(got.ok());
    CHECK(*got == "+6281234567890");
  }
  // Of another country the digits mean another number.
  const auto malaysian = NormalizePhone("0812345678", "MY");
  CHECK((!malaysian.ok() || *malaysian != "+62812345678"));
}

TEST_CASE("CountryOf: the country whose numbers begin so", "[phone]") {
  CHECK(CountryOf("+6281234567890") == "ID");
  CHECK(CountryOf("+60123456789") == "MY");
  CHECK(CountryOf("+6591234567") == "SG");
  CHECK(CountryOf("+14165550123") == "CA");  // not the United States, though +1 is theirs too
  CHECK(CountryOf("").empty());
  CHECK(CountryOf("0812").empty());
}

}  // namespace
}  // namespace kabar::phone
