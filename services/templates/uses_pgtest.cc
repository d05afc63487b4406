// Uses of templates by automations, as triggers sees them.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/templates/testing/handler_fixture.h"

namespace kabar::templates {
namespace {

using namespace testing;  // NOLINT: the fixture and what it says

struct Fixture : testing::Fixture {
  template <typename Request, typename Response>
  absl::StatusOr<Response> AsService(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                                  const Request&, Response*),
                                     const Request& request, const std::string& by = "service") {
    grpc::ClientContext context;
    rpc::testing::As(context, by, by == "service" ? "toko-a" : "");
    Response response;
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl((stub.get()->*method)(&context, request, &response)));
    return response;
  }
  absl::StatusOr<v1::Template> Use(const std::string& template_id,
                                   const std::vector<std::string>& variables,
                                   const std::string& by = "service") {
    v1::PutTemplateUseRequest request;
    request.set_user("aut_1");
    request.set_template_id(template_id);
    request.set_what("automation \"Lunas\" of ORDER_PAID");
    for (const std::string& name : variables) request.add_variables(name);
    return AsService(&Stub::PutTemplateUse, request, by);
  }
};

TEST_CASE_METHOD(Fixture, "PutTemplateUse: a template that needs what the user lacks is refused",
                 "[templates][pg]") {
  const auto created =
      Create("lunas", "Halo {nama},\n{{productname | \"-\"}} {{#if eta}}{documentnumber}{{/if}}");
  REQUIRE_THAT(created, IsOk());
  CHECK_THAT(Use(created->id(), {"contactname"}), HasFieldViolation("template_id"));
  const absl::Status refused = Use(created->id(), {"contactname"}).status();
  CHECK_THAT(std::string(refused.message()),
             Catch::Contains("automation \"Lunas\" of ORDER_PAID has no documentnumber (line 2"));
  CHECK_THAT(std::string(refused.message()), Catch::Contains("extra_variables (--extra-variable)"));
  const auto used = Use(created->id(), {"contactname", "no_dokumen"});
  REQUIRE_THAT(used, IsOk());
  CHECK(used->id() == created->id());
  CHECK_THAT(Use("tpl_none", {}), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(Use("", {}), HasFieldViolation("template_id"));
  CHECK_THAT(Use(created->id(), {}, "operator-a"), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_CASE_METHOD(Fixture, "UpdateTemplate: a version that an automation cannot fill is refused",
                 "[templates][pg]") {
  const auto created = Create("lunas", "Halo {nama}");
  const auto other = Create("lain", "Halo");
  REQUIRE_THAT(other, IsOk());
  REQUIRE_THAT(Use(created->id(), {"contactname", "documentnumber"}), IsOk());
  const auto refused = Update(created->id(), "Halo {nama}, {productname} {{username | \"Toko\"}}");
  CHECK_THAT(refused, HasFieldViolation("template.message"));
  CHECK_THAT(std::string(refused.status().message()), Catch::Contains("has no productname"));
  CHECK(Get(created->id())->version() == 1);
  REQUIRE_THAT(Update(created->id(), "Halo {nama}, {documentnumber}"), IsOk());
  // The automation moves on to another template: this one is free.
  REQUIRE_THAT(Use(other->id(), {}), IsOk());
  REQUIRE_THAT(Update(created->id(), "Halo {productname}"), IsOk());
  CHECK_THAT(Update(other->id(), "{productname}"), HasFieldViolation("template.message"));
  v1::DeleteTemplateUseRequest request;
  request.set_user("aut_1");
  REQUIRE_THAT(AsService(&Stub::DeleteTemplateUse, request), IsOk());
  REQUIRE_THAT(Update(other->id(), "{productname}"), IsOk());
}

TEST_CASE_METHOD(Fixture, "PutTemplateUse: an archived template is refused", "[templates][pg]") {
  const auto created = Create("lunas", "Halo {nama}");
  REQUIRE_THAT(Archive(created->id()), IsOk());
  CHECK_THAT(Use(created->id(), {"nama"}), ReasonIs("TEMPLATE_ARCHIVED"));
}

}  // namespace
}  // namespace kabar::templates
