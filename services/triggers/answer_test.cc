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

struct MatchFixture {
  absl::Time stored = absl::FromUnixSeconds(1795222800);
  PendingAnswer pending{.outlet_id = "toko-a",
                        .inbound_id = "wamid.1",
                        .text = "ya",
                        .received_at = stored - absl::Minutes(5),
                        .stored_at = stored};
  SentMessage newest{"20261121-new", "run-2"};
};

TEST_CASE_METHOD(MatchFixture, "Match: the provider's context comes first", "[triggers]") {
  pending.message_id = "20261121-context";
  pending.run_id = "run-1";
  pending.contact_id = "con_1";
  const auto answer = Match(pending, "con_2", newest, stored);
  REQUIRE(answer);
  CHECK(answer->message_id == "20261121-context");
  CHECK(answer->run_id == "run-1");
  CHECK(answer->contact_id == "con_1");
  CHECK(answer->answer == Answer::kYes);
  CHECK(answer->time == pending.received_at);
}

TEST_CASE_METHOD(MatchFixture, "Match: else the newest message to the contact", "[triggers]") {
  const auto answer = Match(pending, "con_2", newest, stored);
  REQUIRE(answer);
  CHECK(answer->message_id == "20261121-new");
  CHECK(answer->run_id == "run-2");
  CHECK(answer->contact_id == "con_2");
}

TEST_CASE_METHOD(MatchFixture, "Match: without one it waits, then it answers none", "[triggers]") {
  CHECK_FALSE(Match(pending, "con_2", std::nullopt, stored));
  CHECK_FALSE(Match(pending, "", std::nullopt, stored + kAnswerPatience - absl::Seconds(1)));
  const auto answer = Match(pending, "con_2", std::nullopt, stored + kAnswerPatience);
  REQUIRE(answer);
  CHECK(answer->message_id.empty());
  CHECK(answer->run_id.empty());
  CHECK(answer->contact_id == "con_2");
  CHECK(answer->answer == Answer::kYes);
}

}  // namespace
}  // namespace kabar::triggers
