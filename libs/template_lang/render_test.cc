#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

using Values = std::map<std::string, std::string>;

// The text, or "REASON(variable)".
std::string RenderText(absl::string_view text, const Values& values, Mode mode = Mode::kStrict,
                       Output* out = nullptr) {
  const absl::StatusOr<Template> compiled = Compile(text);
  INFO(compiled.status().ToString());
  REQUIRE(compiled.ok());
  std::vector<std::string> columns;
  std::vector<absl::string_view> row;
  for (const auto& [name, value] : values) {
    columns.push_back(name);
    row.push_back(value);
  }
  const absl::StatusOr<Binding> bound = compiled->Bind({.row = columns});
  REQUIRE(bound.ok());
  Output own;
  if (out == nullptr) out = &own;
  const Failure failure = bound->Render(row, mode, out);
  if (failure.ok()) return out->text;
  return std::string(FailureReasonName(failure.reason)) + "(" + std::string(failure.variable) + ")";
}

TEST_CASE("Render: variables in both brackets and any spelling", "[template_lang]") {
  const Values values = {{"name", "Budi"}, {"tracking_number", "JP1"}, {"Kelas Harga", "A"}};
  CHECK(RenderText("Halo {contactname}!", values) == "Halo Budi!");
  CHECK(RenderText("{{nama}}{{ NAMA }}{nama_penerima}", values) == "BudiBudiBudi");
  CHECK(RenderText("{{\n nama\t}}", values) == "Budi");
  CHECK(RenderText("{no_resi}/{{shipment.awb}}/{no-resi}", values) == "JP1/JP1/JP1");
  CHECK(RenderText("{kelas_harga}", values) == "A");
  CHECK(RenderText("{{provider}}", {{"provider", "JNE"}}) == "JNE");
}

TEST_CASE("Render: everything outside of tags keeps its bytes", "[template_lang]") {
  const Values values = {{"name", "Siti 🌸"}};
  const std::string text = "  *Pagi* {nama} 📦\r\n\r\n\tid: {} { } {\"a\": 1} {:) }} } {a b \n ";
  CHECK(RenderText(text, values) ==
        "  *Pagi* Siti 🌸 📦\r\n\r\n\tid: {} { } {\"a\": 1} {:) }} } {a b \n ");
  CHECK(RenderText("{{#if nama}}\n x \n{{/if}}\n", values) == "\n x \n\n");
  CHECK(RenderText("{ nama } {1a} {na ma} {", values) == "{ nama } {1a} {na ma} {");
  CHECK(RenderText("", values).empty());
}

TEST_CASE("Render: braces that shall be sent", "[template_lang]") {
  const Values values = {{"name", "Budi"}};
  CHECK(RenderText("{{\"{nama}\"}}", values) == "{nama}");
  CHECK(RenderText("{{'{{'}}nama}}", values) == "{{nama}}");
  CHECK(RenderText("{{\"{\"}}{nama}}", values) == "{Budi}");
  CHECK(RenderText("{{\"a\\\"b\\\\c\\n'd\"}}{{'\\''}}", values) == "a\"b\\c\n'd'");
}

TEST_CASE("Render: default text", "[template_lang]") {
  CHECK(RenderText("{{estimasi | \"segera\"}}", {}) == "segera");
  CHECK(RenderText("{{estimasi|'segera'}}", {{"estimate", ""}}) == "segera");
  CHECK(RenderText("{{estimasi | \"segera\"}}", {{"eta", "10:00"}}) == "10:00");
  CHECK(RenderText("<{{estimasi | \"\"}}>", {}) == "<>");
  CHECK(RenderText("{{estimasi | \"}} {{\"}}", {}) == "}} {{");
}

TEST_CASE("Render: conditions", "[template_lang]") {
  struct Case {
    const char* condition;
    bool holds;
  };
  const Values values = {{"a", "1"}, {"b", "2"}, {"same", "1"}, {"blank", ""}, {"q", "\"x\""}};
  const std::vector<Case> kCases = {
      {"a", true},
      {"blank", false},
      {"missing", false},
      {"not a", false},
      {"not missing", true},
      {"not not a", true},
      {"a == \"1\"", true},
      {"a == '1'", true},
      {"\"1\" == a", true},
      {"a != \"1\"", false},
      {"a != \"2\"", true},
      {"a == \"1 \"", false},
      {"q == '\"x\"'", true},
      {"a == same", true},
      {"a == b", false},
      {"a != b", true},
      {"missing == blank", true},
      {"missing == \"\"", true},
      {"missing != \"\"", false},
      {"a != \"\"", true},
      {"not a == \"1\"", false},
      {"not (a == \"2\")", true},
      {"a and b", true},
      {"a and missing", false},
      {"missing and a", false},
      {"missing or a", true},
      {"a or missing", true},
      {"missing or blank", false},
      {"a or missing and missing", true},
      {"(a or missing) and missing", false},
      {"missing and a or b", true},
      {"missing and (a or b)", false},
      {"not a or b", true},
      {"not (a or b)", false},
      {"not (a and missing)", true},
      {"not (missing or blank) and a", true},
      {"a and b and same and not missing", true},
      {"a and b and missing and same", false},
      {"missing or blank or not a or same", true},
      {"not (not (a and b) or missing)", true},
      {"((((a))))", true},
      {"a AND NOT Missing", true},
      {"(a == \"1\" and b == \"3\") or (a == \"1\" and b == \"2\")", true},
      {"(a == \"1\" or b == \"3\") and (a == \"9\" or b == \"9\")", false},
  };
  for (const Case& test : kCases) {
    INFO(test.condition);
    const std::string both = std::string("<{{#if ") + test.condition + "}}yes{{else}}no{{/if}}>";
    CHECK(RenderText(both, values) == (test.holds ? "<yes>" : "<no>"));
    const std::string alone = std::string("<{{#if ") + test.condition + "}}yes{{/if}}>";
    CHECK(RenderText(alone, values) == (test.holds ? "<yes>" : "<>"));
  }
}

