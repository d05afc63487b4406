// The service as its callers see it: a real gRPC server over a real PostgreSQL.
#include "services/templates/handler.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pg/pool.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/fake_clock.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/migrations.h"
#include "services/templates/pg_store.h"

namespace kabar::templates {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;
using Stub = v1::TemplatesService::Stub;

pg::PoolOptions NewDatabase() {
  pg::PoolOptions options;
  options.connection = testing::TestPostgres().CreateDatabase();
  options.schema = "templates";
  REQUIRE_THAT(pg::Migrate(options, TemplatesMigrations(), absl::Now() + absl::Minutes(1)), IsOk());
  return options;
}

struct Fixture {
  pg::Pool pool{NewDatabase()};
  PgStore store{pool};
  CompiledTemplates compiled{store, 1 << 20};
  testing::FakeClock clock;
  rpc::Guard guard{{.service = "templates"}, rpc::testing::TestKeys()};
  Handler handler{store, compiled, clock, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  std::unique_ptr<Stub> stub = v1::TemplatesService::NewStub(server.channel());
  std::string key = "operator-a";

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }

  absl::StatusOr<v1::Template> Create(const std::string& code, const std::string& message,
                                      const std::string& request_id = "") {
    v1::CreateTemplateRequest request;
    request.mutable_template_()->set_code(code);
    request.mutable_template_()->set_message(message);
    request.set_request_id(request_id);
    return Call(&Stub::CreateTemplate, request);
  }
  absl::StatusOr<v1::Template> Update(const std::string& id, const std::string& message,
                                      const std::string& request_id = "") {
    v1::UpdateTemplateRequest request;
    request.mutable_template_()->set_id(id);
    request.mutable_template_()->set_message(message);
    request.set_request_id(request_id);
    return Call(&Stub::UpdateTemplate, request);
  }
  absl::StatusOr<v1::Template> Archive(const std::string& id) {
    v1::ArchiveTemplateRequest request;
    request.set_id(id);
    return Call(&Stub::ArchiveTemplate, request);
  }
  absl::StatusOr<v1::Template> Get(const std::string& id, int32_t version = 0) {
    v1::GetTemplateRequest request;
    request.set_id(id);
    request.set_version(version);
    return Call(&Stub::GetTemplate, request);
  }
  absl::StatusOr<v1::ProviderTemplate> Register(const std::string& name, const std::string& body,
                                                const std::string& status = "APPROVED") {
    v1::RegisterProviderTemplateRequest request;
    v1::ProviderTemplate& one = *request.mutable_provider_template();
    one.set_name(name);
    one.set_language("id");
    one.set_body(body);
    one.set_category("UTILITY");
    one.set_status(status);
    return Call(&Stub::RegisterProviderTemplate, request);
  }
};

v1::RenderBatchRequest Batch(const std::string& id, int32_t version,
                             const std::vector<std::string>& columns,
                             const std::vector<std::vector<std::string>>& rows) {
  v1::RenderBatchRequest request;
  request.set_template_id(id);
  request.set_version(version);
  for (const std::string& column : columns) request.add_variables(column);
  for (const auto& row : rows) {
    v1::RenderBatchRequest::Row* added = request.add_rows();
    for (const std::string& value : row) added->add_values(value);
  }
  return request;
}

TEST_CASE_METHOD(Fixture, "CreateTemplate: answers what GetTemplate reads", "[templates][pg]") {
  const auto created = Create("pagi", "Halo {contactname} 📦\r\n{{eta | \"segera\"}}");
  REQUIRE_THAT(created, IsOk());
  CHECK(created->version() == 1);
  CHECK(created->state() == v1::ACTIVE);
  CHECK(created->missing_data() == v1::STRICT);
  CHECK(created->message() == "Halo {contactname} 📦\r\n{{eta | \"segera\"}}");
  CHECK(std::vector<std::string>(created->variables().begin(), created->variables().end()) ==
        std::vector<std::string>{"name", "estimate"});
  CHECK(Get(created->id())->SerializeAsString() == created->SerializeAsString());
  v1::GetTemplateRequest by_code;
  by_code.set_code("pagi");
  CHECK(Call(&Stub::GetTemplate, by_code)->id() == created->id());
}

TEST_CASE_METHOD(Fixture, "CreateTemplate: refuses what cannot work, whole", "[templates][pg]") {
  CHECK_THAT(Create("", "Halo"), HasFieldViolation("template.code"));
  CHECK_THAT(Create("pagi", ""), HasFieldViolation("template.message"));
  const auto wrong = Create("pagi", "Halo\n {{nama");
  CHECK_THAT(wrong, HasFieldViolation("template.message"));
  CHECK_THAT(base::GetFieldViolations(wrong.status()).at(0).description,
             Catch::StartsWith("line 2, column 2: this {{ tag is never closed"));
  CHECK_THAT(Create("pagi", "Halo"), IsOk());
  CHECK_THAT(Create("pagi", "Halo"), ReasonIs("TEMPLATE_CODE_TAKEN"));
  v1::CreateTemplateRequest odd;
  odd.mutable_template_()->set_code("odd");
  odd.mutable_template_()->set_message("Halo");
  odd.mutable_template_()->set_missing_data(static_cast<v1::MissingData>(9));
  CHECK_THAT(Call(&Stub::CreateTemplate, odd), HasFieldViolation("template.missing_data"));
}

TEST_CASE_METHOD(Fixture, "mutating calls: a request id counts once", "[templates][pg]") {
  const auto first = Create("pagi", "Halo", "r1");
  REQUIRE_THAT(first, IsOk());
  const auto again = Create("pagi", "Halo", "r1");
  REQUIRE_THAT(again, IsOk());
  CHECK(again->SerializeAsString() == first->SerializeAsString());
  CHECK_THAT(Create("siang", "Halo", "r1"), ReasonIs("REQUEST_ID_REUSED"));

  CHECK(Update(first->id(), "dua", "r2")->version() == 2);
  CHECK(Update(first->id(), "dua", "r2")->version() == 2);
  CHECK(Get(first->id())->version() == 2);
  // A refused call may be repeated under its id once it is right.
  CHECK_THAT(Create("sore", "{{", "r3"), !IsOk());
  CHECK_THAT(Create("sore", "Halo", "r3"), IsOk());
  // The other outlet's ids are its own.
  key = "operator-b";
  CHECK_THAT(Create("pagi", "Hai", "r1"), IsOk());
}

TEST_CASE_METHOD(Fixture, "UpdateTemplate: a save is a version", "[templates][pg]") {
  const std::string id = Create("pagi", "satu {nama}")->id();
  clock.Advance(absl::Minutes(5));
  const auto updated = Update(id, "dua {kota}");
  REQUIRE_THAT(updated, IsOk());
  CHECK(updated->version() == 2);
  CHECK(updated->variables(0) == "city");
  CHECK(updated->update_time().seconds() - updated->create_time().seconds() == 300);
  CHECK(Get(id)->SerializeAsString() == updated->SerializeAsString());
  CHECK(Get(id, 1)->message() == "satu {nama}");
  CHECK_THAT(Get(id, 3), ReasonIs("VERSION_NOT_FOUND"));
  CHECK_THAT(Get(id, -1), HasFieldViolation("version"));

  v1::UpdateTemplateRequest mode;
  mode.mutable_template_()->set_id(id);
  mode.mutable_template_()->set_message("ignored");
  mode.mutable_template_()->set_missing_data(v1::LENIENT);
  mode.mutable_update_mask()->add_paths("missing_data");
  const auto lenient = Call(&Stub::UpdateTemplate, mode);
  REQUIRE_THAT(lenient, IsOk());
  CHECK(lenient->version() == 3);
  CHECK(lenient->message() == "dua {kota}");
  CHECK(lenient->missing_data() == v1::LENIENT);
  mode.mutable_update_mask()->add_paths("code");
  CHECK_THAT(Call(&Stub::UpdateTemplate, mode), HasFieldViolation("update_mask"));
  CHECK_THAT(Update(id, ""), HasFieldViolation("update_mask"));
  CHECK_THAT(Update("tpl_none", "x"), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(Update(id, "{{"), HasFieldViolation("template.message"));
  CHECK(Get(id)->version() == 3);
}

TEST_CASE_METHOD(Fixture, "ArchiveTemplate: renders on, changes no more", "[templates][pg]") {
  const std::string id = Create("pagi", "Halo")->id();
  const auto archived = Archive(id);
  REQUIRE_THAT(archived, IsOk());
  CHECK(archived->state() == v1::ARCHIVED);
  CHECK_THAT(Archive(id), ReasonIs("TEMPLATE_ARCHIVED"));
  CHECK_THAT(Update(id, "x"), ReasonIs("TEMPLATE_ARCHIVED"));
  CHECK(Get(id)->state() == v1::ARCHIVED);
  CHECK(Call(&Stub::RenderBatch, Batch(id, 1, {}, {{}}))->rendered(0).text() == "Halo");
  v1::ListTemplatesRequest list;
  CHECK(Call(&Stub::ListTemplates, list)->templates_size() == 0);
  list.set_show_archived(true);
  CHECK(Call(&Stub::ListTemplates, list)->templates_size() == 1);
}

TEST_CASE_METHOD(Fixture, "ListTemplates: pages show everything once", "[templates][pg]") {
  for (int i = 0; i < 5; ++i) REQUIRE_THAT(Create(absl::StrCat("kode-", i), "Halo"), IsOk());
  v1::ListTemplatesRequest request;
  request.set_page_size(2);
  std::string codes;
  int pages = 0;
  do {
    const auto page = Call(&Stub::ListTemplates, request);
    REQUIRE_THAT(page, IsOk());
    for (const v1::Template& one : page->templates()) absl::StrAppend(&codes, one.code(), " ");
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty() && pages < 10);
  CHECK(codes == "kode-0 kode-1 kode-2 kode-3 kode-4 ");
  CHECK(pages == 3);
  request.set_page_token("abc");
  CHECK_THAT(Call(&Stub::ListTemplates, request), HasFieldViolation("page_token"));
  request.set_page_token("");
  request.set_page_size(-1);
  CHECK_THAT(Call(&Stub::ListTemplates, request), HasFieldViolation("page_size"));
}

TEST_CASE_METHOD(Fixture, "ListTemplates: a page stays small whatever the texts",
                 "[templates][pg]") {
  const std::string large =
      absl::StrCat("{{#if nama == \"", std::string(65000, 'x'), "\"}}a{{else}}b{{/if}}");
  for (int i = 0; i < 40; ++i) {
    REQUIRE_THAT(Create(absl::StrCat("kode-", i), large), IsOk());
  }
  v1::ListTemplatesRequest request;
  request.set_page_size(100);
  const auto page = Call(&Stub::ListTemplates, request);
  REQUIRE_THAT(page, IsOk());
  CHECK(page->ByteSizeLong() < 3 * 1024 * 1024);
  request.set_page_token(page->next_page_token());
  CHECK(page->templates_size() + Call(&Stub::ListTemplates, request)->templates_size() == 40);
}

TEST_CASE_METHOD(Fixture, "ListTemplateVersions: newest first, page by page", "[templates][pg]") {
  const std::string id = Create("pagi", "satu")->id();
  for (const char* text : {"dua", "tiga"}) REQUIRE_THAT(Update(id, text), IsOk());
  v1::ListTemplateVersionsRequest request;
  request.set_id(id);
  request.set_page_size(2);
  const auto first = Call(&Stub::ListTemplateVersions, request);
  REQUIRE_THAT(first, IsOk());
  REQUIRE(first->templates_size() == 2);
  CHECK(first->templates(0).message() == "tiga");
  CHECK(first->templates(1).message() == "dua");
  request.set_page_token(first->next_page_token());
  const auto second = Call(&Stub::ListTemplateVersions, request);
  REQUIRE(second->templates_size() == 1);
  CHECK(second->templates(0).message() == "satu");
  CHECK(second->next_page_token().empty());
  request.set_id("tpl_none");
  request.clear_page_token();
  CHECK_THAT(Call(&Stub::ListTemplateVersions, request), ReasonIs("TEMPLATE_NOT_FOUND"));
}

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
  CHECK(response->problems(1).reason() == "PROVIDER_PARAMETER_COUNT");
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

TEST_CASE_METHOD(Fixture, "provider templates: a wrong mapping is refused at save",
                 "[templates][pg]") {
  const std::string text = "{{provider \"sampai\" \"id\" nama resi}}\nHalo {nama}";
  REQUIRE_THAT(Create("unknown", text), IsOk());  // not registered: cannot be checked
  const auto registered = Register("sampai", "Halo {{1}}, {{2}}, {{3}}");
  REQUIRE_THAT(registered, IsOk());
  CHECK(registered->parameters() == 3);
  CHECK_THAT(Create("wrong", text), HasFieldViolation("template.message"));
  REQUIRE_THAT(Register("sampai", "Halo {{1}}, {{2}}"), IsOk());
  CHECK_THAT(Create("wrong", text), IsOk());
  CHECK_THAT(Register("Sampai", "x"), HasFieldViolation("provider_template.name"));
  REQUIRE_THAT(Register("antar", "x", "PAUSED"), IsOk());

  v1::ListProviderTemplatesRequest list;
  list.set_page_size(1);
  const auto first = Call(&Stub::ListProviderTemplates, list);
  REQUIRE(first->provider_templates_size() == 1);
  CHECK(first->provider_templates(0).name() == "antar");
  list.set_page_token(first->next_page_token());
  const auto second = Call(&Stub::ListProviderTemplates, list);
  REQUIRE(second->provider_templates_size() == 1);
  CHECK(second->provider_templates(0).name() == "sampai");
  CHECK(second->next_page_token().empty());

  key = "operator-b";  // what one outlet registered binds no other
  CHECK_THAT(Create("wrong", "{{provider \"sampai\" \"id\"}}Halo"), IsOk());
  CHECK(Call(&Stub::ListProviderTemplates, v1::ListProviderTemplatesRequest())
            ->provider_templates_size() == 0);
}

TEST_CASE_METHOD(Fixture, "keys: no key, no answer; one outlet never sees another's",
                 "[templates][pg]") {
  const std::string id = Create("pagi", "rahasia")->id();
  REQUIRE(Call(&Stub::RenderBatch, Batch(id, 1, {}, {{}}))->rendered(0).text() == "rahasia");
  key = "operator-b";
  CHECK_THAT(Get(id), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(Update(id, "x"), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(Archive(id), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(Call(&Stub::RenderBatch, Batch(id, 1, {}, {{}})),
             StatusIs(absl::StatusCode::kNotFound));
  v1::PreviewTemplateRequest preview;
  preview.set_template_id(id);
  CHECK_THAT(Call(&Stub::PreviewTemplate, preview), StatusIs(absl::StatusCode::kNotFound));
  CHECK(Call(&Stub::ListTemplates, v1::ListTemplatesRequest())->templates_size() == 0);
  key = "viewer-a";
  CHECK_THAT(Get(id), IsOk());
  CHECK_THAT(Update(id, "x"), StatusIs(absl::StatusCode::kPermissionDenied));
  key = "nobody";
  CHECK_THAT(Get(id), StatusIs(absl::StatusCode::kUnauthenticated));
}

}  // namespace
}  // namespace kabar::templates
