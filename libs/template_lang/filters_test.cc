// Filters: {{x | date "d MMMM" | default "segera"}}, in text and in parameters.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

// What a template makes of x, or "REASON(variable)".
std::string Of(absl::string_view text, absl::string_view x, Mode mode = Mode::kStrict) {
  const absl::StatusOr<Template> compiled = Compile(text);
  INFO(compiled.status().ToString());
  REQUIRE(compiled.ok());
  const absl::StatusOr<Binding> bound = compiled->Bind({.row = {"x"}});
  REQUIRE(bound.ok());
  Output out;
  const Failure failure = bound->Render({x}, mode, &out);
  if (failure.ok()) return out.text;
  return std::string(FailureReasonName(failure.reason)) + "(" + std::string(failure.variable) + ")";
}

TEST_CASE("date: days and months in Indonesian", "[template_lang]") {
  CHECK(Of("{{x | date \"d MMMM\"}}", "22/11/2026 14:05") == "22 November");
  CHECK(Of("{{x | date \"EEEE, d MMMM yyyy\"}}", "2026-11-22") == "Minggu, 22 November 2026");
  CHECK(Of("{{x | date 'E dd-MM-yy'}}", "01/06/2026") == "Sen 01-06-26");
  CHECK(Of("{{x | date \"d MMM\"}}", "17-08-2026") == "17 Agu");
  CHECK(Of("{{x | date \"d/M 'pukul' HH.mm.ss\"}}", "05/04/2026 09:07") == "5/4 pukul 09.07.00");
  CHECK(Of("{{x | date \"H:m ''yy\"}}", "2026-01-02T03:04:05+07:00") == "3:4 '26");
  CHECK(Of("{{x|date\"EEEE\"}}", "28/02/2026") == "Sabtu");
  const std::vector<std::string> kMonths = {"Januari",   "Februari", "Maret",    "April",
                                            "Mei",       "Juni",     "Juli",     "Agustus",
                                            "September", "Oktober",  "November", "Desember"};
  for (size_t i = 0; i < kMonths.size(); ++i) {
    CHECK(Of("{{x | date \"MMMM\"}}", "01/" + std::to_string(i + 1) + "/2026") == kMonths[i]);
  }
  const std::vector<std::string> kDays = {"Senin", "Selasa", "Rabu",  "Kamis",
                                          "Jumat", "Sabtu",  "Minggu"};
  for (size_t i = 0; i < kDays.size(); ++i) {
    CHECK(Of("{{x | date \"EEEE\"}}", std::to_string(i + 5) + "/01/2026") == kDays[i]);
  }
}

TEST_CASE("date: a time with a zone of its own is shown in the outlet's", "[template_lang]") {
  const auto compiled = Compile("{{x | date \"d MMMM HH.mm\"}}");
  REQUIRE(compiled.ok());
  Output out;
  const auto western = compiled->Bind({.row = {"x"}});
  REQUIRE(western->Render({"2026-11-21T20:30:00Z"}, Mode::kStrict, &out).ok());
  CHECK(out.text == "22 November 03.30");
  const auto eastern = compiled->Bind({.row = {"x"}}, absl::FixedTimeZone(9 * 3600));
  REQUIRE(eastern->Render({"2026-11-21T20:30:00Z"}, Mode::kStrict, &out).ok());
  CHECK(out.text == "22 November 05.30");
  REQUIRE(eastern->Render({"21/11/2026 20:30"}, Mode::kStrict, &out).ok());
  CHECK(out.text == "21 November 20.30");
}

TEST_CASE("date: what is no date fails its row, or stays as it is", "[template_lang]") {
  for (const char* value : {"besok", "31/02/2026", "45000", "2 hari lagi", " "}) {
    INFO(value);
    CHECK(Of("{{x | date \"d MMMM\"}}", value) == "INVALID_VALUE(x)");
    CHECK(Of("{{x | date \"d MMMM\" | upper}}!", value, Mode::kLenient) ==
          Of("{{x | upper}}!", value));
  }
  // A clock is not made up for a day without one.
  CHECK(Of("{{x | date \"d MMMM HH.mm\"}}", "22/11/2026") == "INVALID_VALUE(x)");
  CHECK(Of("{{x | date \"d MMMM\"}}", std::string(1 << 20, '1')) == "TEXT_TOO_LONG()");
}

