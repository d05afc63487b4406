#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

struct BadText {
  const char* text;
  int line;
  int column;
  const char* says;
};

ParseError ErrorOf(absl::string_view text) {
  ParseError error;
  const absl::StatusOr<Template> compiled = Compile(text, &error);
  REQUIRE_FALSE(compiled.ok());
  CHECK(compiled.status().code() == absl::StatusCode::kInvalidArgument);
  return error;
}

void CheckRefused(const std::vector<BadText>& cases) {
  for (const BadText& bad : cases) {
    INFO(bad.text);
    const ParseError error = ErrorOf(bad.text);
    CHECK(error.position.line == bad.line);
    CHECK(error.position.column == bad.column);
    CHECK_THAT(error.message, Catch::Contains(bad.says));
  }
}

TEST_CASE("Compile: tags that are wrong name line, column and what to do", "[template_lang]") {
  CheckRefused({
      {"{{", 1, 1, "never closed: add }}"},
      {"Halo {{nama", 1, 6, "never closed: add }}"},
      {"Halo {{ nama\n\n", 1, 6, "never closed: add }}"},
      {"{{}}", 1, 3, "holds a variable"},
      {"{{ }}", 1, 4, "holds a variable"},
      {"{{nama}", 1, 7, "ends with two braces"},
      {"{{nama kota}}", 1, 8, "expected }} or | and a filter after nama"},
      {"{{nama?}}", 1, 7, "means nothing inside"},
      {"{{123}}", 1, 3, "stands in quotes"},
      {"{{{nama}}}", 1, 1, "three braces"},
      {"{{nama {{kota}}", 1, 8, "cannot stand inside"},
      {"{{and}}", 1, 3, "holds a variable"},
      {"{else}", 1, 1, "it takes two braces"},
      {"x {IF}", 1, 3, "it takes two braces"},
      {"{{\"abc\" x}}", 1, 9, "expected }} after the quoted text"},
  });
}

TEST_CASE("Compile: columns count characters, lines count line breaks", "[template_lang]") {
  CheckRefused({
      {"📦 é {{}}", 1, 7, "holds a variable"},
      {"satu\r\ndua 📦📦 {{nama?}}", 2, 14, "means nothing"},
      {"\n\n\n{{", 4, 1, "never closed"},
      {"{{nama}}\n{{#if nama}}\n {{else}}\n  {{else}}", 4, 3, "has its {{else}} already"},
  });
}

TEST_CASE("Compile: quoted texts that are wrong", "[template_lang]") {
  CheckRefused({
      {"{{nama | segera}}", 1, 10, "default text in quotes"},
      {"{{nama | }}", 1, 10, "default text in quotes"},
      {"{{nama | \"a\" \"b\"}}", 1, 14, "expected }} or | and a filter after nama"},
      {"{{nama | \"segera}}", 1, 10, "not closed on its line: add \""},
      {"{{nama | 'segera}}\n'", 1, 10, "not closed on its line: add '"},
      {"{{nama | \"a\\q\"}}", 1, 12, "after \\ in a quoted text"},
      {"{{nama | \"a\\", 1, 12, "after \\ in a quoted text"},
      {"{{nama | “segera”}}", 1, 10, "typographic quotes"},
  });
}

TEST_CASE("Compile: ifs that are wrong", "[template_lang]") {
  CheckRefused({
      {"a {{#if nama}} b", 1, 3, "never closed: add {{/if}}"},
      {"{{#if a}}{{#if b}}{{/if}}", 1, 1, "never closed"},
      {"{{/if}}", 1, 1, "closes no {{#if}}"},
      {"x {{else}}", 1, 3, "belongs to no {{#if}}"},
      {"{{#for a}}", 1, 4, "only if and each are known"},
      {"{{/for}}", 1, 4, "only if and each are known"},
      {"{{#if}}", 1, 6, "one of them is missing here"},
      {"{{if a}}", 1, 3, "begins with {{#if"},
      {"{{#if a}}{{else b}}{{/if}}", 1, 17, "expected }} or if after else"},
      {"{{#if a}}{{else if}}{{/if}}", 1, 19, "one of them is missing here"},
      {"{{#if a}}{{else}}{{else if b}}{{/if}}", 1, 18, "has its {{else}} already"},
      {"{{#if a}}{{/if a}}", 1, 16, "expected }} after {{/if"},
  });
}

