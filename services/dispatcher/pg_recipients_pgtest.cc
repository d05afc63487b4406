// Whoever an address is, he is one: what he refused under one, he refused under all.
#include <catch2/catch.hpp>

#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

TEST_CASE("Recipients: however an address comes, one person has one id", "[dispatcher]") {
  LedgerFixture f;
  NewMessage by_phone = f.Message(1);
  NewMessage by_bsuid = f.Message(2);
  by_bsuid.phone.clear();
  by_bsuid.bsuid = "ID.1";
  const EnqueueResult apart = f.Enqueue({by_phone, by_bsuid});
  CHECK(apart.to_push[0].recipient_id != apart.to_push[1].recipient_id);

  // Who refused under one address has refused under the other, once we know that it is he.
  f.OptOut("", "ID.1");
  NewMessage both = f.Message(3);
  both.phone = by_phone.phone;
  both.bsuid = "ID.1";
  CHECK(f.Enqueue({both}).to_push.empty());
  CHECK(f.State(3) == MessageState::kSuppressed);
  CHECK(f.Start({f.Id(1), f.Id(2)}).started.empty());
  CHECK(f.State(1) == MessageState::kSuppressed);
  CHECK(f.State(2) == MessageState::kSuppressed);
  CHECK(f.Get(1).reason == "OPTED_OUT");
}

// The ids that a batch of one message each was given.
std::int64_t IdOf(LedgerFixture& f, int n, const std::string& phone, const std::string& bsuid) {
  NewMessage message = f.Message(n);
  message.phone = phone;
  message.bsuid = bsuid;
  return f.Enqueue({message}).to_push.at(0).recipient_id;
}

TEST_CASE("Recipients: an address has its id without a row, and keeps it", "[dispatcher]") {
  LedgerFixture f;
  const std::int64_t sari = IdOf(f, 1, "+628111", "");
  CHECK(sari > 0);
  CHECK(IdOf(f, 2, "+628111", "") == sari);
  CHECK(IdOf(f, 3, "+628112", "") != sari);
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "0");
  CHECK(IdOf(f, 4, "", "ID.1") != sari);  // has a row: it may be linked one day
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "1");
  // What it is derived from: the migration of older ledgers does the same in SQL.
  CHECK(f.Sql("SELECT (('x' || encode(substr(sha256(key || convert_to(E'toko-a\np+628111',"
              " 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint & 9223372036854775807)::text"
              " FROM recipient_key") == absl::StrCat(sari));
}

TEST_CASE("Recipients: another outlet's customer is another recipient", "[dispatcher]") {
  LedgerFixture f;
  REQUIRE_THAT(
      f.store.CreatePortfolio({.id = "pf-b", .outlet_id = "toko-b", .name = "B"}, {}, f.Deadline()),
      IsOk());
  Sender sender;
  sender.id = "snd-b";
  sender.outlet_id = "toko-b";
  sender.portfolio_id = "pf-b";
  sender.phone_number_id = "2001";
  sender.sealed_token = "sealed";
  sender.throughput = {.limit = 80};
  sender.pair_rate = {.limit = 1, .window = absl::Seconds(6)};
  REQUIRE_THAT(f.store.CreateSender(sender, {}, f.Deadline()), IsOk());
  Lane lane = f.NewLane("lane-b");
  lane.outlet_id = "toko-b";
  lane.sender_id = "snd-b";
  REQUIRE_THAT(f.store.CreateLane(lane, f.Deadline()), IsOk());
  const auto theirs = f.store.Enqueue("toko-b", "lane-b", {f.Message(1)}, f.Deadline());
  REQUIRE_THAT(theirs, IsOk());
  CHECK(theirs->to_push.at(0).recipient_id != IdOf(f, 2, f.Message(1).phone, ""));
}

TEST_CASE("Recipients: a phone that changed stays with its user id", "[dispatcher]") {
  LedgerFixture f;
  const std::int64_t sari = IdOf(f, 1, "+628111", "ID.1");
  CHECK(IdOf(f, 2, "", "ID.1") == sari);
  CHECK(IdOf(f, 3, "+628111", "") == sari);
  CHECK(IdOf(f, 4, "+628999", "ID.1") == sari);  // her new phone
  CHECK(IdOf(f, 5, "+628111", "ID.2") == sari);  // somebody's new user id: the phone is sure
  SECTION("unless who has the new phone has refused") {
    const std::int64_t budi = IdOf(f, 6, "+628777", "");
    f.OptOut("+628777", "", "MARKETING");
    CHECK(IdOf(f, 7, "+628777", "ID.1") == budi);
  }
}

