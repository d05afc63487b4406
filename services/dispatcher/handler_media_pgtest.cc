#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

struct MediaApi : Api {
  absl::StatusOr<v1::Medium> Upload(const std::string& name, const std::string& mime_type,
                                    const std::vector<std::string>& pieces,
                                    const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key, key == "service" ? "toko-a" : "");
    v1::Medium kept;
    const auto writer = stub->UploadMedia(&context, &kept);
    v1::UploadMediaRequest part;
    part.mutable_info()->set_name(name);
    part.mutable_info()->set_mime_type(mime_type);
    bool open = writer->Write(part);
    for (const std::string& piece : pieces) {
      part.set_data(piece);
      open = open && writer->Write(part);
    }
    writer->WritesDone();
    KABAR_RETURN_IF_ERROR(rpc::ToAbsl(writer->Finish()));
    return kept;
  }
  v1::ForeseenMessage Foresee(v1::OutgoingMessage message, const std::string& medium) {
    message.mutable_provider_form()->set_name("paket");
    message.mutable_provider_form()->set_language("id");
    message.mutable_provider_form()->set_with_header(true);
    message.mutable_parts()->set_header_kind(content::v1::Parts::IMAGE);
    message.mutable_parts()->set_media_link("medium:" + medium);
    v1::ForeseeMessagesRequest request;
    request.set_sender_id("snd");
    request.set_purpose("DELIVERY_UPDATES");
    *request.add_messages() = message;
    const auto told = Call(&Stub::ForeseeMessages, request);
    REQUIRE_THAT(told, IsOk());
    return told->messages(0);
  }
};

TEST_CASE("UploadMedia, ListMedia, DeleteMedia: kept in pieces, listed, deleted", "[dispatcher]") {
  MediaApi f;
  const auto kept = f.Upload("promo.png", "image/png", {"\x89P", "NG"});
  REQUIRE_THAT(kept, IsOk());
  CHECK(kept->size_bytes() == 4);
  CHECK(kept->sha256().size() == 64);
  CHECK(f.Sql("SELECT encode(bytes, 'hex') FROM media") == "89504e47");
  CHECK(f.Sql("SELECT who || ' ' || target FROM audit_log") == "operator-a medium/promo.png");
  REQUIRE_THAT(f.Upload("promo.png", "image/png", {"\x89PNG"}), IsOk());
  CHECK(f.Sql("SELECT count(*) FROM audit_log") == "1");

  CHECK_THAT(f.Upload("x", "image/png", {"y"}, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  for (const auto& [name, type, bytes] : {std::tuple{"Promo", "image/png", "\x89PNG"},
                                          {"", "image/png", "\x89PNG"},
                                          {"x", "image/jpeg", "\x89PNG"},
                                          {"x", "image/gif", "x"},
                                          {"x", "audio/ogg", "x"},
                                          {"x", "image/png", ""}}) {
    CAPTURE(name, type);
    CHECK_THAT(f.Upload(name, type, {bytes}), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  CHECK_THAT(f.Upload("x", "image/png", {std::string(3 << 20, 'x'), std::string(3 << 20, 'x')}),
             StatusIs(absl::StatusCode::kInvalidArgument));
  CHECK(f.Sql("SELECT count(*) FROM media") == "1");

  const auto listed = f.Call(&Stub::ListMedia, v1::ListMediaRequest(), "viewer-a");
  REQUIRE(listed->media_size() == 1);
  CHECK(listed->media(0).name() == "promo.png");
  v1::DeleteMediaRequest request;
  request.set_name("promo.png");
  CHECK_THAT(f.Call(&Stub::DeleteMedia, request, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  REQUIRE_THAT(f.Call(&Stub::DeleteMedia, request, "operator-a"), IsOk());
  CHECK_THAT(f.Call(&Stub::DeleteMedia, request, "operator-a"), ReasonIs("MEDIUM_NOT_FOUND"));
}

TEST_CASE("ForeseeMessages: a medium that is not there, or cannot be such a header",
          "[dispatcher]") {
  MediaApi f;
  const v1::OutgoingMessage message = f.Batch(1, 1).messages(0);
  CHECK(f.Foresee(message, "promo").reason() == "MEDIUM_NOT_UPLOADED");
  REQUIRE_THAT(f.Upload("promo", "image/png", {"\x89PNG"}), IsOk());
  CHECK(f.Foresee(message, "promo").reason().empty());
  CHECK(f.Foresee(message, "promo").state() == events::v1::SENT);
  REQUIRE_THAT(f.Upload("film", "video/mp4", {"----ftyp"}), IsOk());
  CHECK(f.Foresee(message, "film").reason() == "MEDIUM_OF_OTHER_KIND");
}

}  // namespace
}  // namespace kabar::dispatcher
