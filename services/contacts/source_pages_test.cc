#include "services/contacts/source_pages.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/testing/status_matchers.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;

const SourceHosts& Hosts() {
  static const auto* const kHosts = new SourceHosts(*SourceHosts::Parse({"api.kurir.id"}));
  return *kHosts;
}

Source Good() {
  Source source;
  source.name = "kurir";
  source.settings.url = "https://api.kurir.id/v1/parcels?outlet=7";
  source.settings.mapping = {
      {"awb", "tracking_number"}, {"consignee.phone", "phone"}, {"state", "status"}};
  return source;
}

// Absent cells as ~, lists as [].
std::string Joined(const absl::StatusOr<std::vector<CsvRecord>>& records) {
  if (!records.ok()) return std::string(records.status().message());
  return absl::StrJoin(*records, " ", [](std::string* out, const CsvRecord& record) {
    absl::StrAppend(out, record.number, ":");
    for (std::size_t i = 0; i < record.fields.size(); ++i) {
      const CellKind kind = record.kinds.at(i);
      absl::StrAppend(out, i == 0 ? "" : "|",
                      kind == CellKind::kAbsent    ? "~"
                      : kind == CellKind::kNoValue ? "[]"
                                                   : record.fields[i]);
    }
  });
}

TEST_CASE("SourcePages: items become records, with the columns of the mapping", "[sources]") {
  Source source = Good();
  source.settings.items_path = "data.items";
  SourcePages pages(source, Hosts());
  CHECK(absl::StrJoin(pages.Header().fields, "|") == "tracking_number|phone|status");
  CHECK(pages.Next() == "https://api.kurir.id/v1/parcels?outlet=7");
  CHECK(Joined(pages.Read(
            R"({"data": {"items": [{"awb": "R1", "consignee": {"phone": 81234567890}, "x": []},
                                   {"awb": 17, "state": null}, {"state": true},
                                   {"awb": "", "state": [1]}, {"awb": {}, "state": "x"}]}})")) ==
        "2:R1|81234567890|~ 3:17|~| 4:~|~|ya 5:|~|[] 6:[]|~|x");
  CHECK_FALSE(pages.Next().has_value());
}

TEST_CASE("SourcePages: numbers as people write them", "[sources]") {
  Source source = Good();
  SourcePages pages(source, Hosts());
  CHECK(Joined(pages.Read(R"([{"awb": 15000.0, "state": 1.5}, {"awb": 8.1234567890e10}])")) ==
        "2:15000|~|1.5 3:81234567890|~|~");
}

TEST_CASE("SourcePages: what is no such answer is said", "[sources]") {
  Source source = Good();
  source.settings.items_path = "data";
  source.settings.since_path = "since";
  for (const char* body :
       {"", "<html>", "[]", "{\"data\": {}}", "{\"data\": [1]}", "{\"data\": [{}]}",
        "{\"data\": [{\"awb\": \"R1\"}, {\"parcel\": {\"awb\": \"R2\"}}]}",
        "{\"data\": [], \"since\": \"a\\u0000b\"}"}) {
    CAPTURE(body);
    SourcePages pages(source, Hosts());
    CHECK_THAT(pages.Read(body).status(), ReasonIs("SOURCE_ANSWER"));
  }
}

