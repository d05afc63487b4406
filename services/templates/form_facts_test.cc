#include "services/templates/form_facts.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/testing/fake_store.h"

namespace kabar::templates {
namespace {

using kabar::testing::IsOk;
using kabar::testing::StatusIs;

class ProviderStore : public testing::FakeStore {
 public:
  absl::Status fault;
  std::string status = "APPROVED";

  absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(const std::string&,
                                                                      absl::Span<const ProviderKey>,
                                                                      absl::Time) override {
    if (!fault.ok()) return fault;
    return std::vector<ProviderTemplate>{
        {.name = "antar", .language = "id", .category = "UTILITY", .status = status}};
  }
};

TEST_CASE("FormFactsCache: nothing is guessed while the store cannot be read", "[templates]") {
  const auto program = template_lang::Compile("{{provider \"antar\" \"id\"}}Halo");
  REQUIRE_THAT(program, IsOk());
  const CompiledTemplate compiled{*program, template_lang::Mode::kStrict, 1, {}};
  ProviderStore store;
  kabar::testing::FakeClock clock;
  FormFactsCache cache(store, clock);
  const auto find = [&] { return cache.Find("toko-a", "tpl_1", compiled, absl::InfiniteFuture()); };

  store.fault = absl::UnavailableError("away");
  CHECK_THAT(find(), StatusIs(absl::StatusCode::kUnavailable));
  store.fault = absl::OkStatus();
  store.status = "PAUSED";
  REQUIRE_THAT(find(), IsOk());
  CHECK((**find())[0].trouble == "PROVIDER_TEMPLATE_PAUSED");
  // What was known last holds.
  store.fault = absl::UnavailableError("away");
  clock.Advance(absl::Seconds(30));
  REQUIRE_THAT(find(), IsOk());
  CHECK((**find())[0].trouble == "PROVIDER_TEMPLATE_PAUSED");
  cache.Forget();
  CHECK_THAT(find(), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace kabar::templates