// Every truth table of three variables over every shape, against an evaluation by hand.
TEST_CASE("Render: conditions agree with their truth tables", "[template_lang]") {
  for (int bits = 0; bits < 8; ++bits) {
    const bool a = bits & 1, b = bits & 2, c = bits & 4;
    const Values values = {{"a", a ? "x" : ""}, {"b", b ? "x" : ""}, {"c", c ? "x" : ""}};
    const std::vector<std::pair<const char*, bool>> kShapes = {
        {"a and b or c", (a && b) || c},
        {"a or b and c", a || (b && c)},
        {"not a and b or not c", (!a && b) || !c},
        {"not (a and b) and c", !(a && b) && c},
        {"not (a or b) or c", !(a || b) || c},
        {"(a or b) and (b or c) and not (a and c)", (a || b) && (b || c) && !(a && c)},
        {"not (not (a or c) and not b)", !(!(a || c) && !b)},
        {"a == b and b != c", a == b && b != c},
    };
    for (const auto& [shape, holds] : kShapes) {
      INFO(shape << " with " << bits);
      CHECK(RenderText(std::string("{{#if ") + shape + "}}1{{else}}0{{/if}}", values) ==
            (holds ? "1" : "0"));
    }
  }
}

TEST_CASE("Render: else if and nesting take exactly one branch", "[template_lang]") {
  const char* const kText =
      "{{#if s == \"A\"}}a{{#if v}}+{{else}}-{{/if}}{{else if s == \"B\"}}b{{else if s == \"C\"}}c"
      "{{#if v}}{{#if w}}vw{{else}}v{{/if}}{{/if}}{{else}}?{{/if}}.";
  CHECK(RenderText(kText, {{"s", "A"}, {"v", "1"}}) == "a+.");
  CHECK(RenderText(kText, {{"s", "A"}}) == "a-.");
  CHECK(RenderText(kText, {{"s", "B"}, {"v", "1"}}) == "b.");
  CHECK(RenderText(kText, {{"s", "C"}}) == "c.");
  CHECK(RenderText(kText, {{"s", "C"}, {"v", "1"}}) == "cv.");
  CHECK(RenderText(kText, {{"s", "C"}, {"v", "1"}, {"w", "1"}}) == "cvw.");
  CHECK(RenderText(kText, {{"s", "D"}}) == "?.");
  CHECK(RenderText(kText, {}) == "?.");
}

TEST_CASE("Render: strict fails only on what is printed without default", "[template_lang]") {
  CHECK(RenderText("Halo {nama}", {}) == "MISSING_VARIABLE(name)");
  CHECK(RenderText("Halo {nama}", {{"name", ""}}) == "MISSING_VARIABLE(name)");
  CHECK(RenderText("{Kelas}", {{"nama", "Budi"}}) == "MISSING_VARIABLE(Kelas)");
  CHECK(RenderText("{{#if nama}}{nama}{{else}}Kak{{/if}}", {}) == "Kak");
  CHECK(RenderText("{{#if eta == \"x\"}}{nama}{{/if}}ok", {}) == "ok");
  CHECK(RenderText("{{nama | \"Kak\"}}", {}) == "Kak");
  // Blank is not empty: a value of spaces is printed as it is.
  CHECK(RenderText("<{nama}>", {{"nama", " "}}) == "< >");
}

TEST_CASE("Render: lenient prints the default or the fallback", "[template_lang]") {
  CHECK(RenderText("Halo {nama}, {{eta | \"segera\"}}", {}, Mode::kLenient) == "Halo -, segera");
  CHECK(RenderText("Halo {nama}", {{"nama", "Budi"}}, Mode::kLenient) == "Halo Budi");
}