TEST_CASE("SourcePages: what would fill the memory is not read", "[sources]") {
  Source source = Good();
  source.settings.mapping["note"] = "notes";
  const auto read = [&](const std::string& body) {
    return SourcePages(source, Hosts()).Read(body).status();
  };
  std::string many = "[{\"awb\": \"R1\", \"x\": [[]";
  for (int i = 0; i < 400'000; ++i) many += ",[]";
  CHECK_THAT(read(many + "]}]"), ReasonIs("SOURCE_ANSWER"));
  CHECK_THAT(read("[{\"awb\": " + std::string(1'000'000, '[')), ReasonIs("SOURCE_ANSWER"));
  // Small items, but a record has as many cells as the mapping has places.
  for (int i = 0; i < 100; ++i) source.settings.mapping[absl::StrCat("p", i)] = "notes";
  std::string small = "[{\"awb\":1}";
  for (int i = 0; i < 5000; ++i) small += ",{\"awb\":1}";
  CHECK_THAT(read(small + "]"), ReasonIs("SOURCE_ANSWER"));
  // Signs in a text are no values.
  CHECK_THAT(read("[{\"awb\": \"R1\", \"note\": \"\\\"" + std::string(1'000'000, '[') + "\"}]"),
             IsOk());
}

TEST_CASE("SourcePages: pages by number, until one is empty", "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kPageNumber;
  source.settings.page_parameter = "halaman ke";
  source.settings.first_page = 1;
  source.settings.since_parameter = "since";
  source.since = "2026-11-22T00:00:00Z";
  SourcePages pages(source, Hosts());
  const std::string base =
      "https://api.kurir.id/v1/parcels?outlet=7&since=2026-11-22T00%3A00%3A00Z&halaman%20ke=";
  CHECK(pages.Next() == base + "1");
  CHECK(Joined(pages.Read(R"([{"awb": "R1"}])")) == "2:R1|~|~");
  CHECK(pages.Next() == base + "2");
  CHECK(Joined(pages.Read(R"([{"awb": "R2"}])")) == "3:R2|~|~");
  CHECK(pages.Next() == base + "3");
  CHECK(Joined(pages.Read("[]")).empty());
  CHECK_FALSE(pages.Next().has_value());
}

TEST_CASE("SourcePages: an API that does not know the page's parameter has no end", "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kPageNumber;
  source.settings.page_parameter = "p";
  SourcePages pages(source, Hosts());
  REQUIRE_THAT(pages.Read(R"([{"awb": "R1"}])").status(), IsOk());
  CHECK_THAT(pages.Read(R"([{"awb": "R1"}])").status(), ReasonIs("SOURCE_ANSWER"));
}

TEST_CASE("SourcePages: the last page for every number behind it is the end", "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kPageNumber;
  source.settings.page_parameter = "p";
  source.settings.items_path = "data";
  SourcePages pages(source, Hosts());
  REQUIRE_THAT(pages.Read(R"({"data": [{"awb": "R1"}], "at": 1})").status(), IsOk());
  CHECK(Joined(pages.Read(R"({"data": [{"awb": "R2"}], "at": 2})")) == "3:R2|~|~");
  CHECK(Joined(pages.Read(R"({"data": [{"awb": "R2"}], "at": 3})")).empty());
  CHECK_FALSE(pages.Next().has_value());
}

TEST_CASE("SourcePages: one page, once more for every number, where pages were seen before",
          "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kPageNumber;
  source.settings.page_parameter = "p";
  source.last_success_at = absl::UnixEpoch();
  SourcePages pages(source, Hosts());
  CHECK(Joined(pages.Read(R"([{"awb": "R1"}])")) == "2:R1|~|~");
  CHECK(Joined(pages.Read(R"([{"awb": "R1"}])")).empty());
  CHECK_FALSE(pages.Next().has_value());
}

TEST_CASE("SourcePages: half a character spoils nothing but itself", "[sources]") {
  Source source = Good();
  SourcePages pages(source, Hosts());
  const std::string item = R"({"awb": "R1", "state": ")";
  int number = 1;
  for (const auto& [written, read] : {std::pair{"a\\uD83D", "a\uFFFD"},
                                      {"\\uDE00b", "\uFFFDb"},
                                      {"\\uD83D\\uD83D\\uDE00", "\uFFFD\U0001F600"},
                                      {"\\uD83Dx\\uDE00", "\uFFFDx\uFFFD"},
                                      {"\xF0\x9F kopi", "\uFFFD\uFFFD kopi"},
                                      {"\xFF \\\\uD83D \\\" \\n.", "\uFFFD \\uD83D \" \n."}}) {
    CAPTURE(written);
    CHECK(Joined(pages.Read(absl::StrCat("[", item, written, "\"}]"))) ==
          absl::StrCat(++number, ":R1|~|", read));
  }
  for (const char* body :
       {"[{\"awb\": \"\\uD8\"}]", "[{\"awb\": \"\\uD83D\"", "[\xFF]", "\\uD83D"}) {
    CAPTURE(body);
    CHECK_THAT(pages.Read(body).status(), ReasonIs("SOURCE_ANSWER"));
  }
}

