// Texts that mean no good, and texts that mean nothing at all.
#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <vector>

#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

std::string Repeat(const std::string& piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) text += piece;
  return text;
}

std::string Message(const std::string& text) {
  return std::string(Compile(text).status().message());
}

TEST_CASE("Compile: depth is bounded", "[template_lang]") {
  const auto nested = [](size_t depth) {
    return Repeat("{{#if a}}", depth) + "x" + Repeat("{{/if}}", depth);
  };
  CHECK(Compile(nested(kMaxDepth)).ok());
  CHECK_THAT(Message(nested(kMaxDepth + 1)),
             Catch::StartsWith("line 1, column 289: ifs are nested"));
  CHECK_THAT(Message(Repeat("{{#if a}}", 7000)), Catch::Contains("nested deeper than 32"));

  const auto brackets = [](size_t depth) {
    return "{{#if " + Repeat("(", depth) + "a" + Repeat(")", depth) + "}}x{{/if}}";
  };
  CHECK(Compile(brackets(kMaxDepth - 1)).ok());
  CHECK_THAT(Message(brackets(kMaxDepth)), Catch::Contains("nested deeper than 32"));
  CHECK_THAT(Message("{{#if " + Repeat("(", 60000)), Catch::Contains("nested deeper than 32"));
  CHECK_THAT(Message("{{#if " + Repeat("not ", 15000)), Catch::Contains("nested deeper than 32"));
}

TEST_CASE("Compile: size is bounded", "[template_lang]") {
  CHECK(Compile(std::string(kMaxTemplateBytes, 'x')).ok());
  CHECK_THAT(Message(std::string(kMaxTemplateBytes + 1, 'x')), Catch::Contains("65537 bytes"));
  CHECK_THAT(Message(Repeat("{a}", 20000)), Catch::Contains("more than 8192"));
  CHECK_THAT(Message("{{#if a" + Repeat(" or a", 13000) + "}}x{{/if}}"),
             Catch::Contains("more than 8192"));
  CHECK(Compile("{{#if a" + Repeat(" and a", 8000) + "}}x{{/if}}").ok());
  CHECK_THAT(Message("{{" + std::string(65, 'a') + "}}"), Catch::Contains("longer than 64"));
  CHECK(Compile("{{" + std::string(64, 'a') + "}}").ok());
  CHECK_THAT(Message("{{provider \"a\" \"id\"" + Repeat(" a", 65) + "}}"),
             Catch::Contains("at most 64 parameters"));
}

// Each looks at its own surroundings only, so the last one costs what the first one does.
TEST_CASE("Compile: comments without end on one line", "[template_lang]") {
  Output out;
  const auto rendered = [&](const std::string& text) {
    const auto compiled = Compile(text);
    REQUIRE(compiled.ok());
    const auto bound = compiled->Bind({});
    REQUIRE(bound.ok());
    REQUIRE(bound->Render({}, Mode::kStrict, &out).ok());
    return out.text;
  };
  for (const std::string end : {"", "\n", "\r\nHalo"}) {
    CHECK(rendered(Repeat("{{!}}", 13000) + end) == end);
    CHECK(rendered(Repeat("{{!}} \t", 2000) + end) == Repeat(" \t", 2000) + end);
    CHECK(rendered(Repeat(" {{!}}", 4000) + end) == std::string(4000, ' ') + end);
  }
  // The whole text is looked at once, blanks and all.
  CHECK(rendered(std::string(60000, ' ') + "{{!}}" + std::string(5000, '\t') + "\nHalo") == "Halo");
}

