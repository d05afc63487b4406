#include "libs/whatsapp/send_result.h"

#include <catch2/catch.hpp>

#include "libs/whatsapp/error_policy.h"

namespace kabar::whatsapp {
namespace {

using Kind = SendOutcome::Kind;

SendOutcome Parse(int status, absl::string_view body) {
  return ParseSendResponse(status, body, ErrorPolicy::BuiltIn());
}

TEST_CASE("ParseSendResponse: accepted", "[whatsapp]") {
  const SendOutcome outcome =
      Parse(200, R"({"messaging_product":"whatsapp","contacts":[{"input":"628","wa_id":"6281"}],
               "messages":[{"id":"wamid.X","message_status":"accepted"}]})");
  CHECK(outcome.kind == Kind::kAccepted);
  CHECK(outcome.wamid == "wamid.X");
  CHECK(outcome.wa_id == "6281");
}

TEST_CASE("ParseSendResponse: accepted for a user id has no wa_id", "[whatsapp]") {
  const SendOutcome outcome =
      Parse(200, R"({"contacts":[{"input":"ID.1","user_id":"ID.1"}],"messages":[{"id":"w"}]})");
  CHECK(outcome.kind == Kind::kAccepted);
  CHECK(outcome.wa_id.empty());
  CHECK(outcome.user_id == "ID.1");
  CHECK(Parse(200, R"({"messages":[{"id":"w"}]})").kind == Kind::kAccepted);
}

TEST_CASE("ParseSendResponse: a Graph error keeps everything that decides", "[whatsapp]") {
  const SendOutcome outcome =
      Parse(400, R"({"error":{"message":"(#131047) Re-engagement message","type":"OAuthException",
               "code":131047,"error_subcode":2494010,"error_data":{"messaging_product":"whatsapp",
               "details":"more than 24 hours"},"fbtrace_id":"Az"}})");
  CHECK(outcome.kind == Kind::kRejected);
  CHECK(outcome.error.code == 131047);
  CHECK(outcome.error.subcode == 2494010);
  CHECK(outcome.error.type == "OAuthException");
  CHECK(outcome.error.message == "(#131047) Re-engagement message");
  CHECK(outcome.error.details == "more than 24 hours");
  CHECK(outcome.error.trace_id == "Az");
  CHECK(outcome.error.http_status == 400);
}

TEST_CASE("ParseSendResponse: what counts as a refusal and what as doubt", "[whatsapp]") {
  struct Row {
    int status;
    const char* body;
    Kind kind;
  };
  const Row rows[] = {
      {400, R"({"error":{"code":999999}})", Kind::kRejected},   // refused, code unknown
      {401, R"({"error":{"code":0}})", Kind::kRejected},        // 0 is a code
      {500, R"({"error":{"code":131000}})", Kind::kRejected},   // known although 5xx
      {503, R"({"error":{"code":2}})", Kind::kRejected},        //
      {500, R"({"error":{"code":999999}})", Kind::kAmbiguous},  // 5xx, code unknown
      {500, R"({"error":{"message":"x"}})", Kind::kAmbiguous},  // no code
      {502, "<html>Bad Gateway</html>", Kind::kAmbiguous},
      {504, "", Kind::kAmbiguous},
      {500, "{}", Kind::kAmbiguous},
      {404, "<html>not found</html>", Kind::kAmbiguous},  // a proxy's word proves nothing
      {400, R"({"error":"bad"})", Kind::kAmbiguous},
      {400, R"({"error":{"code":"131047"}})", Kind::kAmbiguous},
      {400, R"({"error":{"code":-1}})", Kind::kAmbiguous},
      {200, "garbage", Kind::kAmbiguous},
      {200, "", Kind::kAmbiguous},
      {200, "[]", Kind::kAmbiguous},
      {200, "{}", Kind::kAmbiguous},
      {200, R"({"messages":[]})", Kind::kAmbiguous},
      {200, R"({"messages":[{}]})", Kind::kAmbiguous},
      {200, R"({"messages":[{"id":""}]})", Kind::kAmbiguous},
      {200, R"({"messages":[{"id":"wamid.X"})", Kind::kAmbiguous},  // cut off
      {302, R"({"messages":[{"id":"wamid.X"}]})", Kind::kAmbiguous},
      {200, R"({"messages":[{"id":"wamid\u0000X"}]})", Kind::kAmbiguous},  // no ledger holds that
  };
  for (const Row& row : rows) {
    CAPTURE(row.status, row.body);
    const SendOutcome outcome = Parse(row.status, row.body);
    CHECK(SendOutcomeKindName(outcome.kind) == SendOutcomeKindName(row.kind));
    CHECK(outcome.reason.empty() == (row.kind != Kind::kAmbiguous));
  }
}

}  // namespace
}  // namespace kabar::whatsapp