TEST_CASE("Render: the provider template of the path taken", "[template_lang]") {
  const char* const kText =
      "{{#if status == \"Delivered\"}}\n"
      "{{provider \"sampai\" \"id\" nama resi}}\r\n"
      "Halo {nama}, sampai.{{else if lokasi}}{{provider \"jalan\" \"en_US\" lokasi eta|\"segera\" "
      "\"Toko\"}}\n\nDi {lokasi}{{else}}apa kabar{{/if}}";
  Output out;
  CHECK(RenderText(kText, {{"status", "Delivered"}, {"nama", "Budi"}, {"resi", "JP1"}},
                   Mode::kStrict, &out) == "\nHalo Budi, sampai.");
  CHECK(out.parameters == std::vector<std::string>{"Budi", "JP1"});

  const auto compiled = Compile(kText);
  REQUIRE(compiled.ok());
  const auto bound = compiled->Bind({.row = {"status", "nama", "resi", "lokasi", "eta"}});
  REQUIRE(bound.ok());
  REQUIRE(bound->Render({"Delivered", "Budi", "JP1", "", ""}, Mode::kStrict, &out).ok());
  REQUIRE(out.provider != nullptr);
  CHECK(out.provider->name == "sampai");
  CHECK(out.provider->language == "id");

  // The same output, reused for a path with more parameters, then for one without a directive.
  REQUIRE(bound->Render({"", "Budi", "JP1", "Cawang", ""}, Mode::kStrict, &out).ok());
  REQUIRE(out.provider != nullptr);
  CHECK(out.provider->name == "jalan");
  CHECK(out.text == "\nDi Cawang");
  CHECK(out.parameters == std::vector<std::string>{"Cawang", "segera", "Toko"});
  REQUIRE(bound->Render({"", "Budi", "JP1", "", ""}, Mode::kStrict, &out).ok());
  CHECK(out.provider == nullptr);
  CHECK(out.text == "apa kabar");
}

std::vector<std::string> ParametersOf(const std::string& value, Mode mode, Failure* failure) {
  // Failures and outputs refer to the template, so it outlives them.
  static const auto compiled = Compile("{{provider \"a\" \"id\" nama notes|\"ok\"}}");
  REQUIRE(compiled.ok());
  const auto bound = compiled->Bind({.row = {"nama", "notes"}});
  REQUIRE(bound.ok());
  Output out;
  *failure = bound->Render({value, value}, mode, &out);
  return out.parameters;
}

TEST_CASE("Render: provider parameters keep the provider's rules", "[template_lang]") {
  using List = std::vector<std::string>;
  Failure failure;
  CHECK(ParametersOf("a\nb\r\n\tc", Mode::kStrict, &failure) == List{"a b c", "a b c"});
  CHECK(ParametersOf("a   b    c     d", Mode::kStrict, &failure) ==
        List{"a   b c d", "a   b c d"});
  CHECK(ParametersOf("é📦", Mode::kStrict, &failure) == List{"é📦", "é📦"});
  CHECK(failure.ok());
  CHECK(ParametersOf("", Mode::kLenient, &failure) == List{"-", "ok"});
  CHECK(failure.ok());
  for (const char* blank : {"", " ", " \n\t", "\u2008", "\u00A0 \u200B"}) {
    ParametersOf(blank, Mode::kStrict, &failure);
    CHECK(failure.reason == FailureReason::kMissingVariable);
    CHECK(failure.variable == "name");
  }
  ParametersOf(std::string(512, 'x'), Mode::kStrict, &failure);
  CHECK(failure.ok());
  ParametersOf(std::string(513, 'x'), Mode::kStrict, &failure);
  CHECK(failure.reason == FailureReason::kInvalidParameter);
  CHECK(failure.variable == "notes");
  ParametersOf(std::string(1 << 20, 'x'), Mode::kLenient, &failure);
  CHECK(failure.reason == FailureReason::kInvalidParameter);
  CHECK(failure.variable == "name");
}

TEST_CASE("Render: a text longer than the provider takes fails", "[template_lang]") {
  const std::string fits(4096, 'x');
  CHECK(RenderText("{nama}", {{"nama", fits}}) == fits);
  CHECK(RenderText("{nama}", {{"nama", fits + "x"}}) == "TEXT_TOO_LONG()");
  std::string emoji;
  for (int i = 0; i < 4096; ++i) emoji += "📦";
  CHECK(RenderText("{nama}", {{"nama", emoji}}) == emoji);
  CHECK(RenderText("{nama}!", {{"nama", emoji}}) == "TEXT_TOO_LONG()");
  CHECK(RenderText("{nama}", {{"nama", std::string(1 << 20, 'x')}}) == "TEXT_TOO_LONG()");
}

TEST_CASE("Render: a short row lacks its last values", "[template_lang]") {
  const auto compiled = Compile("{nama} {kota}");
  REQUIRE(compiled.ok());
  const auto bound = compiled->Bind({.row = {"nama", "kota"}});
  REQUIRE(bound.ok());
  Output out;
  CHECK(bound->Render({"Budi"}, Mode::kStrict, &out).variable == "city");
  CHECK(bound->Render({}, Mode::kStrict, &out).variable == "name");
}

}  // namespace
}  // namespace kabar::template_lang
