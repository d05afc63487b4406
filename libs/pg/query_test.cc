#include "libs/pg/query.h"

#include <catch2/catch.hpp>
#include <limits>

#include "absl/time/civil_time.h"
#include "libs/pg/arrays.h"

namespace kabar::pg {
namespace {

TEST_CASE("TimeText: microseconds in UTC, cut towards the past", "[pg]") {
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'456);
  CHECK(TimeText(time) == "2023-11-14 22:13:20.123456+00");
  CHECK(TimeText(time + absl::Nanoseconds(999)) == "2023-11-14 22:13:20.123456+00");
  CHECK(TimeText(absl::UnixEpoch() - absl::Nanoseconds(1)) == "1969-12-31 23:59:59.999999+00");
  CHECK(TimeText(absl::FromCivil(absl::CivilSecond(12024, 3, 4, 5, 6, 7), absl::UTCTimeZone())) ==
        "12024-03-04 05:06:07.000000+00");
  CHECK(TimeText(absl::FromCivil(absl::CivilSecond(-43, 3, 15), absl::UTCTimeZone())) ==
        "0044-03-15 00:00:00.000000+00 BC");
  CHECK(TimeText(absl::InfiniteFuture()) == "infinity");
  CHECK(TimeText(absl::InfinitePast()) == "-infinity");
}

TEST_CASE("ParseTimeText: reads what PostgreSQL writes and refuses the rest", "[pg]") {
  CHECK(ParseTimeText("2023-11-14 22:13:20.123456+00") ==
        absl::FromUnixMicros(1'700'000'000'123'456));
  CHECK(ParseTimeText("2023-11-14 22:13:20.5+00") == absl::FromUnixMillis(1'700'000'000'500));
  CHECK(ParseTimeText("2023-11-14 22:13:20+00") == absl::FromUnixSeconds(1'700'000'000));
  CHECK(ParseTimeText("infinity") == absl::InfiniteFuture());
  CHECK(ParseTimeText("-infinity") == absl::InfinitePast());
  for (const char* bad : {"", "2023-11-14", "2023-11-14 22:13:20", "2023-11-14 22:13:20+07",
                          "2023-02-30 00:00:00+00", "2023-11-14 22:13:20+00 ", "x"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseTimeText(bad).has_value());
  }
}

TEST_CASE("Bytes: any byte survives the hex form", "[pg]") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(ParseBytes(Bytes(all)) == all);
  CHECK(Bytes("") == "\\x");
  CHECK(ParseBytes("\\x") == "");
  CHECK_FALSE(ParseBytes("\\x0").has_value());
  CHECK(ParseBytes("\\xfFA0") == "\xff\xa0");
  for (const char* bad : {"\\xzz", "\\x0g", "\\xg0", "\\x00g0", "\\x0g00",
                          "\\x\xff"
                          "0"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseBytes(bad).has_value());
  }
  CHECK_FALSE(ParseBytes("abcd").has_value());
}

TEST_CASE("Param: text forms and NULL", "[pg]") {
  CHECK(Param(true).text() == "t");
  CHECK(Param(int64_t{-5}).text() == "-5");
  CHECK(Param(std::numeric_limits<uint64_t>::max()).text() == "18446744073709551615");
  CHECK(Param(0.1).text() == "0.10000000000000001");
  CHECK(Param(std::optional<int>()).null());
  CHECK(Param(std::optional<std::string>("x")).text() == "x");
  CHECK(Param(nullptr).null());
  CHECK_FALSE(Param("").null());
}

TEST_CASE("ArrayBuilder: quotes what the literal's grammar would take for itself", "[pg]") {
  const std::vector<std::optional<std::string>> texts = {
      "",         "NULL",        "a,b",     "{x}",       "say \"ya\"", "back\\slash",
      " padded ", "line\nbreak", "emoji 🚚", std::nullopt};
  const std::string literal = TextArray(texts);
  CHECK(ParseArray(literal) == texts);
  CHECK(TextArray(std::vector<std::string>{}) == "{}");
  CHECK(BigintArray(std::vector<int64_t>{1, -2}) == "{1,-2}");
  CHECK(BigintArray(std::vector<std::optional<int64_t>>{1, std::nullopt}) == "{1,NULL}");
}

TEST_CASE("ParseArray: refuses nested and broken arrays", "[pg]") {
  CHECK(ParseArray("{}")->empty());
  CHECK(ParseArray("{a,NULL,\"NULL\"}") ==
        std::vector<std::optional<std::string>>{"a", std::nullopt, "NULL"});
  for (const char* bad : {"", "{", "{a", "{a,}", "{{a}}", "{a}b", "{\"a}", "a,b", "{a,,b}"}) {
    CAPTURE(bad);
    CHECK_FALSE(ParseArray(bad).has_value());
  }
}

}  // namespace
}  // namespace kabar::pg
