// Pulling a tracking API into the real store; the API is an HTTP server of the test.
#include "services/contacts/source_puller.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "services/contacts/testing/tracking_api.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;

constexpr char kFirst[] =
    R"([{"awb": "R1", "hp": "081234567890", "state": "Transit"}, {"awb": "R2", "hp": "12"}])";

TEST_CASE("SourcePuller: pulls each morning, page by page, from where it was", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.api.Answer("2", R"([{"awb": "R3", "hp": "081234567891", "state": "Delivered"}])");
  f.Put();
  CHECK_FALSE(f.Pulled());  // 06:00
  f.clock.Advance(absl::Hours(1));
  CHECK(f.Pulled());
  CHECK_FALSE(f.Pulled());
  CHECK(f.api.Asked() == std::vector<std::string>{"/v1?page=1 ", "/v1?page=2 ", "/v1?page=3 "});
  CHECK(f.Status("R1") == "Transit");
  CHECK(f.Status("R3") == "Delivered");
  const Source now = f.Now();
  CHECK(now.last_success_at == f.clock.Now());
  CHECK(now.next_at == f.clock.Now() + absl::Hours(24));
  CHECK(now.failures == 0);
  CHECK(now.last_rows == 3);
  CHECK(now.last_refused == 1);
  const auto import = f.Must(kA, [&](Store::Unit& u) { return u.GetImport(now.import_id, ""); });
  CHECK(import.state == ImportState::kCompleted);
  CHECK(import.progress.accepted == 2);

  f.clock.Advance(absl::Hours(24));
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Delivered"}])");
  f.api.Answer("2", "[]");
  CHECK(f.Pulled());
  CHECK(f.api.Asked()[0] == "/v1?since=2026-11-21T23%3A55%3A00Z&page=1 ");
  CHECK(f.Status("R1") == "Delivered");
  CHECK(f.Status("R3") == "Delivered");  // of which it said nothing
}

TEST_CASE("SourcePuller: the since-token of the API, or its own clock where that is behind",
          "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.api.SayDate("Sat, 21 Nov 2026 23:30:00 GMT");  // half an hour behind ours
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(f.Now().since == "2026-11-21T23:25:00Z");

  f.source.settings.paging = Paging::kNone;
  f.source.settings.items_path = "items";
  f.source.settings.since_path = "until";
  f.api.Answer("", R"({"items": [{"awb": "R1", "hp": "081234567890"}], "until": 77})");
  f.Put();
  f.PullNextDay();
  CHECK(f.Now().since == "77");
  f.api.Answer("", R"({"items": []})");
  f.PullNextDay();
  CHECK(f.Now().since == "77");  // none said: from there again
  CHECK(f.Now().failures == 0);
}

TEST_CASE("SourcePuller: what an API leaves out stays; null and nothing are said", "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Transit", "cod": 150000,
                         "paid": true, "at": "2026-11-21 08:00"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Delivered",
                         "at": "2026-11-22 09:00"}])");
  f.PullNextDay();
  Shipment parcel = f.Parcel("R1");
  CHECK(parcel.status == "Delivered");
  CHECK(parcel.cod_amount == 150000);
  CHECK(parcel.cod_paid);
  // The age of its data is that which the API says: campaigns refuse what is too old by it.
  CHECK(parcel.updated_at == absl::FromUnixSeconds(1795312800));
  const SegmentFilter all = f.Filter("");
  f.Must(kA, [&](Store::Unit& u) { return u.CreateAudience("run", Subject::kShipment, all); });
  const auto members =
      f.Must(kA, [&](Store::Unit& u) { return u.ListAudience({.run_id = "run", .limit = 10}); });
  REQUIRE(members.size() == 1);
  CHECK(members[0].data_time == parcel.updated_at);

  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "", "cod": null,
                         "paid": null}])");
  f.PullNextDay();
  parcel = f.Parcel("R1");
  CHECK(parcel.status.empty());
  CHECK(parcel.cod_amount == 0);
  CHECK_FALSE(parcel.cod_paid);
}

