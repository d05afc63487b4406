#include "services/contacts/segment.h"

#include <catch2/catch.hpp>
#include <string>

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
      "((lower(s.status) = lower($2::text)) AND (lower(c.city) = lower($3::text)) AND "
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

}  // namespace
}  // namespace kabar::contacts
