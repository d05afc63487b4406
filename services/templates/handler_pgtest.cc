// Templates and provider templates as their callers see them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says

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

TEST_CASE_METHOD(Fixture, "GetTemplate: tells a run what it needs beside the text",
                 "[templates][pg]") {
  REQUIRE_THAT(Register("diantar", "Halo {{1}}", "PAUSED"), IsOk());
  const auto merging = Create(
      "paket",
      "{{provider \"diantar\" \"id\" nama}}Halo {nama}:{{#each parcels}} {no_resi}{{/each}}");
  REQUIRE_THAT(merging, IsOk());
  auto got = Get(merging->id());
  REQUIRE_THAT(got, IsOk());
  CHECK(got->merges_parcels());
  REQUIRE(got->provider_templates_size() == 1);
  CHECK(got->provider_templates(0).status() == "PAUSED");
  CHECK(got->provider_templates(0).category() == "UTILITY");

  // Its status as it is now, for a version that is in the cache too.
  REQUIRE_THAT(Register("diantar", "Halo {{1}}", "APPROVED"), IsOk());
  got = Get(merging->id());
  REQUIRE_THAT(got, IsOk());
  CHECK(got->provider_templates(0).status() == "APPROVED");

  const auto single =
      Create("satu", "Halo {nama}, {{provider \"lain\" \"id\" nama}}paket {no_resi}");
  REQUIRE_THAT(single, IsOk());
  got = Get(single->id());
  REQUIRE_THAT(got, IsOk());
  CHECK_FALSE(got->merges_parcels());
  CHECK(got->provider_templates().empty());  // nobody has registered it
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
