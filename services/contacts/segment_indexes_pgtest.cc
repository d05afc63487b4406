// That what segments ask most is answered by the indexes made for it: the expressions of filters
// are those of 0013_segment_indexes.sql.
#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store_fields.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using Catch::Contains;

// 5,000 contacts with a shipment each, one in a hundred of what the filters ask for.
struct Crowd : StoreFixture {
  Crowd() {
    Sql("INSERT INTO contacts (outlet_id, id, name, city, service_type, vip, tags) "
        "SELECT 'toko-a', 'con_' || lpad(i::text, 6, '0'), 'Nama ' || i, 'Kota ' || i % 100, "
        "'Layanan ' || i % 100, i % 100 = 0, CASE WHEN i % 100 = 0 THEN '{VIP}' ELSE '{}' "
        "END::text[] "
        "FROM generate_series(1, 5000) AS i");
    Sql("INSERT INTO shipments (outlet_id, id, tracking_number, contact_id, status) "
        "SELECT 'toko-a', 'shp_' || i, 'JP' || i, 'con_' || lpad(i::text, 6, '0'), "
        "'Status ' || i % 100 FROM generate_series(1, 5000) AS i");
    for (const char* table : {"contacts", "shipments"}) {
      testing::TestPostgres().Sql(pool.options().connection,
                                  absl::StrCat("VACUUM (ANALYZE) contacts.", table));
    }
  }
  // How PostgreSQL goes about counting it, as PgUnit::CountContacts asks.
  std::string Plan(const std::string& text) {
    const SegmentFilter filter = Filter(text);
    filter_lang::SqlParams params(2);
    const auto condition = ContactSql(filter, params);
    REQUIRE(condition.ok());
    std::string sql = absl::StrCat(
        "EXPLAIN (FORMAT JSON) SELECT count(*) FROM contacts c "
        "WHERE c.outlet_id = $1 AND c.deleted_at IS NULL AND ",
        *condition);
    for (std::size_t i = params.values().size(); i > 0; --i) {
      sql = absl::StrReplaceAll(sql, {{absl::StrCat("$", i + 1, "::"),
                                       absl::StrCat("'", params.values()[i - 1], "'::")}});
    }
    return Sql(absl::StrReplaceAll(sql, {{"$1", "'toko-a'"}}));
  }
  // How many rows it thinks there are below the count.
  int Expected(const std::string& text) {
    const auto plan = nlohmann::json::parse(Plan(text));
    return plan[0]["Plan"]["Plans"][0]["Plan Rows"].get<int>();
  }
};

TEST_CASE("Segments: VIP and tags are answered by an index", "[segments]") {
  Crowd c;
  CHECK_THAT(c.Plan("vip = true"), Contains("\"contacts_vip\"") && Contains("Index Only Scan"));
  CHECK_THAT(c.Plan("tags:vip"), Contains("\"contacts_tags\""));
  CHECK_THAT(c.Plan("tags = VIP AND city = \"kota 0\""), Contains("\"contacts_tags\""));
  CHECK_THAT(c.Plan("tags:vip OR vip = ya"),
             Contains("\"contacts_tags\"") && Contains("\"contacts_vip\""));
  CHECK_THAT(c.Plan("vip = true AND shipment.status = \"status 0\""), Contains("\"contacts_vip\""));
  CHECK_THAT(c.Plan("vip = false"), !Contains("contacts_vip"));
  CHECK_THAT(c.Plan("tags != vip"), !Contains("contacts_tags"));
}

TEST_CASE("Segments: a status in ASCII is compared by its own alphabet, another by the world's",
          "[segments]") {
  StoreFixture f;
  const Contact ani = f.Add(kA, "+6281234567890", "Ani");
  f.Ship(kA, "R1", ani.id, "DELAYED");
  f.Ship(kA, "R2", f.Add(kA, "+6281234567891", "Budi").id, "Reçu");
  f.Ship(kA, "R3", f.Add(kA, "+6281234567892", "Cici").id, "");
  CHECK(f.Names(kA, "shipment.status = delayed") == "Ani");
  CHECK(f.Names(kA, "shipment.status = \"Delayed\"") == "Ani");
  CHECK(f.Names(kA, "shipment.status != delayed") == "Budi Cici");
  CHECK(f.Names(kA, "shipment.status = \"REÇU\"") == "Budi");
  CHECK(f.Names(kA, "shipment.status != \"reçu\"") == "Ani Cici");
  CHECK(f.Names(kA, "shipment.status = \"\"") == "Cici");
  CHECK(f.Names(kA, "shipment.status = \"del*\"") == "Ani");
  Crowd c;
  CHECK_THAT(c.Plan("shipment.status = \"status 7\""), Contains("lower((status)::text)"));
  CHECK_THAT(c.Plan("shipment.status = \"reçu\""), !Contains("lower((status)::text)"));
}

TEST_CASE("Segments: how frequent a city, a service, a status, a name is, PostgreSQL knows",
          "[segments]") {
  Crowd c;
  // 50 of 5,000; else it would guess 25.
  for (const char* text :
       {"city = \"KOTA 7\"", "service_type = \"layanan 7\"", "shipment.status = \"status 7\""}) {
    INFO(text);
    CHECK(c.Expected(text) >= 45);
    CHECK(c.Expected(text) <= 55);
  }
  CHECK(c.Expected("name:nama") > 4000);  // all have it; else it would guess a handful
}

}  // namespace
}  // namespace kabar::contacts
