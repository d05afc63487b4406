#include "services/triggers/answer_words.h"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace kabar::triggers {
namespace {

// Nobody answers YA or TIDAK in a novel.
constexpr std::size_t kMaxBytes = 400;

enum class Word {
  kYes,
  kNo,
  kSoft,    // says yes by itself, and bends to a NO: "sampai", "belum sampai"
  kYa,      // yes; behind another word only a particle: "belum ya kak", "makasih ya"
  kFiller,  // politeness and what the talk is about
};

// "nggak" and "nggaaak" are one: compared is what is left when each run of a letter is one letter.
std::string WithoutRuns(absl::string_view word) {
  std::string once;
  for (const char c : word) {
    if (once.empty() || once.back() != c) once.push_back(c);
  }
  return once;
}

constexpr char kYesSign[] = "+";  // how Split writes a thumb up or down
constexpr char kNoSign[] = "-";

const absl::flat_hash_map<std::string, Word>& Words() {
  static const auto* const kWords = [] {
    auto* words = new absl::flat_hash_map<std::string, Word>();
    const auto add = [words](Word word, std::initializer_list<const char*> spellings) {
      for (const char* spelling : spellings) words->emplace(WithoutRuns(spelling), word);
    };
    add(Word::kYa, {"ya", "yah"});
    add(Word::kYes,
        {kYesSign, "y",     "iya",   "iyah",    "iy",       "ye",    "yes",   "yep",  "yup",
         "yups",   "yap",   "yoi",   "yo",      "ok",       "oke",   "okay",  "okey", "okeh",
         "sip",    "siap",  "betul", "btul",    "btl",      "benar", "bener", "bnr",  "setuju",
         "sudah",  "sudh",  "sdah",  "sdh",     "udah",     "udh",   "dah",   "baik", "baiklah",
         "inggih", "nggih", "true",  "confirm", "confirmed"});
    add(Word::kNo, {kNoSign, "tidak", "tidk", "tdak", "tdk",    "tak",   "gak",   "ga",    "gk",
                    "g",     "nggak", "ngga", "nggk", "enggak", "engga", "enggk", "kagak", "kaga",
                    "ndak",  "nda",   "ndk",  "ora",  "belum",  "belom", "blum",  "blom",  "blm",
                    "bukan", "bkan",  "bkn",  "no",   "nope",   "n",     "t",     "false"});
    add(Word::kSoft, {"bisa", "bs", "boleh", "mau", "ada", "sampai", "sampe", "nyampe", "tiba",
                      "terima", "diterima", "dapat", "dapet", "sesuai", "lengkap", "aman"});
    add(Word::kFiller,
        {"kak",    "kakak", "ka",       "pak",    "bapak",     "bu",      "ibu",         "buk",
         "mas",    "mba",   "mbak",     "mbk",    "bang",      "om",      "tante",       "gan",
         "sis",    "bro",   "bos",      "min",    "admin",     "kasih",   "terimakasih", "makasih",
         "makasi", "mksh",  "trims",    "thanks", "thx",       "tq",      "thank",       "you",
         "dong",   "deh",   "kok",      "sih",    "nih",       "lah",     "saya",        "sy",
         "aku",    "paket", "paketnya", "barang", "barangnya", "pesanan", "pesanannya",  "semua",
         "usah",   "perlu", "maaf",     "mohon",  "datang",    "dateng",  "dikirim",     "dibayar",
         "lunas",  "cocok", "jadi"});
    return words;
  }();
  return *kWords;
}

// The next code point; moves `*text` on. Malformed bytes come as U+FFFD one by one.
char32_t Next(absl::string_view* text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>((*text)[i]); };
  const std::uint8_t lead = byte(0);
  std::size_t length = 1;
  char32_t code = lead;
  if (lead >= 0xF0) {
    length = 4;
    code = lead & 0x07U;
  } else if (lead >= 0xE0) {
    length = 3;
    code = lead & 0x0FU;
  } else if (lead >= 0xC0) {
    length = 2;
    code = lead & 0x1FU;
  } else if (lead >= 0x80) {
    code = 0xFFFD;
  }
  if (length > text->size()) {
    text->remove_prefix(1);
    return 0xFFFD;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) {
      text->remove_prefix(1);
      return 0xFFFD;
    }
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  text->remove_prefix(length);
  return code;
}

bool IsYesSign(char32_t c) {
  return c == 0x1F44D || c == 0x1F44C || c == 0x1F197 || c == 0x2705 || c == 0x2714 || c == 0x2611;
}
bool IsNoSign(char32_t c) {
  return c == 0x1F44E || c == 0x1F645 || c == 0x1F6AB || c == 0x274C || c == 0x274E || c == 0x2716;
}
bool IsQuestion(char32_t c) { return c == '?' || c == 0xFF1F || c == 0x2753 || c == 0x2754; }

// The letter that a code point stands for, lower case; 0 for what is none of ours.
char Letter(char32_t c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  if (c >= 0xFF21 && c <= 0xFF3A) return static_cast<char>(c - 0xFF21 + 'a');  // full width
  if (c >= 0xFF41 && c <= 0xFF5A) return static_cast<char>(c - 0xFF41 + 'a');
  return 0;
}

// Punctuation, blanks, emoji and their joiners: they part words and say nothing.
bool IsSilent(char32_t c) {
  const bool ascii_letter_or_digit = Letter(c) != 0 || (c >= '0' && c <= '9');
  if (c < 0x80) return !ascii_letter_or_digit;
  return (c >= 0x80 && c <= 0xBF) || c == 0xD7 || c == 0xF7 || (c >= 0x2000 && c <= 0x2BFF) ||
         (c >= 0x3000 && c <= 0x303F) || (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF ||
         (c >= 0xFF01 && c <= 0xFF0F) || (c >= 0x1F000 && c <= 0x1FAFF) ||
         (c >= 0xE0000 && c <= 0xE01EF);
}

// The words in their order; false if something stands there that no rule can read.
bool Split(absl::string_view text, std::vector<std::string>* words) {
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words->push_back(WithoutRuns(word));
    word.clear();
  };
  while (!text.empty()) {
    const char32_t c = Next(&text);
    if (const char letter = Letter(c); letter != 0) {
      word.push_back(letter);
      continue;
    }
    if (IsQuestion(c) || !IsSilent(c)) return false;
    end_word();
    if (IsYesSign(c)) words->push_back(kYesSign);
    if (IsNoSign(c)) words->push_back(kNoSign);
  }
  end_word();
  return true;
}

}  // namespace

Answer ClassifyWords(absl::string_view text) {
  std::vector<std::string> words;
  if (text.size() > kMaxBytes || !Split(text, &words)) return Answer::kOther;
  bool yes = false;
  bool no = false;
  bool soft = false;
  bool only_yes = true;  // so far
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto found = Words().find(words[i]);
    if (found == Words().end()) return Answer::kOther;
    const bool thanks = words[i] == "terima" && i + 1 < words.size() && words[i + 1] == "kasih";
    const Word word = thanks ? Word::kFiller : found->second;
    yes = yes || word == Word::kYes || (word == Word::kYa && only_yes);
    no = no || word == Word::kNo;
    soft = soft || word == Word::kSoft;
    only_yes = only_yes && (word == Word::kYes || word == Word::kYa);
  }
  if (yes && no) return Answer::kOther;
  if (no) return Answer::kNo;
  return yes || soft ? Answer::kYes : Answer::kOther;
}

}  // namespace kabar::triggers
