#include "libs/base/ids.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "libs/base/message_id.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"

namespace kabar::base {
namespace {

using testing::ReasonIs;

TEST_CASE("NewId: prefix, then 20 base32 characters, never twice", "[ids]") {
  std::set<std::string> seen;
  std::set<char> letters;
  for (int i = 0; i < 2000; ++i) {
    std::string id = NewId("cmp");
    REQUIRE(id.size() == 24);
    REQUIRE(id.substr(0, 4) == "cmp_");
    REQUIRE(IsBase32(id.substr(4)));
    letters.insert(id.begin() + 4, id.end());
    seen.insert(std::move(id));
  }
  CHECK(seen.size() == 2000);
  CHECK(letters.size() == 32);  // all of the alphabet, so no bits are lost
}

TEST_CASE("NewOrderedId: later ones sort behind, whoever makes them", "[ids]") {
  std::set<char> letters;
  std::string before = NewOrderedId("con");
  for (int i = 0; i < 2000; ++i) {
    const std::string id = NewOrderedId("con");
    REQUIRE(id.size() == 24);
    REQUIRE(id.substr(0, 4) == "con_");
    REQUIRE(IsBase32(id.substr(4)));
    REQUIRE(before.substr(0, 15) < id.substr(0, 15));  // by time alone
    letters.insert(id.begin() + 15, id.end());
    before = id;
  }
  CHECK(letters.size() == 32);
  const absl::Time now = absl::Now();
  while (absl::Now() < now + absl::Milliseconds(3)) {  // this thread's ids may run ahead a little
  }
  std::string other;
  std::thread([&] { other = NewOrderedId("con"); }).join();
  CHECK(before < other);
}

TEST_CASE("DerivedId: is the base32 of SHA-256 over length-prefixed parts, for ever", "[ids]") {
  // Computed apart, with Python's hashlib and base64.b32encode:
  //   sha256(b"".join(len(p).to_bytes(8, "big") + p for p in (b"stp", b"run_1", b"con_2")))
  CHECK(DerivedId("stp", {"run_1", "con_2"}) == "stp_gwbwnnxy6xunjlvv4hhqmav73q");
  CHECK(DerivedBase32({"run_1", "con_2"}) == "2hncclda2p35eeet3tiac6u6gb");
}

TEST_CASE("DerivedId: where one part ends and the next begins matters", "[ids]") {
  std::string a_part = "ab";
  CHECK(DerivedId("x", {a_part, "c"}) == DerivedId("x", {"ab", "c"}));
  CHECK(DerivedId("x", {"ab", "c"}) != DerivedId("x", {"a", "bc"}));
  CHECK(DerivedId("x", {"ab", ""}) != DerivedId("x", {"ab"}));
  CHECK(DerivedBase32({"a", "b"}) != DerivedBase32({"b", "a"}));
  CHECK(DerivedId("x", {"a"}).substr(2) != DerivedId("y", {"a"}).substr(2));
}

TEST_CASE("IsBase32: only a-z and 2-7", "[ids]") {
  CHECK(IsBase32("az27"));
  CHECK_FALSE(IsBase32(""));
  CHECK_FALSE(IsBase32("a1"));
  CHECK_FALSE(IsBase32("a8"));
  CHECK_FALSE(IsBase32("A"));
}

TEST_CASE("MakeMessageId: begins with the date and derives from each part", "[message_id]") {
  absl::CivilDay day(2026, 11, 21);
  std::string id = MakeMessageId(day, "run_1", 7, "main", "con_2", "shp_3");
  CHECK(id.substr(0, 9) == "20261121-");
  CHECK(id.size() == 35);
  CHECK(id == MakeMessageId(day, "run_1", 7, "main", "con_2", "shp_3"));
  CHECK(id != MakeMessageId(day, "run_2", 7, "main", "con_2", "shp_3"));
  CHECK(id != MakeMessageId(day, "run_1", 8, "main", "con_2", "shp_3"));
  CHECK(id != MakeMessageId(day, "run_1", 7, "next", "con_2", "shp_3"));
  CHECK(id != MakeMessageId(day, "run_1", 7, "main", "con_3", "shp_3"));
  CHECK(id != MakeMessageId(day, "run_1", 7, "main", "con_2", ""));
  CHECK(id != MakeMessageId(day + 1, "run_1", 7, "main", "con_2", "shp_3"));
}

TEST_CASE("MakeMessageId: ids of a run sort by ordinal, of different runs they do not mix",
          "[message_id]") {
  absl::CivilDay day(2026, 11, 21);
  const auto id = [&](const char* run, std::int64_t ordinal) {
    return MakeMessageId(day, run, ordinal, "main", "con", "");
  };
  std::string before = id("run_1", 0);
  for (std::int64_t ordinal : {1, 2, 5, 6, 31, 32, 33, 1023, 1024, 999'999, (1 << 30) - 1}) {
    CAPTURE(ordinal);
    CHECK(before < id("run_1", ordinal));
    before = id("run_1", ordinal);
  }
  CHECK((id("run_2", 5) < id("run_1", 0)) == (id("run_2", 5) < before));
  // What else the id derives from keeps it apart where the ordinals are the same.
  CHECK(MakeMessageId(day, "run_1", 1 << 30, "main", "con", "") != id("run_2", 0));
}

TEST_CASE("ParseMessageDay: reads back the date", "[message_id]") {
  for (absl::CivilDay day : {absl::CivilDay(2026, 11, 21), absl::CivilDay(2028, 2, 29)}) {
    auto parsed = ParseMessageDay(MakeMessageId(day, "r", 0, "s", "c", ""));
    REQUIRE_THAT(parsed, testing::IsOk());
    CHECK(*parsed == day);
  }
}

TEST_CASE("ParseMessageDay: refuses what MakeMessageId never makes", "[message_id]") {
  std::string hash(26, 'a');
  REQUIRE_THAT(ParseMessageDay("20261121-" + hash), testing::IsOk());
  for (const std::string& bad :
       {std::string(), "20261131-" + hash, "20261321-" + hash, "2026112a-" + hash,
        "20261121_" + hash, "20261121-" + hash + "a", "20261121-" + hash.substr(1),
        "20261121-A" + hash.substr(1), "20270229-" + hash}) {
    CAPTURE(bad);
    CHECK_THAT(ParseMessageDay(bad), ReasonIs("INVALID_MESSAGE_ID"));
  }
}

TEST_CASE("AttemptTag: formats and parses back", "[message_id]") {
  std::string id = MakeMessageId(absl::CivilDay(2026, 11, 21), "r", 0, "s", "c", "");
  CHECK(FormatAttemptTag(id, 3) == id + ".3");
  auto tag = ParseAttemptTag(id + ".3");
  REQUIRE_THAT(tag, testing::IsOk());
  CHECK(*tag == AttemptTag{.message_id = id, .attempt = 3});
  CHECK(ParseAttemptTag(id + ".2147483647")->attempt == 2147483647);
}

TEST_CASE("ParseAttemptTag: refuses other tags, and other spellings of ours", "[message_id]") {
  std::string id = MakeMessageId(absl::CivilDay(2026, 11, 21), "r", 0, "s", "c", "");
  for (const std::string& bad :
       {std::string(), id, id + ".", id + ".0", id + ".-1", id + ".+1", id + ".01", id + ". 1",
        id + ".2147483648", id + ".1.1", std::string("order-4711.1")}) {
    CAPTURE(bad);
    CHECK_THAT(ParseAttemptTag(bad), ReasonIs("INVALID_ATTEMPT_TAG"));
  }
}

TEST_CASE("Sha256: the vectors of FIPS 180-4 and RFC 4231", "[sha256]") {
  CHECK(Sha256Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(Sha256Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(HmacSha256Hex("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("Sha256Stream: the digest of all so far, piece by piece", "[sha256]") {
  Sha256Stream stream;
  CHECK(stream.Digest() == Sha256(""));
  stream.Add("a");
  CHECK(stream.Digest() == Sha256("a"));
  stream.Add("");
  stream.Add("bc");
  CHECK(stream.Digest() == Sha256("abc"));
}

TEST_CASE("ConstantTimeEquals: equal bytes only", "[sha256]") {
  CHECK(ConstantTimeEquals("", ""));
  CHECK(ConstantTimeEquals("abc", "abc"));
  CHECK_FALSE(ConstantTimeEquals("abc", "abd"));
  CHECK_FALSE(ConstantTimeEquals("abc", "abcd"));
}

}  // namespace
}  // namespace kabar::base
