#include "tools/cloudsim/media.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/json_fields.h"
#include "tools/cloudsim/simulator.h"
#include "tools/cloudsim/test_peers.h"

namespace kabar::cloudsim {
namespace {

constexpr int64_t kDayUs = 86'400 * kMicrosPerSecond;
constexpr char kForm[] = "multipart/form-data; boundary=b1";

std::string Form(const std::string& type, const std::string& content) {
  return absl::StrCat(
      "--b1\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n",
      "--b1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n",
      "Content-Type: ", type, "\r\n\r\n", content, "\r\n--b1--\r\n");
}

struct Shelf {
  int Upload(const std::string& content_type, const std::string& body) {
    error = {};
    return media.Upload(3, content_type, body, 0, &id, &error) ? 0 : error.code;
  }
  Media media;
  std::string id;
  GraphError error;
};

TEST_CASE("Media: an upload has an id for 30 days, and its bytes' digest", "[cloudsim]") {
  Shelf shelf;
  REQUIRE(shelf.Upload(kForm, Form("image/png", "a\r\n\r\nb")) == 0);
  const Medium* const medium = shelf.media.Find(shelf.id, 0);
  REQUIRE(medium != nullptr);
  CHECK(medium->number == 3);
  CHECK(medium->mime_type == "image/png");
  CHECK(medium->filename == "a.png");
  CHECK(medium->bytes == 6);
  // printf 'a\r\n\r\nb' | sha256sum
  CHECK(medium->sha256 == "6c016771b47a0e6a9837daf173b31b4475158db576251cc4dd416339ba2085a0");
  CHECK(shelf.media.Find(shelf.id, 30 * kDayUs - 1) != nullptr);
  CHECK(shelf.media.Find(shelf.id, 30 * kDayUs) == nullptr);
  CHECK(shelf.media.Delete(shelf.id));
  CHECK(shelf.media.Find(shelf.id, 0) == nullptr);
}

TEST_CASE("Media: what is not one is refused", "[cloudsim]") {
  Shelf shelf;
  CHECK(shelf.Upload("application/json", "{}") == 100);
  CHECK(shelf.Upload("multipart/form-data; boundary=other", Form("image/png", "x")) == 100);
  CHECK(shelf.Upload(kForm, "--b1\r\nContent-Dispo") == 100);
  CHECK(shelf.Upload(kForm, "--b1--\r\n") == 100);
  CHECK(shelf.Upload(kForm, Form("application/zip", "x")) == 100);
  CHECK(absl::StrContains(shelf.error.message, "one of the following types"));
  CHECK(shelf.Upload(kForm, Form("image/png", "")) == 100);
  CHECK(shelf.Upload(kForm, Form("image/png", std::string((5 << 20) + 1, 'x'))) == 100);
  CHECK(shelf.Upload(kForm, Form("image/png", std::string(5 << 20, 'x'))) == 0);
  std::string other = Form("image/png", "x");
  other.replace(other.find("whatsapp"), 8, "telegram");
  CHECK(shelf.Upload(kForm, other) == 100);
}

constexpr char kSetup[] = R"({
 "tokens":[{"token":"a","wabas":["1001"]},{"token":"b","wabas":["1002"]}],
 "wabas":[{"id":"1001","name":"A","phone_numbers":[{"id":"2001","display_phone_number":"+62 1"},
                                                  {"id":"2002","display_phone_number":"+62 2"}],
   "templates":[{"name":"gambar","language":"id","components":[{"type":"HEADER","format":"IMAGE"},
                                                               {"type":"BODY","text":"Halo"}]}]},
  {"id":"1002","name":"B","phone_numbers":[{"id":"2003","display_phone_number":"+62 3"}]}]})";

struct Running {
  Running() {
    SimulatorOptions options;
    const absl::StatusOr<Setup> setup = ParseSetup(kSetup);
    REQUIRE(setup.ok());
    options.setup = *setup;
    simulator = std::make_unique<Simulator>(std::move(options));
    REQUIRE(simulator->Start().ok());
    caller = std::make_unique<TestCaller>(simulator->port());
  }
  TestReply Upload(const std::string& number, const std::string& token) {
    const std::string body = Form("image/png", "bytes");
    return caller->Exchange(absl::StrCat(
        "POST /v23.0/", number, "/media HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ", token,
        "\r\nContent-Type: ", kForm, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  }
  TestReply SendFrom(const std::string& number, const std::string& part) {
    return caller->Call("POST", absl::StrCat("/v23.0/", number, "/messages"),
                        absl::StrCat(R"({"messaging_product":"whatsapp","to":"628150000)", ++sent,
                                     R"(",)", part, "}"),
                        "a");
  }
  static std::string Template(const std::string& id) {
    return absl::StrCat(
        R"("type":"template","template":{"name":"gambar","language":{"code":"id"},"components":[)",
        R"({"type":"header","parameters":[{"type":"image","image":{"id":")", id, R"("}}]}]})");
  }
  std::unique_ptr<Simulator> simulator;
  std::unique_ptr<TestCaller> caller;
  int sent = 1000;
};

TEST_CASE("Media: an id is sent by the number that uploaded it, until it is deleted",
          "[cloudsim]") {
  Running r;
  CHECK(r.Upload("2001", "b").status == 400);
  CHECK(r.Upload("2001", "none").status == 401);
  const TestReply uploaded = r.Upload("2001", "a");
  REQUIRE(uploaded.status == 200);
  const std::string id = Json::parse(uploaded.body)["id"];
  const TestReply told = r.caller->Call("GET", "/v23.0/" + id, "", "a");
  CHECK(told.status == 200);
  CHECK(Json::parse(told.body)["file_size"] == 5);
  CHECK(r.caller->Call("GET", "/v23.0/" + id, "", "b").status == 400);

  CHECK(r.SendFrom("2001", Running::Template(id)).status == 200);
  for (const TestReply& refused :
       {r.SendFrom("2002", Running::Template(id)), r.SendFrom("2001", Running::Template("77"))}) {
    CHECK(refused.status == 400);
    CHECK(Json::parse(refused.body)["error"]["code"] == 100);
    CHECK(absl::StrContains(refused.body, "media attachment ID"));
  }
  CHECK(absl::StrContains(r.caller->Call("GET", "/_sim/media").body, R"("sends":1)"));
  CHECK(r.caller->Call("DELETE", "/v23.0/" + id, "", "b").status == 400);
  CHECK(r.caller->Call("DELETE", "/v23.0/" + id, "", "a").status == 200);
  CHECK(r.SendFrom("2001", Running::Template(id)).status == 400);
}

}  // namespace
}  // namespace kabar::cloudsim