TEST_CASE("rupiah: as people write it", "[template_lang]") {
  CHECK(Of("{{x | rupiah}}", "1250000") == "Rp1.250.000");
  CHECK(Of("{{x|RUPIAH}}", "Rp 75.000,-") == "Rp75.000");
  CHECK(Of("{{x | rupiah}}", "0") == "Rp0");
  CHECK(Of("{{x | rupiah}}", "gratis") == "INVALID_VALUE(x)");
  CHECK(Of("{{x | rupiah}}", "gratis", Mode::kLenient) == "gratis");
  CHECK(Of("{{x | rupiah}}", "-5000") == "INVALID_VALUE(x)");
}

TEST_CASE("title, upper, lower: words, accents, apostrophes", "[template_lang]") {
  CHECK(Of("{{x | title}}", "budi SANTOSO") == "Budi Santoso");
  CHECK(Of("{{x | title}}", "  ma'ruf al-amin/b2b (jl. mawar)") ==
        "  Ma'ruf Al-Amin/B2b (Jl. Mawar)");
  CHECK(Of("{{x | title}}", "'aisyiyah élise ÉLODIE") == "'Aisyiyah Élise Élodie");
  CHECK(Of("{{x | title}}", "PT maju jaya, cv/UD (pt.)") == "PT Maju Jaya, CV/UD (PT.)");
  CHECK(Of("{{x | title}}", "pt's udin cvé pt") == "Pt's Udin Cvé PT");
  CHECK(Of("{{x | upper}}", "jalan é ÷ ñ 📦 ß") == "JALAN É ÷ Ñ 📦 ß");
  CHECK(Of("{{x | lower}}", "JALAN É × Ñ 📦") == "jalan é × ñ 📦");
}

TEST_CASE("default: the short form and the long one", "[template_lang]") {
  CHECK(Of("{{x | default \"segera\"}}", "") == "segera");
  CHECK(Of("{{x | default 'segera'}}", "besok") == "besok");
  CHECK(Of("<{{x | default \"\"}}>", "") == "<>");
  CHECK(Of("{{x | Default \"a\"}}", "") == Of("{{x | \"a\"}}", ""));
}

TEST_CASE("filters: from left to right, a missing value passes", "[template_lang]") {
  CHECK(Of("{{x | date \"d MMMM\" | default \"segera\"}}", "") == "segera");
  CHECK(Of("{{x | date \"d MMMM\" | \"segera\"}}", "22/11/2026") == "22 November");
  CHECK(Of("{{x | default \"budi s\" | title}}", "") == "Budi S");
  CHECK(Of("{{x | default \"22/11/2026\" | date \"d MMMM\" | upper}}", "") == "22 NOVEMBER");
  CHECK(Of("{{x | rupiah | upper | lower | title}}", "5000") == "Rp5.000");
  CHECK(Of("{{x | upper}}", "") == "MISSING_VARIABLE(x)");
  CHECK(Of("{{x | upper}}", "", Mode::kLenient) == "-");
  CHECK(Of("<{{x | upper | default \"\"}}>", "") == "<>");
  // A default is for what is missing, not for what is wrong.
  CHECK(Of("{{x | date \"d MMMM\" | default \"segera\"}}", "besok") == "INVALID_VALUE(x)");
}

TEST_CASE("filters: in the parameters of a provider template", "[template_lang]") {
  const auto compiled = Compile(
      "{{provider \"a\" \"id\" x | date \"d MMMM\" | \"segera\" y | rupiah \"Toko\" "
      "z|title|'Kak'}}t");
  REQUIRE(compiled.ok());
  CHECK(compiled->providers()[0].parameters == std::vector<std::string>{"x", "y", "\"Toko\"", "z"});
  const auto bound = compiled->Bind({.row = {"x", "y", "z"}});
  REQUIRE(bound.ok());
  Output out;
  using List = std::vector<std::string>;
  REQUIRE(bound->Render({"22/11/2026", "5000", "budi\nsantoso"}, Mode::kStrict, &out).ok());
  CHECK(out.parameters == List{"22 November", "Rp5.000", "Toko", "Budi Santoso"});
  REQUIRE(bound->Render({" ", "5000", "\n"}, Mode::kStrict, &out).ok());
  CHECK(out.parameters == List{"segera", "Rp5.000", "Toko", "Kak"});
  const Failure failure = bound->Render({"", "murah", ""}, Mode::kStrict, &out);
  CHECK(failure.reason == FailureReason::kInvalidValue);
  CHECK(failure.variable == "y");
}

