#include "services/dispatcher/secret.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "libs/testing/status_matchers.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

std::string Key(char c) { return absl::Base64Escape(std::string(32, c)); }

TEST_CASE("SecretBox: opens what it sealed, and nothing readable is stored", "[dispatcher]") {
  const auto box = SecretBox::FromKey(Key('k'));
  REQUIRE_THAT(box, IsOk());
  const std::string sealed = box->Seal("EAAG-token");
  CHECK(sealed.find("token") == std::string::npos);
  CHECK(*box->Open(sealed) == "EAAG-token");
  CHECK(box->Seal("EAAG-token") != sealed);
  CHECK(*box->Open(box->Seal("")) == "");
}

TEST_CASE("SecretBox: another key or changed bytes open nothing", "[dispatcher]") {
  const auto box = SecretBox::FromKey(Key('k'));
  std::string sealed = box->Seal("token");
  CHECK_THAT(SecretBox::FromKey(Key('x'))->Open(sealed), ReasonIs("SECRET_UNREADABLE"));
  sealed.back() = static_cast<char>(sealed.back() ^ 1);
  CHECK_THAT(box->Open(sealed), ReasonIs("SECRET_UNREADABLE"));
  CHECK_THAT(box->Open(""), ReasonIs("SECRET_UNREADABLE"));
  CHECK_THAT(box->Open(std::string(10, '\1')), ReasonIs("SECRET_UNREADABLE"));
}

TEST_CASE("SecretBox: takes base64 or hex of 32 bytes, nothing else", "[dispatcher]") {
  const std::string sealed = SecretBox::FromKey(Key('\x11'))->Seal("t");
  const auto hex =
      SecretBox::FromKey("1111111111111111111111111111111111111111111111111111111111111111\n");
  REQUIRE_THAT(hex, IsOk());
  CHECK(*hex->Open(sealed) == "t");
  for (const char* wrong : {"", "short", "1111", "!!"}) {
    CHECK_THAT(SecretBox::FromKey(wrong), ReasonIs("MASTER_KEY_INVALID"));
  }
  CHECK_THAT(SecretBox::FromKey(absl::Base64Escape(std::string(31, 'k'))),
             ReasonIs("MASTER_KEY_INVALID"));
}

}  // namespace
}  // namespace kabar::dispatcher
