#include <catch2/catch.hpp>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;
using testing::ReasonIs;

TEST_CASE("Senders: kept as they were given, per outlet", "[dispatcher]") {
  LedgerFixture f;
  const auto sender = f.store.GetSender("toko-a", "snd", f.Deadline());
  REQUIRE_THAT(sender, IsOk());
  CHECK(sender->phone_number_id == "1001");
  CHECK(sender->sealed_token == std::string("\0sealed", 7));
  CHECK(base::FormatRate(sender->throughput) == "80/s");
  CHECK(base::FormatRate(sender->pair_rate) == "1/6s");
  CHECK_THAT(f.store.GetSender("toko-b", "snd", f.Deadline()), ReasonIs("SENDER_NOT_FOUND"));
  CHECK(f.store.ListSenders("toko-b", "", 10, f.Deadline())->empty());
  CHECK(f.store.ListPortfolios("toko-b", "", 10, f.Deadline())->empty());
  CHECK(f.store.ListAllSenders(f.Deadline())->size() == 1);

  Sender second = *sender;
  second.id = "snd-2";
  CHECK_THAT(f.store.CreateSender(second, {}, f.Deadline()), ReasonIs("PHONE_NUMBER_ID_TAKEN"));
  second.phone_number_id = "1002";
  second.outlet_id = "toko-b";
  CHECK_THAT(f.store.CreateSender(second, {}, f.Deadline()), ReasonIs("PORTFOLIO_NOT_FOUND"));
  second.outlet_id = "toko-a";
  second.id = "snd";
  CHECK_THAT(f.store.CreateSender(second, {}, f.Deadline()), ReasonIs("ID_TAKEN"));
}

TEST_CASE("Senders, portfolios: each change has a higher version", "[dispatcher]") {
  LedgerFixture f;
  const auto version = [&] { return f.store.GetSender("toko-a", "snd", f.Deadline())->version; };
  const auto of_portfolio = [&] {
    return f.store.ListPortfolios("toko-a", "", 10, f.Deadline())->at(0).version;
  };
  const std::int64_t first = version(), portfolio = of_portfolio();
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Refused(1, OutcomeAction::kPauseSender, "GRAPH_1")});
  const std::int64_t paused = version();
  CHECK(paused > first);
  const auto updated =
      f.store.UpdateSender("toko-a", "snd", {.state = SenderState::kActive}, {}, f.Deadline());
  REQUIRE_THAT(updated, IsOk());
  CHECK(updated->version > paused);
  REQUIRE_THAT(f.store.UpdatePortfolio("toko-a", "pf", {.messaging_limit = 7}, {}, f.Deadline()),
               IsOk());
  CHECK(of_portfolio() > portfolio);
}

TEST_CASE("UpdateSender: changes what is named and nothing else", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 1));
  f.Start({f.Id(1)});
  f.Record({f.Refused(1, OutcomeAction::kStopSender, "GRAPH_190")});
  auto sender = f.store.UpdateSender("toko-a", "snd", {.throughput = base::Rate{.limit = 20}}, {},
                                     f.Deadline());
  REQUIRE_THAT(sender, IsOk());
  CHECK(sender->throughput.limit == 20);
  CHECK(sender->state == SenderState::kStopped);
  CHECK(sender->state_reason == "GRAPH_190");
  sender = f.store.UpdateSender("toko-a", "snd", {.state = SenderState::kActive}, {}, f.Deadline());
  CHECK(sender->state == SenderState::kActive);
  CHECK(sender->state_reason.empty());
  CHECK_THAT(
      f.store.UpdateSender("toko-b", "snd", {.state = SenderState::kPaused}, {}, f.Deadline()),
      ReasonIs("SENDER_NOT_FOUND"));
  CHECK(f.store.GetSender("toko-a", "snd", f.Deadline())->state == SenderState::kActive);
}

TEST_CASE("RecordOutcomes: a stopped number is not softened to paused", "[dispatcher]") {
  LedgerFixture f;
  f.Enqueue(f.Messages(1, 2));
  f.Start(f.Ids(1, 2));
  f.Record({f.Refused(1, OutcomeAction::kStopSender, "GRAPH_190")});
  f.Record({f.Refused(2, OutcomeAction::kPauseSender, "GRAPH_131048")});
  CHECK(f.store.GetSender("toko-a", "snd", f.Deadline())->state_reason == "GRAPH_190");
}

TEST_CASE("UpdatePortfolio: the triggers' reserve, a tenth unless it is set",
          "[dispatcher][quota]") {
  LedgerFixture f;
  Portfolio portfolio{.id = "pf-r", .outlet_id = "toko-a", .name = "Satu", .messaging_limit = 2000};
  REQUIRE_THAT(f.store.CreatePortfolio(portfolio, {}, f.Deadline()), IsOk());
  const auto change = [&](const PortfolioChange& to) {
    const auto changed = f.store.UpdatePortfolio("toko-a", "pf-r", to, {}, f.Deadline());
    REQUIRE_THAT(changed, IsOk());
    return ReserveOf(*changed);
  };
  CHECK(change({.messaging_limit = 1000}) == 100);
  CHECK(change({.trigger_reserve = std::optional<std::int64_t>(7)}) == 7);
  CHECK(change({.name = "Dua"}) == 7);
  CHECK(change({.trigger_reserve = std::optional<std::int64_t>(5000)}) == 1000);  // all of it
  CHECK(change({.trigger_reserve = std::optional<std::int64_t>()}) == 100);
  CHECK(change({.messaging_limit = 0}) == 0);
}

TEST_CASE("Request ids: the same request again changes nothing", "[dispatcher]") {
  LedgerFixture f;
  const RequestKey key{"req-1", "CreatePortfolio", "print-1"};
  Portfolio portfolio{.id = "pf-1", .outlet_id = "toko-a", .name = "Satu"};
  REQUIRE_THAT(f.store.CreatePortfolio(portfolio, key, f.Deadline()), IsOk());
  portfolio.id = "pf-2";  // made up anew by the handler of the repeated call
  const auto again = f.store.CreatePortfolio(portfolio, key, f.Deadline());
  REQUIRE_THAT(again, IsOk());
  CHECK(again->id == "pf-1");
  CHECK(f.store.ListAllPortfolios(f.Deadline())->size() == 2);
  CHECK_THAT(
      f.store.CreatePortfolio(portfolio, {"req-1", "CreatePortfolio", "print-2"}, f.Deadline()),
      ReasonIs("REQUEST_ID_REUSED"));
  // Another outlet's ids are its own.
  portfolio.outlet_id = "toko-b";
  CHECK(f.store.CreatePortfolio(portfolio, key, f.Deadline())->id == "pf-2");
  // A failed call may be repeated.
  const RequestKey update{"req-2", "UpdatePortfolio", "print"};
  CHECK_THAT(f.store.UpdatePortfolio("toko-a", "pf-9", {.name = "x"}, update, f.Deadline()),
             ReasonIs("PORTFOLIO_NOT_FOUND"));
  CHECK(f.store.UpdatePortfolio("toko-a", "pf-1", {.name = "x"}, update, f.Deadline())->name ==
        "x");
}

}  // namespace
}  // namespace kabar::dispatcher
