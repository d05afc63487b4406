#include "libs/filter_lang/sql.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/filter_lang/parser.h"
#include "libs/testing/status_matchers.h"

namespace kabar::filter_lang {
namespace {

const Schema& TestSchema() {
  static const Schema schema({{"city", FieldType::kText},
                              {"phone", FieldType::kExactText},
                              {"vip", FieldType::kBool},
                              {"n", FieldType::kNumber},
                              {"at", FieldType::kTime},
                              {"tags", FieldType::kTextSet},
                              {"attributes", FieldType::kTextMap},
                              {"special", FieldType::kText}});
  return schema;
}

struct Compiled {
  std::string sql;
  std::vector<std::string> params;
};

absl::StatusOr<Compiled> Compile(const std::string& text, int first = 1) {
  KABAR_ASSIGN_OR_RETURN(auto node, Parse(text));
  KABAR_ASSIGN_OR_RETURN(auto checked, Check(node.get(), TestSchema()));
  SqlParams params(first);
  const FieldToSql fields = [](const Comparison& c, SqlParams& p) -> absl::StatusOr<FieldSql> {
    if (c.field->name == "attributes") {
      return FieldSql{absl::StrCat("c.attributes ->> ", p.Add(c.key, "text")), ""};
    }
    if (c.field->name == "special") {
      return FieldSql{"", absl::StrCat("f(", p.Add("own", "text"), ")")};
    }
    return FieldSql{absl::StrCat("c.", c.field->name), ""};
  };
  KABAR_ASSIGN_OR_RETURN(std::string sql, CompileSql(checked.get(), fields, params));
  return Compiled{sql, params.values()};
}

void Expect(const std::string& filter, const std::string& sql, std::vector<std::string> params) {
  INFO(filter);
  const auto compiled = Compile(filter);
  INFO(compiled.status().ToString());
  REQUIRE(compiled.ok());
  CHECK(compiled->sql == sql);
  CHECK(compiled->params == params);
}

TEST_CASE("CompileSql: each type and operator", "[filter]") {
  Expect("", "TRUE", {});
  Expect("city = Jakarta", "(lower(c.city) = lower($1::text))", {"Jakarta"});
  Expect("city != Jakarta", "(lower(c.city) IS DISTINCT FROM lower($1::text))", {"Jakarta"});
  Expect("city = \"\"", "(lower(coalesce(c.city, '')) = lower($1::text))", {""});
  Expect("city : bar", "(lower(c.city) LIKE lower($1::text))", {"%bar%"});
  Expect("city = \"Jak*\"", "(lower(c.city) LIKE lower($1::text))", {"Jak%"});
  Expect("city != \"*a\"", "((lower(c.city) LIKE lower($1::text)) IS NOT TRUE)", {"%a"});
  Expect("city:*", "(coalesce(c.city, '') <> '')", {});
  Expect("phone = x", "(c.phone = $1::text)", {"x"});
  Expect("vip = true", "(c.vip = $1::boolean)", {"true"});
  Expect("vip != true", "(c.vip IS DISTINCT FROM $1::boolean)", {"true"});
  Expect("n >= 5", "(c.n >= $1::numeric)", {"5"});
  Expect("n:*", "(c.n IS NOT NULL)", {});
  Expect("tags:vip",
         "(EXISTS (SELECT 1 FROM unnest(c.tags) AS e WHERE lower(e) = lower($1::text)))", {"vip"});
  Expect("tags != vip",
         "(NOT EXISTS (SELECT 1 FROM unnest(c.tags) AS e WHERE lower(e) = lower($1::text)))",
         {"vip"});
  Expect("attributes.color = red", "(lower(c.attributes ->> $1::text) = lower($2::text))",
         {"color", "red"});
  Expect("special = x", "(f($1::text))", {"own"});
}

TEST_CASE("CompileSql: a day is the span it is", "[filter]") {
  const std::string from = "2026-11-22 00:00:00.000000+00";
  const std::string to = "2026-11-23 00:00:00.000000+00";
  Expect("at = 2026-11-22", "((c.at >= $1::timestamptz AND c.at < $2::timestamptz))", {from, to});
  Expect("at != 2026-11-22", "((c.at >= $1::timestamptz AND c.at < $2::timestamptz) IS NOT TRUE)",
         {from, to});
  Expect("at < 2026-11-22", "(c.at < $1::timestamptz)", {from});
  Expect("at <= 2026-11-22", "(c.at < $1::timestamptz)", {to});
  Expect("at > 2026-11-22", "(c.at >= $1::timestamptz)", {to});
  Expect("at >= 2026-11-22", "(c.at >= $1::timestamptz)", {from});
}

TEST_CASE("CompileSql: AND, OR, NOT keep the tree", "[filter]") {
  Expect("n = 1 AND (n = 2 OR NOT n = 3)",
         "((c.n = $1::numeric) AND ((c.n = $2::numeric) OR ((c.n = $3::numeric) IS NOT TRUE)))",
         {"1", "2", "3"});
}

TEST_CASE("CompileSql: parameters begin where the caller says", "[filter]") {
  const auto compiled = Compile("n = 1 AND city = x", 4);
  REQUIRE(compiled.ok());
  CHECK(compiled->sql == "((c.n = $4::numeric) AND (lower(c.city) = lower($5::text)))");
}

TEST_CASE("CompileSql: nothing of the filter's text stands in the SQL", "[filter]") {
  const std::string evil = "x'); DROP TABLE contacts; --";
  const auto compiled = Compile("city = \"" + evil + "\" OR attributes.\"" + evil + "\" = 1");
  REQUIRE(compiled.ok());
  CHECK(compiled->sql.find("DROP") == std::string::npos);
  CHECK(compiled->sql.find('\'') == std::string::npos);
  CHECK(compiled->params == std::vector<std::string>{evil, evil, "1"});
}

TEST_CASE("LikePattern: only wildcards are wild", "[filter]") {
  CHECK(LikePattern({"50%_\\*a*", {5}}, false) == "50\\%\\_\\\\%a*");
  CHECK(LikePattern({"a", {}}, true) == "%a%");
}

}  // namespace
}  // namespace kabar::filter_lang