TEST_CASE("Compile: conditions that are wrong", "[template_lang]") {
  CheckRefused({
      {"{{#if a = \"b\"}}{{/if}}", 1, 9, "write =="},
      {"{{#if a == }}{{/if}}", 1, 12, "one of them is missing here"},
      {"{{#if == \"b\"}}{{/if}}", 1, 7, "one of them is missing here"},
      {"{{#if a == 5}}{{/if}}", 1, 12, "stands in quotes"},
      {"{{#if \"a\"}}{{/if}}", 1, 7, "a text alone is no condition"},
      {"{{#if \"a\" == \"b\"}}{{/if}}", 1, 7, "two texts"},
      {"{{#if a && b}}{{/if}}", 1, 9, "write and"},
      {"{{#if a || b}}{{/if}}", 1, 9, "write or"},
      {"{{#if !a}}{{/if}}", 1, 7, "write not"},
      {"{{#if (a or b}}{{/if}}", 1, 14, "a ) is missing for the ( in column 7"},
      {"{{#if a or b)}}{{/if}}", 1, 13, "expected and, or"},
      {"{{#if a b}}{{/if}}", 1, 9, "expected and, or"},
      {"{{#if a == \"x\" == b}}{{/if}}", 1, 16, "expected and, or"},
      {"{{#if a and}}{{/if}}", 1, 12, "one of them is missing here"},
      {"{{#if not}}{{/if}}", 1, 10, "one of them is missing here"},
  });
}

TEST_CASE("Compile: provider directives that are wrong", "[template_lang]") {
  CheckRefused({
      {"{{provider \"Abc\" \"id\"}}", 1, 12, "small letters, digits and _"},
      {"{{provider \"\" \"id\"}}", 1, 12, "small letters, digits and _"},
      {"{{provider \"abc\"}}", 1, 17, "comes its language"},
      {"{{provider \"abc\" \"indonesia\"}}", 1, 18, "comes its language"},
      {"{{provider \"abc\" nama}}", 1, 18, "comes its language"},
      {"{{provider \"abc\" \"id\" nama |}}", 1, 29, "default text in quotes"},
      {"{{provider \"abc\" \"id\" nama | \"\"}}", 1, 30, "may not be empty"},
      {"{{provider \"abc\" \"id\" \" \\n \"}}", 1, 23, "may not be empty"},
      {"{{provider \"abc\" \"id\" (nama)}}", 1, 23, "are variables"},
      {"{{provider \"abc\" \"id\" if}}", 1, 23, "are variables"},
      {"{{provider abc}}", 1, 12, "expected }} or | and a filter after provider"},
  });
}

TEST_CASE("Compile: one path names one provider template", "[template_lang]") {
  const char* const kSecond = "named before on the way to here";
  CheckRefused({
      {"{{provider \"a\" \"id\"}}{{provider \"b\" \"id\"}}", 1, 22, kSecond},
      {"{{provider \"a\" \"id\"}}\n{{#if x}}{{provider \"b\" \"id\"}}{{/if}}", 2, 10, kSecond},
      {"{{#if x}}{{provider \"a\" \"id\"}}{{/if}}{{provider \"b\" \"id\"}}", 1, 38, kSecond},
      {"{{#if x}}{{provider \"a\" \"id\"}}{{/if}}{{#if y}}{{provider \"b\" \"id\"}}{{/if}}", 1, 47,
       kSecond},
      {"{{#if x}}{{#if y}}{{provider \"a\" \"id\"}}{{/if}}{{provider \"b\" \"id\"}}{{/if}}", 1, 47,
       kSecond},
  });
  CHECK(Compile("{{#if x}}{{provider \"a\" \"id\"}}{{else if y}}{{provider \"b\" \"id\"}}{{else}}"
                "{{provider \"c\" \"id\"}}{{/if}}")
            .ok());
}