TEST_CASE("SourcePuller: refused rows are kept until they come in order", "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Transit"},
                        {"awb": "R6", "hp": "081234567890", "state": "Transit"},
                        {"awb": "R7", "hp": "081234567890", "state": "Transit"},
                        {"awb": "R8", "hp": "081234567890", "state": "Transit"},
                        {"awb": "R2", "hp": "12", "state": "Tran\u0000sit"},
                        {"awb": "R3", "state": "Transit"},
                        {"awb": "R4", "hp": "081234567894", "state": ["Transit"]},
                        {"awb": null, "hp": ""}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  SourceState state = f.State();
  CHECK(state.source.last_rows == 8);
  CHECK(state.source.last_refused == 4);
  CHECK(state.open_refused == 4);
  REQUIRE(state.reasons.size() == 3);
  CHECK(state.reasons[0].reason == "REQUIRED");
  CHECK(state.reasons[0].field == "phone");
  CHECK(state.reasons[0].rows == 2);
  std::map<std::string, RefusedRow> rows;
  for (RefusedRow& row : f.Refused()) rows[row.values["tracking_number"]] = row;
  CHECK(rows.size() == 4);
  CHECK(rows["R2"].reason == "PHONE_TOO_SHORT");
  CHECK(rows["R2"].values["phone"] == "12");
  CHECK(rows["R2"].at == f.clock.Now());
  CHECK(rows["R4"].reason == "NOT_A_VALUE");
  CHECK(rows["R4"].field == "status");
  CHECK(f.Sql("SELECT count(*) FROM import_refused") == "0");

  // They came late, but they came: R2 and R4 in order, R3 wrong once more.
  f.api.Answer("1", R"([{"awb": "R2", "hp": "081234567892"}, {"awb": "R3", "hp": "1"},
                        {"awb": "R4", "hp": "081234567894", "state": "Delivered"}])");
  f.PullNextDay();
  state = f.State();
  CHECK(state.source.last_refused == 1);
  CHECK(state.open_refused == 2);
  rows.clear();
  for (RefusedRow& row : f.Refused()) rows[row.values["tracking_number"]] = row;
  CHECK(rows["R3"].reason == "PHONE_TOO_SHORT");
  CHECK(rows["R3"].at == f.clock.Now());
  CHECK(rows.count("") == 1);
  CHECK_THAT(f.Do(kB, [](Store::Unit& u) { return u.ListRefusedRows("kurir", {}, 1).status(); }),
             ReasonIs("SOURCE_NOT_FOUND"));

  const auto forgotten = f.store.ForgetPulls(f.clock.Now(), 100, Soon());
  REQUIRE_THAT(forgotten, IsOk());
  CHECK(f.State().open_refused == 1);
}

TEST_CASE("SourcePuller: a pull that refuses most rows has failed; since stays", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  const Source before = f.Now();
  // The API has another name for the phone now.
  f.api.Answer("1", R"([{"awb": "R1", "phone": "081234567890", "state": "Delivered"},
                        {"awb": "R5", "phone": "081234567895", "state": "Transit"}])");
  f.PullNextDay();
  Source now = f.Now();
  CHECK(now.failures == 1);
  CHECK(absl::StrContains(now.error, "2 of 2 rows were refused"));
  CHECK(now.since == before.since);
  CHECK(now.last_success_at == before.last_success_at);
  CHECK(f.State().open_refused == 3);
  CHECK(f.Status("R1") == "Transit");

  // The mapping is mended: everything is pulled anew, R5 is not lost.
  f.api.Asked();
  f.source.settings.mapping.erase("hp");
  f.source.settings.mapping["phone"] = "phone";
  f.Put();
  now = f.Now();
  CHECK(now.since.empty());
  CHECK_FALSE(now.last_success_at.has_value());
  CHECK(f.State().open_refused == 0);
  REQUIRE(f.Pulled());  // at once: the data of this morning is wanted
  CHECK(f.api.Asked()[0] == "/v1?page=1 ");
  CHECK(f.Status("R5") == "Transit");
  CHECK(f.Now().failures == 0);
}

