// Rendering, previews and validation as their callers see them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says

TEST_CASE_METHOD(Fixture, "RenderBatch: each row goes through its own parcels", "[templates][pg]") {
  const auto created =
      Create("paket", "{{#each parcels}}{no_resi} {nama}{{#if not @last}}, {{/if}}{{/each}}");
  REQUIRE_THAT(created, IsOk());
  v1::RenderBatchRequest batch =
      Batch(created->id(), 1, {"nama", "no_resi"}, {{"Budi", "JP0"}, {"Siti", "JP9"}, {"Ani", ""}});
  batch.add_parcel_variables("awb");
  batch.mutable_rows(0)->add_parcels()->add_values("JP1");
  batch.mutable_rows(0)->add_parcels()->add_values("JP2");
  batch.mutable_rows(2)->add_parcels()->add_values("");
  const auto rendered = Call(&Stub::RenderBatch, batch);
  REQUIRE_THAT(rendered, IsOk());
  REQUIRE(rendered->rendered_size() == 3);
  CHECK(rendered->rendered(0).text() == "JP1 Budi, JP2 Budi");
  CHECK(rendered->rendered(1).text() == "JP9 Siti");
  CHECK(rendered->rendered(2).failure().reason() == "MISSING_VARIABLE");

  v1::RenderBatchRequest wrong = batch;
  wrong.mutable_rows(0)->mutable_parcels(1)->add_values("x");
  CHECK_THAT(Call(&Stub::RenderBatch, wrong), HasFieldViolation("rows[0].parcels[1].values"));
  wrong = batch;
  for (int i = 0; i < 101; ++i) wrong.mutable_rows(1)->add_parcels()->add_values("x");
  CHECK_THAT(Call(&Stub::RenderBatch, wrong), HasFieldViolation("rows[1].parcels"));
  wrong = batch;
  wrong.add_parcel_variables("no_resi");
  for (auto& row : *wrong.mutable_rows()) {
    for (auto& parcel : *row.mutable_parcels()) parcel.add_values("x");
  }
  CHECK_THAT(Call(&Stub::RenderBatch, wrong), HasFieldViolation("variables"));
}

TEST_CASE_METHOD(Fixture, "RenderBatch: a value that a filter cannot read fails its row by name",
                 "[templates][pg]") {
  const auto created = Create("cod", "{{cod | rupiah}}, {{eta | date \"d MMMM\" | \"segera\"}}");
  REQUIRE_THAT(created, IsOk());
  const auto rendered =
      Call(&Stub::RenderBatch, Batch(created->id(), 1, {"cod", "eta"},
                                     {{"75000", "22/11/2026"}, {"75000", ""}, {"gratis", ""}}));
  REQUIRE_THAT(rendered, IsOk());
  CHECK(rendered->rendered(0).text() == "Rp75.000, 22 November");
  CHECK(rendered->rendered(1).text() == "Rp75.000, segera");
  CHECK(rendered->rendered(2).failure().reason() == "INVALID_VALUE");
  CHECK(rendered->rendered(2).failure().variable() == "cod_amount");
}

TEST_CASE_METHOD(Fixture, "PreviewTemplate: with parcels", "[templates][pg]") {
  v1::PreviewTemplateRequest request;
  request.set_message("{nama}:{{#each parcels}} {no_resi} {{lokasi | \"-\"}};{{/each}}");
  (*request.mutable_variables())["nama"] = "Budi";
  (*request.add_parcels()->mutable_variables())["no_resi"] = "JP1";
  (*request.add_parcels()->mutable_variables())["no_resi"] = "JP2";
  (*request.mutable_parcels(1)->mutable_variables())["lokasi"] = "Cawang";
  const auto preview = Call(&Stub::PreviewTemplate, request);
  REQUIRE_THAT(preview, IsOk());
  CHECK(preview->rendered().text() == "Budi: JP1 -; JP2 Cawang;");
}

TEST_CASE_METHOD(Fixture, "RenderBatch: text, provider form or named failure for each row",
                 "[templates][pg]") {
  REQUIRE_THAT(Register("sampai", "Halo {{1}}, {{2}}"), IsOk());
  const std::string id =
      Create("pagi",
             "{{#if status == \"Delivered\"}}{{provider \"sampai\" \"id\" nama resi}}\n"
             "Halo {nama}, {resi} tiba 📦{{else if status}}Halo {nama}: {status}{{/if}}")
          ->id();
  const auto response =
      Call(&Stub::RenderBatch, Batch(id, 1, {"phone", "contactname", "awb", "status"},
                                     {{"1", "Budi", "JP1", "Delivered"},
                                      {"2", "Siti", "JP2", "Transit"},
                                      {"3", "", "JP3", "Transit"},
                                      {"4", "Adi", "", ""},
                                      {"5", std::string(2000, 'x'), "JP5", "Delivered"},
                                      {"6", std::string(5000, 'x'), "JP6", "Transit"}}));
  REQUIRE_THAT(response, IsOk());
  REQUIRE(response->rendered_size() == 6);
  CHECK(response->rendered(0).text() == "Halo Budi, JP1 tiba 📦");
  CHECK(response->rendered(0).provider_form().name() == "sampai");
  CHECK(response->rendered(0).provider_form().language() == "id");
  CHECK(response->rendered(0).provider_form().parameters(0) == "Budi");
  CHECK(response->rendered(0).provider_form().parameters(1) == "JP1");
  CHECK(response->rendered(1).text() == "Halo Siti: Transit");
  CHECK_FALSE(response->rendered(1).has_provider_form());
  CHECK(response->rendered(2).text().empty());
  CHECK(response->rendered(2).failure().reason() == "MISSING_VARIABLE");
  CHECK(response->rendered(2).failure().variable() == "name");
  CHECK(response->rendered(3).failure().reason() == "TEXT_EMPTY");
  CHECK(response->rendered(4).failure().reason() == "INVALID_PARAMETER");
  CHECK(response->rendered(4).failure().variable() == "name");
  CHECK_FALSE(response->rendered(4).has_provider_form());
  CHECK(response->rendered(5).failure().reason() == "TEXT_TOO_LONG");
}

