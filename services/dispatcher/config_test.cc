#include "services/dispatcher/config.h"

#include <catch2/catch.hpp>

#include "libs/testing/status_matchers.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::StatusIs;

TEST_CASE("CheckConfig: each role says what it lacks, all at once", "[dispatcher]") {
  Config config;
  const absl::Status status = CheckConfig(config);
  for (const char* flag : {"--key-file", "--master-key", "--contacts-address", "--service-key"}) {
    CHECK_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, flag));
  }
  config.roles = {"worker"};
  config.master_key = "k";
  CHECK_THAT(CheckConfig(config), IsOk());
  config.lease = absl::Seconds(20);
  CHECK_THAT(CheckConfig(config), StatusIs(absl::StatusCode::kInvalidArgument, "--lease"));
  config.roles = {"cook"};
  CHECK_THAT(CheckConfig(config), StatusIs(absl::StatusCode::kInvalidArgument, "\"cook\""));
  config.roles = {};
  CHECK_THAT(CheckConfig(config), StatusIs(absl::StatusCode::kInvalidArgument, "at least one"));
}

}  // namespace
}  // namespace kabar::dispatcher
