// The library as its callers see it.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says

TEST_CASE_METHOD(Fixture, "InstallLibraryTemplates: all, then nothing more", "[templates][pg]") {
  const auto shown = Call(&Stub::ListLibraryTemplates, v1::ListLibraryTemplatesRequest());
  REQUIRE_THAT(shown, IsOk());
  REQUIRE(shown->templates_size() >= 20);
  // One that the outlet has of its own under the same code stays.
  REQUIRE_THAT(Create("paket-terkirim", "punya sendiri"), IsOk());
  const auto installed = Call(&Stub::InstallLibraryTemplates, v1::InstallLibraryTemplatesRequest());
  REQUIRE_THAT(installed, IsOk());
  CHECK(installed->installed_size() == shown->templates_size() - 1);
  REQUIRE(installed->present_size() == 1);
  CHECK(installed->present(0) == "paket-terkirim");
  v1::GetTemplateRequest own;
  own.set_code("paket-terkirim");
  CHECK(Call(&Stub::GetTemplate, own)->message() == "punya sendiri");

  const auto again = Call(&Stub::InstallLibraryTemplates, v1::InstallLibraryTemplatesRequest());
  REQUIRE_THAT(again, IsOk());
  CHECK(again->installed_size() == 0);
  CHECK(again->present_size() == shown->templates_size());

  // What was installed renders its sample.
  const v1::LibraryTemplate& first = shown->templates(0);
  v1::PreviewTemplateRequest preview;
  preview.set_template_id(installed->installed(0).id());
  *preview.mutable_variables() = first.sample();
  *preview.mutable_parcels() = first.sample_parcels();
  CHECK(Call(&Stub::PreviewTemplate, preview)->rendered().text() == first.sample_text());
}

TEST_CASE_METHOD(Fixture, "InstallLibraryTemplates: those that are named", "[templates][pg]") {
  v1::InstallLibraryTemplatesRequest request;
  request.add_codes("terima-kasih");
  request.add_codes("terima-kasih");
  const auto installed = Call(&Stub::InstallLibraryTemplates, request);
  REQUIRE_THAT(installed, IsOk());
  CHECK(installed->installed_size() == 1);
  request.add_codes("tidak-ada");
  CHECK_THAT(Call(&Stub::InstallLibraryTemplates, request), HasFieldViolation("codes"));
}

}  // namespace
}  // namespace kabar::templates
