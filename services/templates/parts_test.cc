#include "services/templates/parts.h"

#include <catch2/catch.hpp>
#include <string>

#include "libs/testing/status_matchers.h"

namespace kabar::templates {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;

absl::Status Compiled(const Parts& parts) { return CompiledParts::Compile(parts).status(); }

Parts Image() {
  return {.header_kind = HeaderKind::kImage, .media_link = "https://t.id/{{no_resi}}.png"};
}

TEST_CASE("CompiledParts: what WhatsApp would refuse is refused at save", "[templates]") {
  CHECK_THAT(Compiled({}), IsOk());
  CHECK_THAT(Compiled(Image()), IsOk());
  Parts bad = Image();
  bad.media_link.clear();
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.media_link"));
  bad = Image();
  bad.header_text = "x";
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.header_text"));
  bad = {.header_kind = HeaderKind::kText, .header_text = std::string(61, 'x')};
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.header_text"));
  bad = {.header_kind = HeaderKind::kLocation, .latitude = "1"};
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.longitude"));
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.location_name"));
  CHECK_THAT(Compiled({.footer = std::string(61, 'x')}),
             HasFieldViolation("template.parts.footer"));
  CHECK_THAT(Compiled({.footer = "a\nb"}), HasFieldViolation("template.parts.footer"));
  bad = Image();
  bad.media_link = "{{provider \"a\" \"id\"}}x";
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.media_link"));
  bad.media_link = "{{#if}}";
  CHECK_THAT(Compiled(bad), HasFieldViolation("template.parts.media_link"));
}

TEST_CASE("CompiledParts: up to three answers, or one link", "[templates]") {
  const Button yes{.title = "YA"};
  const Button no{.title = "TIDAK", .answer = "NO"};
  const Button link{.title = "Lacak", .url = "https://t.id/{{no_resi}}"};
  CHECK_THAT(Compiled({.buttons = {yes, no}}), IsOk());
  CHECK_THAT(Compiled({.buttons = {link}}), IsOk());
  CHECK_THAT(Compiled({.buttons = {yes, link}}), HasFieldViolation("template.parts.buttons"));
  CHECK_THAT(Compiled({.buttons = {yes, no, {.title = "3"}, {.title = "4"}}}),
             HasFieldViolation("template.parts.buttons"));
  CHECK_THAT(Compiled({.buttons = {yes, yes}}),
             HasFieldViolation("template.parts.buttons[1].title"));
  CHECK_THAT(Compiled({.buttons = {{.title = std::string(21, 'x')}}}),
             HasFieldViolation("template.parts.buttons[0].title"));
  CHECK_THAT(Compiled({.buttons = {{.answer = "YA"}}}),
             HasFieldViolation("template.parts.buttons[0].title"));
  CHECK_THAT(Compiled({.buttons = {{.title = "a", .answer = "b", .url = "https://t.id"}}}),
             HasFieldViolation("template.parts.buttons[0].answer"));
  CHECK_THAT(Compiled({.buttons = {{.title = "a", .answer = std::string(129, 'x')}}}),
             HasFieldViolation("template.parts.buttons[0].answer"));
}

TEST_CASE("BoundParts: filled in with the row's own values", "[templates]") {
  Parts parts = Image();
  parts.footer = "Toko {{nama}}";  // the same for everybody, so it is what it is
  parts.buttons = {{.title = "YA"}, {.title = "TIDAK", .answer = "NO"}};
  const auto compiled = CompiledParts::Compile(parts);
  REQUIRE_THAT(compiled, IsOk());
  const auto bound = compiled->Bind({.row = {"awb"}}, absl::UTCTimeZone());
  REQUIRE_THAT(bound, IsOk());
  template_lang::Output buffer;
  Parts made;
  REQUIRE(bound->Render({"JP1"}, template_lang::Mode::kStrict, &buffer, &made).ok());
  CHECK(made.media_link == "https://t.id/JP1.png");
  CHECK(made.footer == "Toko {{nama}}");
  CHECK(made.buttons[0].answer == "YA");
  CHECK(made.buttons[1].answer == "NO");
  const auto failure = bound->Render({""}, template_lang::Mode::kStrict, &buffer, &made);
  CHECK(failure.reason == template_lang::FailureReason::kMissingVariable);
  CHECK(failure.variable == "tracking_number");
}

}  // namespace
}  // namespace kabar::templates
