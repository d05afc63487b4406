#include "tools/cloudsim/templates.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::cloudsim {
namespace {

Template Compile(const std::string& components, const std::string& format = "POSITIONAL") {
  TemplateSetup setup;
  setup.name = "t";
  setup.language = "id";
  setup.parameter_format = format;
  setup.components_json = components;
  absl::StatusOr<Template> compiled = CompileTemplate(setup);
  REQUIRE(compiled.ok());
  return *compiled;
}

std::string CompileError(const std::string& components) {
  TemplateSetup setup;
  setup.components_json = components;
  const absl::StatusOr<Template> compiled = CompileTemplate(setup);
  return compiled.ok() ? "" : std::string(compiled.status().message());
}

TemplateParameter Text(absl::string_view text, absl::string_view name = "") {
  return {"text", name, text, true};
}

struct Expanded {
  bool good = false;
  std::string header;
  std::string body;
  GraphError error;
};

Expanded Expand(const Template& source, const TemplateArguments& arguments) {
  Expanded result;
  result.good = ExpandTemplate(source, arguments, &result.header, &result.body, &result.error);
  return result;
}

TemplateArguments Body(std::vector<TemplateParameter> parameters) {
  TemplateArguments arguments;
  arguments.body = std::move(parameters);
  return arguments;
}

TEST_CASE("ExpandTemplate: positional parameters, repeated and out of order", "[cloudsim]") {
  const Template source =
      Compile(R"([{"type":"BODY","text":"{{2}}: halo {{1}} 😀\nbaris dua, {{ 1 }}"}])");
  const Expanded result = Expand(source, Body({Text("Büdi"), Text("JX1")}));
  REQUIRE(result.good);
  CHECK(result.body == "JX1: halo Büdi 😀\nbaris dua, Büdi");
}

TEST_CASE("ExpandTemplate: named parameters in any order", "[cloudsim]") {
  const Template source = Compile(R"([{"type":"body","text":"{{nama}} / {{resi}}"}])", "NAMED");
  const Expanded good = Expand(source, Body({Text("JX1", "resi"), Text("Budi", "nama")}));
  REQUIRE(good.good);
  CHECK(good.body == "Budi / JX1");
  CHECK(Expand(source, Body({Text("JX1", "resi"), Text("Budi")})).error.code == 100);
}

TEST_CASE("ExpandTemplate: header, footer and a body without parameters", "[cloudsim]") {
  const Template source = Compile(
      R"([{"type":"HEADER","format":"TEXT","text":"Kabar {{1}}"},{"type":"BODY","text":"Isi"},
          {"type":"FOOTER","text":"Salam"}])");
  TemplateArguments arguments;
  arguments.header.push_back(Text("pagi"));
  const Expanded result = Expand(source, arguments);
  REQUIRE(result.good);
  CHECK(result.header == "Kabar pagi");
  CHECK(result.body == "Isi");
  CHECK(source.footer == "Salam");
}

TEST_CASE("ExpandTemplate: refusals carry the code and wording of the real API", "[cloudsim]") {
  const Template source = Compile(R"([{"type":"BODY","text":"{{1}} {{2}}"}])");
  const Expanded count = Expand(source, Body({Text("a")}));
  CHECK_FALSE(count.good);
  CHECK(count.error.code == 132000);
  CHECK(count.error.details ==
        "body: number of localizable_params (1) does not match the expected number of params (2)");
  CHECK(Expand(source, Body({Text("a"), Text("")})).error.code == 131008);
  CHECK(Expand(source, Body({Text("a"), Text("b\nc")})).error.code == 132018);
  CHECK(Expand(source, Body({Text("a"), Text("b\tc")})).error.code == 132018);
  CHECK(Expand(source, Body({Text("a"), Text("b     c")})).error.code == 132018);
  CHECK(Expand(source, Body({Text("a"), Text("b    c")})).good);
  CHECK(Expand(source, Body({Text("a"), {"image", "", "", false}})).error.code == 132012);
  CHECK(Expand(source, Body({Text("a"), Text(std::string(1025, 'x'))})).error.code == 132005);
  CHECK(Expand(source, Body({Text("a"), Text(std::string(1022, 'x'))})).good);
}

TEST_CASE("ExpandTemplate: a media header wants its own kind", "[cloudsim]") {
  const Template source =
      Compile(R"([{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Isi"}])");
  TemplateArguments arguments;
  CHECK(Expand(source, arguments).error.code == 132012);
  arguments.header.push_back({"document", "", "", false});
  CHECK(Expand(source, arguments).error.code == 132012);
  arguments.header[0].type = "image";
  CHECK(Expand(source, arguments).error.code == 131008);  // without a link
  arguments.header[0].text = "https://t.id/a.png";
  arguments.header[0].has_text = true;
  const auto result = Expand(source, arguments);
  CHECK(result.good);
  CHECK(result.header == "[image]https://t.id/a.png");
}

TEST_CASE("ExpandTemplate: buttons", "[cloudsim]") {
  const Template source = Compile(
      R"([{"type":"BODY","text":"Isi"},{"type":"BUTTONS","buttons":[
          {"type":"QUICK_REPLY","text":"YA"},
          {"type":"URL","text":"Lacak","url":"https://x.id/{{1}}"}]}])");
  CHECK(source.has_quick_replies);
  TemplateArguments arguments;
  CHECK(Expand(source, arguments).error.code == 131008);
  arguments.buttons.push_back({1, "url", {Text("JX1")}});
  CHECK(Expand(source, arguments).good);
  arguments.buttons.push_back({0, "url", {Text("x")}});
  CHECK(Expand(source, arguments).error.code == 132012);
  arguments.buttons[1] = {5, "quick_reply", {}};
  CHECK(Expand(source, arguments).error.code == 132012);
}

TEST_CASE("CompileTemplate: says what is wrong", "[cloudsim]") {
  CHECK(CompileError("[]") == "components: the BODY is missing");
  CHECK(CompileError(R"([{"type":"BODY","text":"a {{1}} {{3}}"}])") ==
        "BODY: the variable {{3}} is not of the form {{1}}, {{2}}, ... without gaps");
  CHECK(CompileError(R"([{"type":"BODY","text":"a {{1"}])") == "BODY: a {{ has no }}");
  CHECK(CompileError(R"([{"type":"BODY","text":""}])") == "BODY: the text is missing");
  CHECK(CompileError(R"([{"type":"BODY","text":"a"},{"type":"FOOTER","text":"{{1}}"}])") ==
        "FOOTER: variables are not allowed");
  CHECK(CompileError(R"([{"type":"NOSE","text":"a"}])") ==
        "components: the type \"NOSE\" is not known");
  CHECK_FALSE(
      CompileError(R"([{"type":"BODY","text":")" + std::string(1025, 'a') + "\"}]").empty());
}

}  // namespace
}  // namespace kabar::cloudsim
