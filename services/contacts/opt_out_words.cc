#include "services/contacts/opt_out_words.h"

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"

namespace kabar::contacts {
namespace {

// Longer messages are never a mere opt-out; there is no need to read a novel.
constexpr std::size_t kMaxBytes = 200;

bool IsPolite(absl::string_view word) {
  static const auto* const kWords = new absl::flat_hash_set<absl::string_view>{
      "tolong", "mohon", "please",      "pls",     "ya",    "yaa",    "yah",      "dong",  "deh",
      "saja",   "aja",   "pak",         "bapak",   "bu",    "ibu",    "kak",      "kakak", "mas",
      "mbak",   "min",   "admin",       "sis",     "gan",   "bos",    "maaf",     "oke",   "ok",
      "terima", "kasih", "terimakasih", "makasih", "trims", "thanks", "sekarang", "now"};
  return kWords->contains(word);
}

// Written without blanks; so "jangankirim lagi" and "S T O P" are known too.
bool IsPhrase(absl::string_view letters) {
  static const auto* const kPhrases =
      new absl::flat_hash_set<absl::string_view>{"stop",
                                                 "stopp",
                                                 "setop",
                                                 "stopkirim",
                                                 "stoppesan",
                                                 "stopkirimpesan",
                                                 "stopmengirim",
                                                 "stopmengirimpesan",
                                                 "stopwa",
                                                 "stopkirimwa",
                                                 "stoppromosi",
                                                 "stoppromo",
                                                 "stopall",
                                                 "stopsemua",
                                                 "stopjangankirimlagi",
                                                 "unsubscribe",
                                                 "unsub",
                                                 "optout",
                                                 "berhenti",
                                                 "berhentikirim",
                                                 "berhentikirimpesan",
                                                 "berhentimengirim",
                                                 "berhentimengirimpesan",
                                                 "berhentiberlangganan",
                                                 "berhentilangganan",
                                                 "berhentiwa",
                                                 "hentikan",
                                                 "hentikanpesan",
                                                 "hentikanpesanini",
                                                 "hentikankirimpesan",
                                                 "jangankirim",
                                                 "jangankirimlagi",
                                                 "jangankirimpesan",
                                                 "jangankirimpesanlagi",
                                                 "jangankirimkirimlagi",
                                                 "jangankirimwa",
                                                 "jangankirimwalagi",
                                                 "janganmengirimpesanlagi",
                                                 "janganwalagi",
                                                 "janganwasayalagi",
                                                 "janganchatlagi",
                                                 "janganhubungilagi",
                                                 "janganhubungisayalagi",
                                                 "jgnkirimlagi",
                                                 "jgnkirim",
                                                 "jgnkirimpesanlagi",
                                                 "jgnwalagi",
                                                 "jgnhubungilagi",
                                                 "gausahkirimlagi",
                                                 "gakusahkirimlagi",
                                                 "tidakmaudikirimlagi"};
  return kPhrases->contains(letters);
}

}  // namespace

bool IsOptOut(absl::string_view text) {
  if (text.size() > kMaxBytes) return false;
  std::string all;    // every word
  std::string blunt;  // without the polite ones
  std::string word;
  auto end_word = [&] {
    all += word;
    if (!IsPolite(word)) blunt += word;
    word.clear();
  };
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c))) {
      word.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else {
      end_word();
    }
  }
  end_word();
  return IsPhrase(blunt) || IsPhrase(all);
}

}  // namespace kabar::contacts