TEST_CASE("NeededBeyond: what is printed without a default and nobody gives", "[template_lang]") {
  const auto compiled = Compile(
      "{{provider \"a\" \"id\" kota no_hp | \"-\"}}{nama} {{produk}} {{produk | \"x\"}} {{eta | "
      "\"-\"}}"
      "{{cod | rupiah | default \"\"}}{{#if vip}}{{#each "
      "parcels}}{status}{{@number}}{{/each}}{{/if}}"
      "{kelas_harga}");
  REQUIRE(compiled.ok());
  std::vector<std::string> names;
  for (const Variable& one : compiled->NeededBeyond({"contactname", "Kelas Harga"})) {
    names.push_back(one.name);
  }
  CHECK(names == std::vector<std::string>{"city", "productname", "status"});
  CHECK(
      compiled->NeededBeyond({"kota", "nama", "product", "shipment.status", "kelasharga"}).empty());
}

TEST_CASE("NeededBeyond: not what is printed only where it is there", "[template_lang]") {
  const auto needed = [](const std::string& text) {
    const auto compiled = Compile(text);
    REQUIRE(compiled.ok());
    std::string names;
    for (const Variable& one : compiled->NeededBeyond({})) names += one.name + " ";
    return names;
  };
  CHECK(needed("{{#if x}}{x}{{#if y}}{{x | upper}}{{/if}}{{/if}}").empty());
  CHECK(needed("{{#if x and (y and z == \"1\")}}{x}{y}{z}{{/if}}") == "z ");
  CHECK(needed("{{#if y}}a{{else if x}}{x}{y}{{else}}b{{/if}}") == "y ");
  CHECK(needed("{{#if x}}{x}{{else}}{x}{{/if}}") == "x ");
  CHECK(needed("{{#if x}}{x}{{/if}}{x}") == "x ");
  CHECK(needed("{{#if x or y}}{x}{{/if}}") == "x ");
  CHECK(needed("{{#if not x}}{x}{{/if}}") == "x ");
  // That the recipient has it says nothing of each of his parcels.
  CHECK(needed("{{#if x}}{{#each parcels}}{x}{{/each}}{{/if}}") == "x ");
  CHECK(needed("{{#each parcels}}{{#if x}}{x}{{/if}}{{/each}}").empty());
}

TEST_CASE("Compile: filters that are wrong", "[template_lang]") {
  struct Bad {
    const char* text;
    int column;
    const char* says;
  };
  for (const Bad& bad : {
           Bad{"{{x | datum \"d\"}}", 7, "after | comes date"},
           Bad{"{{x | }}", 7, "after | comes date"},
           Bad{"{{x | date}}", 11, "date takes its pattern in quotes"},
           Bad{"{{x | date d}}", 12, "date takes its pattern in quotes"},
           Bad{"{{x | date \"\"}}", 12, "is empty"},
           Bad{"{{x | date \"d MMMMM\"}}", 12, "\"MMMMM\" means nothing"},
           Bad{"{{x | date \"hh:mm\"}}", 12, "\"hh\" means nothing"},
           Bad{"{{x | date \"yyy\"}}", 12, "\"yyy\" means nothing"},
           Bad{"{{x | date \"d 'pukul\"}}", 12, "never closed"},
           Bad{"{{x | default}}", 14, "default takes its text in quotes"},
           Bad{"{{x | rupiah \"Rp\"}}", 14, "expected }} or | and a filter after x"},
           Bad{"{{x | upper lower}}", 13, "expected }} or | and a filter after x"},
           Bad{"{{x | \"segera\" | date \"d\"}}", 18, "cannot read the default \"segera\""},
           Bad{"{{x | default \"-\" | upper | rupiah}}", 29, "cannot read the default \"-\""},
           Bad{"{{x|upper|upper|upper|upper|upper|upper|upper|upper|upper}}", 52, "at most 8"},
           Bad{"{{provider \"a\" \"id\" x | upper | default \" \"}}", 41, "may not be empty"},
           Bad{"{{#if x | upper}}{{/if}}", 9, "expected and, or"},
       }) {
    INFO(bad.text);
    ParseError error;
    REQUIRE_FALSE(Compile(bad.text, &error).ok());
    CHECK(error.position.line == 1);
    CHECK(error.position.column == bad.column);
    CHECK_THAT(error.message, Catch::Contains(bad.says));
  }
}

}  // namespace
}  // namespace kabar::template_lang