TEST_CASE("SourcePages: no such page is behind the last one, but not the first", "[sources]") {
  Source source = Good();
  SourcePages all(source, Hosts());
  CHECK_FALSE(all.NoSuchPage());
  source.settings.paging = Paging::kPageNumber;
  source.settings.page_parameter = "p";
  SourcePages pages(source, Hosts());
  CHECK_FALSE(pages.NoSuchPage());
  REQUIRE_THAT(pages.Read(R"([{"awb": "R1"}])").status(), IsOk());
  CHECK(pages.NoSuchPage());
  CHECK_FALSE(pages.Next().has_value());
}

TEST_CASE("SourcePages: says which places no item had", "[sources]") {
  Source source = Good();
  SourcePages pages(source, Hosts());
  CHECK(pages.MissingPlaces().empty());
  REQUIRE_THAT(pages.Read(R"([{"awb": "R1"}, {"consignee": {"phone": null}}])").status(), IsOk());
  CHECK(pages.MissingPlaces() == std::vector<std::string>{"state"});
}

TEST_CASE("SourcePages: cursors, none twice; false and null are the end", "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kCursor;
  source.settings.page_parameter = "cursor";
  source.settings.next_path = "next";
  source.settings.items_path = "items";
  source.settings.since_path = "since";
  {
    SourcePages pages(source, Hosts());
    REQUIRE_THAT(pages.Read(R"({"items": [], "next": "a/b", "since": "s1"})").status(), IsOk());
    CHECK(pages.Next() == "https://api.kurir.id/v1/parcels?outlet=7&cursor=a%2Fb");
    REQUIRE_THAT(pages.Read(R"({"items": [], "next": 12, "since": "s2"})").status(), IsOk());
    CHECK(pages.Next() == "https://api.kurir.id/v1/parcels?outlet=7&cursor=12");
    CHECK_THAT(pages.Read(R"({"items": [], "next": "a/b"})").status(), ReasonIs("SOURCE_ANSWER"));
    CHECK(pages.since() == "s2");
  }
  for (const char* end : {"false", "null", "\"\"", "{}", "0", "\"0\""}) {
    CAPTURE(end);
    SourcePages pages(source, Hosts());
    REQUIRE_THAT(pages.Read(absl::StrCat(R"({"items": [], "next": )", end, "}")).status(), IsOk());
    CHECK_FALSE(pages.Next().has_value());
  }
}

TEST_CASE("SourcePages: links, never elsewhere", "[sources]") {
  Source source = Good();
  source.settings.paging = Paging::kNextLink;
  source.settings.next_path = "next";
  source.settings.items_path = "items";
  const auto next = [](const char* link) {
    return absl::StrCat(R"({"items": [], "next": ")", link, "\"}");
  };
  SourcePages pages(source, Hosts());
  for (const auto& [link, url] :
       {std::pair<const char*, const char*>{"/v1/parcels?page=2", "/v1/parcels?page=2"},
        {"https://api.kurir.id/v1/parcels?page=3", "/v1/parcels?page=3"},
        {"?page=4", "/v1/parcels?page=4"},
        {"http://api.kurir.id/v1/parcels?page=5", "/v1/parcels?page=5"},
        {"https://API.kurir.id:443/v1/parcels?page=6", "/v1/parcels?page=6"}}) {
    REQUIRE_THAT(pages.Read(next(link)).status(), IsOk());
    CHECK(pages.Next() == absl::StrCat("https://api.kurir.id", url));
  }
  for (const char* link :
       {"http://api.kurir.id:8080/v1?page=4", "https://evil.example/", "//evil.example/",
        "https://api.kurir.id:8443/", "https://api.kurir.id@evil.example/", "/a b"}) {
    CAPTURE(link);
    SourcePages other(source, Hosts());
    CHECK_THAT(other.Read(next(link)).status(), ReasonIs("SOURCE_ANSWER"));
  }
}

}  // namespace
}  // namespace kabar::contacts
