#include "services/templates/line_diff.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::templates {
namespace {

std::string Shown(absl::string_view before, absl::string_view after) {
  std::string shown;
  for (const DiffLine& line : LineDiff(before, after)) {
    shown += line.change == Change::kSame ? "  " : line.change == Change::kAdded ? "+ " : "- ";
    shown += line.text + "\n";
  }
  return shown;
}

TEST_CASE("LineDiff: kept, gone and new lines, as few as can be", "[templates]") {
  CHECK(Shown("a", "a") == "  a\n");
  CHECK(Shown("a\nb\nc", "a\nc") == "  a\n- b\n  c\n");
  CHECK(Shown("a\nc", "a\nb\nc") == "  a\n+ b\n  c\n");
  CHECK(Shown("Halo\nx\ny\nSalam", "Halo\nz\ny\nSalam\nToko") ==
        "  Halo\n- x\n+ z\n  y\n  Salam\n+ Toko\n");
  CHECK(Shown("b\na\nb", "a\nb\na") == "- b\n  a\n  b\n+ a\n");
}

TEST_CASE("LineDiff: very long texts are not compared", "[templates]") {
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "x\n";
  CHECK(Shown(many, many).substr(0, 8) == "- x\n- x\n");
}

}  // namespace
}  // namespace kabar::templates
