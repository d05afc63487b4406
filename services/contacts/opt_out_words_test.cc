#include "services/contacts/opt_out_words.h"

#include <catch2/catch.hpp>
#include <string>

namespace kabar::contacts {
namespace {

TEST_CASE("IsOptOut: case, blanks, punctuation, politeness", "[consents]") {
  for (const char* text :
       {"STOP", "stop", " Stop. ", "STOP!!!", "\"STOP\"", "S T O P", "BERHENTI", "Berhenti ya kak",
        "jangan kirim lagi", "Jangan  kirim\nlagi!", "tolong jangan kirim lagi ya pak",
        "JANGAN-KIRIM-LAGI", "jangan kirim lagi \xF0\x9F\x99\x8F", "unsubscribe", "jgn kirim lagi",
        "Stop, terima kasih"}) {
    INFO(text);
    CHECK(IsOptOut(text));
  }
}

TEST_CASE("IsOptOut: a message that means something else is none", "[consents]") {
  for (const char* text :
       {"", "   ", "ya", "tidak", "stop di depan gang ya", "jangan kirim hari ini, besok saja",
        "busnya berhenti di mana?", "nonstop", "stopkontak", "YA", "terima kasih",
        "jangan kirim lagi ke alamat lama"}) {
    INFO(text);
    CHECK_FALSE(IsOptOut(text));
  }
  CHECK_FALSE(IsOptOut("stop" + std::string(300, '!')));
}

}  // namespace
}  // namespace kabar::contacts
