#include "libs/base/text.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/status_matchers.h"

namespace kabar::base {
namespace {

std::string Str(absl::string_view view) { return std::string(view); }

TEST_CASE("IsValidUtf8: accepts every length, refuses what RFC 3629 rules out", "[text]") {
  for (const char* good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "Kiriman 📦"}) {
    CAPTURE(good);
    CHECK(IsValidUtf8(good));
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "abc\xf0\x9f\x93"}) {
    CAPTURE(bad);
    CHECK_FALSE(IsValidUtf8(bad));
  }
}

TEST_CASE("FirstInvalidUtf8: tells where", "[text]") {
  CHECK(FirstInvalidUtf8("ok") == absl::string_view::npos);
  CHECK(FirstInvalidUtf8("\xc3\xa9z\xff") == 3);
}

TEST_CASE("CountCodepoints, FirstInvalidUtf8: whatever stands around it", "[text]") {
  for (std::size_t n = 0; n < 20; ++n) {
    const std::string before(n, 'a'), after(19 - n, 'b');
    CHECK(CountCodepoints(before + "é" + after) == 20);
    CHECK(CountCodepoints(before + "\xff" + after + "é") == 21);
    CHECK(FirstInvalidUtf8(before + "é" + after) == std::string::npos);
    CHECK(FirstInvalidUtf8(before + "\xff" + after) == n);
    CHECK(FirstInvalidUtf8("é" + before + "\xc3") == n + 2);
  }
}

TEST_CASE("CountCodepoints: counts characters, not bytes", "[text]") {
  CHECK(CountCodepoints("") == 0);
  CHECK(CountCodepoints("Halo") == 4);
  CHECK(CountCodepoints("é📦") == 2);
  CHECK(CountCodepoints("a\xff") == 2);
}

TEST_CASE("TruncateCodepoints: never cuts inside one", "[text]") {
  CHECK(Str(TruncateCodepoints("a📦b", 2)) == "a📦");
  CHECK(Str(TruncateCodepoints("a📦b", 0)).empty());
  CHECK(Str(TruncateCodepoints("a📦b", 9)) == "a📦b");
}

TEST_CASE("Trim: drops ASCII and Unicode white space at both ends only", "[text]") {
  CHECK(Str(Trim(" \t\r\n Budi  Santoso \v\f")) == "Budi  Santoso");
  CHECK(Str(Trim("\ufeff\u00a0Budi\u200b\u3000")) == "Budi");
  CHECK(Str(Trim(" \u00a0 ")).empty());
  CHECK(Str(Trim("é")) == "é");
  CHECK(Str(Trim("\xa0")) == "\xa0");  // a stray byte is no space
}

TEST_CASE("CollapseSpaces: one space for each run inside", "[text]") {
  CHECK(CollapseSpaces("  Budi \u00a0\t Santoso\nAgus ") == "Budi Santoso Agus");
  CHECK(CollapseSpaces("\u2003").empty());
}

TEST_CASE("Hex: encodes and decodes", "[text]") {
  std::string bytes("\x00\x7f\xff", 3);
  CHECK(HexEncode(bytes) == "007fff");
  CHECK(*HexDecode("007FfF") == bytes);
  CHECK(HexDecode("")->empty());
  CHECK_THAT(HexDecode("abc"), testing::ReasonIs("INVALID_HEX"));
  CHECK_THAT(HexDecode("abx0"), testing::StatusIs(absl::StatusCode::kInvalidArgument, "at 3"));
}

}  // namespace
}  // namespace kabar::base
