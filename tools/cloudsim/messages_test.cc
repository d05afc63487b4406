#include "tools/cloudsim/messages.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::cloudsim {
namespace {

// Keeps the bytes that a result views, with the padding the reader needs.
struct Reading {
  explicit Reading(const std::string& json) : bytes(json + std::string(64, ' ')) {
    good = reader.Read(absl::string_view(bytes.data(), json.size()), &message, &error);
  }
  std::string bytes;
  MessageReader reader;
  Outgoing message;
  GraphError error;
  bool good = false;
};

std::string Send(const std::string& rest) {
  return R"({"messaging_product":"whatsapp","recipient_type":"individual","to":"6281234567890",)" +
         rest + "}";
}

int Code(const std::string& rest) { return Reading(Send(rest)).error.code; }

TEST_CASE("MessageReader: a text with callback data and context", "[cloudsim]") {
  const Reading reading(
      Send(R"("type":"text","text":{"body":"halo\n😀","preview_url":false},)"
           R"("biz_opaque_callback_data":"id.1","context":{"message_id":"wamid.x"})"));
  REQUIRE(reading.good);
  CHECK(reading.message.kind == MessageKind::kText);
  CHECK(reading.message.body == "halo\n😀");
  CHECK(reading.message.phone == "6281234567890");
  CHECK(reading.message.callback == "id.1");
  CHECK(reading.message.context_id == "wamid.x");
}

TEST_CASE("MessageReader: recipients by phone in any spelling or by BSUID", "[cloudsim]") {
  const auto read = [](const std::string& who) {
    return Reading(R"({"messaging_product":"whatsapp",)" + who + R"(,"text":{"body":"x"}})");
  };
  CHECK(read(R"("to":"+62 (812) 345-678")").message.phone == "62812345678");
  CHECK(read(R"("to":"ID.123")").message.user_id == "ID.123");
  CHECK(read(R"("recipient":"ID.123")").message.user_id == "ID.123");
  const Reading both = read(R"("to":"62812345678","recipient":"ID.123")");
  CHECK(both.message.phone == "62812345678");
  CHECK(both.message.user_id.empty());
  CHECK(read(R"("to":"budi")").error.code == 131009);
  CHECK(read(R"("to":"123")").error.code == 131009);
  CHECK(read(R"("to":null)").error.code == 100);
  CHECK(read(R"("recipient":"123")").error.code == 131009);
}

TEST_CASE("MessageReader: the envelope", "[cloudsim]") {
  CHECK(Reading("{").error.code == 100);
  CHECK(Reading("[]").error.code == 100);
  CHECK(Reading(R"({"to":"62812345678","text":{"body":"x"}})").error.message ==
        "(#100) The parameter messaging_product is required.");
  CHECK(Code(R"("type":"nonsense")") == 100);
  CHECK(Code(R"("type":5)") == 100);
  CHECK(Code(R"("type":"order","order":{})") == 131051);
  CHECK(Code(R"("text":{"body":"x"},"biz_opaque_callback_data":5)") == 100);
  CHECK(Code(R"("text":{"body":"x"},"biz_opaque_callback_data":")" + std::string(513, 'a') +
             "\"") == 100);
  // The record of a refusal still names recipient and message.
  const Reading reading(Send(R"("type":"text","biz_opaque_callback_data":"id.7")"));
  CHECK(reading.error.code == 131008);
  CHECK(reading.message.callback == "id.7");
  CHECK(reading.message.phone == "6281234567890");
}

TEST_CASE("MessageReader: text limits", "[cloudsim]") {
  CHECK(Code(R"("type":"text","text":{"body":""})") == 131008);
  CHECK(Code(R"("type":"text","text":{"body":7})") == 131009);
  CHECK(Code(R"("type":"text","text":{"body":")" + std::string(4096, 'a') + "\"}") == 0);
  CHECK(Code(R"("type":"text","text":{"body":")" + std::string(4097, 'a') + "\"}") == 131009);
  // Characters count, not bytes.
  std::string wide;
  for (int i = 0; i < 4096; ++i) wide += "é";
  CHECK(Code(R"("type":"text","text":{"body":")" + wide + "\"}") == 0);
}

