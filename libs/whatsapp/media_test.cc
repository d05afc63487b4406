#include "libs/whatsapp/media.h"

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/testing/status_matchers.h"
#include "libs/whatsapp/error_policy.h"

namespace kabar::whatsapp {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

TEST_CASE("CheckMedium: type and size, as WhatsApp takes them", "[whatsapp]") {
  CHECK_THAT(CheckMedium("image/png", 5 << 20), IsOk());
  CHECK_THAT(CheckMedium("image/png", (5 << 20) + 1), HasFieldViolation("content"));
  CHECK_THAT(CheckMedium("application/pdf", 100 << 20), IsOk());
  CHECK_THAT(CheckMedium("video/mp4", (16 << 20) + 1), HasFieldViolation("content"));
  CHECK_THAT(CheckMedium("image/png", 0), HasFieldViolation("content"));
  CHECK_THAT(CheckMedium("image/gif", 10), HasFieldViolation("mime_type"));
  CHECK(MediaKindOf("video/3gpp") == Media::Kind::kVideo);
  CHECK_FALSE(MediaKindOf("image/gif").has_value());
}

TEST_CASE("CheckMediumContent: bytes that are not of their type", "[whatsapp]") {
  using namespace std::string_literals;
  CHECK_THAT(CheckMediumContent("image/png", "\x89PNG\r\n\x1A\n..."), IsOk());
  CHECK_THAT(CheckMediumContent("image/jpeg", "\xFF\xD8\xFF\xE0"), IsOk());
  CHECK_THAT(CheckMediumContent("video/mp4", "\0\0\0\x18"s + "ftypmp42"), IsOk());
  CHECK_THAT(CheckMediumContent("application/pdf", "%PDF-1.7"), IsOk());
  CHECK_THAT(CheckMediumContent("text/plain", "%PDF-1.7"), IsOk());
  CHECK_THAT(CheckMediumContent("image/png", "\xFF\xD8\xFF\xE0"), HasFieldViolation("content"));
  CHECK_THAT(CheckMediumContent("image/jpeg", "\x89PNG"), HasFieldViolation("content"));
  CHECK_THAT(CheckMediumContent("video/mp4", "ft"), HasFieldViolation("content"));
  CHECK_THAT(CheckMediumContent("application/pdf", "<html>"), HasFieldViolation("content"));
  CHECK_THAT(CheckMediumContent("image/png", ""), HasFieldViolation("content"));
  CHECK_THAT(CheckMediumContent("image/gif", "GIF8"), HasFieldViolation("mime_type"));
}

TEST_CASE("BuildMediaUpload: three parts, whose boundary the content does not hold", "[whatsapp]") {
  const std::string content("\x89PNG\r\n\0--", 10);
  const MediaUpload upload = BuildMediaUpload("image/png", "lo\"go\r\nX: y.png", content);
  const std::string prefix = "multipart/form-data; boundary=";
  REQUIRE(absl::StartsWith(upload.content_type, prefix));
  const std::string mark = absl::StrCat("--", upload.content_type.substr(prefix.size()));
  CHECK(upload.body ==
        absl::StrCat(
            mark, "\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\n",
            "whatsapp\r\n", mark,
            "\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\nimage/png\r\n", mark,
            "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"lo go  X: y.png\"",
            "\r\nContent-Type: image/png\r\n\r\n", content, "\r\n", mark, "--\r\n"));
}

TEST_CASE("ParseMediaUploaded: the id, or what is said instead", "[whatsapp]") {
  const ErrorPolicy& policy = ErrorPolicy::BuiltIn();
  CHECK(ParseMediaUploaded(200, R"({"id":"123"})", policy).value() == "123");
  CHECK_THAT(ParseMediaUploaded(200, "{}", policy).status(), ReasonIs("PROVIDER_UNREADABLE"));
  CHECK_THAT(ParseMediaUploaded(502, "<html>", policy).status(), ReasonIs("PROVIDER_UNREADABLE"));
  CHECK_THAT(
      ParseMediaUploaded(400, R"({"error":{"code":100,"message":"(#100) Param file"}})", policy)
          .status(),
      ReasonIs("PROVIDER_REFUSED"));
}

TEST_CASE("IsUnknownMedium: by the words of the refusal", "[whatsapp]") {
  const std::string words =
      "(#100) Param image['id'] is not a valid whatsapp business account media attachment ID";
  CHECK(IsUnknownMedium({.code = 100, .message = words}));
  CHECK_FALSE(IsUnknownMedium({.code = 100, .message = "(#100) Invalid parameter"}));
  CHECK_FALSE(IsUnknownMedium({.code = 131053, .message = words}));
}

}  // namespace
}  // namespace kabar::whatsapp
