#include "libs/whatsapp/payload.h"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "libs/testing/status_matchers.h"

namespace kabar::whatsapp {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

constexpr char kHead[] =
    R"({"messaging_product":"whatsapp","recipient_type":"individual","to":"6281234567890",)";

std::string Body(Content content) {
  return BuildSendBody(Message{.to = {.phone = "6281234567890"}, .content = std::move(content)});
}

TEST_CASE("BuildSendBody: text, with a preview, as a reply, with callback data", "[whatsapp]") {
  CHECK(Body(Text{.body = "Halo"}) ==
        std::string(kHead) + R"("type":"text","text":{"body":"Halo"}})");
  CHECK(
      BuildSendBody({.to = {.phone = "6281234567890", .bsuid = "ID.1"},
                     .content = Text{.body = "x", .preview_url = true},
                     .context_message_id = "wamid.A",
                     .callback_data = "20260501-abc.1"}) ==
      std::string(kHead) +
          R"("context":{"message_id":"wamid.A"},"type":"text",)"
          R"("text":{"preview_url":true,"body":"x"},"biz_opaque_callback_data":"20260501-abc.1"})");
}

TEST_CASE("BuildSendBody: a recipient without phone is named by his user id", "[whatsapp]") {
  CHECK(BuildSendBody({.to = {.bsuid = "ID.13491208655302741918"}, .content = Text{.body = "x"}}) ==
        R"({"messaging_product":"whatsapp","recipient_type":"individual",)"
        R"("recipient":"ID.13491208655302741918","type":"text","text":{"body":"x"}})");
}

TEST_CASE("BuildSendBody: escapes what JSON demands and leaves the rest alone", "[whatsapp]") {
  CHECK(Body(Text{.body = "a\"b\\c\nd\te\r\b\f\x01/é😀"}) ==
        std::string(kHead) +
            "\"type\":\"text\",\"text\":{\"body\":\"a\\\"b\\\\c\\nd\\te\\r\\b\\f\\u0001/é😀\"}}");
  CHECK(Body(Text{.body = std::string("a\0b", 3)}) ==
        std::string(kHead) + R"("type":"text","text":{"body":"a\u0000b"}})");
  CHECK(Body(Text{.body = "a\xff\xc3 b"}) ==
        std::string(kHead) + "\"type\":\"text\",\"text\":{\"body\":\"a\uFFFD\uFFFD b\"}}");
}

TEST_CASE("BuildSendBody: buttons under a medium, and a link", "[whatsapp]") {
  const Media image{.kind = Media::Kind::kImage, .link = "https://t.id/a.png"};
  CHECK(Body(Buttons{.header_media = image,
                     .body = "Di rumah?",
                     .footer = "Toko",
                     .buttons = {{.id = "YA@m", .title = "YA"}}}) ==
        std::string(kHead) +
            R"("type":"interactive","interactive":{"type":"button","header":{"type":"image",)"
            R"("image":{"link":"https://t.id/a.png"}},"body":{"text":"Di rumah?"},)"
            R"("footer":{"text":"Toko"},"action":{"buttons":[{"type":"reply",)"
            R"("reply":{"id":"YA@m","title":"YA"}}]}}})");
  CHECK(Body(LinkButton{
            .header = "Paket", .body = "Lacak", .title = "Buka", .url = "https://t.id/JP1"}) ==
        std::string(kHead) +
            R"("type":"interactive","interactive":{"type":"cta_url","header":{"type":"text",)"
            R"("text":"Paket"},"body":{"text":"Lacak"},"action":{"name":"cta_url",)"
            R"("parameters":{"display_text":"Buka","url":"https://t.id/JP1"}}}})");
}

TEST_CASE("BuildSendBody: a template with names, a place and buttons", "[whatsapp]") {
  Template content{.name = "a", .language = "id"};
  content.header = {
      {.kind = TemplateParameter::Kind::kLocation,
       .location = {.latitude = -6.2, .longitude = 106.8, .name = "Gudang", .address = "Jl. A"}}};
  content.body = {{.name = "nama", .text = "Budi"}};
  content.buttons = {{.index = 0, .text = "YA@m"},
                     {.kind = TemplateButton::Kind::kUrl, .index = 2, .text = "JP1"}};
  CHECK(
      Body(content) ==
      std::string(kHead) +
          R"("type":"template","template":{"name":"a","language":{"code":"id"},"components":[)"
          R"({"type":"header","parameters":[{"type":"location","location":{"latitude":-6.2,)"
          R"("longitude":106.8,"name":"Gudang","address":"Jl. A"}}]},)"
          R"({"type":"body","parameters":[{"type":"text","parameter_name":"nama","text":"Budi"}]},)"
          R"({"type":"button","sub_type":"quick_reply","index":"0","parameters":[)"
          R"({"type":"payload","payload":"YA@m"}]},)"
          R"({"type":"button","sub_type":"url","index":"2","parameters":[)"
          R"({"type":"text","text":"JP1"}]}]}})");
}

TEST_CASE("ValidateContent: headers and links that WhatsApp would refuse", "[whatsapp]") {
  const LinkButton good{.body = "a", .title = "b", .url = "https://t.id"};
  CHECK_THAT(ValidateContent(good), IsOk());
  LinkButton bad = good;
  bad.url = "t.id";
  CHECK_THAT(ValidateContent(bad), ReasonIs("BUTTON_URL"));
  bad = good;
  bad.title = std::string(21, 'x');
  CHECK_THAT(ValidateContent(bad), ReasonIs("BUTTON_TITLE"));
  bad = good;
  bad.header_media = Media{.kind = Media::Kind::kAudio, .link = "https://t.id/a"};
  CHECK_THAT(ValidateContent(bad), ReasonIs("CAPTION_NOT_ALLOWED"));
  bad.header_media = Media{.kind = Media::Kind::kImage, .link = "a.png"};
  CHECK_THAT(ValidateContent(bad), ReasonIs("MEDIA_SOURCE"));
  Template place{.name = "a", .language = "id"};
  place.header = {{.kind = TemplateParameter::Kind::kLocation,
                   .location = {.latitude = 91, .name = "a", .address = "b"}}};
  CHECK_THAT(ValidateContent(place), ReasonIs("LOCATION_RANGE"));
}

TEST_CASE("AppendJsonString: another parser reads back every character", "[whatsapp]") {
  std::string text;
  for (int c = 0; c < 128; ++c) text.push_back(static_cast<char>(c));
  text += "\u00e9\u2028\u2029\uFFFD\U0001F600";
  std::string json;
  AppendJsonString(text, &json);
  CHECK(nlohmann::json::parse(json).get<std::string>() == text);
}

TEST_CASE("BuildSendBody: templates", "[whatsapp]") {
  CHECK(Body(Template{.name = "pagi", .language = "id"}) ==
        std::string(kHead) +
            R"("type":"template","template":{"name":"pagi","language":{"code":"id"}}})");
  CHECK(
      Body(Template{
          .name = "pagi", .language = "id", .body = {{.text = "Ani"}, {.text = "\"2\""}}}) ==
      std::string(kHead) +
          R"("type":"template","template":{"name":"pagi","language":{"code":"id"},"components":[)"
          R"({"type":"body","parameters":[{"type":"text","text":"Ani"},{"type":"text","text":"\"2\""}]}]}})");
  CHECK(Body(Template{.name = "pagi",
                      .language = "id",
                      .header = {{.kind = TemplateParameter::Kind::kImage, .id = "77"}}}) ==
        std::string(kHead) +
            R"("type":"template","template":{"name":"pagi","language":{"code":"id"},"components":[)"
            R"({"type":"header","parameters":[{"type":"image","image":{"id":"77"}}]}]}})");
  const Template full{
      .name = "tagihan",
      .language = "en_US",
      .header = {{.kind = TemplateParameter::Kind::kDocument,
                  .link = "https://x/y.pdf",
                  .filename = "y.pdf"}},
      .body = {{.text = "A"}},
      .buttons = {{.kind = TemplateButton::Kind::kQuickReply, .index = 0, .text = "YA"},
                  {.kind = TemplateButton::Kind::kUrl, .index = 1, .text = "JNE1"}}};
  CHECK(
      Body(full) ==
      std::string(kHead) +
          R"("type":"template","template":{"name":"tagihan","language":{"code":"en_US"},"components":[)"
          R"({"type":"header","parameters":[{"type":"document","document":{"link":"https://x/y.pdf","filename":"y.pdf"}}]},)"
          R"({"type":"body","parameters":[{"type":"text","text":"A"}]},)"
          R"({"type":"button","sub_type":"quick_reply","index":"0","parameters":[{"type":"payload","payload":"YA"}]},)"
          R"({"type":"button","sub_type":"url","index":"1","parameters":[{"type":"text","text":"JNE1"}]}]}})");
}

