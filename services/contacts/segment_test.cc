#include "services/contacts/segment.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/filter_lang/position.h"
#include "libs/filter_lang/sql.h"
#include "libs/testing/status_matchers.h"
#include "services/contacts/pg_store_fields.h"

namespace kabar::contacts {
namespace {

const SegmentLanguage& Language() {
  static const SegmentLanguage language(absl::FixedTimeZone(7 * 3600));
  return language;
}

TEST_CASE("SegmentLanguage: the example of the manual compiles to parameters", "[segments]") {
  const auto filter = Language().Check(
      "shipment.status = \"In Transit\" AND city = \"Jakarta\" AND shipments_30d > 5");
  REQUIRE_THAT(filter, testing::IsOk());
  CHECK(filter->names_shipment());
  filter_lang::SqlParams params(2);
  const auto sql = FilterSql(*filter, params);
  REQUIRE(sql.ok());
  CHECK(
      *sql ==
      "((lower(s.status COLLATE \"C\") = lower($2::text COLLATE \"C\")) AND (lower(c.city) = "
      "lower($3::text)) AND "
      "((SELECT count(*) FROM shipments n WHERE n.outlet_id = c.outlet_id AND n.contact_id = c.id "
      "AND n.created_at > now() - interval '30 days') > $4::numeric))");
  CHECK(params.values() == std::vector<std::string>{"In Transit", "Jakarta", "5"});
}

TEST_CASE("SegmentLanguage: Indonesian names and bare shipment fields", "[segments]") {
  for (const char* text : {"kota = Jakarta", "contact.city = Jakarta", "vip = ya", "tags:vip",
                           "attributes.Warna = merah", "marketing_opted_out = false",
                           "last_inbound_at > 2026-11-01", "no_hp = 0812-3456-7890"}) {
    INFO(text);
    const auto filter = Language().Check(text);
    INFO(filter.status());
    REQUIRE(filter.ok());
    CHECK_FALSE(filter->names_shipment());
  }
  for (const char* text :
       {"status_pengiriman = Delayed", "status = Delayed", "resi = JKT1", "shipment.cod_amount > 0",
        "cod_lunas = tidak", "shipment.updated_at >= 2026-11-22", "city = a AND NOT status = b"}) {
    INFO(text);
    const auto filter = Language().Check(text);
    INFO(filter.status());
    REQUIRE(filter.ok());
    CHECK(filter->names_shipment());
  }
  CHECK(Language().Check("")->root() == nullptr);
}

TEST_CASE("SegmentLanguage: a wrong filter is refused at its fault", "[segments]") {
  struct Wrong {
    const char* text;
    int column;
  };
  for (const Wrong& row :
       {Wrong{"city = \"Jakarta\" AND kotaa = x", 22}, Wrong{"shipments_30d > banyak", 17},
        Wrong{"no_hp = 0812", 9}, Wrong{"vip = true OR city = x AND status = y", 24}}) {
    INFO(row.text);
    const auto filter = Language().Check(row.text);
    const auto position = filter_lang::ErrorPosition(filter.status());
    REQUIRE(position.has_value());
    CHECK(position->column == row.column);
  }
}

// Segments of an outlet, by name; ids are "id-" + name.
FindSegments Saved(std::map<std::string, std::string> filters) {
  return [filters](const std::string& name_or_id) -> absl::StatusOr<std::vector<Segment>> {
    std::vector<Segment> out;
    for (const auto& [name, filter] : filters) {
      if (name_or_id != name && name_or_id != "id-" + name) continue;
      out.push_back({"id-" + name, name, filter, absl::UnixEpoch()});
    }
    return out;
  };
}

TEST_CASE("SegmentLanguage: a named segment stands there in brackets", "[segments]") {
  const FindSegments find = Saved({{"vip", "vip = true OR tags:vip"},
                                   {"late", "shipment.status = Delayed"},
                                   {"both", "segment(\"vip\") AND segment(\"id-late\")"},
                                   {"all", ""}});
  const auto filter = Language().Check("city = x AND segment(\"both\") AND segment(\"all\")", find);
  INFO(filter.status());
  REQUIRE(filter.ok());
  CHECK(filter->names_shipment());
  filter_lang::SqlParams params(2);
  const auto sql = FilterSql(*filter, params);
  REQUIRE(sql.ok());
  CHECK(*sql ==
        "((lower(c.city) = lower($2::text)) AND (((c.vip IS TRUE) OR "
        "((c.tags <> '{}' AND tag_keys(c.outlet_id, c.tags) @> "
        "tag_keys($1::text, ARRAY[$3::text])))) AND "
        "(lower(s.status COLLATE \"C\") = lower($4::text COLLATE \"C\"))) AND TRUE)");
  CHECK(filter->clauses() ==
        std::vector<std::string>{"city = \"x\"", "segment(\"both\")", "segment(\"all\")"});
}

TEST_CASE("SegmentLanguage: circles are refused with their path", "[segments]") {
  const FindSegments find = Saved({{"a", "vip = true AND segment(\"b\")"},
                                   {"b", "segment(\"c\")"},
                                   {"c", "city = x OR segment(\"a\")"},
                                   {"d", "segment(\"d\")"}});
  CHECK_THAT(
      Language().Check("segment(\"a\")", find),
      testing::StatusIs(absl::StatusCode::kInvalidArgument, "\"a\" -> \"b\" -> \"c\" -> \"a\""));
  CHECK_THAT(Language().Check("segment(\"d\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "\"d\" -> \"d\""));
  // One that is about to be saved as e.
  const FindSegments with_user = Saved({{"f", "segment(\"e\")"}, {"e", "vip = true"}});
  CHECK_THAT(Language().Check("segment(\"f\")", with_user, {"id-e", "e", "", absl::UnixEpoch()}),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "\"e\" -> \"f\" -> \"e\""));
  CHECK(Language().Check("segment(\"f\")", with_user).ok());
}

TEST_CASE("SegmentLanguage: what a named segment must not do", "[segments]") {
  std::map<std::string, std::string> filters = {{"late", "shipment.status = Delayed"},
                                                {"wrong", "citty = x"},
                                                {"vip", "vip = true"},
                                                {"g0", "vip = true"}};
  for (int i = 1; i < 10; ++i) {
    const std::string before = absl::StrCat("segment(\"g", i - 1, "\")");
    filters[absl::StrCat("g", i)] = absl::StrCat(before, " AND ", before);
  }
  const FindSegments find = Saved(filters);
  CHECK(Language().Check("NOT segment(\"vip\")", find).ok());
  CHECK_THAT(Language().Check("vip = true AND NOT segment(\"late\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "line 1, column 20"));
  CHECK_THAT(Language().Check("NOT segment(\"late\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "shipments.count("));
  CHECK_THAT(Language().Check("vip = true OR segment(\"wrong\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument,
                               "line 1, column 15: in segment \"wrong\": line 1, column 1"));
  CHECK_THAT(Language().Check("segment(\"none\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "no segment \"none\""));
  CHECK_THAT(Language().Check("segment(\"g9\")", find),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "more than 50"));
  // Ten aggregates are enough for anybody, wherever they stand.
  std::string many = "shipments.count() > 1";
  for (int i = 1; i < 10; ++i) absl::StrAppend(&many, " OR shipments.count() > 1");
  CHECK(Language().Check(many).ok());
  CHECK_THAT(Language().Check(many + " OR shipments.count() > 1"),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "11 aggregates"));
  std::string wide = "shipments.count((status = a";
  for (int i = 0; i < 97; ++i) absl::StrAppend(&wide, " OR status = b");
  filters["wide"] = wide + ")) > 1";
  const FindSegments four = Saved(filters);
  CHECK(Language().Check("segment(\"wide\")", four).ok());
  CHECK_THAT(Language().Check("segment(\"wide\") AND segment(\"wide\") AND segment(\"wide\") AND "
                              "segment(\"wide\")",
                              four),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "comparisons"));
  CHECK_THAT(Language().Check("segment(\"vip\")"),
             testing::StatusIs(absl::StatusCode::kInvalidArgument, "no function segment"));
}

}  // namespace
}  // namespace kabar::contacts