TEST_CASE("SourcePuller: most refused is no success, a few or more than are kept go on",
          "[sources]") {
  PullFixture f;
  const auto page = [](int good, int bad) {
    std::string out = "[";
    for (int i = 0; i < good + bad; ++i) {
      absl::StrAppend(&out, i == 0 ? "" : ",", R"({"awb": "N)", i, R"(", "hp": ")",
                      i < good ? absl::StrCat("08123", 100'000 + i) : "12", R"("})");
    }
    return out + "]";
  };
  f.Put();
  f.clock.Advance(absl::Hours(1));
  f.api.Answer("1", page(2, 21));
  REQUIRE(f.Pulled());
  CHECK(f.Now().failures == 1);
  CHECK(f.Now().since.empty());
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "2");
  f.api.Answer("1", page(2, 20));
  f.clock.Advance(absl::Minutes(1));
  REQUIRE(f.Pulled());
  CHECK(f.Now().failures == 0);
  const std::string since = f.Now().since;
  CHECK_FALSE(since.empty());
  f.api.Answer("1", page(1500, 1001));
  f.PullNextDay();
  CHECK(f.Now().failures == 0);
  CHECK(f.Now().since != since);
  CHECK(f.Now().last_refused == 1001);
  CHECK(f.State().open_refused == 1000);
  // Those that wait keep no other from going on.
  f.api.Answer("1", R"([{"awb": "G1", "hp": "081234567890"}, {"awb": "B1", "hp": "1"}])");
  f.PullNextDay();
  CHECK(f.Now().failures == 0);
  CHECK(f.Now().last_refused == 1);
  CHECK(f.State().open_refused == 1000);
  CHECK(f.Sql("SELECT count(*) FROM imports WHERE state IN ('RUNNING', 'STOPPED')") == "0");
}

TEST_CASE("SourcePuller: a renamed state does not make old data young, and is shown", "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Transit", "cod": 5000}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(f.Now().missing_places == std::vector<std::string>{"at", "paid"});
  f.Sql("UPDATE shipments SET updated_at = '2026-11-01 00:00+00'");
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "status": "Delivered", "cod": 6000,
                         "at": "2026-11-22 09:00"}])");
  f.PullNextDay();
  Shipment parcel = f.Parcel("R1");
  CHECK(parcel.status == "Transit");
  CHECK(parcel.cod_amount == 6000);
  CHECK(absl::FormatTime("%m-%d", parcel.updated_at, absl::UTCTimeZone()) == "11-01");
  CHECK(f.Now().missing_places == std::vector<std::string>{"paid", "state"});
  // A pull without items says nothing of places.
  f.api.Answer("1", "[]");
  f.PullNextDay();
  CHECK(f.Now().missing_places == std::vector<std::string>{"paid", "state"});
}

TEST_CASE("SourcePuller: 404 behind the last page is its end, on the first one it is not",
          "[sources]") {
  PullFixture f;
  f.api.Refuse("1", 404);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(absl::StrContains(f.Now().error, "404"));
  f.api.Refuse("1", 0);
  f.api.Answer("1", kFirst);
  f.api.Refuse("2", 404);
  f.clock.Advance(absl::Minutes(1));
  REQUIRE(f.Pulled());
  CHECK(f.Now().error.empty());
  CHECK(f.Status("R1") == "Transit");
}

TEST_CASE("SourcePuller: items without any of the places are no rows", "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"parcel": {"awb": "R1", "hp": "081234567890"}}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(absl::StrContains(f.Now().error, "none of the places"));
  CHECK(f.Now().since.empty());
  CHECK(f.Sql("SELECT count(*) FROM imports") == "0");
}

