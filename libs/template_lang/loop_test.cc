// Comments, and {{#each parcels}} with its counters.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

using Values = std::vector<std::string>;

// A recipient: name and city; his parcels: number and status.
struct Recipient {
  Values row = {"Budi", "JP0", "Bandung"};
  std::vector<Values> parcels = {};
};

std::string Of(absl::string_view text, const Recipient& recipient, Mode mode = Mode::kStrict) {
  const absl::StatusOr<Template> compiled = Compile(text);
  INFO(compiled.status().ToString());
  REQUIRE(compiled.ok());
  const absl::StatusOr<Binding> bound =
      compiled->Bind({.row = {"nama", "no_resi", "kota"}, .parcel = {"awb", "status"}});
  REQUIRE(bound.ok());
  const std::vector<absl::string_view> row(recipient.row.begin(), recipient.row.end());
  std::vector<std::vector<absl::string_view>> values;
  for (const Values& parcel : recipient.parcels) values.emplace_back(parcel.begin(), parcel.end());
  const std::vector<Row> parcels(values.begin(), values.end());
  Output out;
  const Failure failure = bound->Render(row, parcels, mode, &out);
  if (failure.ok()) return out.text;
  return std::string(FailureReasonName(failure.reason)) + "(" + std::string(failure.variable) + ")";
}

const Recipient kThree = {.parcels = {{"JP1", "di gudang"}, {"JP2", ""}, {"JP3", "diantar"}}};

TEST_CASE("each: goes through the parcels in order", "[template_lang]") {
  CHECK(Of("{{#each parcels}}<{no_resi}>{{/each}}", kThree) == "<JP1><JP2><JP3>");
  CHECK(Of("{{# EACH Paket }}<{no_resi}>{{/ each }}", kThree) == "<JP1><JP2><JP3>");
  CHECK(Of("{{#each parcels}}{{@number}}/{{@count}} {/each}{{/each}}", kThree) ==
        "1/3 {/each}2/3 {/each}3/3 {/each}");
}

TEST_CASE("each: inner names shadow outer ones, also where they are empty", "[template_lang]") {
  const char* const kText =
      "{no_resi};{{#each parcels}}{no_resi} {kota} {{status | \"?\"}};{{/each}}{no_resi}";
  CHECK(Of(kText, kThree) == "JP0;JP1 Bandung di gudang;JP2 Bandung ?;JP3 Bandung diantar;JP0");
  const Recipient nameless = {.parcels = {{"", "tiba"}}};
  CHECK(Of("{{#each parcels}}{{no_resi | \"?\"}} {status}{{/each}}", nameless) == "? tiba");
  CHECK(Of("{{#each parcels}}{status}{{/each}}", kThree) == "MISSING_VARIABLE(status)");
  CHECK(Of("{{#each parcels}}{status},{{/each}}", kThree, Mode::kLenient) ==
        "di gudang,-,diantar,");
}

TEST_CASE("each: without parcels the recipient is his own parcel", "[template_lang]") {
  CHECK(Of("{{#each parcels}}{no_resi} {{@number}}/{{@count}}{{#if @first and @last}}!{{/if}}"
           "{{/each}}",
           Recipient{}) == "JP0 1/1!");
  CHECK(Of("{{@count}}", Recipient{}) == "1");
}

TEST_CASE("each: counters in conditions make commas and the last word", "[template_lang]") {
  const char* const kText =
      "{{#each parcels}}{{#if not @first}}{{#if @last}} dan {{else}}, {{/if}}{{/if}}{no_resi}"
      "{{/each}}{{#if @count == \"1\"}} satu{{else}} banyak{{/if}}";
  CHECK(Of(kText, kThree) == "JP1, JP2 dan JP3 banyak");
  CHECK(Of(kText, Recipient{.parcels = {{"A", ""}, {"B", ""}}}) == "A dan B banyak");
  CHECK(Of(kText, Recipient{.parcels = {{"A", ""}}}) == "A satu");
  CHECK(Of("{{#each parcels}}{{#if @number == \"2\"}}{no_resi}{{/if}}{{/each}}", kThree) == "JP2");
}