TEST_CASE("Render: filters in a loop are bounded", "[template_lang]") {
  const auto reason = [](const std::string& print, const std::string& value) {
    const auto compiled = Compile("{{#each parcels}}" + Repeat(print, 110) + "{{/each}}");
    REQUIRE(compiled.ok());
    const auto bound = compiled->Bind({.row = {"x"}});
    REQUIRE(bound.ok());
    Output out;
    const std::vector<Row> parcels(100);
    return bound->Render({value}, parcels, Mode::kLenient, &out).reason;
  };
  CHECK(reason("{{x | upper}}", "1") == FailureReason::kTextTooLong);
  CHECK(reason("{{x | date \"d\"}}", "1/11/2026") == FailureReason::kTooManySteps);
  const std::string seven = "{{x | upper | lower | upper | lower | upper | lower | upper";
  CHECK(reason(seven + " | lower}}", "1") == FailureReason::kTextTooLong);
  CHECK(reason(seven + " | date \"d\"}}", "1") == FailureReason::kTooManySteps);
}

// Every suffix that is cut off must be an answer, not a crash; sanitizer builds look closer.
TEST_CASE("Compile: any part of a template is answered", "[template_lang]") {
  const std::string whole =
      "Halo {contactname} 📦 {{#if (a == \"x\\\"y\" and not b) or c != 'z'}}{{provider \"p_1\" "
      "\"id\" nama eta|\"s\" \"t\"}}\r\n{{eta | \"segera\"}}{{else if d}}{ x }{{else}}{{\"{\"}}"
      "{{/if}}";
  REQUIRE(Compile(whole).ok());
  int compiled = 0;
  for (size_t start = 0; start < whole.size(); ++start) {
    for (size_t length = 0; start + length <= whole.size(); ++length) {
      compiled += Compile(whole.substr(start, length)).ok() ? 1 : 0;
    }
  }
  CHECK(compiled > 100);
}

TEST_CASE("Compile: random words of the language are answered", "[template_lang]") {
  const std::vector<std::string> kWords = {
      "{{",        "}}",       "{",       "}",     "#if",      "/if", "else", " if ", "a",
      "status",    "\"x\"",    "'",       "\"",    "\\",       "|",   "==",   "!=",   "(",
      ")",         " and ",    " or ",    " not ", "provider", "\n",  "\r\n", "📦",    "\xF0",
      "{{#if a}}", "{{else}}", "{{/if}}", "{{a}}", "\"id\" ",  " "};
  std::mt19937 random(20240607);
  std::uniform_int_distribution<size_t> word(0, kWords.size() - 1);
  std::uniform_int_distribution<int> length(1, 14);
  int compiled = 0;
  Output out;
  for (int round = 0; round < 40000; ++round) {
    std::string text;
    for (int i = length(random); i > 0; --i) text += kWords[word(random)];
    const auto result = Compile(text);
    if (!result.ok()) {
      // An error always says where.
      REQUIRE_THAT(std::string(result.status().message()), Catch::StartsWith("line "));
      continue;
    }
    ++compiled;
    const auto bound = result->Bind({.row = {"a"}});
    REQUIRE(bound.ok());
    REQUIRE(bound->Render({"value"}, Mode::kLenient, &out).ok());
  }
  CHECK(compiled > 1000);
}

TEST_CASE("Render: any text without braces comes out as it is", "[template_lang]") {
  const std::vector<std::string> kPieces = {
      "a",  " ",  "\n", "\r\n", "\t",     "📦",      "é",    "*tebal*", "#if",   "/if", "else", "|",
      "\"", "\\", "%d", "$1",   "\u202E", "\uFEFF", "Halo", "<b>",     "&amp;", "[x]", "(y)"};
  std::mt19937 random(7);
  std::uniform_int_distribution<size_t> piece(0, kPieces.size() - 1);
  std::uniform_int_distribution<int> length(0, 60);
  Output out;
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = length(random); i > 0; --i) text += kPieces[piece(random)];
    const auto compiled = Compile(text);
    REQUIRE(compiled.ok());
    const auto bound = compiled->Bind({});
    REQUIRE(bound.ok());
    REQUIRE(bound->Render({}, Mode::kStrict, &out).ok());
    REQUIRE(out.text == text);
    REQUIRE(compiled->warnings().empty());
  }
}

}  // namespace
}  // namespace kabar::template_lang
