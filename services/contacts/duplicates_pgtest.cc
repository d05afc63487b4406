// Pairs of contacts that may be one person. Against PostgreSQL.
#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

TEST_CASE("ListDuplicates: one name and address, however it is written", "[duplicates]") {
  StoreFixture f;
  const auto add = [&](const std::string& phone, const std::string& name,
                       const std::string& address) {
    Contact contact;
    contact.phone = phone;
    contact.name = name;
    contact.address = address;
    return f.Add(kA, contact).id;
  };
  const std::string a = add("+62811", "Bpk. Budi Santoso", "Jl. Melati No. 5, Bogor");
  const std::string b = add("+62812", "budi santoso", "jalan melati nomor 5 bogor");
  const std::string c = add("+62813", "BUDI  SANTOSO", "Jln Melati 5 - Bogor");
  add("+62814", "Budi Santoso", "Jl. Mawar 5, Bogor");
  add("+62815", "Ani", "Jl. Melati No. 5, Bogor");
  add("+62816", "", "");
  add("+62817", "", "");
  const auto all = f.Must(kA, [](Store::Unit& u) { return u.ListDuplicates("", 10); });
  REQUIRE(all.size() == 2);  // each with the first of the three
  CHECK(all[0].first.id == std::min({a, b, c}));
  CHECK(all[0].reason == "SAME_NAME_AND_ADDRESS");
  const std::string after = absl::StrCat(all[0].first.id, " ", all[0].second.id);
  const auto rest = f.Must(kA, [&](Store::Unit& u) { return u.ListDuplicates(after, 10); });
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].second.id == all[1].second.id);
  CHECK(f.Must(kB, [](Store::Unit& u) { return u.ListDuplicates("", 10); }).empty());
  f.Must(kA, [&](Store::Unit& u) {
    return u.MergeContacts(all[0].first.id, all[0].second.id, "operator", "op");
  });
  CHECK(f.Must(kA, [](Store::Unit& u) { return u.ListDuplicates("", 10); }).size() == 1);
}

TEST_CASE("ListDuplicates: one name and postcode, where the address says no more", "[duplicates]") {
  StoreFixture f;
  const auto add = [&](const std::string& phone, const std::string& name,
                       const std::string& postcode, const std::string& address = "") {
    Contact contact;
    contact.phone = phone;
    contact.name = name;
    contact.postcode = postcode;
    contact.address = address;
    f.Add(kA, contact);
  };
  add("+62811", "Budi Santoso", "16110");
  add("+62812", "Bpk Budi Santoso", " 16 110");
  add("+62813", "Budi Santoso", "16111");
  add("+62814", "Ani", "16110");
  const auto pairs = f.Must(kA, [](Store::Unit& u) { return u.ListDuplicates("", 10); });
  REQUIRE(pairs.size() == 1);
  CHECK(pairs[0].reason == "SAME_NAME_AND_POSTCODE");
  // The better sign is named where both hold.
  add("+62815", "Cici", "16110", "Jl. Melati 5");
  add("+62816", "Cici", "16110", "jalan melati no. 5");
  const auto both = f.Must(kA, [](Store::Unit& u) { return u.ListDuplicates("", 10); });
  REQUIRE(both.size() == 2);
  CHECK(std::count_if(both.begin(), both.end(), [](const DuplicatePair& pair) {
          return pair.reason == "SAME_NAME_AND_ADDRESS";
        }) == 1);
}

}  // namespace
}  // namespace kabar::contacts