TEST_CASE("each: two loops, each in a branch, filters inside", "[template_lang]") {
  const char* const kText =
      "{{#if kota == \"Bandung\"}}{{#each parcels}}{{status | upper | \"-\"}} {{/each}}{{else}}"
      "{{#each parcels}}x{{/each}}{{/if}}{{#each parcels}}{no_resi}{{/each}}";
  CHECK(Of(kText, kThree) == "DI GUDANG - DIANTAR JP1JP2JP3");
}

TEST_CASE("each: alone on its line it leaves no line behind", "[template_lang]") {
  CHECK(Of("Halo\n{{#each parcels}}\n{{@number}}. {no_resi}\n{{/each}}\nSalam", kThree) ==
        "Halo\n1. JP1\n2. JP2\n3. JP3\nSalam");
  CHECK(Of("Halo\r\n  {{#each parcels}}  \r\n- {no_resi}\r\n\t{{/each}}", kThree) ==
        "Halo\r\n- JP1\r\n- JP2\r\n- JP3\r\n");
  CHECK(Of("{{#each parcels}} {no_resi}\n{{/each}} x", kThree) == " JP1\n JP2\n JP3\n x");
  CHECK(Of("a {{#each parcels}}\n{no_resi}{{/each}}\n", kThree) == "a \nJP1\nJP2\nJP3\n");
}

TEST_CASE("comments: print nothing and take their line", "[template_lang]") {
  const Recipient one;
  CHECK(Of("a{{! catatan }}b", one) == "ab");
  CHECK(Of("a\n{{! catatan\n untuk {nama} {{nama\n}}\nb", one) == "a\nb");
  CHECK(Of("{{!}}\r\nb\n  {{!--x--}}\t\n{{! y }}", one) == "b\n");
  CHECK(Of("a {{! x }}\nb", one) == "a \nb");
  CHECK(Of("{{! x }} a\nb", one) == " a\nb");
  CHECK(Of("{{!a}}{{!b}}\nc", one) == "\nc");
  CHECK(Of("{nama}{{! x }}\nb", one) == "Budi\nb");
  CHECK(Of("{{#if kota}}{{! x }}\nb{{/if}}", one) == "\nb");
}

TEST_CASE("Compile: loops and comments that are wrong", "[template_lang]") {
  struct Bad {
    const char* text;
    int line;
    int column;
    const char* says;
  };
  for (const Bad& bad : {
           Bad{"{{#each}}", 1, 8, "write {{#each parcels}}"},
           Bad{"{{#each orders}}{{/each}}", 1, 9, "write {{#each parcels}}"},
           Bad{"{{#each \"parcels\"}}{{/each}}", 1, 9, "write {{#each parcels}}"},
           Bad{"{{#each parcels as p}}{{/each}}", 1, 17, "expected }} after {{#each parcels"},
           Bad{"a\n{{#each parcels}} b", 2, 1, "never closed: add {{/each}}"},
           Bad{"{{/each}}", 1, 1, "closes no {{#each}}"},
           Bad{"{{#each parcels}}{{/each x}}", 1, 26, "expected }} after {{/each"},
           Bad{"{{#each parcels}}{{/if}}", 1, 18, "close it with {{/each}} first"},
           Bad{"\n{{#if a}}{{/each}}", 2, 10, "close it with {{/if}} first"},
           Bad{"{{#each parcels}}{{#if a}}{{/each}}", 1, 27, "the {{#if}} of line 1 is still open"},
           Bad{"{{#if a}}{{#each parcels}}{{else}}", 1, 27, "belongs to no {{#if}}"},
           Bad{"{{#each parcels}}{{#each parcels}}", 1, 18, "stands in another"},
           Bad{"{{#each parcels}}{{#if a}}{{#each paket}}", 1, 27, "stands in another"},
           Bad{"{{#each parcels}}{{provider \"a\" \"id\"}}{{/each}}", 1, 18,
               "before the {{#each}}"},
           Bad{"{{@number}}", 1, 3, "only between {{#each}} and {{/each}}"},
           Bad{"{{#each parcels}}{{/each}}{{#if @last}}{{/if}}", 1, 33, "only between"},
           Bad{"{{@index}}", 1, 3, "there is no @index"},
           Bad{"{{@}}", 1, 3, "means nothing inside"},
           Bad{"a {{! b\n c", 1, 3, "this comment is never closed"},
       }) {
    INFO(bad.text);
    ParseError error;
    REQUIRE_FALSE(Compile(bad.text, &error).ok());
    CHECK(error.position.line == bad.line);
    CHECK(error.position.column == bad.column);
    CHECK_THAT(error.message, Catch::Contains(bad.says));
  }
}