TEST_CASE("MessageReader: media", "[cloudsim]") {
  CHECK(Code(R"("type":"image","image":{"id":"5","caption":"foto"})") == 0);
  CHECK(Code(R"("type":"document","document":{"link":"https://x/y.pdf","filename":"y.pdf"})") == 0);
  CHECK(Code(R"("type":"video","video":{"link":"https://x/y"})") == 0);
  CHECK(Code(R"("type":"audio","audio":{"id":"5"})") == 0);
  CHECK(Code(R"("type":"audio","audio":{"id":"5","caption":"x"})") == 131009);
  CHECK(Code(R"("type":"image","image":{})") == 131008);
  CHECK(Code(R"("type":"image")") == 131008);
  CHECK(Code(R"("type":"image","image":{"id":"5","link":"https://x"})") == 131009);
  CHECK(Code(R"("type":"image","image":{"link":"ftp://x"})") == 131009);
  CHECK(Code(R"("type":"image","image":{"id":"5","caption":")" + std::string(1025, 'a') + "\"}") ==
        131009);
}

TEST_CASE("MessageReader: location, contacts, reaction", "[cloudsim]") {
  CHECK(Code(R"("type":"location","location":{"latitude":-6.2,"longitude":"106.8","name":"x"})") ==
        0);
  CHECK(Code(R"("type":"location","location":{"latitude":91,"longitude":1})") == 131009);
  CHECK(Code(R"("type":"location","location":{"longitude":1})") == 131008);
  CHECK(Code(R"("type":"contacts","contacts":[{"name":{"formatted_name":"Budi"}}])") == 0);
  CHECK(Code(R"("type":"contacts","contacts":[])") == 131008);
  CHECK(Code(R"("type":"contacts","contacts":[{}])") == 131008);
  CHECK(Code(R"("type":"reaction","reaction":{"message_id":"wamid.x","emoji":"👍"})") == 0);
  CHECK(Code(R"("type":"reaction","reaction":{"emoji":"👍"})") == 131008);
}

TEST_CASE("MessageReader: interactive buttons", "[cloudsim]") {
  const auto buttons = [](const std::string& list) {
    return R"("type":"interactive","interactive":{"type":"button","body":{"text":"Di rumah?"},)"
           R"("footer":{"text":"kurir"},"action":{"buttons":[)" +
           list + "]}}";
  };
  const auto button = [](const std::string& id, const std::string& title) {
    return R"({"type":"reply","reply":{"id":")" + id + R"(","title":")" + title + "\"}}";
  };
  const Reading good(Send(buttons(button("a", "YA") + "," + button("b", "TIDAK"))));
  REQUIRE(good.good);
  CHECK(good.message.body == "Di rumah?");
  CHECK(good.message.footer == "kurir");
  REQUIRE(good.message.buttons.size() == 2);
  CHECK(good.message.buttons[1].title == "TIDAK");
  CHECK(Code(buttons("")) == 131008);
  CHECK(Code(buttons(button("a", std::string(21, 'x')))) == 131009);
  CHECK(Code(buttons(button(std::string(257, 'x'), "a"))) == 131009);
  CHECK(Code(buttons(button("a", "1") + "," + button("a", "2"))) == 131009);
  std::string four;
  for (int i = 0; i < 4; ++i) {
    four += (i > 0 ? "," : "") + button(std::to_string(i), std::to_string(i));
  }
  CHECK(Code(buttons(four)) == 131009);
}

TEST_CASE("MessageReader: interactive link, and headers of all kinds", "[cloudsim]") {
  const auto link = [](const std::string& header, const std::string& url) {
    return R"("type":"interactive","interactive":{"type":"cta_url",)" + header +
           R"("body":{"text":"Lacak paket"},"action":{"name":"cta_url","parameters":{)"
           R"("display_text":"Lacak","url":")" +
           url + "\"}}}";
  };
  const std::string image = R"("header":{"type":"image","image":{"link":"https://t.id/a.png"}},)";
  const Reading good(Send(link(image, "https://t.id/JP1")));
  REQUIRE(good.good);
  CHECK(good.message.is_link);
  CHECK(good.message.header == "[image]https://t.id/a.png");
  REQUIRE(good.message.buttons.size() == 1);
  CHECK(good.message.buttons[0].title == "Lacak");
  CHECK(good.message.buttons[0].id == "https://t.id/JP1");
  CHECK(Reading(Send(link(R"("header":{"type":"text","text":"Paket"},)", "https://t.id")))
            .message.header == "Paket");
  CHECK(Code(link("", "t.id")) == 131009);
  CHECK(Code(link("", "")) == 131008);
  CHECK(Code(link(R"("header":{"type":"image","image":{}},)", "https://t.id")) == 131008);
  CHECK(Code(link(R"("header":{"type":"location"},)", "https://t.id")) == 131009);
}

TEST_CASE("MessageReader: interactive list", "[cloudsim]") {
  const auto list = [](int rows) {
    std::string text;
    for (int i = 0; i < rows; ++i) {
      text += (i > 0 ? "," : "") + (R"({"id":"r)" + std::to_string(i) + R"(","title":"x"})");
    }
    return R"("type":"interactive","interactive":{"type":"list","body":{"text":"Pilih"},)"
           R"("action":{"button":"Lihat","sections":[{"title":"s","rows":[)" +
           text + "]}]}}";
  };
  CHECK(Code(list(10)) == 0);
  CHECK(Code(list(11)) == 131009);
  CHECK(Code(list(0)) == 131008);
  CHECK(Code(R"("type":"interactive","interactive":{"type":"carousel","body":{"text":"x"}})") ==
        131009);
}

TEST_CASE("MessageReader: template with all component types", "[cloudsim]") {
  const Reading reading(Send(
      R"("type":"template","template":{"name":"update","language":{"code":"id"},"components":[
      {"type":"header","parameters":[{"type":"text","text":"h"}]},
      {"type":"body","parameters":[{"type":"text","parameter_name":"nama","text":"Budi"},
        {"type":"currency","currency":{"fallback_value":"Rp5","code":"IDR","amount_1000":5000}}]},
      {"type":"button","sub_type":"quick_reply","index":"0",
        "parameters":[{"type":"payload","payload":"yes-1"}]}]})"));
  REQUIRE(reading.good);
  CHECK(reading.message.template_name == "update");
  CHECK(reading.message.template_language == "id");
  const TemplateArguments& arguments = reading.message.arguments;
  REQUIRE(arguments.header.size() == 1);
  REQUIRE(arguments.body.size() == 2);
  CHECK(arguments.body[0].name == "nama");
  CHECK(arguments.body[1].text == "Rp5");
  REQUIRE(arguments.buttons.size() == 1);
  CHECK(arguments.buttons[0].parameters[0].text == "yes-1");
  CHECK(Code(R"("type":"template","template":{"language":{"code":"id"}})") == 131008);
  CHECK(Code(R"("type":"template","template":{"name":"x"})") == 131008);
  CHECK(Code(R"("type":"template","template":{"name":"x","language":{"code":"id"},)"
             R"("components":[{"type":"nose"}]})") == 131009);
}

TEST_CASE("MessageReader: nothing is left over from the request before", "[cloudsim]") {
  MessageReader reader;
  Outgoing message;
  const auto read = [&](const std::string& json) {
    GraphError error;
    const std::string bytes = json + std::string(64, ' ');
    reader.Read(absl::string_view(bytes.data(), json.size()), &message, &error);
    return error.code;
  };
  const std::string full = Send(
      R"("type":"template","biz_opaque_callback_data":"x","template":{"name":"a","language":)"
      R"({"code":"id"},"components":[{"type":"body","parameters":[{"type":"text","text":"h"}]}]})");
  CHECK(read(full) == 0);
  CHECK(message.arguments.body.size() == 1);
  CHECK(read(Send(R"("type":"text","text":{"body":"x"})")) == 0);
  CHECK(message.arguments.body.empty());
  CHECK(message.callback.empty());
  CHECK(message.template_name.empty());
}

}  // namespace
}  // namespace kabar::cloudsim
