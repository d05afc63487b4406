#include "libs/base/csv.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::base {
namespace {

TEST_CASE("CsvLine: quotes what needs it", "[csv]") {
  CHECK(CsvLine({"a", "b;c", "d,e", "f\"g", "h\ni", " j", ""}) ==
        "a,b;c,\"d,e\",\"f\"\"g\",\"h\ni\",\" j\",\n");
  CHECK(CsvLine({"b;c", "d,e"}, ';') == "\"b;c\";d,e\n");
}

TEST_CASE("GuardFormula: no cell is a formula, every text comes back", "[csv]") {
  for (const std::string text : {"", "Siti", "=1+1", "+62812", "- pagar hijau", "@x", "'=1", "''-",
                                 "'", "''", "'kata", "\tx", "a=b"}) {
    CAPTURE(text);
    const std::string cell = GuardFormula(text);
    CHECK(UnguardFormula(cell) == text);
    CHECK((cell.empty() || std::string("=+-@\t\r").find(cell[0]) == std::string::npos));
  }
  CHECK(GuardFormula("=1+1") == "'=1+1");
  CHECK(GuardFormula("'kata") == "'kata");
  CHECK(UnguardFormula("'kata") == "'kata");
}

}  // namespace
}  // namespace kabar::base
