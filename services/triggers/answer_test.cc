// The table of YA and TIDAK, and which message an answer belongs to.
#include "services/triggers/answer.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "services/triggers/answer_words.h"

namespace kabar::triggers {
namespace {

struct Case {
  const char* text;
  Answer answer;
};

TEST_CASE("ClassifyWords: YA in all its spellings", "[triggers]") {
  for (const char* text : {"ya",
                           "YA",
                           "Ya.",
                           "  ya  ",
                           "yaa",
                           "yaaaaaa!!!",
                           "iya",
                           "Iyaaa",
                           "y",
                           "yes",
                           "sudah",
                           "Sudah!",
                           "udah",
                           "sdh",
                           "ok",
                           "OKE",
                           "okeee",
                           "okay",
                           "betul",
                           "benar",
                           "siap",
                           "sip",
                           "setuju",
                           "baik",
                           "inggih",
                           "👍",
                           "👍🏽",
                           "✅",
                           "👌",
                           "ya 👍",
                           "Ya 😀🙏",
                           "ya kak",
                           "iya pak",
                           "Ya, terima kasih",
                           "sudah kak, makasih ya",
                           "ya ya ya",
                           "ya-ya",
                           "sudah diterima",
                           "Sudah sampai kak",
                           "ya\nbetul",
                           "ＹＡ",
                           "bisa",
                           "ya bisa",
                           "sudah saya terima",
                           "diterima",
                           "\"ya\"",
                           "ya…",
                           "ya\xEF\xB8\x8F",
                           "sudah terima",
                           "ya sudah"}) {
    INFO(text);
    CHECK(ClassifyWords(text) == Answer::kYes);
  }
}

TEST_CASE("ClassifyWords: TIDAK in all its spellings", "[triggers]") {
  for (const char* text : {"tidak",
                           "TIDAK",
                           "Tidak.",
                           "tidakkkk",
                           "tdk",
                           "gak",
                           "ga",
                           "g",
                           "nggak",
                           "enggak",
                           "ngga",
                           "belum",
                           "Belum kak",
                           "blm",
                           "bukan",
                           "no",
                           "NO!",
                           "nope",
                           "👎",
                           "👎🏿",
                           "❌",
                           "tidak 🙏",
                           "belum sampai",
                           "belum diterima kak",
                           "tidak bisa",
                           "gak bisa pak",
                           "belum ya",
                           "tidak ya kak",
                           "maaf tidak",
                           "paket belum sampai",
                           "ndak",
                           "tidak ada",
                           "t",
                           "gak usah"}) {
    INFO(text);
    CHECK(ClassifyWords(text) == Answer::kNo);
  }
}

TEST_CASE("ClassifyWords: what is neither is for a person to read", "[triggers]") {
  for (const char* text : {"",
                           " ",
                           "!!!",
                           "😀",
                           "🙏",
                           "ya tidak",
                           "iya belum",
                           "👍👎",
                           "tidak 👍",
                           "ya?",
                           "sudah sampai?",
                           "sampai mana",
                           "kapan sampai",
                           "STOP",
                           "BERHENTI",
                           "stop kirim",
                           "ya berhenti",
                           "terima kasih",
                           "makasih ya",
                           "maaf ya",
                           "kak",
                           "yakin",
                           "yaudah nanti saja",
                           "1",
                           "ya2",
                           "no resi",
                           "tidak apa apa",
                           "besok saja",
                           "oke besok",
                           "да",
                           "是",
                           "ya но",
                           "\xFF\xFEya",
                           "belum, sudah"}) {
    INFO(text);
    CHECK(ClassifyWords(text) == Answer::kOther);
  }
  CHECK(ClassifyWords("ya " + std::string(500, '!')) == Answer::kOther);
}

TEST_CASE("Classify: a button by its payload, then by its title", "[triggers]") {
  PendingAnswer button{.kind = "button", .text = "Sudah saya terima", .payload = "YA"};
  CHECK(Classify(button) == Answer::kYes);
  button.payload = "TIDAK";
  CHECK(Classify(button) == Answer::kNo);
  button.payload = "btn-0815";
  CHECK(Classify(button) == Answer::kYes);
  button.text = "Tidak";
  CHECK(Classify(button) == Answer::kNo);
  button.kind = "button_reply";
  button.payload = "confirm_yes";
  CHECK(Classify(button) == Answer::kYes);
  // A payload of anything else is an id of a file.
  CHECK(Classify({.kind = "image", .text = "belum", .payload = "ya"}) == Answer::kNo);
  CHECK(Classify({.kind = "image", .payload = "ya"}) == Answer::kOther);
  CHECK(Classify({.kind = "reaction", .text = "👍"}) == Answer::kYes);
}

TEST_CASE("IsAnswer: not what WhatsApp says by itself", "[triggers]") {
  CHECK(IsAnswer("text", "ya"));
  CHECK(IsAnswer("image", ""));
  CHECK(IsAnswer("reaction", "👍"));
  CHECK_FALSE(IsAnswer("reaction", ""));
  CHECK_FALSE(IsAnswer("system", "changed number"));
}

TEST_CASE("Read: the message says who wrote; without one the contact found by the phone",
          "[triggers]") {
  PendingAnswer pending{.outlet_id = "toko-a",
                        .inbound_id = "wamid.1",
                        .text = "ya",
                        .received_at = absl::FromUnixSeconds(1795222800)};
  CustomerAnswer answer = Read(pending, "con_2");
  CHECK(answer.outlet_id == "toko-a");
  CHECK(answer.inbound_id == "wamid.1");
  CHECK(answer.message_id.empty());
  CHECK(answer.run_id.empty());
  CHECK(answer.contact_id == "con_2");
  CHECK(answer.answer == Answer::kYes);
  CHECK(answer.text == "ya");
  CHECK(answer.time == pending.received_at);
  pending.message_id = "20261121-m1";
  pending.run_id = "run-1";
  pending.contact_id = "con_1";
  answer = Read(pending, "con_2");
  CHECK(answer.message_id == "20261121-m1");
  CHECK(answer.run_id == "run-1");
  CHECK(answer.contact_id == "con_1");
}

}  // namespace
}  // namespace kabar::triggers