TEST_CASE("SourcePuller: what fails is tried again, ever later, and said; old data stays",
          "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  const absl::Time fresh = f.clock.Now();
  f.clock.Advance(absl::Hours(24));
  f.api.Refuse("1", 503);
  for (const absl::Duration wait :
       {absl::Minutes(1), absl::Minutes(2), absl::Minutes(4), absl::Minutes(8), absl::Minutes(16),
        absl::Minutes(30), absl::Minutes(30)}) {
    REQUIRE(f.Pulled());
    CHECK_FALSE(f.Pulled());
    CHECK(f.Now().next_at == f.clock.Now() + wait);
    f.clock.Advance(wait);
  }
  const Source failed = f.Now();
  CHECK(failed.failures == 7);
  CHECK(absl::StrContains(failed.error, "503"));
  CHECK(failed.last_success_at == fresh);
  CHECK(f.Status("R1") == "Transit");
  CHECK(f.Sql("SELECT count(*) FROM imports") == "1");
  f.api.Refuse("1", 0);
  REQUIRE(f.Pulled());
  CHECK(f.Now().failures == 0);
  CHECK(f.Now().error.empty());
  CHECK(f.Now().last_success_at == f.clock.Now());
}

TEST_CASE("SourcePuller: broken off in the middle, rows taken stay and since does not move",
          "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  const std::string since = f.Now().since;
  std::string page = "[";
  for (int i = 0; i < 2500; ++i) {  // a chunk and a part of one
    absl::StrAppend(&page, i == 0 ? "" : ",", R"({"awb": "N)", i, R"(", "hp": "08123)", 100'000 + i,
                    R"("})");
  }
  f.api.Answer("1", page + "]");
  f.api.Refuse("2", 500);
  f.PullNextDay();
  CHECK(f.Now().failures == 1);
  CHECK(f.Now().since == since);
  CHECK(f.Sql("SELECT count(*) FROM shipments WHERE tracking_number LIKE 'N%'") == "2500");
  CHECK(f.Sql("SELECT state || ' ' || rows FROM imports ORDER BY id DESC LIMIT 1") ==
        "CANCELLED 2500");
  f.api.Refuse("2", 0);
  f.clock.Advance(absl::Minutes(1));
  REQUIRE(f.Pulled());
  CHECK(f.Now().failures == 0);
  CHECK(f.Sql("SELECT count(*) FROM shipments WHERE tracking_number LIKE 'N%'") == "2500");
}

TEST_CASE("SourcePuller: changed while it is pulled, nothing more is taken as it was",
          "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "state": "Transit"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  f.api.Before("2", [&] {
    f.source.settings.since_parameter = "from";
    f.Put();
  });
  f.api.Answer("2", "[]");
  REQUIRE(f.Pulled());
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "0");
  REQUIRE(f.Pulled());  // as it is now
  CHECK(f.Status("R1") == "Transit");
}

TEST_CASE("SourcePuller: times of an API are those of its source's zone", "[sources]") {
  PullFixture f;
  f.source.time_zone = "WIT";
  f.source.schedule = "09:00";
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "at": "2026-11-22 08:00"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(f.Parcel("R1").updated_at == absl::FromUnixSeconds(1795302000));  // 08:00 WIT, 06:00 WIB
}

TEST_CASE("SourcePuller: an answer may not be larger than a page", "[sources]") {
  PullFixture f;
  f.api.Answer("1", "[\"" + std::string(5 << 20, 'x') + "\"]");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(absl::StrContains(f.Now().error, "4096 KiB"));
}