TEST_CASE("each: variables, fixed text and provider of a template with loops", "[template_lang]") {
  const auto compiled = Compile(
      "{{provider \"a\" \"id\" nama @count}}ab{{#each "
      "parcels}}cd{status}{no_resi}{{@number}}{{/each}}"
      "{no_resi}");
  REQUIRE(compiled.ok());
  std::vector<std::string> names;
  for (const Variable& variable : compiled->variables()) names.push_back(variable.name);
  CHECK(names == std::vector<std::string>{"name", "status", "tracking_number"});
  CHECK(compiled->shortest_fixed_text() == 4);
  CHECK(compiled->longest_fixed_text() == 4);
  CHECK(compiled->paths_without_provider().empty());
  CHECK(compiled->providers()[0].parameters == std::vector<std::string>{"name", "@count"});
}

TEST_CASE("Bind: two columns of one meaning in the parcels' table", "[template_lang]") {
  const auto compiled = Compile("{{#each parcels}}{no_resi}{{/each}}");
  REQUIRE(compiled.ok());
  const auto bound = compiled->Bind({.row = {"awb"}, .parcel = {"no_resi", "awb"}});
  REQUIRE_FALSE(bound.ok());
  CHECK_THAT(std::string(bound.status().message()),
             Catch::Contains("columns of parcels 1 (\"no_resi\") and 2 (\"awb\")"));
}

TEST_CASE("each: what a row may cost is bounded", "[template_lang]") {
  Recipient many;
  many.parcels.assign(kMaxParcels, {"J", "s"});
  CHECK(Of("{{#each parcels}}{no_resi}{{/each}}", many) == std::string(kMaxParcels, 'J'));
  std::string tests;
  for (int i = 0; i < 2000; ++i) tests += "{{#if kota == nama}}x{{/if}}";
  CHECK(Of("{{#each parcels}}" + tests + "{{/each}}y", many) == "TOO_MANY_STEPS()");
  CHECK(Of("{{#each parcels}}" + tests + "{{/each}}y", kThree) == "y");
  // Long values that are equal: each comparison costs their length.
  Recipient wide = kThree;
  wide.row[0] = wide.row[2] = std::string(1 << 20, 'x');
  CHECK(Of(tests, wide) == "TOO_MANY_STEPS()");
  CHECK(Of("{{#if kota == nama}}sama{{/if}}", wide) == "sama");
  many.parcels.push_back({"J", "s"});
  CHECK(Of("{{#each parcels}}{no_resi}{{/each}}", many) == "TOO_MANY_STEPS()");
  const std::string letters(200, 'x');
  CHECK(Of("{{#each parcels}}" + letters + "{{/each}}", kThree).size() == 600);
  many.parcels.resize(kMaxParcels);
  CHECK(Of("{{#each parcels}}" + letters + "{{/each}}", many) == "TEXT_TOO_LONG()");
}

TEST_CASE("each: parcels merge where their values stand in the loop only", "[template_lang]") {
  const auto merges = [](absl::string_view text) {
    const absl::StatusOr<Template> compiled = Compile(text);
    REQUIRE(compiled.ok());
    return compiled->merges_parcels();
  };
  CHECK(merges("Halo {nama}, {{@count}} paket:{{#each paket}} {no_resi}{{/each}} {catatan_saya}"));
  CHECK(merges("{{#if vip}}{{#each parcels}}{awb}{{/each}}{{/if}}"));
  CHECK_FALSE(merges("Halo {nama}, paket {no_resi}"));
  CHECK_FALSE(merges("{{#each parcels}}{no_resi}{{/each}} {estimasi}"));
  CHECK_FALSE(merges("{{#if status}}x{{/if}}{{#each parcels}}{no_resi}{{/each}}"));
  CHECK_FALSE(merges("{{provider \"a\" \"id\" no_resi}}{{#each parcels}}{no_resi}{{/each}}"));
}

}  // namespace
}  // namespace kabar::template_lang
