// Functions: shipments.count((status = x), 30d) > 5, named filters, today + 1d.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/filter_lang/parser.h"
#include "libs/filter_lang/schema.h"
#include "libs/filter_lang/sql.h"
#include "libs/testing/status_matchers.h"

namespace kabar::filter_lang {
namespace {

using testing::StatusIs;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

const absl::TimeZone kJakarta = absl::FixedTimeZone(7 * 3600);
// 12:34:56.000007 in Jakarta
const absl::Time kNow = absl::FromUnixSeconds(1795325696) + absl::Microseconds(7);

const Schema& TestSchema() {
  static const Schema schema(
      {{"city", FieldType::kText}, {"n", FieldType::kNumber}, {"at", FieldType::kTime}}, nullptr,
      kJakarta,
      {Collection("shipments", Schema({{"status", FieldType::kText},
                                       {"cod_amount", FieldType::kNumber},
                                       {"created_at", FieldType::kTime}},
                                      nullptr, kJakarta))});
  return schema;
}

// Named filters: "all" is the empty one, "jkt" asks for a city, "not" is refused within a NOT.
absl::StatusOr<std::unique_ptr<Checked>> FindNamed(const std::string& name,
                                                   const Position& position, bool negated) {
  if (name == "all") return std::unique_ptr<Checked>();
  if (name == "not" && negated) return FilterError(position, "negated");
  if (name != "jkt" && name != "not") return FilterError(position, "no such segment");
  KABAR_ASSIGN_OR_RETURN(const auto node, Parse("city = Jakarta"));
  return Check(node.get(), TestSchema());
}

absl::StatusOr<std::unique_ptr<Checked>> CheckText(const std::string& text) {
  KABAR_ASSIGN_OR_RETURN(const auto node, Parse(text));
  return Check(node.get(), TestSchema(), {.now = kNow, .named = {"segment", FindNamed}});
}

// From and to in Jakarta.
std::string SpanOf(const std::string& value) {
  const auto checked = CheckText("at = " + value);
  INFO(value);
  INFO(checked.status());
  REQUIRE(checked.ok());
  const auto span = std::get<TimeSpan>((*checked)->comparison.value);
  return absl::StrCat(absl::FormatTime("%m-%d %H:%M:%E*S", span.from, kJakarta), " ",
                      absl::FormatDuration(span.to - span.from));
}

TEST_CASE("Parse: functions, and what they compare", "[filter]") {
  for (const auto& [text, same] : {
           std::pair{"shipments.count() > 5", "shipments.count() > \"5\""},
           std::pair{"shipments.count( 30d ) > 5", "shipments.count(30d) > \"5\""},
           std::pair{"shipments.count((status = x),30d)=0",
                     "shipments.count((status = \"x\"), 30d) = \"0\""},
           std::pair{"shipments.count((status = x OR NOT a:b))=0",
                     "shipments.count((status = \"x\" OR NOT a : \"b\")) = \"0\""},
           std::pair{"a = 1 AND NOT segment(\"VIP\")", "(a = \"1\" AND NOT segment(\"VIP\"))"},
           std::pair{"at <= today + 1d", "at <= today+1d"},
           std::pair{"at <= TODAY+ 1d", "at <= TODAY+1d"},
           std::pair{"at <= now -2h AND b = c", "(at <= now-2h AND b = \"c\")"},
           std::pair{"at <= today", "at <= \"today\""},
           std::pair{"segment (\"VIP\") OR shipments.count (30d)>1",
                     "(segment(\"VIP\") OR shipments.count(30d) > \"1\")"},
           std::pair{"attributes.\"Jenis Paket\".b = x", "attributes.\"Jenis Paket\".b = \"x\""},
       }) {
    INFO(text);
    const auto parsed = Parse(text);
    INFO(parsed.status());
    REQUIRE(parsed.ok());
    CHECK(ToString(**parsed) == same);
    const auto again = Parse(ToString(**parsed));
    REQUIRE(again.ok());
    CHECK(ToString(**again) == ToString(**parsed));
  }
}

TEST_CASE("Check: what a function gives takes its type", "[filter]") {
  const auto count = CheckText("shipments.count((status = \"Delivered\"), 30d) > 5");
  REQUIRE(count.ok());
  const Comparison& comparison = (*count)->comparison;
  REQUIRE(comparison.aggregation != nullptr);
  CHECK(comparison.aggregation->aggregate == Aggregate::kCount);
  CHECK(comparison.aggregation->since == kNow - absl::Hours(30 * 24));
  CHECK(comparison.aggregation->condition->comparison.field->name == "status");
  CHECK(std::get<Number>(comparison.value).digits == "5");

  const auto sum = CheckText("shipments.SUM(cod_amount) >= 1000000");
  REQUIRE(sum.ok());
  CHECK((*sum)->comparison.aggregation->summed->name == "cod_amount");
  CHECK_FALSE((*sum)->comparison.aggregation->since.has_value());

  const auto last = CheckText("shipments.last((status:deliv*)) < today - 90d");
  REQUIRE(last.ok());
  CHECK(std::holds_alternative<TimeSpan>((*last)->comparison.value));
}

TEST_CASE("Check: today and now, in the schema's zone", "[filter]") {
  CHECK(SpanOf("today") == "11-22 00:00:00 24h");
  CHECK(SpanOf("today + 1d") == "11-23 00:00:00 24h");
  CHECK(SpanOf("today-1w") == "11-15 00:00:00 24h");
  CHECK(SpanOf("today + 8h") == "11-22 08:00:00 1us");
  CHECK(SpanOf("now") == "11-22 12:34:56.000007 1us");
  CHECK(SpanOf("now - 2h") == "11-22 10:34:56.000007 1us");
  CHECK(SpanOf("\"today + 1d\"") == "11-23 00:00:00 24h");
  CHECK(SpanOf("now + 90min") == "11-22 14:04:56.000007 1us");
  CHECK(SpanOf("now - 1d") == "11-21 12:34:56.000007 1us");
}

TEST_CASE("Check: faults of functions at their place", "[filter]") {
  struct Wrong {
    const char* text;
    int column;
    const char* part;
  };
  for (const Wrong& row : {
           Wrong{"city = x AND shipment.count() > 1", 14, "there are shipments.count(...)"},
           Wrong{"shipments.average(cod_amount) > 1", 1, "segment(\"name\")"},
           Wrong{"shipments.count(status = x) > 1", 24, "brackets of its own"},
           Wrong{"shipments.count(status:x) > 1", 17, "brackets of its own"},
           Wrong{"shipments.count(", 17, "ends"},
           Wrong{"shipments.count(30d", 16, "never closed"},
           Wrong{"shipments.count((citi = x)) > 1", 18, "no field \"citi\""},
           Wrong{"shipments.count((segment(\"jkt\"))) > 1", 18, "no function segment here"},
           Wrong{"shipments.count(30d, 7d) > 1", 22, "at most once"},
           Wrong{"shipments.count((status=a), (status=b)) > 1", 29, "join both with AND"},
           Wrong{"shipments.count(cod_amount) > 1", 17, "has no meaning here"},
           Wrong{"shipments.sum() > 1", 1, "say first which number"},
           Wrong{"shipments.sum(status) > 1", 15, "no number of shipments"},
           Wrong{"shipments.sum(cod_amount, 30x) > 1", 27, "a span such as 30d"},
           Wrong{"shipments.count() > many", 21, "is a number"},
           Wrong{"shipments.count() : 5", 19, "it allows = !="},
           Wrong{"shipments.last() > 5", 20, "today + 1d"},
           Wrong{"shipments.count()", 1, "needs a comparison"},
           Wrong{"segment(jkt)", 1, "one name in quotes"},
           Wrong{"segment(\"jkt\", \"x\")", 1, "one name in quotes"},
           Wrong{"n = 1 AND segment(\"lost\")", 11, "no such segment"},
           Wrong{"NOT (n = 1 AND segment(\"not\"))", 16, "negated"},
           Wrong{"at < today + 1", 6, "is a time"},
           Wrong{"at < today + 1x", 6, "is a time"},
           Wrong{"at < today +", 13, "a span of time"},
           Wrong{"at < today + 1d + 1d", 17, "only one"},
           Wrong{"city = today + 1d", 8, "is a text"},
           Wrong{"city <= today", 9, "has no time"},
           Wrong{"city = now", 8, "has no time"},
           Wrong{"city > \"today + 1d\"", 8, "has no time"},
           Wrong{"shipments.count(3m) > 0", 17, "a span such as 30d"},
           Wrong{"n = 1 + 2", 7, "only today and now"},
       }) {
    INFO(row.text);
    const auto checked = CheckText(row.text);
    REQUIRE_FALSE(checked.ok());
    INFO(checked.status());
    CHECK_THAT(checked, StatusIs(kInvalid, row.part));
    const auto position = ErrorPosition(checked.status());
    REQUIRE(position.has_value());
    CHECK(position->column == row.column);
  }
  const std::string deep = "shipments.count(" + std::string(30, '(') + "status=a";
  CHECK_THAT(CheckText(deep), StatusIs(kInvalid, "too deep"));
}

TEST_CASE("Check: texts that look like times where no time is meant", "[filter]") {
  CHECK(CheckText("city = \"today\"").ok());
  CHECK(CheckText("city : now").ok());
  CHECK(CheckText("city = now-playing").ok());
}

TEST_CASE("Check: values of a map are compared as what they are compared with", "[filter]") {
  Schema schema({{"tags", FieldType::kTextMap, {}, nullptr, "tags_time", "tags_number"},
                 {"tags_time", FieldType::kTime},
                 {"tags_number", FieldType::kNumber}},
                nullptr, kJakarta);
  const auto check = [&](const std::string& text) {
    const auto node = Parse(text);
    const auto checked = Check(node->get(), schema, {.now = kNow});
    INFO(text);
    INFO(checked.status());
    REQUIRE(checked.ok());
    CHECK((*checked)->comparison.key == "age");
    return (*checked)->comparison.field->name;
  };
  CHECK(check("tags.age > 17") == "tags_number");
  CHECK(check("tags.age <= -2.5") == "tags_number");
  CHECK(check("tags.age = 17") == "tags");
  CHECK(check("tags.age : 17") == "tags");
  CHECK(check("tags.age > old") == "tags");
  CHECK(check("tags.age < 2026-11-22") == "tags_time");
  CHECK(check("tags.age = today") == "tags_time");
  CHECK(check("tags.age:*") == "tags");
  CHECK_FALSE(Check(Parse("tags = today")->get(), schema, {.now = kNow}).ok());
}

TEST_CASE("Check: a text that says a time is compared as one with times only", "[filter]") {
  const Schema schema(
      {{"eta", FieldType::kText, {}, nullptr, "eta_time"}, {"eta_time", FieldType::kTime}}, nullptr,
      kJakarta);
  const auto check = [&](const std::string& text) {
    const auto node = Parse(text);
    const auto checked = Check(node->get(), schema, {.now = kNow});
    INFO(text);
    INFO(checked.status());
    REQUIRE(checked.ok());
    return (*checked)->comparison;
  };
  for (const char* text : {"eta <= today + 1d", "eta = 2026-11-22", "eta < \"now + 2h\""}) {
    const Comparison comparison = check(text);
    CHECK(comparison.field->name == "eta_time");
    CHECK(comparison.offset == "+07:00");
    CHECK(std::holds_alternative<TimeSpan>(comparison.value));
  }
  for (const char* text : {"eta = besok", "eta : 2026-11-22", "eta:*", "eta > \"2 hari\""}) {
    CHECK(check(text).field->name == "eta");
  }
}

TEST_CASE("CompileSql: named filters stand where they are named", "[filter]") {
  const auto checked = CheckText("n = 1 AND (segment(\"jkt\") OR NOT segment(\"all\"))");
  REQUIRE(checked.ok());
  SqlParams params;
  const auto sql = CompileSql(
      checked->get(),
      [](const Comparison& c, SqlParams&) -> absl::StatusOr<FieldSql> {
        return FieldSql{c.field->name, ""};
      },
      params);
  REQUIRE(sql.ok());
  CHECK(*sql == "((n = $1::numeric) AND ((lower(city) = lower($2::text)) OR (TRUE IS NOT TRUE)))");
}

}  // namespace
}  // namespace kabar::filter_lang
