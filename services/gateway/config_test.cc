#include "services/gateway/config.h"

#include <catch2/catch.hpp>

#include "libs/testing/status_matchers.h"

namespace kabar::gateway {

TEST_CASE("ParseListen: host and port, also IPv6", "[gateway]") {
  CHECK(ParseListen("127.0.0.1:8080").value() ==
        std::pair<std::string, std::uint16_t>("127.0.0.1", 8080));
  CHECK(ParseListen("[::1]:0").value() == std::pair<std::string, std::uint16_t>("::1", 0));
  for (const char* wrong : {"", "8080", ":8080", "host:", "host:x", "host:65536", "host:-1"}) {
    INFO(wrong);
    CHECK_THAT(ParseListen(wrong), testing::ReasonIs("INVALID_LISTEN"));
  }
}

TEST_CASE("SplitSecrets: lines and commas, no empty ones", "[gateway]") {
  CHECK(SplitSecrets("one\n two ,three\n\n,") == std::vector<std::string>{"one", "two", "three"});
  CHECK(SplitSecrets(" \n,").empty());
}

}  // namespace kabar::gateway
