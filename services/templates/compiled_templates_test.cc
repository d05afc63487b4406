#include "services/templates/compiled_templates.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <tuple>

#include "libs/base/status.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/testing/fake_store.h"

namespace kabar::templates {
namespace {

using kabar::testing::IsOk;
using kabar::testing::ReasonIs;
using kabar::testing::StatusIs;

class CountingStore : public testing::FakeStore {
 public:
  absl::StatusOr<MessageTemplate> Get(const std::string& outlet, const std::string& id,
                                      int32_t version, absl::Time) override {
    ++reads;
    if (version == 0) version = newest;
    const auto found = messages.find({outlet, id, version});
    if (found == messages.end()) return absl::NotFoundError("none");
    MessageTemplate one;
    one.id = id;
    one.code = "code";
    one.version = version;
    one.message = found->second;
    return one;
  }

  std::map<std::tuple<std::string, std::string, int32_t>, std::string> messages;
  int32_t newest = 1;
  int reads = 0;
};

std::string Rendered(const absl::StatusOr<std::shared_ptr<const CompiledTemplate>>& compiled) {
  if (!compiled.ok()) return compiled.status().ToString();
  template_lang::Output out;
  const auto binding = (*compiled)->program.Bind({});
  if (!binding.ok() || !binding->Render({}, template_lang::Mode::kStrict, &out).ok()) return "?";
  return out.text;
}

constexpr size_t kPlenty = 1 << 20;

TEST_CASE("CompiledTemplates: a version is read and compiled once", "[templates]") {
  CountingStore store;
  store.messages[{"toko-a", "t", 1}] = "satu";
  store.messages[{"toko-a", "t", 2}] = "dua";
  CompiledTemplates compiled(store, kPlenty);
  const absl::Time soon = absl::InfiniteFuture();
  CHECK(Rendered(compiled.Find("toko-a", "t", 1, soon)) == "satu");
  CHECK(Rendered(compiled.Find("toko-a", "t", 1, soon)) == "satu");
  CHECK(store.reads == 1);
  CHECK(Rendered(compiled.Find("toko-a", "t", 2, soon)) == "dua");
  CHECK(store.reads == 2);
  CHECK(compiled.size() == 2);
}

TEST_CASE("CompiledTemplates: version 0 is always the newest", "[templates]") {
  CountingStore store;
  store.messages[{"toko-a", "t", 1}] = "satu";
  store.messages[{"toko-a", "t", 2}] = "dua";
  CompiledTemplates compiled(store, kPlenty);
  CHECK(Rendered(compiled.Find("toko-a", "t", 0, absl::InfiniteFuture())) == "satu");
  store.newest = 2;
  CHECK(Rendered(compiled.Find("toko-a", "t", 0, absl::InfiniteFuture())) == "dua");
  CHECK(compiled.size() == 2);
}

TEST_CASE("CompiledTemplates: an outlet never gets another's text", "[templates]") {
  CountingStore store;
  store.messages[{"toko-a", "t", 1}] = "a";
  store.messages[{"toko-b", "t", 1}] = "b";
  CompiledTemplates compiled(store, kPlenty);
  CHECK(Rendered(compiled.Find("toko-a", "t", 1, absl::InfiniteFuture())) == "a");
  CHECK(Rendered(compiled.Find("toko-b", "t", 1, absl::InfiniteFuture())) == "b");
  CHECK_THAT(compiled.Find("toko-c", "t", 1, absl::InfiniteFuture()),
             StatusIs(absl::StatusCode::kNotFound));
}

TEST_CASE("CompiledTemplates: the least recently used goes first", "[templates]") {
  CountingStore store;
  for (const char* id : {"a", "b", "c"}) store.messages[{"o", id, 1}] = "text";
  CompiledTemplates compiled(store, 2 * (2048 + 16 * 4));  // two of them
  const absl::Time soon = absl::InfiniteFuture();
  REQUIRE_THAT(compiled.Find("o", "a", 1, soon), IsOk());
  REQUIRE_THAT(compiled.Find("o", "b", 1, soon), IsOk());
  REQUIRE_THAT(compiled.Find("o", "a", 1, soon), IsOk());
  REQUIRE_THAT(compiled.Find("o", "c", 1, soon), IsOk());  // b goes
  CHECK(compiled.size() == 2);
  CHECK(store.reads == 3);
  REQUIRE_THAT(compiled.Find("o", "a", 1, soon), IsOk());
  CHECK(store.reads == 3);
  REQUIRE_THAT(compiled.Find("o", "b", 1, soon), IsOk());
  CHECK(store.reads == 4);
}

TEST_CASE("CompiledTemplates: one larger than the cache still renders", "[templates]") {
  CountingStore store;
  store.messages[{"o", "a", 1}] = "text";
  CompiledTemplates compiled(store, 10);
  CHECK(Rendered(compiled.Find("o", "a", 1, absl::InfiniteFuture())) == "text");
  CHECK(compiled.size() == 0);
}

TEST_CASE("CompiledTemplates: what was saved and does not compile is named", "[templates]") {
  CountingStore store;
  store.messages[{"o", "a", 1}] = "{{";
  CompiledTemplates compiled(store, kPlenty);
  CHECK_THAT(compiled.Find("o", "a", 1, absl::InfiniteFuture()), ReasonIs("TEMPLATE_UNREADABLE"));
}

}  // namespace
}  // namespace kabar::templates
