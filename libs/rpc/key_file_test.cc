#include "libs/rpc/key_file.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "libs/rpc/access.h"
#include "libs/testing/temp_dir.h"

namespace kabar::rpc {
namespace {

std::string Entry(absl::string_view name, absl::string_view key, absl::string_view outlet,
                  absl::string_view role) {
  return absl::StrCat("{\"name\":\"", name, "\",\"sha256\":\"", HashKey(key), "\",\"outlet\":\"",
                      outlet, "\",\"role\":\"", role, "\"}");
}

std::string File(absl::string_view entries) { return absl::StrCat("{\"keys\":[", entries, "]}"); }

void Write(const std::string& path, absl::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("KeyFile: finds who a key belongs to and nobody else", "[rpc]") {
  auto keys = KeyFile::Parse(File(absl::StrCat(Entry("ani", "k1", "toko-a", "OWNER"), ",",
                                               Entry("mesin", "k2", "", "SERVICE"))));
  REQUIRE(keys.ok());
  auto ani = (*keys)->Find("k1");
  REQUIRE(ani.has_value());
  CHECK(ani->key_name == "ani");
  CHECK(ani->outlet == "toko-a");
  CHECK(ani->role == Role::kOwner);
  CHECK((*keys)->Find("k2")->role == Role::kService);
  CHECK_FALSE((*keys)->Find("k3").has_value());
  CHECK_FALSE((*keys)->Find("").has_value());
  CHECK_FALSE((*keys)->Find(HashKey("k1")).has_value());
}

TEST_CASE("KeyFile: hash in capital letters is the same key", "[rpc]") {
  std::string entry = Entry("ani", "k1", "toko-a", "VIEWER");
  const size_t at = entry.find(HashKey("k1"));
  for (size_t i = at; i < at + 64; ++i) entry[i] = static_cast<char>(std::toupper(entry[i]));
  auto keys = KeyFile::Parse(File(entry));
  REQUIRE(keys.ok());
  CHECK((*keys)->Find("k1").has_value());
}

TEST_CASE("KeyFile: a wrong file is refused and the entry named", "[rpc]") {
  const std::string good = Entry("ani", "k1", "toko-a", "OWNER");
  struct Case {
    std::string text;
    absl::string_view part;
  };
  const Case cases[] = {
      {"{", "not JSON"},
      {"[]", "\"keys\""},
      {"{\"keys\":{}}", "\"keys\""},
      {File("7"), "entry 1"},
      {File(absl::StrCat(good, ",", Entry("budi", "k2", "", "OPERATOR"))), "entry 2"},
      {File(Entry("ani", "k1", "toko-a", "BOSS")), "OWNER, OPERATOR, VIEWER or SERVICE"},
      {File("{\"name\":\"ani\",\"sha256\":\"abc\",\"outlet\":\"o\",\"role\":\"OWNER\"}"),
       "64 hex digits"},
      {File("{\"sha256\":\"abc\"}"), "\"name\" is missing"},
      {File(absl::StrCat(good, ",", good)), "stands twice"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    auto keys = KeyFile::Parse(c.text);
    REQUIRE_FALSE(keys.ok());
    CHECK(keys.status().code() == absl::StatusCode::kInvalidArgument);
    CHECK(absl::StrContains(keys.status().message(), c.part));
  }
}

TEST_CASE("KeyFile: a changed file is read again, a broken one is not taken", "[rpc]") {
  testing::TempDir dir;
  const std::string path = absl::StrCat(dir.path(), "/keys.json");
  Write(path, File(Entry("ani", "k1", "toko-a", "OWNER")));
  auto keys = KeyFile::Open(path, absl::ZeroDuration());
  REQUIRE(keys.ok());
  REQUIRE((*keys)->Find("k1").has_value());

  Write(path, File(Entry("budi", "other-key", "toko-b", "VIEWER")));
  CHECK_FALSE((*keys)->Find("k1").has_value());
  REQUIRE((*keys)->Find("other-key").has_value());

  Write(path, "{ half a fi");
  CHECK((*keys)->Find("other-key").has_value());
  std::filesystem::remove(path);
  CHECK((*keys)->Find("other-key").has_value());

  Write(path, File(Entry("cici", "third-key-here", "toko-c", "OWNER")));
  CHECK((*keys)->Find("third-key-here").has_value());
  CHECK_FALSE((*keys)->Find("other-key").has_value());
}

TEST_CASE("KeyFile: a missing file is named", "[rpc]") {
  auto keys = KeyFile::Open("/nowhere/keys.json");
  REQUIRE_FALSE(keys.ok());
  CHECK(keys.status().code() == absl::StatusCode::kNotFound);
  CHECK(absl::StrContains(keys.status().message(), "/nowhere/keys.json"));
}

TEST_CASE("Allows: each role does its own and what stands below", "[rpc]") {
  CHECK(Allows(Role::kViewer, Access::kRead));
  CHECK_FALSE(Allows(Role::kViewer, Access::kWrite));
  CHECK(Allows(Role::kOperator, Access::kWrite));
  CHECK_FALSE(Allows(Role::kOperator, Access::kOwner));
  CHECK(Allows(Role::kOwner, Access::kOwner));
  CHECK_FALSE(Allows(Role::kOwner, Access::kService));
  for (Access access : {Access::kRead, Access::kWrite, Access::kOwner, Access::kService}) {
    CHECK(Allows(Role::kService, access));
  }
}

}  // namespace kabar::rpc
