#include "services/contacts/attribute_type.h"

#include <catch2/catch.hpp>

#include "libs/testing/status_matchers.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;

std::string Stored(AttributeKind kind, absl::string_view written) {
  std::string hint;
  return StoredAttribute(kind, written, &hint).value_or("refused");
}

TEST_CASE("StoredAttribute: numbers, with comma or point, never guessed", "[attributes]") {
  const auto number = [](absl::string_view text) { return Stored(AttributeKind::kNumber, text); };
  CHECK(number(" 12 ") == "12");
  CHECK(number("-3,5") == "-3.5");
  CHECK(number("007") == "7");
  CHECK(number("0.125") == "0.125");
  CHECK(number("12.50") == "12.50");
  for (const char* wrong :
       {"1.500", "1,500", "1.000.000", "", "-", "dua", "12.", ".5", "1e3", "12 kg", "1,2,3"}) {
    INFO(wrong);
    CHECK(number(wrong) == "refused");
  }
}

TEST_CASE("StoredAttribute: dates and yes or no", "[attributes]") {
  CHECK(Stored(AttributeKind::kDate, "22/11/2026") == "2026-11-22");
  CHECK(Stored(AttributeKind::kDate, "2026-11-22") == "2026-11-22");
  CHECK(Stored(AttributeKind::kDate, " 1-2-1996 ") == "1996-02-01");
  CHECK(Stored(AttributeKind::kDate, "22/11/96") == "refused");
  CHECK(Stored(AttributeKind::kDate, "31/02/2026") == "refused");
  CHECK(Stored(AttributeKind::kDate, "32/11/2026") == "refused");
  CHECK(Stored(AttributeKind::kDate, "besok") == "refused");
  CHECK(Stored(AttributeKind::kBoolean, "Ya") == "ya");
  CHECK(Stored(AttributeKind::kBoolean, "false") == "tidak");
  CHECK(Stored(AttributeKind::kBoolean, "mungkin") == "refused");
  CHECK(Stored(AttributeKind::kText, "mungkin") == "mungkin");
}

TEST_CASE("NormalizeAttributes: names the wrong one, leaves the empty and the untyped",
          "[attributes]") {
  const AttributeKinds kinds = {{"umur", AttributeKind::kNumber}};
  std::map<std::string, std::string> attributes = {{"umur", "30"}, {"hobi", "kopi"}};
  REQUIRE_THAT(NormalizeAttributes("contact.", kinds, attributes), IsOk());
  attributes["umur"] = "";
  REQUIRE_THAT(NormalizeAttributes("contact.", kinds, attributes), IsOk());
  attributes["umur"] = "tua";
  CHECK_THAT(NormalizeAttributes("contact.", kinds, attributes),
             HasFieldViolation("contact.attributes.umur"));
}

}  // namespace
}  // namespace kabar::contacts
