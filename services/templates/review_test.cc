#include "services/templates/review.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/testing/status_matchers.h"

namespace kabar::templates {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;

ProviderTemplate Known(const char* name, int parameters, const char* status = "APPROVED") {
  return {name, "id", "body", "UTILITY", status, parameters};
}

// "REASON@line:column" of every problem.
std::vector<std::string> Problems(absl::string_view message,
                                  const std::vector<ProviderTemplate>& known = {}) {
  Review review = ReviewMessage(message);
  ReviewProviders(known, HeaderKind::kNone, &review);
  std::vector<std::string> problems;
  for (const Problem& problem : review.problems) {
    problems.push_back((problem.severity == Severity::kError ? "!" : "") + problem.reason + "@" +
                       std::to_string(problem.position.line) + ":" +
                       std::to_string(problem.position.column));
  }
  return problems;
}

using List = std::vector<std::string>;

TEST_CASE("ReviewMessage: a good message has no problem", "[templates]") {
  CHECK(Problems("{{provider \"a\" \"id\" nama}}\nHalo {nama}", {Known("a", 1)}).empty());
}

TEST_CASE("ReviewMessage: what is sure to fail is an error", "[templates]") {
  CHECK(Problems("Halo\n {{nama") == List{"!PARSE_ERROR@2:2"});
  CHECK(Problems(" \n") == List{"!EMPTY_MESSAGE@1:1", "NO_PROVIDER_TEMPLATE@1:1"});
  const std::string provider = "{{provider \"a\" \"id\"}}";
  CHECK(Problems(provider + std::string(4097, 'x'), {Known("a", 0)}) == List{"!TEXT_TOO_LONG@1:1"});
  CHECK(Problems(provider + "{{#if vip}}" + std::string(4097, 'x') + "{{/if}}", {Known("a", 0)}) ==
        List{"!TEXT_TOO_LONG@1:1"});
  CHECK(Problems(provider + std::string(4096, 'x'), {Known("a", 0)}) ==
        List{"LONGER_THAN_PROVIDER_BODY@1:1"});
  CHECK(Problems(provider + std::string(1024, 'x'), {Known("a", 0)}).empty());
}

TEST_CASE("ReviewMessage: what its author should know is a warning", "[templates]") {
  CHECK(Problems("{{provider \"a\" \"id\"}}{ nama } {Kelas}", {Known("a", 0)}) ==
        List{"BRACES_AS_TEXT@1:22", "UNKNOWN_VARIABLE@1:31"});
  CHECK(Problems("Halo {productname} {nama}") == List{"NO_PROVIDER_TEMPLATE@1:1"});
  CHECK(Problems("{{#if vip}}{{provider \"a\" \"id\"}}a{{else}}b{{/if}}", {Known("a", 0)}) ==
        List{"NO_PROVIDER_TEMPLATE@1:34"});
}

TEST_CASE("ReviewProviders: mappings against the templates known", "[templates]") {
  const char* const kText = "Hai\n{{provider \"a\" \"id\" nama resi}}";
  CHECK(Problems(kText, {Known("a", 2)}).empty());
  CHECK(Problems(kText, {Known("a", 3)}) == List{"!PROVIDER_PARAMETERS@2:1"});
  CHECK(Problems(kText, {Known("b", 3)}) == List{"PROVIDER_TEMPLATE_UNKNOWN@2:1"});
  CHECK(Problems(kText, {Known("a", 2, "PAUSED")}) == List{"PROVIDER_TEMPLATE_PAUSED@2:1"});
  ProviderTemplate english = Known("a", 3);
  english.language = "en";
  CHECK(Problems(kText, {english}) == List{"PROVIDER_TEMPLATE_UNKNOWN@2:1"});
}

TEST_CASE("ErrorsAsStatus: one violation an error, none for warnings", "[templates]") {
  CHECK_THAT(ErrorsAsStatus(ReviewMessage("Halo {Kelas}"), "template.message"), IsOk());
  const absl::Status status = ErrorsAsStatus(ReviewMessage("Halo\n{{nama"), "template.message");
  CHECK_THAT(status, HasFieldViolation("template.message"));
  const auto violations = base::GetFieldViolations(status);
  REQUIRE(violations.size() == 1);
  CHECK_THAT(violations[0].description, Catch::StartsWith("line 2, column 1: "));
}

}  // namespace
}  // namespace kabar::templates
