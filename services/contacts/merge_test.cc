#include "services/contacts/merge.h"

#include <catch2/catch.hpp>

namespace kabar::contacts {
namespace {

Contact Siti() {
  Contact siti;
  siti.phone = "+62811";
  siti.name = "Siti";
  siti.tags = {"vip"};
  siti.attributes = {{"toko", "A"}};
  return siti;
}

Contact Hidden() {
  Contact hidden;
  hidden.bsuid = "ID.1";
  hidden.name = "siti rahma";
  hidden.city = "Bogor";
  hidden.vip = true;
  hidden.tags = {"VIP", "baru"};
  hidden.attributes = {{"toko", "B"}, {"hobi", "kopi"}};
  hidden.last_inbound_at = absl::FromUnixSeconds(100);
  return hidden;
}

TEST_CASE("Merged: the survivor's values win, gaps are filled, nothing is lost", "[merge]") {
  const Contact one = Merged(Siti(), Hidden());
  CHECK(one.phone == "+62811");
  CHECK(one.bsuid == "ID.1");
  CHECK(one.name == "Siti");
  CHECK(one.city == "Bogor");
  CHECK(one.vip);
  CHECK(one.tags == std::vector<std::string>{"vip", "baru"});
  CHECK(one.attributes == std::map<std::string, std::string>{{"toko", "A"}, {"hobi", "kopi"}});
  CHECK(one.last_inbound_at == absl::FromUnixSeconds(100));
}

TEST_CASE("Merged: no more tags and attributes than a contact may have", "[merge]") {
  Contact a, b;
  for (std::size_t i = 0; i < kMaxTags; ++i) {
    a.tags.push_back("a" + std::to_string(i));
    b.tags.push_back("b" + std::to_string(i));
  }
  for (std::size_t i = 0; i < kMaxAttributes; ++i) {
    a.attributes["a" + std::to_string(i)] = "1";
    b.attributes["b" + std::to_string(i)] = "1";
  }
  CHECK(Merged(a, b).tags.size() == kMaxTags);
  CHECK(Merged(a, b).attributes.size() == kMaxAttributes);
}

TEST_CASE("Unmerged: what the merge gave goes, what was changed since stays", "[merge]") {
  const Contact before = Siti(), after = Merged(before, Hidden());
  const Contact untouched = Unmerged(after, before, after);
  CHECK(untouched.bsuid.empty());
  CHECK(untouched.city.empty());
  CHECK_FALSE(untouched.vip);
  CHECK(untouched.tags == before.tags);
  CHECK(untouched.attributes == before.attributes);
  CHECK_FALSE(untouched.last_inbound_at);

  Contact now = after;
  now.city = "Depok";
  now.tags.push_back("lama");
  now.attributes["hobi"] = "teh";
  now.last_inbound_at = absl::FromUnixSeconds(200);
  const Contact kept = Unmerged(now, before, after);
  CHECK(kept.city == "Depok");
  CHECK(kept.tags == std::vector<std::string>{"vip", "lama"});
  CHECK(kept.attributes.at("hobi") == "teh");
  CHECK(kept.last_inbound_at == absl::FromUnixSeconds(200));
}

}  // namespace
}  // namespace kabar::contacts