TEST_CASE("SourcePuller: the secret comes from the outlet's own file and stays there",
          "[sources]") {
  PullFixture f;
  f.source.settings.auth_secret = "token";
  f.api.Answer("1", kFirst);
  f.Put(kA);
  f.Put(kB);
  f.clock.Advance(absl::Hours(1));
  std::filesystem::create_directory(f.folder.File(kA));
  f.folder.WriteFile(absl::StrCat(kA, "/token"), "Bearer rahasia\n");
  CHECK(f.Pulled());
  CHECK(f.Pulled());
  CHECK(f.Now(kA).failures == 0);
  CHECK(f.Now(kB).failures == 1);
  CHECK(absl::StrContains(f.Now(kB).error, "auth_secret"));
  const auto asked = f.api.Asked();
  CHECK(asked.size() == 2);
  for (const std::string& one : asked) CHECK(absl::StrContains(one, " Bearer rahasia"));
  f.api.Refuse("1", 401);
  f.PullNextDay();
  CHECK(f.Now(kA).failures + f.Now(kB).failures == 2);
  for (const char* table : {"sources", "imports", "source_refused", "audit_log"}) {
    CHECK_FALSE(absl::StrContains(
        f.Sql(absl::StrCat("SELECT string_agg(t::text, '') FROM ", table, " t")), "rahasia"));
  }
  CHECK(f.Sql("SELECT count(*) FROM shipments WHERE outlet_id = 'toko-b'") == "0");
}

TEST_CASE("SourcePuller: a host that is not allowed any more is not asked", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kFirst);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  f.rules.hosts = SourceHosts();
  SourcePuller strict(f.Options(), f.store, f.clock);
  REQUIRE_THAT(strict.PullOne(), IsOk());
  CHECK(absl::StrContains(f.Now().error, "--source-hosts"));
  CHECK(f.api.Asked().empty());
}

TEST_CASE("SourcePuller: a pull that takes too long ends", "[sources]") {
  PullFixture f;
  f.source.settings.paging = Paging::kCursor;
  f.source.settings.next_path = "next";
  f.source.settings.items_path = "items";
  int page = 0;
  const std::function<void()> slow = [&] {
    f.clock.Advance(absl::Minutes(40));
    ++page;
  };
  f.api.Before("", slow);
  f.api.Before("2", slow);
  f.api.Before("3", slow);
  f.api.Answer("", R"({"items": [{"awb": "R1", "hp": "081234567890"}], "next": 2})");
  f.api.Answer("2", R"({"items": [], "next": 3})");
  f.api.Answer("3", R"({"items": [], "next": 4})");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(page == 2);
  CHECK(absl::StrContains(f.Now().error, "longer than 1h"));
}

TEST_CASE("SourcePuller: Stop breaks off a pull at once, and it is due still", "[sources]") {
  PullFixture f;
  f.api.BeSilent();
  f.Put();
  f.clock.Advance(absl::Hours(1));
  f.puller.Start();
  REQUIRE(f.api.AwaitAsked());
  f.puller.Stop();  // the page's timeout is an hour, which no test waits
  const Source now = f.Now();
  CHECK(now.failures == 0);
  CHECK(now.error.empty());
  CHECK(now.next_at == f.clock.Now());
  CHECK(now.leased_until < f.clock.Now());
}

TEST_CASE("SourcePuller: a slow API keeps nobody else waiting", "[sources]") {
  PullFixture f;
  f.Put(kA);
  f.source.name = "kurir-2";
  f.Put(kA);
  TrackingApi quick;
  quick.Answer("1", kFirst);
  f.rules.hosts = f.HostsOf({f.api.host(), quick.host()});
  f.source.settings.url = quick.url();
  f.Put(kB);
  f.clock.Advance(absl::Hours(1));
  f.api.BeSilent();
  // Two threads, and outlet A has two sources whose API does not answer.
  SourcePuller puller(f.Options(), f.store, f.clock);
  puller.Start();
  REQUIRE(f.api.AwaitAsked());
  CHECK(quick.AwaitAsked());
  puller.Stop();
  CHECK(f.api.Asked().size() == 1);
}

}  // namespace
}  // namespace kabar::contacts