TEST_CASE_METHOD(Fixture, "RenderBatch: a run keeps its version", "[templates][pg]") {
  const std::string id = Create("pagi", "satu")->id();
  const auto text = [&](int32_t version) {
    return Call(&Stub::RenderBatch, Batch(id, version, {}, {{}}))->rendered(0).text();
  };
  CHECK(text(0) == "satu");
  REQUIRE_THAT(Update(id, "dua"), IsOk());
  CHECK(text(1) == "satu");
  CHECK(text(0) == "dua");
  CHECK(text(2) == "dua");
  CHECK_THAT(Call(&Stub::RenderBatch, Batch(id, 3, {}, {{}})), ReasonIs("VERSION_NOT_FOUND"));
}

TEST_CASE_METHOD(Fixture, "RenderBatch: a table that does not fit is refused", "[templates][pg]") {
  const std::string id = Create("pagi", "Halo {nama}")->id();
  CHECK_THAT(Call(&Stub::RenderBatch, Batch(id, 1, {"nama"}, {{"a"}, {"a", "b"}})),
             HasFieldViolation("rows[1].values"));
  CHECK_THAT(Call(&Stub::RenderBatch, Batch(id, 1, {"nama", "name"}, {{"a", "b"}})),
             HasFieldViolation("variables"));
  CHECK_THAT(
      Call(&Stub::RenderBatch, Batch(id, 1, {}, std::vector<std::vector<std::string>>(1001))),
      HasFieldViolation("rows"));
  CHECK_THAT(Call(&Stub::RenderBatch, Batch("", 1, {}, {})), HasFieldViolation("template_id"));
  CHECK(Call(&Stub::RenderBatch,
             Batch(id, 1, {"nama"}, std::vector<std::vector<std::string>>(1000, {"Budi"})))
            ->rendered_size() == 1000);
}

TEST_CASE_METHOD(Fixture, "PreviewTemplate: saved or not", "[templates][pg]") {
  v1::PreviewTemplateRequest request;
  request.set_message("Halo {nama}, {{eta | \"segera\"}}");
  (*request.mutable_variables())["nama"] = "Budi";
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().text() == "Halo Budi, segera");
  request.clear_variables();
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().failure().variable() == "name");
  request.set_missing_data(v1::LENIENT);
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().text() == "Halo -, segera");
  request.set_message("{{");
  CHECK_THAT(Call(&Stub::PreviewTemplate, request), HasFieldViolation("message"));

  const std::string id = Create("pagi", "satu {nama}")->id();
  REQUIRE_THAT(Update(id, "dua {nama}"), IsOk());
  request.set_template_id(id);
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().text() == "dua -");
  request.set_missing_data(v1::MISSING_DATA_UNSPECIFIED);
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().failure().reason() == "MISSING_VARIABLE");
  request.set_version(1);
  (*request.mutable_variables())["nama"] = "Budi";
  CHECK(Call(&Stub::PreviewTemplate, request)->rendered().text() == "satu Budi");
  request.clear_source();
  CHECK_THAT(Call(&Stub::PreviewTemplate, request), HasFieldViolation("template_id"));
}

TEST_CASE_METHOD(Fixture, "ValidateTemplate: tells everything, refuses nothing",
                 "[templates][pg]") {
  REQUIRE_THAT(Register("sampai", "Halo {{1}}"), IsOk());
  v1::ValidateTemplateRequest request;
  request.set_message("{{provider \"sampai\" \"id\" nama resi}}\nHalo {Kelas} {productname}");
  auto response = Call(&Stub::ValidateTemplate, request);
  REQUIRE_THAT(response, IsOk());
  CHECK_FALSE(response->valid());
  REQUIRE(response->problems_size() == 2);
  CHECK(response->problems(0).reason() == "UNKNOWN_VARIABLE");
  CHECK(response->problems(0).severity() == v1::TemplateProblem::WARNING);
  CHECK(response->problems(0).line() == 2);
  CHECK(response->problems(0).column() == 6);
  CHECK(response->problems(1).reason() == "PROVIDER_PARAMETERS");
  CHECK(response->problems(1).severity() == v1::TemplateProblem::ERROR);
  CHECK(response->variables_size() == 4);
  REQUIRE(response->unknown_variables_size() == 1);
  CHECK(response->unknown_variables(0) == "Kelas");
  REQUIRE(response->provider_forms_size() == 1);
  CHECK(response->provider_forms(0).parameters(1) == "tracking_number");
  CHECK(response->every_path_has_provider_form());

  request.set_message("Halo {{#if");
  response = Call(&Stub::ValidateTemplate, request);
  REQUIRE_THAT(response, IsOk());
  CHECK_FALSE(response->valid());
  REQUIRE(response->problems_size() == 1);
  CHECK(response->problems(0).reason() == "PARSE_ERROR");
  CHECK(response->problems(0).column() == 6);
  request.set_message("Halo {nama}");
  CHECK(Call(&Stub::ValidateTemplate, request)->valid());
  CHECK_FALSE(Call(&Stub::ValidateTemplate, request)->every_path_has_provider_form());
}

}  // namespace
}  // namespace kabar::templates
