#include "services/contacts/segment_library.h"

#include <catch2/catch.hpp>
#include <set>

#include "libs/testing/status_matchers.h"
#include "services/contacts/segment.h"

namespace kabar::contacts {
namespace {

TEST_CASE("SegmentLibrary: every segment is right, codes and names stand once", "[segments]") {
  const auto library = SegmentLibrary();
  REQUIRE_THAT(library, testing::IsOk());
  const SegmentLanguage language(absl::FixedTimeZone(7 * 3600));
  std::set<std::string> codes, names;
  for (const LibrarySegment& one : *library) {
    INFO(one.code);
    CHECK(codes.insert(one.code).second);
    CHECK(names.insert(one.name).second);
    const auto filter = language.Check(one.filter);
    INFO(filter.status());
    REQUIRE(filter.ok());
    CHECK(filter->root() != nullptr);
  }
  // Those that the trade asks for.
  for (const char* code :
       {"pembeli-30-hari", "kirim-lebih-5-sebulan", "vip", "layanan-reguler", "layanan-express",
        "layanan-cod", "layanan-korporat", "kota-jakarta", "paket-diantar-hari-ini"}) {
    INFO(code);
    CHECK(codes.count(code) == 1);
  }
}

TEST_CASE("ParseSegmentLibrary: names the line that means nothing", "[segments]") {
  const auto read = ParseSegmentLibrary("# head\n\n=== a\nname: A\nvip = true\nAND city = x\n");
  REQUIRE_THAT(read, testing::IsOk());
  REQUIRE(read->size() == 1);
  CHECK(read->front().filter == "vip = true AND city = x");
  CHECK_THAT(ParseSegmentLibrary("=== a\nvip = true\n"),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "line 2"));
  CHECK_THAT(ParseSegmentLibrary("x\n"),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "line 1"));
}

}  // namespace
}  // namespace kabar::contacts