// The ids that one batch of messages to these people was given.
std::vector<std::int64_t> IdsOf(LedgerFixture& f, int first,
                                const std::vector<std::pair<std::string, std::string>>& people) {
  std::vector<NewMessage> batch;
  for (const auto& [phone, bsuid] : people) {
    batch.push_back(f.Message(first++));
    batch.back().phone = phone;
    batch.back().bsuid = bsuid;
  }
  std::vector<std::int64_t> ids;
  for (const auto& pushed : f.Enqueue(batch).to_push) ids.push_back(pushed.recipient_id);
  return ids;
}

TEST_CASE("Recipients: a batch links its people as one after another would be", "[dispatcher]") {
  LedgerFixture f;
  const std::int64_t known = IdOf(f, 1, "+628111", "ID.1");
  const std::vector<std::int64_t> phones =
      IdsOf(f, 2, {{"+628222", ""}, {"+628333", ""}, {"+628444", ""}, {"+628555", ""}});
  const std::vector<std::int64_t> ids = IdsOf(f, 10,
                                              {{"+628222", "ID.2"},  // new to us
                                               {"+628222", "ID.2"},  // twice
                                               {"+628333", "ID.2"},  // her second phone
                                               {"+628444", "ID.4"},
                                               {"+628444", "ID.5"},    // the phone is sure
                                               {"+628555", "ID.1"}});  // known: a new phone
  CHECK(ids ==
        std::vector<std::int64_t>{phones[0], phones[0], phones[0], phones[2], phones[2], known});
  CHECK(IdsOf(f, 20, {{"", "ID.2"}, {"", "ID.4"}, {"", "ID.1"}}) ==
        std::vector<std::int64_t>{phones[0], phones[2], known});
  CHECK(f.Sql("SELECT count(*) FROM recipients") == "3");
}

TEST_CASE("Recipients: what held for either of two holds for both once a batch links them",
          "[dispatcher]") {
  LedgerFixture f;
  const std::vector<std::int64_t> apart =
      IdsOf(f, 1, {{"+628111", ""}, {"", "ID.1"}, {"+628222", ""}, {"", "ID.2"}});
  f.OptOut("+628111", "");
  f.OptOut("", "ID.2");
  NewMessage first = f.Message(5), second = f.Message(6);
  first.phone = "+628111", first.bsuid = "ID.1";
  second.phone = "+628222", second.bsuid = "ID.2";
  CHECK(f.Enqueue({first, second}).to_push.empty());
  CHECK(f.Sql("SELECT count(DISTINCT recipient_id) FROM suppressions") == "4");
}

TEST_CASE("Recipients: who was two when he was written to is one to a queue that is built anew",
          "[dispatcher]") {
  LedgerFixture f;
  const std::int64_t by_bsuid = IdOf(f, 1, "", "ID.1");
  IdOf(f, 2, "", "ID.1");
  REQUIRE(f.Start({f.Id(1)}).started.size() == 1);
  const std::int64_t one = IdOf(f, 3, "+628111", "ID.1");
  REQUIRE(one != by_bsuid);
  REQUIRE_THAT(f.store.NoteLinksTold(*f.store.ListUntoldLinks(f.Deadline()), f.Deadline()), IsOk());
  f.Sql("UPDATE recipients SET queue_told_at = queue_told_at - interval '6 seconds'");  // long ago
  REQUIRE(f.Start({f.Id(3)}).started.size() == 1);
  const auto uses = f.store.ListRecentRecipients("pf", f.Deadline());
  REQUIRE_THAT(uses, IsOk());
  REQUIRE(uses->size() == 1);
  CHECK((*uses)[0].recipient_id == one);
  const auto queued = f.store.ListQueued("lane", f.Deadline());  // the second, under the old id
  REQUIRE_THAT(queued, IsOk());
  REQUIRE(queued->size() == 1);
  CHECK((*queued)[0].recipient_id == one);
}

}  // namespace
}  // namespace kabar::dispatcher
