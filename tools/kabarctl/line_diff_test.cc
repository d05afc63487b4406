#include "tools/kabarctl/line_diff.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::kabarctl {
namespace {

TEST_CASE("LineDiff: kept, gone and new lines, as few as can be", "[kabarctl]") {
  CHECK(LineDiff("a", "a") == "  a\n");
  CHECK(LineDiff("a\nb\nc", "a\nc") == "  a\n- b\n  c\n");
  CHECK(LineDiff("a\nc", "a\nb\nc") == "  a\n+ b\n  c\n");
  CHECK(LineDiff("Halo\nx\ny\nSalam", "Halo\nz\ny\nSalam\nToko") ==
        "  Halo\n- x\n+ z\n  y\n  Salam\n+ Toko\n");
  CHECK(LineDiff("b\na\nb", "a\nb\na") == "- b\n  a\n  b\n+ a\n");
}

TEST_CASE("LineDiff: very long texts are not compared", "[kabarctl]") {
  std::string many;
  for (int i = 0; i < 3000; ++i) many += "x\n";
  CHECK(LineDiff(many, many).substr(0, 8) == "- x\n- x\n");
}

}  // namespace
}  // namespace kabar::kabarctl
