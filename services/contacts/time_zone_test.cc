#include "services/contacts/time_zone.h"

#include <catch2/catch.hpp>

namespace kabar::contacts {
namespace {

TEST_CASE("ZoneOfProvince: the three zones, as provinces are written", "[time_zone]") {
  CHECK(ZoneOfProvince("Jawa Barat") == "WIB");
  CHECK(ZoneOfProvince("DKI Jakarta") == "WIB");
  CHECK(ZoneOfProvince("Kalimantan Tengah") == "WIB");
  CHECK(ZoneOfProvince("KALIMANTAN-TIMUR") == "WITA");
  CHECK(ZoneOfProvince("Prov. Sulawesi Selatan") == "WITA");
  CHECK(ZoneOfProvince("Bali") == "WITA");
  CHECK(ZoneOfProvince("provinsi Papua Barat Daya") == "WIT");
  CHECK(ZoneOfProvince("maluku utara") == "WIT");
  CHECK(ZoneOfProvince("Johor").empty());
  CHECK(ZoneOfProvince("").empty());
  CHECK(ZoneOfProvince("prov").empty());
}

TEST_CASE("NormalizeTimeZone: one writing for each", "[time_zone]") {
  std::string fault;
  CHECK(NormalizeTimeZone(" wita ", &fault) == "WITA");
  CHECK(NormalizeTimeZone("Asia/Jayapura", &fault) == "WIT");
  CHECK(NormalizeTimeZone("Asia/Singapore", &fault) == "Asia/Singapore");
  CHECK(NormalizeTimeZone("", &fault).empty());
  CHECK(fault.empty());
  CHECK(NormalizeTimeZone("WIBB", &fault).empty());
  CHECK_FALSE(fault.empty());
}

}  // namespace
}  // namespace kabar::contacts
