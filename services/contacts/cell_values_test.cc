#include "services/contacts/cell_values.h"

#include <catch2/catch.hpp>
#include <string>

#include "services/contacts/contact.h"

namespace kabar::contacts {
namespace {

TEST_CASE("ParseRupiah: every way people write an amount", "[import]") {
  std::string hint;
  struct Row {
    const char* cell;
    int64_t amount;
  };
  for (const Row& row :
       {Row{"150000", 150000}, Row{"150.000", 150000}, Row{"150,000", 150000},
        Row{"Rp 150.000", 150000}, Row{"Rp150.000,00", 150000}, Row{"Rp. 1.250.000,-", 1250000},
        Row{"150000.0", 150000}, Row{"150,000.00", 150000}, Row{"IDR 75000", 75000}, Row{"0", 0},
        Row{"-", 0}, Row{"Non COD", 0}, Row{" 1.000 ", 1000}}) {
    INFO(row.cell);
    CHECK(ParseRupiah(row.cell, &hint) == row.amount);
  }
  for (const char* cell : {"lima ribu", "150.50", "1.5", "-5000", "15.00.000", "1e5", "Rp", "",
                           "99999999999999", "12 34"}) {
    INFO(cell);
    CHECK_FALSE(ParseRupiah(cell, &hint).has_value());
    CHECK_FALSE(hint.empty());
  }
}

TEST_CASE("ParseYesNo: Indonesian and English", "[import]") {
  std::string hint;
  for (const char* cell : {"ya", " YA ", "Yes", "1", "true", "Lunas", "sudah  lunas", "VIP"}) {
    INFO(cell);
    CHECK(ParseYesNo(cell, &hint) == true);
  }
  for (const char* cell : {"tidak", "No", "0", "FALSE", "Belum Lunas", "-", "reguler"}) {
    INFO(cell);
    CHECK(ParseYesNo(cell, &hint) == false);
  }
  CHECK_FALSE(ParseYesNo("mungkin", &hint).has_value());
  CHECK_FALSE(hint.empty());
}

TEST_CASE("ParseCellTime: day first, in the outlet's zone", "[import]") {
  std::string hint;
  const absl::TimeZone jakarta = absl::FixedTimeZone(7 * 3600);
  const absl::Time expected = absl::FromCivil(absl::CivilMinute(2026, 11, 22, 8, 30), jakarta);
  for (const char* cell :
       {"2026-11-22 08:30", "2026-11-22T08:30", "2026-11-22 08:30:00", "22/11/2026 08:30",
        "22-11-2026 08.30", "22.11.2026 08:30:00", "2026-11-22T08:30:00+07:00",
        "2026-11-22T01:30:00Z", "2026/11/22 08:30"}) {
    INFO(cell);
    CHECK(ParseCellTime(cell, jakarta, &hint) == expected);
  }
  CHECK(ParseCellTime("22/11/2026", jakarta, &hint) ==
        absl::FromCivil(absl::CivilDay(2026, 11, 22), jakarta));
  for (const char* cell : {"", "besok", "32/11/2026", "11/22/2026", "22/11/26", "45000", "08:30"}) {
    INFO(cell);
    CHECK_FALSE(ParseCellTime(cell, jakarta, &hint).has_value());
  }
}

TEST_CASE("NormalizeTrackingNumber: what spreadsheets do to it", "[import]") {
  std::string fault;
  CHECK(NormalizeTrackingNumber(" JKT-001 ", &fault) == "JKT-001");
  CHECK(NormalizeTrackingNumber("'0012345678", &fault) == "0012345678");
  CHECK(NormalizeTrackingNumber("1234567890.0", &fault) == "1234567890");
  CHECK(fault.empty());
  NormalizeTrackingNumber("1.23457E+14", &fault);
  CHECK(fault.find("format the column as text") != std::string::npos);
  NormalizeTrackingNumber("JKTE+1", &fault);
  CHECK(fault.empty());
  NormalizeTrackingNumber(std::string(101, 'A'), &fault);
  CHECK_FALSE(fault.empty());
}

TEST_CASE("SplitTags: separators, blanks, doubles", "[import]") {
  CHECK(SplitTags("vip, Langganan ;VIP| baru  sekali,,") ==
        std::vector<std::string>{"vip", "Langganan", "baru sekali"});
  CHECK(SplitTags("  ").empty());
}

}  // namespace
}  // namespace kabar::contacts
