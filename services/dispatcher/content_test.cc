#include "services/dispatcher/content.h"

#include <catch2/catch.hpp>
#include <string>
#include <variant>

#include "libs/testing/status_matchers.h"
#include "services/dispatcher/send_job.h"

namespace kabar::dispatcher {
namespace {

using Catch::Matchers::Contains;
using testing::IsOk;
using testing::ReasonIs;

constexpr char kId[] = "20261122-aaaaaaaaaabbbbbbcccccccccc";

StartedMessage Started(const Parts& parts) {
  return {.id = kId,
          .attempt = 1,
          .phone = "+6281234567890",
          .text = "Halo",
          .parts = parts,
          .window_open = true};
}

std::string Body(const StartedMessage& message) {
  bool free_text = false;
  const auto body = BuildBody(message, &free_text);
  REQUIRE_THAT(body, IsOk());
  return *body;
}

TEST_CASE("FreeContent: without buttons header and footer are lines of the text", "[dispatcher]") {
  CHECK_THAT(Body(Started({})), Contains(R"("text":{"body":"Halo"})"));
  const Parts around{.header_kind = HeaderKind::kText, .header_text = "Paket", .footer = "Toko"};
  CHECK_THAT(Body(Started(around)), Contains(R"("body":"*Paket*\n\nHalo\n\n_Toko_")"));
  const Parts image{.header_kind = HeaderKind::kImage, .media_link = "https://t.id/a.png"};
  CHECK_THAT(Body(Started(image)),
             Contains(R"("image":{"link":"https://t.id/a.png","caption":"Halo"})"));
  const Parts file{.header_kind = HeaderKind::kDocument,
                   .media_link = "https://t.id/a.pdf",
                   .filename = "resi.pdf"};
  CHECK_THAT(Body(Started(file)), Contains(R"("filename":"resi.pdf")"));
}

TEST_CASE("FreeContent: buttons carry their answer and the message's id", "[dispatcher]") {
  const Parts parts{
      .header_kind = HeaderKind::kImage,
      .media_link = "https://t.id/a.png",
      .footer = "Toko",
      .buttons = {{.title = "YA", .answer = "YA"}, {.title = "Tidak", .answer = "TIDAK"}}};
  const std::string body = Body(Started(parts));
  CHECK_THAT(body, Contains(std::string(R"({"id":"TIDAK@)") + kId + R"(","title":"Tidak"})"));
  CHECK_THAT(body, Contains(R"("header":{"type":"image","image":{"link":"https://t.id/a.png"}})"));
  CHECK_THAT(body, Contains(R"("footer":{"text":"Toko"})"));
  const Parts link{.buttons = {{.title = "Lacak", .url = "https://t.id/JP1"}}};
  CHECK_THAT(Body(Started(link)), Contains(R"("display_text":"Lacak","url":"https://t.id/JP1")"));
}

TEST_CASE("FormContent: the provider template with the same parts", "[dispatcher]") {
  StartedMessage message = Started({.header_kind = HeaderKind::kDocument,
                                    .media_link = "https://t.id/a.pdf",
                                    .filename = "a.pdf",
                                    .buttons = {{.title = "YA", .answer = "YA"}}});
  message.window_open = false;
  message.form = {.name = "tanya",
                  .language = "id",
                  .parameters = {"Budi"},
                  .parameter_names = {"nama"},
                  .links = {{1, "JP1"}},
                  .replies = {{0, "YA"}},
                  .with_header = true};
  const std::string body = Body(message);
  CHECK_THAT(body, Contains(R"("document":{"link":"https://t.id/a.pdf","filename":"a.pdf"})"));
  CHECK_THAT(body, Contains(R"("parameter_name":"nama","text":"Budi")"));
  CHECK_THAT(body, Contains(std::string(R"("payload":"YA@)") + kId));
  CHECK_THAT(
      body,
      Contains(R"("sub_type":"url","index":"1","parameters":[{"type":"text","text":"JP1"}])"));
}

TEST_CASE("BuildBody: a place goes as provider template even where the window is open",
          "[dispatcher]") {
  StartedMessage message = Started({.header_kind = HeaderKind::kLocation,
                                    .latitude = "-6.2",
                                    .longitude = "106.8",
                                    .location_name = "Gudang",
                                    .location_address = "Jl. A"});
  message.form = {.name = "tempat", .language = "id", .with_header = true};
  bool free_text = true;
  const auto body = BuildBody(message, &free_text);
  REQUIRE_THAT(body, IsOk());
  CHECK_FALSE(free_text);
  CHECK_THAT(*body, Contains(R"("location":{"latitude":-6.2,"longitude":106.8)"));
  message.parts.latitude = "di sini";
  CHECK_THAT(BuildBody(message, &free_text).status(), ReasonIs("LOCATION_RANGE"));
  // Without it nothing goes: the text speaks of the place.
  message.form = {};
  CHECK_THAT(BuildBody(message, &free_text).status(), ReasonIs("WINDOW_CLOSED_NO_TEMPLATE"));
}

TEST_CASE("BuildBody: what is too long for its buttons or picture goes as provider template",
          "[dispatcher]") {
  const Parts parts = GENERATE(
      Parts{.buttons = {{.title = "YA", .answer = "YA"}}},
      Parts{.header_kind = HeaderKind::kImage, .media_link = "https://t.id/a.png", .footer = "T"});
  StartedMessage message = Started(parts);
  message.form = {.name = "panjang", .language = "id"};
  message.text = std::string(1000, 'a');
  CHECK_THAT(Body(message), !Contains("panjang"));
  message.text = std::string(1025, 'a');
  CHECK_THAT(Body(message), Contains("panjang"));
  message.parts = {};
  CHECK_THAT(Body(message), !Contains("panjang"));
}

}  // namespace
}  // namespace kabar::dispatcher
