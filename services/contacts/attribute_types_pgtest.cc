// Types of free attributes: gRPC in, PostgreSQL behind.
#include <catch2/catch.hpp>

#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using Stub = Server::Stub;

struct TypesFixture : Server {
  absl::Status SetType(const std::string& name, v1::AttributeType::Type type,
                       const std::string& key = "operator-a") {
    v1::SetAttributeTypeRequest request;
    request.mutable_type()->set_name(name);
    request.mutable_type()->set_type(type);
    v1::AttributeType response;
    return Call(&Stub::SetAttributeType, request, &response, key);
  }
  absl::Status Make(const std::string& phone, const std::string& name, const std::string& value) {
    v1::CreateContactRequest request;
    request.mutable_contact()->set_phone(phone);
    (*request.mutable_contact()->mutable_attributes())[name] = value;
    return Call(&Stub::CreateContact, request, &made);
  }
  v1::Contact made;
};

TEST_CASE("Attribute types: per outlet; the API refuses what does not fit", "[attributes]") {
  TypesFixture f;
  CHECK_THAT(f.SetType("", v1::AttributeType::NUMBER), HasFieldViolation("type.name"));
  CHECK_THAT(f.SetType("umur", v1::AttributeType::TYPE_UNSPECIFIED),
             HasFieldViolation("type.type"));
  CHECK_THAT(f.SetType("umur", v1::AttributeType::NUMBER, "viewer-a"), ReasonIs("ROLE_TOO_LOW"));
  REQUIRE_THAT(f.SetType("umur", v1::AttributeType::NUMBER), IsOk());
  REQUIRE_THAT(f.SetType("umur", v1::AttributeType::DATE, "operator-b"), IsOk());
  v1::ListAttributeTypesResponse list;
  REQUIRE_THAT(
      f.Call(&Stub::ListAttributeTypes, v1::ListAttributeTypesRequest(), &list, "viewer-a"),
      IsOk());
  REQUIRE(list.types_size() == 1);
  CHECK(list.types(0).type() == v1::AttributeType::NUMBER);

  CHECK_THAT(f.Make("081234567890", "umur", "tua"), HasFieldViolation("contact.attributes.umur"));
  REQUIRE_THAT(f.Make("081234567890", "umur", "12,5"), IsOk());
  CHECK(f.made.attributes().at("umur") == "12.5");
  v1::UpdateContactRequest update;
  *update.mutable_contact() = f.made;
  (*update.mutable_contact()->mutable_attributes())["umur"] = "x";
  update.mutable_update_mask()->add_paths("attributes");
  CHECK_THAT(f.Call(&Stub::UpdateContact, update, &f.made),
             HasFieldViolation("contact.attributes.umur"));
}

TEST_CASE("Attribute types: not over values that do not fit; TEXT takes the type away",
          "[attributes]") {
  TypesFixture f;
  REQUIRE_THAT(f.Make("081234567890", "lahir", "kemarin"), IsOk());
  CHECK_THAT(f.SetType("lahir", v1::AttributeType::DATE), ReasonIs("ATTRIBUTE_VALUES_MISFIT"));
  CHECK(f.Sql("SELECT count(*) FROM attribute_types") == "0");
  REQUIRE_THAT(f.SetType("umur", v1::AttributeType::NUMBER), IsOk());
  REQUIRE_THAT(f.SetType("umur", v1::AttributeType::TEXT), IsOk());
  REQUIRE_THAT(f.Make("081234567891", "umur", "tua"), IsOk());
}

TEST_CASE("Attribute types: a file's wrong cell refuses its row, with row and column",
          "[attributes]") {
  TypesFixture f;
  REQUIRE_THAT(f.SetType("umur", v1::AttributeType::NUMBER), IsOk());
  REQUIRE_THAT(f.SetType("lahir", v1::AttributeType::DATE), IsOk());
  v1::ImportContactsResponse report;
  REQUIRE_THAT(f.Import("no_hp,attributes.umur,attributes.lahir\n"
                        "081234567890,30,22/11/1996\n"
                        "081234567891,tua,\n"
                        "081234567892,,besok\n",
                        &report),
               IsOk());
  CHECK(report.accepted() == 1);
  REQUIRE(report.problems_size() == 2);
  CHECK(report.problems(0).row() == 3);  // as a spreadsheet counts
  CHECK(report.problems(0).column() == "attributes.umur");
  CHECK(report.problems(0).reason() == "INVALID_NUMBER");
  CHECK(report.problems(1).column() == "attributes.lahir");
  CHECK(report.problems(1).reason() == "INVALID_DATE");
  CHECK(f.Find(kA, "+6281234567890").attributes.at("lahir") == "1996-11-22");
}

}  // namespace
}  // namespace kabar::contacts