TEST_CASE("Compile: bytes that cannot be sent", "[template_lang]") {
  CheckRefused({
      {"Halo \xFF", 1, 6, "not UTF-8"},
      {"a\n\xC3", 2, 1, "not UTF-8"},
      {"\xED\xA0\x80", 1, 1, "not UTF-8"},
      {"\xC0\xAF", 1, 1, "not UTF-8"},
      {"\xF4\x90\x80\x80", 1, 1, "not UTF-8"},
  });
  CHECK_THAT(ErrorOf(absl::string_view("ab\0c", 4)).message, Catch::Contains("NUL"));
  CHECK(ErrorOf(absl::string_view("ab\0c", 4)).position.column == 3);
}

std::vector<std::string> Names(const Template& compiled) {
  std::vector<std::string> names;
  for (const Variable& variable : compiled.variables()) {
    names.push_back(variable.name + (variable.owner.has_value() ? "" : "?") +
                    (variable.printed ? "" : " tested"));
  }
  return names;
}

TEST_CASE("variables: canonical where known, in order of first use", "[template_lang]") {
  const auto compiled = Compile(
      "{{#if status_pengiriman == \"Delivered\"}}Halo {contactname}\n {{Kelas_Harga}}{{/if}}"
      "{{nama}} {kelas-harga} {{provider \"a\" \"id\" no_resi shipment.eta|\"x\"}}"
      "{{#if vip == lokasi}}{{/if}}");
  REQUIRE(compiled.ok());
  CHECK(Names(*compiled) == std::vector<std::string>{"status tested", "name", "Kelas_Harga?",
                                                     "tracking_number", "estimate", "vip tested",
                                                     "location tested"});
  const Variable& unknown = compiled->variables()[2];
  CHECK(unknown.first_use.line == 2);
  CHECK(unknown.first_use.column == 4);
}

TEST_CASE("providers: as written, with position", "[template_lang]") {
  const auto compiled = Compile(
      "{{#if lokasi}}\n{{ provider 'sampai_v2' 'en_US' nama resi|\"-\" \"Toko Kita\" }}\nA"
      "{{else}}B{{/if}}");
  REQUIRE(compiled.ok());
  REQUIRE(compiled->providers().size() == 1);
  const ProviderMapping& mapping = compiled->providers()[0];
  CHECK(mapping.name == "sampai_v2");
  CHECK(mapping.language == "en_US");
  CHECK(mapping.parameters == std::vector<std::string>{"name", "tracking_number", "\"Toko Kita\""});
  CHECK(mapping.position.line == 2);
  CHECK(mapping.position.column == 1);
}

TEST_CASE("providers: named parameters, header and links", "[template_lang]") {
  using List = std::vector<std::string>;
  const auto compiled = Compile(
      "{{provider \"a\" \"id\" pelanggan=nama|title awb = no_resi toko='Toko Kita' "
      "@header=no_resi @link=\"x\" @link2=nama}}A");
  REQUIRE(compiled.ok());
  const ProviderMapping& mapping = compiled->providers()[0];
  CHECK(mapping.labels == List{"pelanggan", "awb", "toko", "@header", "@link1", "@link2"});
  CHECK(mapping.parameters ==
        List{"name", "tracking_number", "\"Toko Kita\"", "tracking_number", "\"x\"", "name"});
  CHECK(mapping.named());
  const auto numbered = Compile("{{provider \"a\" \"id\" nama \"b\" @count @header=no_resi}}A");
  REQUIRE(numbered.ok());
  CHECK(numbered->providers()[0].labels == List{"", "", "", "@header"});
  CHECK_FALSE(numbered->providers()[0].named());

  const auto error = [](const std::string& parameters) {
    return ErrorOf("{{provider \"a\" \"id\" " + parameters + "}}").message;
  };
  CHECK_THAT(error("nama a=no_resi"), Catch::Contains("either all named"));
  CHECK_THAT(error("a=no_resi nama"), Catch::Contains("either all named"));
  CHECK_THAT(error("a=no_resi \"x\""), Catch::Contains("either all named"));
  CHECK_THAT(error("a=nama a=no_resi"), Catch::Contains("given a value before"));
  CHECK_THAT(error("@link=nama @link1=no_resi"), Catch::Contains("given a value before"));
  CHECK_THAT(error("@count=nama"), Catch::Contains("@header"));
  CHECK_THAT(error("Nama=nama"), Catch::Contains("small letters"));
  CHECK_THAT(error("a="), Catch::Contains("variables"));
  CHECK_THAT(error("a=nama=b"), Catch::Contains("=="));
  CHECK_THAT(ErrorOf("{{#if a = b}}x{{/if}}").message, Catch::Contains("write =="));
}

