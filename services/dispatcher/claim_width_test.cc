#include "services/dispatcher/claim_width.h"

#include <catch2/catch.hpp>

namespace kabar::dispatcher {
namespace {

TEST_CASE("ClaimWidth: begins with one claim and goes on when half of it has started",
          "[dispatcher]") {
  ClaimWidth width(200, 2000);
  CHECK(width.Reserve() == 200);
  CHECK(width.Reserve() == 0);
  for (int i = 0; i < 98; ++i) width.Started();  // widens by 1
  CHECK(width.width() == 201);
  CHECK(width.Reserve() == 0);
  width.Started();  // half a claim is free
  width.Started();
  CHECK(width.Reserve() == 102);
  CHECK(width.held() == 202);
}

TEST_CASE("ClaimWidth: what a claim did not bring, or gave back, is free again", "[dispatcher]") {
  ClaimWidth width(200, 2000);
  REQUIRE(width.Reserve() == 200);
  width.Release(197);  // the queue held three
  CHECK(width.held() == 3);
  CHECK(width.Reserve() == 197);
}

TEST_CASE("ClaimWidth: narrows to what can start in its slot", "[dispatcher]") {
  ClaimWidth width(200, 2000);
  // Of each claim 100 start in their slots; the others miss them and start later.
  for (int round = 0; round < 200; ++round) {
    const int claimed = width.Reserve();
    for (int i = 100; i < claimed; ++i) width.Missed();
    for (int i = 0; i < claimed; ++i) width.Started();
  }
  CHECK(width.held() == 0);
  CHECK(width.width() >= 100);
  CHECK(width.width() <= 120);
}

TEST_CASE("ClaimWidth: never narrower than its least, never wider than its most", "[dispatcher]") {
  ClaimWidth width(200, 300);
  for (int i = 0; i < 1000; ++i) width.Missed();
  CHECK(width.width() == 64);
  CHECK(width.Reserve() == 64);
  width.Release(64);
  for (int i = 0; i < 20000; ++i) {
    if (width.held() == 0) REQUIRE(width.Reserve() > 0);
    width.Started();
  }
  CHECK(width.width() == 300);
  ClaimWidth one(200, 1);
  CHECK(one.Reserve() == 1);
  one.Missed();
  one.Release(1);
  CHECK(one.Reserve() == 1);
}

}  // namespace
}  // namespace kabar::dispatcher
