#include "services/dispatcher/webhook_person.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace kabar::dispatcher {
namespace {

const WebhookPerson kSiti{.phones = {"628777"}, .bsuids = {"ID.7"}, .phone_number_ids = {"1001"}};

std::string Change(const std::string& parts, const std::string& number = "1001") {
  return absl::StrCat(R"({"field":"messages","value":{"metadata":{"phone_number_id":")", number,
                      R"("},)", parts, "}}");
}
std::string Webhook(const std::string& changes) {
  return absl::StrCat(R"({"entry":[{"id":"1","changes":[)", changes, "]}]}");
}

TEST_CASE("WithoutPerson: nothing is left of a webhook that is his alone", "[dispatcher]") {
  for (const char* parts : {
           R"("messages":[{"from":"628777","text":{"body":"halo"}}])",
           R"("messages":[{"from":628777}])",
           R"("messages":[{"from_user_id":"ID.7"}],"contacts":[{"user_id":"ID.7"}])",
           R"("statuses":[{"recipient_id":"628777","status":"read"}])",
           R"("messages":[{"text":{"body":"x"}}],"contacts":[{"wa_id":"628777"}])",
           R"("messages":[{"from":"62811","system":{"wa_id":"628777"}}])",
       }) {
    INFO(parts);
    const auto left = WithoutPerson(Webhook(Change(parts)), kSiti);
    REQUIRE(left);
    CHECK(left->empty());
  }
}

TEST_CASE("WithoutPerson: what others wrote stays, in the same webhook too", "[dispatcher]") {
  const std::string both =
      R"("contacts":[{"wa_id":"628777","profile":{"name":"Siti"}},{"wa_id":"628999"}],)"
      R"("messages":[{"from":"628777","id":"a"},{"from":"628999","id":"b"}])";
  const auto left = WithoutPerson(Webhook(Change(both)), kSiti);
  REQUIRE(left);
  CHECK_FALSE(absl::StrContains(*left, "628777"));
  CHECK_FALSE(absl::StrContains(*left, "Siti"));
  CHECK(absl::StrContains(*left, R"("id":"b")"));
  CHECK(absl::StrContains(*left, R"("wa_id":"628999")"));
  // A change of his beside one of another number's.
  const std::string his = Change(R"("messages":[{"from":"628777"}])");
  const auto rest =
      WithoutPerson(Webhook(absl::StrCat(his, ",", Change(R"("messages":[])"))), kSiti);
  REQUIRE(rest);
  CHECK(absl::StrContains(*rest, R"("messages":[])"));
}

TEST_CASE("WithoutPerson: digits elsewhere name nobody, other outlets are not ours",
          "[dispatcher]") {
  for (const std::string& webhook : {
           Webhook(Change(R"("messages":[{"from":"6287771","text":{"body":"628777 ID.7"}}])")),
           Webhook(Change(R"("messages":[{"from":"628999","id":"628777"}])")),
           Webhook(Change(R"("messages":[{"from":"628777"}])", "2002")),
           std::string("dari 628777"),
           std::string(R"({"entry":"628777"})"),
           std::string(R"({"entry":[{"changes":[{"value":"628777"},7]},"628777"]})"),
       }) {
    INFO(webhook);
    CHECK_FALSE(WithoutPerson(webhook, kSiti));
  }
}

}  // namespace
}  // namespace kabar::dispatcher
