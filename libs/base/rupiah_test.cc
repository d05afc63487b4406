#include "libs/base/rupiah.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::base {
namespace {

std::string Written(std::int64_t amount) {
  std::string out = "<";
  AppendRupiah(amount, &out);
  return out;
}

TEST_CASE("AppendRupiah: a dot before each three digits", "[rupiah]") {
  CHECK(Written(0) == "<Rp0");
  CHECK(Written(7) == "<Rp7");
  CHECK(Written(75) == "<Rp75");
  CHECK(Written(750) == "<Rp750");
  CHECK(Written(7500) == "<Rp7.500");
  CHECK(Written(75000) == "<Rp75.000");
  CHECK(Written(150000) == "<Rp150.000");
  CHECK(Written(1250000) == "<Rp1.250.000");
  CHECK(Written(kMaxRupiah) == "<Rp1.000.000.000.000");
}

TEST_CASE("ParseRupiah: reads back what AppendRupiah writes", "[rupiah]") {
  for (const std::int64_t amount : {0LL, 5LL, 999LL, 1000LL, 150000LL, 1250000LL, 999999999999LL}) {
    CHECK(ParseRupiah(Written(amount).substr(1)) == amount);
  }
}

TEST_CASE("ParseRupiah: what people and machines write", "[rupiah]") {
  CHECK(ParseRupiah("150000") == 150000);
  CHECK(ParseRupiah(" RP. 1.250.000,- ") == 1250000);
  CHECK(ParseRupiah("Rp\u00A0150.000,00") == 150000);
  CHECK(ParseRupiah("150,000.00") == 150000);
  for (const char* text : {"", "-", "Rp", "lima ribu", "1.5", "-5000", "15.00.000", "1e5", "12 34",
                           "1000000000001", "0x10", "+5"}) {
    INFO(text);
    CHECK_FALSE(ParseRupiah(text).has_value());
  }
  CHECK_FALSE(ParseRupiah(std::string(1 << 20, '1')).has_value());
}

}  // namespace
}  // namespace kabar::base
