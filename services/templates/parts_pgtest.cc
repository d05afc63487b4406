// Header, footer and buttons of versions: saved, rendered, in the provider form too; quick replies;
// what changed from one version to another.
#include <catch2/catch.hpp>
#include <string>

#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says
using Catch::Matchers::Contains;

struct PartsFixture : Fixture {
  v1::CreateTemplateRequest Wanted(const std::string& code, const std::string& message) {
    v1::CreateTemplateRequest request;
    request.mutable_template_()->set_code(code);
    request.mutable_template_()->set_message(message);
    return request;
  }
  // YA and TIDAK under a picture of the parcel.
  v1::CreateTemplateRequest Asking(const std::string& code, const std::string& message) {
    v1::CreateTemplateRequest request = Wanted(code, message);
    auto& parts = *request.mutable_template_()->mutable_parts();
    parts.set_header_kind(content::v1::Parts::IMAGE);
    parts.set_media_link("https://t.id/{{no_resi}}.png");
    parts.set_footer("Toko Kita");
    parts.add_buttons()->set_title("YA");
    auto* no = parts.add_buttons();
    no->set_title("Tidak");
    no->set_answer("TIDAK");
    return request;
  }
  absl::StatusOr<v1::Rendered> Render(const v1::Template& of, const std::string& awb = "JP1") {
    KABAR_ASSIGN_OR_RETURN(const auto answer,
                           Call(&Stub::RenderBatch, Batch(of.id(), of.version(),
                                                          {"nama", "no_resi"}, {{"Budi", awb}})));
    return answer.rendered(0);
  }
  // WhatsApp's template of this name, with a picture, a link and quick replies in that order.
  void Known(const std::string& name, const std::string& format, bool link) {
    v1::RegisterProviderTemplateRequest request;
    auto& one = *request.mutable_provider_template();
    one.set_name(name);
    one.set_language("id");
    one.set_category("UTILITY");
    one.set_status("APPROVED");
    one.set_body("Halo {{1}}, di rumah?");
    one.set_header_format(format);
    if (link) {
      auto* button = one.add_buttons();
      button->set_type("URL");
      button->set_text("Lacak");
      button->set_url("https://t.id/{{1}}");
    }
    for (const char* title : {"YA", "Tidak"}) {
      auto* button = one.add_buttons();
      button->set_type("QUICK_REPLY");
      button->set_text(title);
    }
    REQUIRE_THAT(Call(&Stub::RegisterProviderTemplate, request), IsOk());
  }
};

TEST_CASE_METHOD(PartsFixture, "parts: part of the version, rendered with it", "[templates][pg]") {
  const auto made = Call(&Stub::CreateTemplate, Asking("tanya", "Halo {nama}, di rumah?"));
  REQUIRE_THAT(made, IsOk());
  CHECK(std::vector<std::string>(made->variables().begin(), made->variables().end()) ==
        std::vector<std::string>{"name", "tracking_number"});
  const auto got = Get(made->id());
  REQUIRE_THAT(got, IsOk());
  CHECK(got->parts().SerializeAsString() == made->parts().SerializeAsString());
  const auto rendered = Render(*made);
  REQUIRE_THAT(rendered, IsOk());
  CHECK(rendered->text() == "Halo Budi, di rumah?");
  CHECK(rendered->parts().header_kind() == content::v1::Parts::IMAGE);
  CHECK(rendered->parts().media_link() == "https://t.id/JP1.png");
  CHECK(rendered->parts().footer() == "Toko Kita");
  REQUIRE(rendered->parts().buttons_size() == 2);
  CHECK(rendered->parts().buttons(1).answer() == "TIDAK");
  // What the picture needs is needed, although the text has all.
  const auto lacking = Render(*made, "");
  CHECK(lacking->failure().reason() == "MISSING_VARIABLE");
  CHECK(lacking->failure().variable() == "tracking_number");
}

TEST_CASE_METHOD(PartsFixture, "parts: an update without them keeps them, with them changes them",
                 "[templates][pg]") {
  const auto made = Call(&Stub::CreateTemplate, Asking("tanya", "Halo {nama}"));
  const auto kept = Update(made->id(), "Hai {nama}");
  REQUIRE_THAT(kept, IsOk());
  CHECK(kept->parts().buttons_size() == 2);
  v1::UpdateTemplateRequest request;
  request.mutable_template_()->set_id(made->id());
  request.mutable_template_()->mutable_parts()->set_footer("Lain");
  const auto changed = Call(&Stub::UpdateTemplate, request);
  REQUIRE_THAT(changed, IsOk());
  CHECK(changed->parts().buttons_size() == 0);
  CHECK(Get(made->id(), 2)->parts().buttons_size() == 2);  // the version before is as it was

  v1::DiffTemplateVersionsRequest diff;
  diff.set_id(made->id());
  const auto newest = Call(&Stub::DiffTemplateVersions, diff);
  REQUIRE_THAT(newest, IsOk());
  CHECK(newest->from_version() == 2);
  CHECK(newest->to_version() == 3);
  REQUIRE(newest->lines_size() == 1);
  CHECK(newest->lines(0).change() == v1::DiffTemplateVersionsResponse::Line::SAME);
  CHECK_FALSE(newest->others().empty());
  diff.set_from_version(1);
  diff.set_to_version(2);
  const auto first = Call(&Stub::DiffTemplateVersions, diff);
  REQUIRE_THAT(first, IsOk());
  REQUIRE(first->lines_size() == 2);
  CHECK(first->lines(0).change() == v1::DiffTemplateVersionsResponse::Line::REMOVED);
  CHECK(first->lines(0).text() == "Halo {nama}");
  CHECK(first->lines(1).change() == v1::DiffTemplateVersionsResponse::Line::ADDED);
  CHECK(first->others().empty());
  diff.set_from_version(9);
  CHECK_THAT(Call(&Stub::DiffTemplateVersions, diff), ReasonIs("VERSION_NOT_FOUND"));
}

