#include "services/dispatcher/claim_lead.h"

#include <catch2/catch.hpp>

namespace kabar::dispatcher {
namespace {

TEST_CASE("ClaimLead: follows what claims take, within its bounds", "[dispatcher]") {
  ClaimLead lead;
  CHECK(lead.Get() == absl::Milliseconds(25));
  for (int i = 0; i < 7; ++i) lead.Took(absl::Milliseconds(100));
  CHECK(lead.Get() == absl::Milliseconds(25));  // too few to say
  lead.Took(absl::Milliseconds(100));
  CHECK(lead.Get() == absl::Milliseconds(125));
  for (int i = 0; i < 64; ++i) lead.Took(absl::Milliseconds(2));
  CHECK(lead.Get() == absl::Milliseconds(3));
  for (int i = 0; i < 64; ++i) lead.Took(absl::Milliseconds(8));
  CHECK(lead.Get() == absl::Milliseconds(10));
  for (int i = 0; i < 64; ++i) lead.Took(absl::Seconds(1));
  CHECK(lead.Get() == absl::Milliseconds(250));
}

TEST_CASE("ClaimLead: one claim in fifty may be late", "[dispatcher]") {
  ClaimLead lead;
  for (int i = 0; i < 128; ++i) lead.Took(absl::Milliseconds(i % 64 == 0 ? 200 : 40));
  CHECK(lead.Get() == absl::Milliseconds(50));
  for (int i = 0; i < 64; ++i) lead.Took(absl::Milliseconds(i % 8 == 0 ? 80 : 8));
  CHECK(lead.Get() == absl::Milliseconds(100));
}

}  // namespace
}  // namespace kabar::dispatcher
