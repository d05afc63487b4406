// Rules of templates, provider templates and pages.
#include <catch2/catch.hpp>
#include <string>

#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/message_template.h"
#include "services/templates/paging.h"
#include "services/templates/provider_template.h"

namespace kabar::templates {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

TEST_CASE("CheckCode: letters, digits, dot, dash and underscore", "[templates]") {
  for (const char* good : {"a", "morning-update", "PAGI_01", "v2.1", "0"}) {
    INFO(good);
    CHECK_THAT(CheckCode(good), IsOk());
  }
  CHECK_THAT(CheckCode(std::string(64, 'a')), IsOk());
  for (const char* bad : {"", "pagi hari", "pagi/1", "pàgi", "a\nb"}) {
    INFO(bad);
    CHECK_THAT(CheckCode(bad), HasFieldViolation("template.code"));
  }
  CHECK_THAT(CheckCode(std::string(65, 'a')), HasFieldViolation("template.code"));
}

TEST_CASE("CheckActive: an archived template stays as it is", "[templates]") {
  MessageTemplate one;
  one.code = "pagi";
  CHECK_THAT(CheckActive(one), IsOk());
  one.state = State::kArchived;
  CHECK_THAT(CheckActive(one), ReasonIs("TEMPLATE_ARCHIVED"));
}

TEST_CASE("names of states and modes come back", "[templates]") {
  for (const State state : {State::kActive, State::kArchived}) {
    CHECK(StateOfName(StateName(state)) == state);
  }
  for (const auto mode : {template_lang::Mode::kStrict, template_lang::Mode::kLenient}) {
    CHECK(MissingDataOfName(MissingDataName(mode)) == mode);
  }
}

TEST_CASE("ParametersOf: numbers without a gap, or names", "[templates]") {
  const auto count = [](absl::string_view body) {
    const auto found = ParametersOf(body);
    return found.ok() ? found->count : -1;
  };
  CHECK(count("Halo") == 0);
  CHECK(count("Halo {{1}}, paket {{2}}.") == 2);
  CHECK(count("{{2}} {{ 1 }} {{2}}") == 2);
  CHECK(count("{1}") == 0);
  CHECK(count("{{2}}") == -1);
  CHECK(count("{{1}} {{3}}") == -1);
  CHECK(count("{{0}}") == -1);
  CHECK(count("{{Nama}}") == -1);
  CHECK(count("{{1") == -1);
  CHECK(count("{{65}}") == -1);
  CHECK_THAT(std::string(ParametersOf("{{1}} {{nama}}").status().message()),
             Catch::Contains("{{nama}}"));
  const auto named = ParametersOf("{{resi}}: {{ nama }}, {{resi}}");
  REQUIRE_THAT(named, IsOk());
  CHECK(named->count == 2);
  CHECK(named->names == std::vector<std::string>{"resi", "nama"});
}

template_lang::ProviderMapping MappingOf(const std::string& parameters) {
  const auto compiled = template_lang::Compile("{{provider \"a\" \"id\" " + parameters + "}}x");
  REQUIRE_THAT(compiled, IsOk());
  return compiled->providers()[0];
}

TEST_CASE("MisfitOf: says with the name what the provider would refuse", "[templates]") {
  const auto misfit = [](const std::string& given, ProviderTemplate known) {
    return MisfitOf(MappingOf(given), HeaderKind::kNone, known);
  };
  const ProviderTemplate numbered{.name = "a", .language = "id", .parameters = 2};
  CHECK(misfit("nama no_resi", numbered).empty());
  CHECK_THAT(misfit("nama", numbered), Catch::Contains("takes 2 parameters, and 1"));
  CHECK_THAT(misfit("a=nama b=nama", numbered), Catch::Contains("in order"));
  const ProviderTemplate named{
      .name = "a", .language = "id", .parameters = 2, .parameter_names = {"resi", "orang"}};
  CHECK(misfit("orang=nama resi=no_resi", named).empty());
  CHECK_THAT(misfit("nama no_resi", named), Catch::Contains("{{resi}} and {{orang}}"));
  CHECK_THAT(misfit("resi=no_resi", named), Catch::Contains("{{orang}} too"));
  CHECK_THAT(misfit("orang=nama resi=no_resi kota=kota", named), Catch::Contains("{{kota}}"));
  ProviderTemplate around = named;
  around.header_format = "TEXT";
  around.header = "Paket {{1}}";
  around.buttons = {{.type = "QUICK_REPLY", .text = "YA"},
                    {.type = "URL", .text = "Lacak", .url = "https://t.id/{{1}}"}};
  CHECK_THAT(misfit("orang=nama resi=no_resi", around), Catch::Contains("@header="));
  CHECK_THAT(misfit("orang=nama resi=no_resi @header=no_resi", around), Catch::Contains("@link1="));
  CHECK(misfit("orang=nama resi=no_resi @header=no_resi @link=no_resi", around).empty());
  CHECK_THAT(misfit("orang=nama resi=no_resi @header=no_resi", named), Catch::Contains("@header="));
  ProviderTemplate image = numbered;
  image.header_format = "IMAGE";
  CHECK_THAT(misfit("nama no_resi", image), Catch::Contains("a header of kind IMAGE"));
  CHECK(MisfitOf(MappingOf("nama no_resi"), HeaderKind::kImage, image).empty());
  CHECK(MisfitOf(MappingOf("nama no_resi"), std::nullopt, image).empty());
  ProviderTemplate coupon = numbered;
  coupon.buttons = {{.type = "COPY_CODE", .text = "Salin"}};
  CHECK_THAT(misfit("nama no_resi", coupon), Catch::Contains("a button of kind COPY_CODE"));
}

TEST_CASE("TroubleOf: status, category, parameters, with what to do", "[templates]") {
  ProviderTemplate known{.name = "a",
                         .language = "id",
                         .category = "UTILITY",
                         .status = "APPROVED",
                         .parameters = 1,
                         .agreed_category = "UTILITY"};
  CHECK(TroubleOf(MappingOf("nama"), HeaderKind::kNone, known).none());
  CHECK(TroubleOf(MappingOf("nama nama"), HeaderKind::kNone, known).code ==
        "PROVIDER_TEMPLATE_CHANGED");
  known.category = "MARKETING";
  const Trouble moved = TroubleOf(MappingOf("nama"), HeaderKind::kNone, known);
  CHECK(moved.code == "PROVIDER_TEMPLATE_RECATEGORISED");
  CHECK_THAT(moved.text, Catch::Contains("from UTILITY to MARKETING"));
  CHECK_THAT(moved.text, Catch::Contains("provider-templates accept a id"));
  // Whoever would send it at the new price must not run into what is refused.
  CHECK(TroubleOf(MappingOf("nama nama"), HeaderKind::kNone, known).code ==
        "PROVIDER_TEMPLATE_CHANGED");
  known.reason = "for 3 hours";
  known.status = "PAUSED";
  CHECK(TroubleOf(known).code == "PROVIDER_TEMPLATE_PAUSED");
  CHECK_THAT(TroubleOf(known).text, Catch::Contains("for 3 hours"));
  known.status = "DISABLED";
  CHECK(TroubleOf(known).code == "PROVIDER_TEMPLATE_DISABLED");
  known.status = "DELETED";
  CHECK(TroubleOf(known).code == "PROVIDER_TEMPLATE_NOT_APPROVED");
}

ProviderTemplate Good() {
  ProviderTemplate one;
  one.name = "paket_terkirim";
  one.language = "id";
  one.body = "Halo {{1}}, paket {{2}} sudah diterima.";
  one.category = "UTILITY";
  one.status = "APPROVED";
  return one;
}

TEST_CASE("Complete: counts parameters and tells every fault at once", "[templates]") {
  ProviderTemplate good = Good();
  REQUIRE_THAT(Complete(&good), IsOk());
  CHECK(good.parameters == 2);

  ProviderTemplate bad;
  bad.name = "Paket Terkirim";
  bad.body = "{{7}}";
  const absl::Status status = Complete(&bad);
  for (const char* field : {"name", "language", "category", "status", "body"}) {
    CHECK_THAT(status, HasFieldViolation(std::string("provider_template.") + field));
  }
  ProviderTemplate large = Good();
  large.body = std::string(1025, 'x');
  CHECK_THAT(Complete(&large), HasFieldViolation("provider_template.body"));
  large.body = std::string(1024, 'x');
  CHECK_THAT(Complete(&large), IsOk());
}

TEST_CASE("page tokens: only for the list they came from", "[templates]") {
  const std::string token = MakePageToken("templates", "morning-update");
  CHECK(LastOfPageToken("templates", token).value_or("?") == "morning-update");
  CHECK(LastOfPageToken("templates", "").value_or("?").empty());
  CHECK_THAT(LastOfPageToken("all-templates", token), HasFieldViolation("page_token"));
  CHECK_THAT(LastOfPageToken("templates", "morning-update"), HasFieldViolation("page_token"));
  CHECK_THAT(LastOfPageToken("templates", "%%%"), HasFieldViolation("page_token"));
  CHECK_THAT(LastOfPageToken("templates", MakePageToken("templates", std::string(1, '\0'))),
             HasFieldViolation("page_token"));
}

TEST_CASE("PageSize: bounded", "[templates]") {
  CHECK(PageSize(0).value_or(-1) == 50);
  CHECK(PageSize(7).value_or(-1) == 7);
  CHECK(PageSize(100000).value_or(-1) == 100);
  CHECK_THAT(PageSize(-1), HasFieldViolation("page_size"));
}

}  // namespace
}  // namespace kabar::templates
