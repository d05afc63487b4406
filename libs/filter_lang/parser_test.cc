#include "libs/filter_lang/parser.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/testing/status_matchers.h"

namespace kabar::filter_lang {
namespace {

std::string Tree(const std::string& text) {
  const auto parsed = Parse(text);
  INFO(text);
  INFO(parsed.status().ToString());
  REQUIRE(parsed.ok());
  REQUIRE(*parsed != nullptr);
  return ToString(**parsed);
}

TEST_CASE("Parse: comparisons, operators and values", "[filter]") {
  CHECK(Tree("city = \"Jakarta\"") == "city = \"Jakarta\"");
  CHECK(Tree("city=Jakarta") == "city = \"Jakarta\"");
  CHECK(Tree("  city  !=  'Jakarta Selatan'  ") == "city != \"Jakarta Selatan\"");
  CHECK(Tree("a<1") == "a < \"1\"");
  CHECK(Tree("a<=1") == "a <= \"1\"");
  CHECK(Tree("a>-1.5") == "a > \"-1.5\"");
  CHECK(Tree("a>=1") == "a >= \"1\"");
  CHECK(Tree("tags:vip") == "tags : \"vip\"");
  CHECK(Tree("shipment.status = Delivered") == "shipment.status = \"Delivered\"");
  CHECK(Tree("t >= 2026-11-22T08:00:00+07:00") == "t >= \"2026-11-22T08:00:00+07:00\"");
  CHECK(Tree("attributes.\"Jenis Paket\" = x") == "attributes.\"Jenis Paket\" = \"x\"");
  CHECK(Tree("name = \"O\\\"Neil \\\\ \\n\"") == "name = \"O\\\"Neil \\\\ \n\"");
  CHECK(Tree("name = 'Bu \"Ani\"'") == "name = \"Bu \\\"Ani\\\"\"");
  CHECK(Tree("name = \"Jak*\" AND b = \"1\\*\"") == "(name = \"Jak*\" AND b = \"1\\*\")");
  CHECK(Tree("alamat:\"Jl. Melati\"\nAND kota=Bandung") ==
        "(alamat : \"Jl. Melati\" AND kota = \"Bandung\")");
}

TEST_CASE("Parse: AND, OR, NOT and brackets", "[filter]") {
  CHECK(Tree("a=1 AND b=2 AND c=3") == "(a = \"1\" AND b = \"2\" AND c = \"3\")");
  CHECK(Tree("a=1 or b=2") == "(a = \"1\" OR b = \"2\")");
  CHECK(Tree("a=1 AND (b=2 OR c=3)") == "(a = \"1\" AND (b = \"2\" OR c = \"3\"))");
  CHECK(Tree("(a=1 AND b=2) OR c=3") == "((a = \"1\" AND b = \"2\") OR c = \"3\")");
  CHECK(Tree("NOT a=1 AND b=2") == "(NOT a = \"1\" AND b = \"2\")");
  CHECK(Tree("-a=1") == "NOT a = \"1\"");
  CHECK(Tree("NOT(a=1 OR b=2)") == "NOT (a = \"1\" OR b = \"2\")");
  CHECK(Tree("NOT NOT a=1") == "NOT NOT a = \"1\"");
  CHECK(Tree("((a=1))") == "a = \"1\"");
  CHECK(Tree("notes = x AND order.id = 1") == "(notes = \"x\" AND order.id = \"1\")");
}

TEST_CASE("Parse: its own output parses to the same tree", "[filter]") {
  for (const char* text : {"a=1 AND (b:x OR NOT c>=\"y z\")", "-(a = \"*b\\*\" OR d.e != 'q')",
                           "a=1 AND b=2 AND (c=3 OR (d=4 AND e=5))"}) {
    const std::string once = Tree(text);
    CHECK(Tree(once) == once);
  }
}

TEST_CASE("Parse: the empty filter matches everything", "[filter]") {
  for (const char* text : {"", "   ", "\n\t"}) {
    const auto parsed = Parse(text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == nullptr);
  }
}

struct Wrong {
  const char* text;
  int line;
  int column;
  const char* part;
};

TEST_CASE("Parse: every fault names its position and what to do", "[filter]") {
  const Wrong rows[] = {
      {"a=1 AND b=2 OR c=3", 1, 13, "brackets"},
      {"a=1 OR b=2 AND c=3", 1, 12, "brackets"},
      {"(a=1 OR b=2 AND c=3)", 1, 13, "brackets"},
      {"city = Jakarta Selatan", 1, 16, "quotes"},
      {"city = \"Jakarta", 1, 8, "never closed"},
      {"city =", 1, 7, "value was expected"},
      {"city", 1, 5, "operator"},
      {"city \"Jakarta\"", 1, 6, "operator"},
      {"= 5", 1, 1, "field's name"},
      {"\"Jakarta\"", 1, 1, "where to look"},
      {"a == 1", 1, 3, "="},
      {"a <> 1", 1, 3, "!="},
      {"a => 1", 1, 3, ">="},
      {"a = 1 && b = 2", 1, 7, "AND"},
      {"a = 1 || b = 2", 1, 7, "OR"},
      {"a = 1, b = 2", 1, 6, "comma"},
      {"a = 1 = 2", 1, 7, "second comparison"},
      {"(a = 1", 1, 1, "never closed"},
      {"a = 1)", 1, 6, "never opened"},
      {"()", 1, 2, "nothing between"},
      {"a = 1 AND", 1, 10, "ends"},
      {"a = 1 AND AND b = 2", 1, 11, "expected before AND"},
      {"AND a = 1", 1, 1, "expected before AND"},
      {"a = AND b = 2", 1, 5, "before AND"},
      {"NOT", 1, 4, "ends"},
      {"a. = 1", 1, 3, "after the dot"},
      {"a = (1 OR 2)", 1, 5, "list of values"},
      {"a = \"x\\q\"", 1, 7, "backslash"},
      {"a = 1 b = 2", 1, 7, "AND, OR"},
      {"kota = \"Yogyakarta\" AND\n  nam\xC3\xA9 ! 1", 2, 8, "operator"},
      {"a = \"\xC3\xA9\xC3\xA9\" c", 1, 10, "AND, OR"},
      {"a = \xff", 1, 5, "UTF-8"},
  };
  for (const Wrong& row : rows) {
    INFO(row.text);
    const auto parsed = Parse(row.text);
    REQUIRE_FALSE(parsed.ok());
    INFO(parsed.status().ToString());
    CHECK_THAT(parsed, testing::StatusIs(absl::StatusCode::kInvalidArgument, row.part));
    CHECK_THAT(parsed, testing::ReasonIs("INVALID_FILTER"));
    const auto position = ErrorPosition(parsed.status());
    REQUIRE(position.has_value());
    CHECK(position->line == row.line);
    CHECK(position->column == row.column);
  }
  CHECK_FALSE(Parse(std::string("a = \0", 5)).ok());
}

TEST_CASE("Parse: the offset counts bytes, the column characters", "[filter]") {
  const auto parsed = Parse("a = \"\xC3\xA9\xC3\xA9\" c");
  const auto position = ErrorPosition(parsed.status());
  REQUIRE(position.has_value());
  CHECK(position->offset == 11);
  CHECK(position->column == 10);
}

TEST_CASE("Parse: limits on length, depth and comparisons", "[filter]") {
  const std::string deep = std::string(2000, '(') + "a=1" + std::string(2000, ')');
  CHECK_THAT(Parse(deep), testing::StatusIs(absl::StatusCode::kInvalidArgument, "too deep"));
  const std::string minuses = std::string(4000, '-') + "a=1";
  CHECK_THAT(Parse(minuses), testing::StatusIs(absl::StatusCode::kInvalidArgument, "too deep"));
  CHECK(Parse(std::string(20, '(') + "a=1" + std::string(20, ')')).ok());
  CHECK_FALSE(Parse(std::string(21, '(') + "a=1" + std::string(21, ')')).ok());

  const std::string long_text = absl::StrCat("a = \"", std::string(5000, 'x'), "\"");
  CHECK_THAT(Parse(long_text), testing::StatusIs(absl::StatusCode::kInvalidArgument, "4096"));

  std::string many = "a=1";
  for (int i = 1; i < 100; ++i) absl::StrAppend(&many, " OR a=1");
  CHECK(Parse(many).ok());
  absl::StrAppend(&many, " OR a=1");
  CHECK_THAT(Parse(many), testing::StatusIs(absl::StatusCode::kInvalidArgument, "100 comparisons"));
}

TEST_CASE("Parse: every prefix of a filter is read or refused", "[filter]") {
  const std::string text =
      "shipment.status = \"In \\\"Transit\" AND -(city != 'Kota \xC3\xA9*' OR tags:vip) AND n >= "
      "5.0";
  for (std::size_t n = 0; n <= text.size(); ++n) {
    const auto parsed = Parse(text.substr(0, n));
    if (!parsed.ok()) CHECK(ErrorPosition(parsed.status()).has_value());
  }
}

}  // namespace
}  // namespace kabar::filter_lang