TEST_CASE_METHOD(PartsFixture, "parts: in the provider form by the places of its buttons",
                 "[templates][pg]") {
  Known("tanya", "IMAGE", /*link=*/true);
  const std::string text = "{{provider \"tanya\" \"id\" nama @link=no_resi}}Halo {nama}";
  const auto made = Call(&Stub::CreateTemplate, Asking("tanya", text));
  REQUIRE_THAT(made, IsOk());
  const auto rendered = Render(*made);
  REQUIRE_THAT(rendered, IsOk());
  const v1::ProviderForm& form = rendered->provider_form();
  CHECK(form.trouble().empty());
  CHECK(form.with_header());
  CHECK(form.links().at(0) == "JP1");
  CHECK(form.replies().at(1) == "YA");
  CHECK(form.replies().at(2) == "TIDAK");

  // A picture that the version has not got, and a link that nothing is given for.
  CHECK_THAT(Create("kosong", text), HasFieldViolation("template.message"));
  CHECK_THAT(
      Call(&Stub::CreateTemplate, Asking("tanpa", "{{provider \"tanya\" \"id\" nama}}Halo {nama}")),
      HasFieldViolation("template.message"));
}

TEST_CASE_METHOD(PartsFixture, "parts: quick replies of WhatsApp's template answer by their titles",
                 "[templates][pg]") {
  Known("polos", "", /*link=*/false);
  const auto made = Create("polos", "{{provider \"polos\" \"id\" nama}}Halo {nama}");
  REQUIRE_THAT(made, IsOk());
  const auto rendered = Render(*made);
  CHECK_FALSE(rendered->provider_form().with_header());
  CHECK(rendered->provider_form().replies().at(1) == "Tidak");
}

TEST_CASE_METHOD(PartsFixture, "parts: a place needs a provider template on every path",
                 "[templates][pg]") {
  v1::CreateTemplateRequest request = Wanted("tempat", "Ambil di {lokasi}");
  auto& parts = *request.mutable_template_()->mutable_parts();
  parts.set_header_kind(content::v1::Parts::LOCATION);
  parts.set_latitude("-6.2");
  parts.set_longitude("106.8");
  parts.set_location_name("Gudang");
  parts.set_location_address("Jl. A");
  CHECK_THAT(Call(&Stub::CreateTemplate, request), HasFieldViolation("template.parts.header_kind"));
  request.mutable_template_()->set_message("{{provider \"tempat\" \"id\"}}Ambil di {lokasi|\"-\"}");
  CHECK_THAT(Call(&Stub::CreateTemplate, request), IsOk());
}

TEST_CASE_METHOD(PartsFixture, "quick replies: canned texts, listed by themselves",
                 "[templates][pg]") {
  REQUIRE_THAT(Create("pagi", "Halo"), IsOk());
  v1::CreateTemplateRequest request = Wanted("jam-buka", "Kami buka pukul 08.00, {nama}.");
  request.mutable_template_()->set_kind(v1::QUICK_REPLY);
  const auto made = Call(&Stub::CreateTemplate, request);
  REQUIRE_THAT(made, IsOk());
  CHECK(made->kind() == v1::QUICK_REPLY);
  v1::ListTemplatesRequest list;
  list.set_kind(v1::QUICK_REPLY);
  auto found = Call(&Stub::ListTemplates, list);
  REQUIRE_THAT(found, IsOk());
  REQUIRE(found->templates_size() == 1);
  CHECK(found->templates(0).code() == "jam-buka");
  list.set_kind(v1::MESSAGE);
  CHECK(Call(&Stub::ListTemplates, list)->templates(0).code() == "pagi");
  CHECK(Call(&Stub::ListTemplates, v1::ListTemplatesRequest())->templates_size() == 2);
  CHECK(Render(*made)->text() == "Kami buka pukul 08.00, Budi.");
}

}  // namespace
}  // namespace kabar::templates
