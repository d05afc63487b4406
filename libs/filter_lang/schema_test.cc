#include "libs/filter_lang/schema.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "libs/base/status.h"
#include "libs/filter_lang/parser.h"
#include "libs/testing/status_matchers.h"

namespace kabar::filter_lang {
namespace {

Schema TestSchema() {
  absl::TimeZone jakarta = absl::FixedTimeZone(7 * 3600);
  std::vector<Field> fields = {
      {"city", FieldType::kText},
      {"phone",
       FieldType::kExactText,
       {},
       [](absl::string_view raw) -> absl::StatusOr<std::string> {
         if (raw == "08") return base::Error(absl::StatusCode::kInvalidArgument, "X", "too short");
         return "+62" + std::string(raw.substr(1));
       }},
      {"vip", FieldType::kBool},
      {"shipments_30d", FieldType::kNumber},
      {"shipment.updated_at", FieldType::kTime},
      {"consent", FieldType::kEnum, {"IN", "OUT"}},
      {"tags", FieldType::kTextSet},
      {"attributes", FieldType::kTextMap},
  };
  return Schema(
      std::move(fields),
      [](absl::string_view written) {
        return written == "kota" ? std::string("city") : std::string(written);
      },
      jakarta);
}

absl::StatusOr<Comparison> CheckOne(const Schema& schema, const std::string& text) {
  KABAR_ASSIGN_OR_RETURN(auto node, Parse(text));
  KABAR_ASSIGN_OR_RETURN(auto checked, Check(node.get(), schema));
  return checked->comparison;
}

TEST_CASE("Check: names, aliases and map keys", "[filter]") {
  const Schema schema = TestSchema();
  CHECK(CheckOne(schema, "kota = x")->field->name == "city");
  CHECK(CheckOne(schema, "CITY = x")->field->name == "city");
  const auto map = CheckOne(schema, "attributes.\"Jenis Paket\" = x");
  REQUIRE(map.ok());
  CHECK(map->field->name == "attributes");
  CHECK(map->key == "Jenis Paket");
}

TEST_CASE("Check: values take their field's type", "[filter]") {
  const Schema schema = TestSchema();
  CHECK(std::get<TextPattern>(CheckOne(schema, "phone = 0812")->value).text == "+62812");
  CHECK(std::get<TextPattern>(CheckOne(schema, "phone : 0812")->value).text == "0812");
  CHECK(std::get<bool>(CheckOne(schema, "vip = ya")->value));
  CHECK_FALSE(std::get<bool>(CheckOne(schema, "vip = FALSE")->value));
  CHECK(std::get<Number>(CheckOne(schema, "shipments_30d > -5.25")->value).digits == "-5.25");
  CHECK(std::get<TextPattern>(CheckOne(schema, "consent = out")->value).text == "OUT");
  CHECK(std::holds_alternative<Present>(CheckOne(schema, "vip:*")->value));
  CHECK(std::holds_alternative<Present>(CheckOne(schema, "city:*")->value));
  CHECK_FALSE(std::holds_alternative<Present>(CheckOne(schema, "city:\"\\*\"")->value));
}

TEST_CASE("Check: a date is a day in the schema's zone", "[filter]") {
  const Schema schema = TestSchema();
  const auto day = CheckOne(schema, "shipment.updated_at = 2026-11-22");
  REQUIRE(day.ok());
  const auto span = std::get<TimeSpan>(day->value);
  CHECK(absl::FormatTime(span.from, absl::UTCTimeZone()) == "2026-11-21T17:00:00+00:00");
  CHECK(span.to - span.from == absl::Hours(24));
  const auto moment = CheckOne(schema, "shipment.updated_at > 2026-11-22T08:00:00+07:00");
  REQUIRE(moment.ok());
  CHECK(std::get<TimeSpan>(moment->value).from == absl::FromUnixSeconds(1795309200));
  const auto local = CheckOne(schema, "shipment.updated_at > \"2026-11-22 08:00\"");
  REQUIRE(local.ok());
  CHECK(std::get<TimeSpan>(local->value).from == absl::FromUnixSeconds(1795309200));
}

TEST_CASE("Check: faults name field, operator or value at their place", "[filter]") {
  const Schema schema = TestSchema();
  struct Wrong {
    const char* text;
    int column;
    const char* part;
  };
  const Wrong rows[] = {
      {"citi = x", 1, "did you mean city?"},
      {"zzzzzzzzzzzz = x", 1, "there are city, phone"},
      {"city = x AND shipment.updated = 2026-01-01", 14, "shipment.updated_at"},
      {"vip > true", 5, "allows = !="},
      {"shipments_30d : 5", 15, "cannot be compared"},
      {"tags < a", 6, "cannot be compared"},
      {"vip = maybe", 7, "true or false"},
      {"shipments_30d > many", 17, "is a number"},
      {"shipments_30d > 1e5", 17, "is a number"},
      {"shipment.updated_at > yesterday", 23, "is a time"},
      {"shipment.updated_at = 2026-13-40", 23, "is a time"},
      {"shipment.updated_at < infinite-future", 23, "is a time"},
      {"consent = maybe", 11, "IN, OUT"},
      {"phone = 08", 9, "too short"},
      {"attributes = x", 1, "attributes.color"},
      {"city < \"a*\"", 8, "wildcard"},
  };
  for (const Wrong& row : rows) {
    INFO(row.text);
    const auto checked = CheckOne(schema, row.text);
    REQUIRE_FALSE(checked.ok());
    CHECK_THAT(checked, testing::StatusIs(absl::StatusCode::kInvalidArgument, row.part));
    const auto position = ErrorPosition(checked.status());
    REQUIRE(position.has_value());
    CHECK(position->column == row.column);
  }
}

TEST_CASE("ForEachComparison: visits all, in order", "[filter]") {
  const Schema schema = TestSchema();
  auto node = Parse("city = a AND (vip = true OR NOT tags:b)");
  auto checked = Check(node->get(), schema);
  REQUIRE(checked.ok());
  std::string names;
  ForEachComparison(checked->get(), [&](const Comparison& c) { names += c.field->name + " "; });
  CHECK(names == "city vip tags ");
  ForEachComparison(nullptr, [&](const Comparison&) { FAIL(); });
}

}  // namespace
}  // namespace kabar::filter_lang