TEST_CASE("BuildSendBody: media, location, reaction", "[whatsapp]") {
  CHECK(Body(Media{.kind = Media::Kind::kImage, .link = "https://x/a.jpg", .caption = "Foto"}) ==
        std::string(kHead) +
            R"("type":"image","image":{"link":"https://x/a.jpg","caption":"Foto"}})");
  CHECK(Body(Media{.kind = Media::Kind::kDocument, .id = "77", .filename = "resi.pdf"}) ==
        std::string(kHead) + R"("type":"document","document":{"id":"77","filename":"resi.pdf"}})");
  CHECK(Body(Media{.kind = Media::Kind::kVideo, .id = "7"}) ==
        std::string(kHead) + R"("type":"video","video":{"id":"7"}})");
  CHECK(Body(Media{.kind = Media::Kind::kAudio, .id = "7"}) ==
        std::string(kHead) + R"("type":"audio","audio":{"id":"7"}})");
  CHECK(
      Body(Location{.latitude = -6.2087634, .longitude = 106.845599, .name = "Gudang"}) ==
      std::string(kHead) +
          R"("type":"location","location":{"latitude":-6.2087634,"longitude":106.845599,"name":"Gudang"}})");
  CHECK(Body(Reaction{.message_id = "wamid.A", .emoji = ""}) ==
        std::string(kHead) +
            R"("type":"reaction","reaction":{"message_id":"wamid.A","emoji":""}})");
}

TEST_CASE("BuildSendBody: interactive buttons and lists", "[whatsapp]") {
  CHECK(
      Body(Buttons{.header = "H",
                   .body = "Terima?",
                   .footer = "F",
                   .buttons = {{.id = "ya", .title = "YA"}, {.id = "tidak", .title = "TIDAK"}}}) ==
      std::string(kHead) +
          R"("type":"interactive","interactive":{"type":"button","header":{"type":"text","text":"H"},)"
          R"("body":{"text":"Terima?"},"footer":{"text":"F"},"action":{"buttons":[)"
          R"({"type":"reply","reply":{"id":"ya","title":"YA"}},{"type":"reply","reply":{"id":"tidak","title":"TIDAK"}}]}}})");
  CHECK(
      Body(List{.body = "Jam?",
                .button = "Pilih",
                .sections = {{.title = "Pagi",
                              .rows = {{.id = "8", .title = "08:00", .description = "awal"},
                                       {.id = "9", .title = "09:00"}}},
                             {.title = "Sore", .rows = {{.id = "16", .title = "16:00"}}}}}) ==
      std::string(kHead) +
          R"("type":"interactive","interactive":{"type":"list","body":{"text":"Jam?"},"action":{"button":"Pilih","sections":[)"
          R"({"title":"Pagi","rows":[{"id":"8","title":"08:00","description":"awal"},{"id":"9","title":"09:00"}]},)"
          R"({"title":"Sore","rows":[{"id":"16","title":"16:00"}]}]}}})");
}

std::string Times(const std::string& text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

Template WithParameter(const std::string& text) {
  return Template{.name = "t", .language = "id", .body = {{.text = text}}};
}

TEST_CASE("ValidateContent: limits count characters, and each fault has its name", "[whatsapp]") {
  CHECK_THAT(ValidateContent(Text{.body = Times("é", 4096)}), IsOk());
  CHECK_THAT(ValidateContent(Text{.body = Times("é", 4097)}), ReasonIs("TEXT_TOO_LONG"));
  CHECK_THAT(ValidateContent(Text{.body = Times("é", 4097)}),
             StatusIs(absl::StatusCode::kInvalidArgument, "text.body: 4097 characters"));
  CHECK_THAT(ValidateContent(Text{}), ReasonIs("TEXT_EMPTY"));
  CHECK_THAT(ValidateContent(Text{.body = "\xff"}), ReasonIs("NOT_UTF8"));
}

TEST_CASE("ValidateContent: templates", "[whatsapp]") {
  CHECK_THAT(ValidateContent(WithParameter("a    b")), IsOk());
  CHECK_THAT(ValidateContent(WithParameter("a     b")), ReasonIs("PARAMETER_WHITESPACE"));
  CHECK_THAT(ValidateContent(WithParameter("a\nb")), ReasonIs("PARAMETER_WHITESPACE"));
  CHECK_THAT(ValidateContent(WithParameter("a\tb")), ReasonIs("PARAMETER_WHITESPACE"));
  CHECK_THAT(ValidateContent(WithParameter("")), ReasonIs("PARAMETER_EMPTY"));
  CHECK_THAT(ValidateContent(WithParameter("  ")), ReasonIs("PARAMETER_EMPTY"));
  CHECK_THAT(ValidateContent(WithParameter(Times("x", 1024))), IsOk());
  CHECK_THAT(ValidateContent(WithParameter(Times("x", 1025))), ReasonIs("PARAMETER_TOO_LONG"));
  Template content = WithParameter("x");
  content.header = {{.text = Times("x", 61)}};
  CHECK_THAT(ValidateContent(content), ReasonIs("PARAMETER_TOO_LONG"));
  content.header = {{.kind = TemplateParameter::Kind::kImage}};
  CHECK_THAT(ValidateContent(content), ReasonIs("MEDIA_SOURCE"));
  content.header = {{.kind = TemplateParameter::Kind::kImage, .id = "5", .link = "https://x"}};
  CHECK_THAT(ValidateContent(content), ReasonIs("MEDIA_SOURCE"));
  content.header = {{.kind = TemplateParameter::Kind::kImage, .link = "ftp://x"}};
  CHECK_THAT(ValidateContent(content), ReasonIs("MEDIA_SOURCE"));
  content = WithParameter("x");
  content.body[0].kind = TemplateParameter::Kind::kImage;
  CHECK_THAT(ValidateContent(content), ReasonIs("PARAMETER_KIND"));
  content = WithParameter("x");
  content.buttons = {{.index = 1, .text = "a"}, {.index = 1, .text = "b"}};
  CHECK_THAT(ValidateContent(content), ReasonIs("BUTTON_INDEX"));
  CHECK_THAT(ValidateContent(Template{.name = "Pagi!", .language = "id"}),
             ReasonIs("TEMPLATE_NAME"));
  CHECK_THAT(ValidateContent(Template{.name = "pagi", .language = "i-d"}),
             ReasonIs("TEMPLATE_LANGUAGE"));
}

TEST_CASE("ValidateContent: media, location, reaction", "[whatsapp]") {
  CHECK_THAT(ValidateContent(Media{.id = "1"}), IsOk());
  CHECK_THAT(ValidateContent(Media{}), ReasonIs("MEDIA_SOURCE"));
  CHECK_THAT(ValidateContent(Media{.id = "1", .link = "https://x"}), ReasonIs("MEDIA_SOURCE"));
  CHECK_THAT(ValidateContent(Media{.link = "x"}), ReasonIs("MEDIA_SOURCE"));
  CHECK_THAT(ValidateContent(Media{.id = "1", .caption = Times("x", 1025)}),
             ReasonIs("CAPTION_TOO_LONG"));
  CHECK_THAT(ValidateContent(Media{.kind = Media::Kind::kAudio, .id = "1", .caption = "x"}),
             ReasonIs("CAPTION_NOT_ALLOWED"));
  CHECK_THAT(ValidateContent(Media{.id = "1", .filename = "x"}), ReasonIs("FILENAME_NOT_ALLOWED"));
  CHECK_THAT(ValidateContent(Location{.latitude = 90, .longitude = -180}), IsOk());
  CHECK_THAT(ValidateContent(Location{.latitude = 90.1}), ReasonIs("LOCATION_RANGE"));
  CHECK_THAT(ValidateContent(Location{.longitude = std::numeric_limits<double>::quiet_NaN()}),
             ReasonIs("LOCATION_RANGE"));
  CHECK_THAT(ValidateContent(Reaction{.emoji = "👍"}), ReasonIs("REACTION_TARGET"));
}

TEST_CASE("ValidateContent: buttons and lists", "[whatsapp]") {
  const auto buttons = [](std::vector<ReplyButton> list) {
    return ValidateContent(Buttons{.body = "x", .buttons = std::move(list)});
  };
  CHECK_THAT(buttons({{"1", "a"}, {"2", "b"}, {"3", "c"}}), IsOk());
  CHECK_THAT(buttons({}), ReasonIs("BUTTON_COUNT"));
  CHECK_THAT(buttons({{"1", "a"}, {"2", "b"}, {"3", "c"}, {"4", "d"}}), ReasonIs("BUTTON_COUNT"));
  CHECK_THAT(buttons({{"1", Times("é", 20)}}), IsOk());
  CHECK_THAT(buttons({{"1", Times("é", 21)}}), ReasonIs("BUTTON_TITLE"));
  CHECK_THAT(buttons({{"1", ""}}), ReasonIs("BUTTON_TITLE"));
  CHECK_THAT(buttons({{Times("x", 257), "a"}}), ReasonIs("BUTTON_ID"));
  CHECK_THAT(buttons({{"1", "a"}, {"1", "b"}}), ReasonIs("BUTTON_DUPLICATE"));
  CHECK_THAT(buttons({{"1", "a"}, {"2", "a"}}), ReasonIs("BUTTON_DUPLICATE"));
  CHECK_THAT(ValidateContent(Buttons{.header = Times("x", 61), .body = "x"}),
             ReasonIs("HEADER_TOO_LONG"));
  CHECK_THAT(ValidateContent(Buttons{.body = "x", .footer = Times("x", 61)}),
             ReasonIs("FOOTER_TOO_LONG"));
  CHECK_THAT(ValidateContent(Buttons{.body = Times("x", 1025)}), ReasonIs("TEXT_TOO_LONG"));

  const auto list = [](std::vector<ListSection> sections) {
    return ValidateContent(List{.body = "x", .button = "b", .sections = std::move(sections)});
  };
  std::vector<ListRow> ten;
  for (int i = 0; i < 10; ++i) ten.push_back({.id = std::to_string(i), .title = "t"});
  CHECK_THAT(list({{.rows = ten}}), IsOk());
  CHECK_THAT(
      list({{.title = "a", .rows = ten}, {.title = "b", .rows = {{.id = "x", .title = "t"}}}}),
      ReasonIs("LIST_ROWS"));
  CHECK_THAT(list({}), ReasonIs("LIST_ROWS"));
  CHECK_THAT(list({{.title = "a"}}), ReasonIs("LIST_ROWS"));
  CHECK_THAT(list({{.rows = {{.id = "1", .title = "t"}}}, {.rows = {{.id = "2", .title = "t"}}}}),
             ReasonIs("LIST_SECTION_TITLE"));
  CHECK_THAT(list({{.rows = {{.id = "1", .title = "t"}, {.id = "1", .title = "u"}}}}),
             ReasonIs("BUTTON_DUPLICATE"));
  CHECK_THAT(list({{.rows = {{.id = "1", .title = Times("t", 25)}}}}), ReasonIs("LIST_ROW"));
  CHECK_THAT(ValidateContent(List{.body = "x", .button = ""}), ReasonIs("LIST_BUTTON"));
}

TEST_CASE("ValidateMessage: recipients, without quoting them", "[whatsapp]") {
  const auto to = [](Recipient recipient) {
    return ValidateMessage({.to = std::move(recipient), .content = Text{.body = "x"}});
  };
  CHECK_THAT(to({.phone = "6281234567890"}), IsOk());
  CHECK_THAT(to({.bsuid = "ID.1349120865"}), IsOk());
  CHECK_THAT(to({.bsuid = "US.ENT.11815799212886844830"}), IsOk());
  for (const char* phone :
       {"+6281234567890", "081234567890", "62812", "6281234567890123", "62 812345"}) {
    CAPTURE(phone);
    const absl::Status status = to({.phone = phone});
    CHECK_THAT(status, ReasonIs("RECIPIENT"));
    CHECK(std::string(status.message()).find(phone) == std::string::npos);
  }
  for (const char* bsuid : {"", "id.1", "ID1", "ID.", "ID.a b"}) {
    CAPTURE(bsuid);
    CHECK_THAT(to({.bsuid = bsuid}), ReasonIs("RECIPIENT"));
  }
  CHECK_THAT(ValidateMessage({.to = {.phone = "6281234567890"},
                              .content = Text{.body = "x"},
                              .callback_data = Times("x", 513)}),
             ReasonIs("CALLBACK_DATA_TOO_LONG"));
}

}  // namespace
}  // namespace kabar::whatsapp