std::vector<std::string> Gaps(absl::string_view text) {
  const auto compiled = Compile(text);
  REQUIRE(compiled.ok());
  std::vector<std::string> gaps;
  for (const Note& note : compiled->paths_without_provider()) {
    gaps.push_back(std::to_string(note.position.line) + ":" + std::to_string(note.position.column));
  }
  return gaps;
}

TEST_CASE("paths_without_provider: says where each begins", "[template_lang]") {
  using List = std::vector<std::string>;
  const std::string a = "{{provider \"a\" \"id\"}}";
  CHECK(Gaps("") == List{"1:1"});
  CHECK(Gaps("Halo {{#if x}}a{{else}}b{{/if}}") == List{"1:1"});
  CHECK(Gaps("Halo " + a) == List{});
  CHECK(Gaps("{{#if x}}" + a + "{{else}}" + a + "{{/if}}") == List{});
  CHECK(Gaps("{{#if x}}" + a + "{{/if}}") == List{"1:1"});
  CHECK(Gaps("{{#if x}}" + a + "\n{{else if y}}b\n{{else}}c{{/if}}") == List{"2:1", "3:1"});
  CHECK(Gaps("{{#if x}}\n{{#if y}}" + a + "{{/if}}{{else}}" + a + "{{/if}}") == List{"2:1"});
  CHECK(Gaps("{{#if x}}b{{/if}}{{#if x}}" + a + "{{else}}" + a + "{{/if}}") == List{});
}

TEST_CASE("warnings: braces that look like a slip", "[template_lang]") {
  const std::vector<const char*> kSlips = {"{ nama }",        "{estimasi | \"segera\"}", "{#if a}",
                                           "{/if}",           "{nama lengkap}",          "{nama}}",
                                           "{provider \"a\"}"};
  for (const char* text : kSlips) {
    INFO(text);
    const auto compiled = Compile(std::string("a\n b") + text);
    REQUIRE(compiled.ok());
    REQUIRE(compiled->warnings().size() == 1);
    CHECK(compiled->warnings()[0].position.line == 2);
    CHECK(compiled->warnings()[0].position.column == 3);
  }
  for (const char* text : {"{\"a\": 1}", "{}", "{ }", "{:)", "{a: b}", "{nama}", "{{nama}}",
                           "{nama\n}", "}{", "{123}"}) {
    INFO(text);
    const auto compiled = Compile(text);
    REQUIRE(compiled.ok());
    CHECK(compiled->warnings().empty());
  }
}

TEST_CASE("fixed text: shortest and longest path in characters", "[template_lang]") {
  const auto compiled =
      Compile("📦é{{nama}}{{#if a}}1234{{else if b}}{{#if c}}123{{/if}}{{else}}{{\"12\"}}{{/if}}.");
  REQUIRE(compiled.ok());
  CHECK(compiled->shortest_fixed_text() == 3);
  CHECK(compiled->longest_fixed_text() == 7);
}

TEST_CASE("Bind: two columns of one meaning are refused", "[template_lang]") {
  const auto compiled = Compile("{{nama}}");
  REQUIRE(compiled.ok());
  const auto bound = compiled->Bind({.row = {"phone", "contactname", "nama"}});
  REQUIRE_FALSE(bound.ok());
  CHECK(bound.status().code() == absl::StatusCode::kInvalidArgument);
  CHECK_THAT(std::string(bound.status().message()),
             Catch::Contains("columns 2 (\"contactname\") and 3 (\"nama\")"));
  CHECK_FALSE(compiled->Bind({.row = {"Kelas A", "kelas_a"}}).ok());
}

}  // namespace
}  // namespace kabar::template_lang
