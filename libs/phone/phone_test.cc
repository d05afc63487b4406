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
