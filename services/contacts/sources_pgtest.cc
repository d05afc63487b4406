// Sources as outlets keep them: changes while they are pulled, leases, calls. Against PostgreSQL
// and an HTTP server.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "services/contacts/sources_handler.h"
#include "services/contacts/testing/tracking_api.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;

constexpr char kOne[] = R"([{"awb": "R1", "hp": "081234567890", "state": "Transit"}])";

std::optional<DueSource> Lease(PullFixture& f) {
  const absl::Time now = f.clock.Now();
  auto due = f.store.LeaseSource(now, now + absl::Minutes(10), Soon());
  REQUIRE_THAT(due, IsOk());
  return *std::move(due);
}

absl::Status End(PullFixture& f, const DueSource& due, const std::string& since) {
  PullEnd end;
  end.kind = PullEnd::Kind::kDone;
  end.since = since;
  end.now = f.clock.Now();
  end.next_at = f.clock.Now() + absl::Hours(1);
  return f.Do(due.outlet, [&](Store::Unit& u) { return u.EndPull(due, end); });
}

TEST_CASE("Sources: one process pulls a source; a dead one's lease runs out", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kOne);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  const auto dead = Lease(f);
  REQUIRE(dead.has_value());
  const auto turn = f.Must(kA, [&](Store::Unit& u) { return u.BeginPull(*dead); });
  CHECK_FALSE(f.Pulled());
  f.clock.Advance(absl::Minutes(10));
  CHECK(f.Pulled());
  // Its import does not look as if it ran still.
  const auto import = f.Must(kA, [&](Store::Unit& u) { return u.GetImport(turn.id, ""); });
  CHECK(import.state == ImportState::kCancelled);
  // Were it not dead after all, it would change nothing any more.
  CHECK_THAT(f.store.RenewLease(*dead, f.clock.Now(), Soon()), ReasonIs("SOURCE_CHANGED"));
  CHECK_THAT(f.Do(kA, [&](Store::Unit& u) { return u.BeginPull(*dead).status(); }),
             ReasonIs("SOURCE_CHANGED"));
  CHECK_THAT(End(f, *dead, "late"), ReasonIs("SOURCE_CHANGED"));
  CHECK(f.Now().since != "late");
}

TEST_CASE("Sources: put while it is pulled, the pull is of no account", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kOne);
  f.api.Answer("2", R"([{"awb": "R2", "hp": "081234567891", "state": "Transit"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  absl::Status changed = absl::UnknownError("not asked");
  std::function<absl::Status(Store::Unit&)> change;
  SECTION("with other settings") {
    change = [&](Store::Unit& u) {
      Source other = f.source;
      other.settings.since_parameter = "since_id";
      return u.PutSource(other, f.clock.Now()).status();
    };
  }
  bool deleted = false;
  SECTION("deleted, and put again") {
    deleted = true;
    change = [&](Store::Unit& u) -> absl::Status {
      const absl::Status gone = u.DeleteSource("kurir");
      return gone.ok() ? u.PutSource(f.source, f.clock.Now()).status() : gone;
    };
  }
  SECTION("paused") {
    change = [&](Store::Unit& u) {
      Source paused = f.source;
      paused.paused = true;
      return u.PutSource(paused, f.clock.Now()).status();
    };
  }
  f.api.Before("2", [&] { changed = f.Do(kA, change); });
  CHECK(f.Pulled());
  REQUIRE_THAT(changed, IsOk());
  const Source now = f.Now();
  CHECK(now.since.empty());
  CHECK_FALSE(now.last_success_at.has_value());
  CHECK(now.failures == 0);
  CHECK(now.error.empty());
  CHECK(now.leased_until < f.clock.Now());
  if (!deleted) CHECK(now.next_at == f.clock.Now());  // not tomorrow
  CHECK(f.Sql("SELECT count(*) FROM shipments") == "0");
  CHECK(f.Sql("SELECT state FROM imports") == "CANCELLED");
}

TEST_CASE("Sources: delete and put at once gives no lease twice", "[sources]") {
  PullFixture f;
  f.Put();
  f.clock.Advance(absl::Hours(1));
  const auto old = Lease(f);
  REQUIRE(old.has_value());
  REQUIRE_THAT(f.Do(kA, [](Store::Unit& u) { return u.DeleteSource("kurir"); }), IsOk());
  f.source.next_at = f.clock.Now();
  f.Must(kA, [&](Store::Unit& u) { return u.PutSource(f.source, f.clock.Now()); });
  const auto young = Lease(f);
  REQUIRE(young.has_value());
  CHECK_THAT(End(f, *old, "old"), ReasonIs("SOURCE_CHANGED"));
  CHECK_THAT(End(f, *young, "young"), IsOk());
  CHECK(f.Now().since == "young");
}

TEST_CASE("Sources: the same settings change nothing, another time keeps where it was",
          "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890"}, {"awb": "R2", "hp": "1"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  const Source before = f.Now();
  f.clock.Advance(absl::Minutes(1));
  f.Put();
  CHECK(f.Now().next_at == before.next_at);
  CHECK(f.Now().since == before.since);
  f.source.schedule = "09:30";
  f.Put();
  CHECK(f.Now().since == before.since);
  CHECK(f.Now().last_success_at == before.last_success_at);
  CHECK(f.Now().next_at == f.kDawn + absl::Minutes(210));
  CHECK(f.State().open_refused == 1);
  f.source.settings.url += "?x=1";
  f.Put();
  CHECK(f.Now().since.empty());
  CHECK(f.State().open_refused == 0);
  CHECK(f.Now().next_at == f.clock.Now());
}

TEST_CASE("Sources: one that failed is pulled at once when it is changed, and not forgotten",
          "[sources]") {
  PullFixture f;
  f.api.Refuse("1", 500);
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  f.source.schedule = "06:30";
  f.Put();
  CHECK(f.Now().next_at == f.clock.Now());
  CHECK(f.Now().failures == 1);
  CHECK(absl::StrContains(f.Now().error, "500"));
  // Paused it waits; it was due, and is so again.
  f.source.paused = true;
  f.Put();
  CHECK_FALSE(f.Pulled());
  f.source.paused = false;
  f.Put();
  CHECK(f.Now().next_at == f.clock.Now());
  f.api.Refuse("1", 0);
  f.api.Answer("1", kOne);
  REQUIRE(f.Pulled());
  CHECK(f.Now().failures == 0);
  CHECK(f.Now().next_at > f.clock.Now());
}

TEST_CASE("Sources: whoever cancels the import ends the pull until its next time", "[sources]") {
  PullFixture f;
  f.api.Answer("1", kOne);
  f.api.Answer("2", R"([{"awb": "R2", "hp": "081234567891"}])");
  absl::Status cancelled = absl::UnknownError("not asked");
  f.api.Before("2", [&] {
    cancelled = f.Do(kA, [&](Store::Unit& u) -> absl::Status {
      const auto sources = u.ListSources();
      return sources.ok() ? u.CancelImport(sources->at(0).source.import_id) : sources.status();
    });
  });
  f.Put();
  f.clock.Advance(absl::Hours(1));
  CHECK(f.Pulled());
  REQUIRE_THAT(cancelled, IsOk());
  const Source now = f.Now();
  CHECK(absl::StrContains(now.error, "cancelled"));
  CHECK(now.failures == 1);
  CHECK(now.since.empty());
  CHECK(now.next_at == f.clock.Now() + absl::Hours(24));
}

TEST_CASE("Sources: an outlet has 20 at most", "[sources]") {
  PullFixture f;
  for (int i = 0; i < 20; ++i) {
    f.source.name = absl::StrCat("s", i);
    f.Put();
  }
  f.Put();  // one of them again
  f.source.name = "s20";
  CHECK_THAT(
      f.Do(kA, [&](Store::Unit& u) { return u.PutSource(f.source, f.clock.Now()).status(); }),
      ReasonIs("TOO_MANY_SOURCES"));
  f.Put(kB);
}

TEST_CASE("Sources: of whoever is erased no refused row stays", "[sources]") {
  PullFixture f;
  f.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890", "cod": "banyak"},
                        {"awb": "R2", "hp": "081234567891", "cod": "banyak"},
                        {"awb": "R3", "hp": "081234567890"},
                        {"awb": "R4", "hp": "081234567891"}])");
  f.Put();
  f.clock.Advance(absl::Hours(1));
  REQUIRE(f.Pulled());
  CHECK(f.State().open_refused == 2);
  // His parcel once more, and now it is the phone that is wrong.
  f.api.Answer("1", R"([{"awb": "R3", "hp": "12"}, {"awb": "R4", "hp": "081234567891"}])");
  f.PullNextDay();
  CHECK(f.State().open_refused == 3);
  const std::string id = f.Find(kA, "+6281234567890").id;
  CHECK(f.Must(kA, [&](Store::Unit& u) { return u.ListRefusedRowsOf(id); }).size() == 2);
  f.Must(kA, [&](Store::Unit& u) { return u.EraseContact(id); });
  REQUIRE(f.Refused().size() == 1);
  CHECK(f.Refused()[0].values.at("tracking_number") == "R2");
}

struct SourcesServer : PullFixture {
  template <typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response* response,
                    const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    response->Clear();
    return rpc::ToAbsl(((*stub).*method)(&context, request, response));
  }
  v1::PutSourceRequest Request() {
    v1::PutSourceRequest request;
    v1::Source& s = *request.mutable_source();
    s.set_name("kurir");
    s.set_url(api.url());
    s.set_paging(v1::Source::PAGE_NUMBER);
    s.set_page_parameter("page");
    s.set_first_page(1);
    (*s.mutable_mapping())["awb"] = "tracking_number";
    (*s.mutable_mapping())["hp"] = "phone";
    s.set_since_parameter("since");
    return request;
  }

  using Stub = v1::SourcesService::Stub;
  rpc::Guard guard{{.service = "contacts"}, rpc::testing::TestKeys()};
  SourcesHandler handler{store, rules, clock, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  std::unique_ptr<Stub> stub = v1::SourcesService::NewStub(server.channel());
};

TEST_CASE("SourcesService: put, list, pull by hand, refused rows, delete", "[sources]") {
  SourcesServer s;
  s.api.Answer("1", R"([{"awb": "R1", "hp": "081234567890"}, {"awb": "R2", "hp": "1"}])");
  v1::Source source;
  CHECK_FALSE(s.Call(&SourcesServer::Stub::PutSource, s.Request(), &source, "viewer-a").ok());
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::PutSource, s.Request(), &source), IsOk());
  CHECK(source.schedule() == "07:00");
  CHECK(source.paging() == v1::Source::PAGE_NUMBER);
  CHECK(source.next_time().seconds() == absl::ToUnixSeconds(s.kDawn) + 3600);
  CHECK_FALSE(source.has_last_success_time());
  v1::PutSourceRequest wrong = s.Request();
  wrong.mutable_source()->set_url("http://169.254.169.254/");
  CHECK_THAT(s.Call(&SourcesServer::Stub::PutSource, wrong, &source),
             HasFieldViolation("source.url"));

  v1::PullSourceRequest pull;
  pull.set_name("kurir");
  CHECK_THAT(s.Call(&SourcesServer::Stub::PullSource, pull, &source, "operator-b"),
             ReasonIs("SOURCE_NOT_FOUND"));
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::PullSource, pull, &source), IsOk());
  CHECK(s.Pulled());
  v1::ListSourcesResponse list;
  REQUIRE_THAT(
      s.Call(&SourcesServer::Stub::ListSources, v1::ListSourcesRequest(), &list, "viewer-a"),
      IsOk());
  REQUIRE(list.sources_size() == 1);
  CHECK(list.sources(0).last_success_time().seconds() == absl::ToUnixSeconds(s.clock.Now()));
  CHECK(list.sources(0).next_time().seconds() == absl::ToUnixSeconds(s.kDawn) + 3600);
  CHECK(list.sources(0).last_rows() == 2);
  CHECK(list.sources(0).open_refused() == 1);
  REQUIRE(list.sources(0).refused_reasons_size() == 1);
  CHECK(list.sources(0).refused_reasons(0).reason() == "PHONE_TOO_SHORT");
  CHECK_FALSE(list.sources(0).pulling());

  v1::ListRefusedRowsRequest refused;
  refused.set_name("kurir");
  v1::ListRefusedRowsResponse rows;
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::ListRefusedRows, refused, &rows, "viewer-a"), IsOk());
  REQUIRE(rows.rows_size() == 1);
  CHECK(rows.rows(0).values().at("tracking_number") == "R2");

  refused.set_page_size(1);
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::ListRefusedRows, refused, &rows, "viewer-a"), IsOk());
  refused.set_page_token(rows.next_page_token());
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::ListRefusedRows, refused, &rows, "viewer-a"), IsOk());
  CHECK(rows.rows_size() == 0);
  CHECK(rows.next_page_token().empty());
  refused.set_page_token("x");
  CHECK_THAT(s.Call(&SourcesServer::Stub::ListRefusedRows, refused, &rows),
             HasFieldViolation("page_token"));

  // From the start: without the token that it has by now.
  s.api.Asked();
  pull.set_from_start(true);
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::PullSource, pull, &source), IsOk());
  CHECK(s.Pulled());
  CHECK(s.api.Asked()[0] == "/v1?page=1 ");

  v1::DeleteSourceRequest gone;
  gone.set_name("kurir");
  v1::DeleteSourceResponse nothing;
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::DeleteSource, gone, &nothing), IsOk());
  CHECK_THAT(s.Call(&SourcesServer::Stub::DeleteSource, gone, &nothing),
             ReasonIs("SOURCE_NOT_FOUND"));
  CHECK(s.Status("R1").empty());  // it stays
  CHECK(s.Sql("SELECT count(*) FROM source_refused") == "0");
  CHECK(s.Sql("SELECT string_agg(action, ' ' ORDER BY id) FROM audit_log") ==
        "PutSource PullSource ListRefusedRows ListRefusedRows PullSource DeleteSource");
}

TEST_CASE("SourcesService: a pull that runs is the pull that is asked for", "[sources]") {
  SourcesServer s;
  s.api.Answer("1", kOne);
  v1::Source source;
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::PutSource, s.Request(), &source), IsOk());
  s.clock.Advance(absl::Hours(1));
  v1::PullSourceRequest pull;
  pull.set_name("kurir");
  absl::Status again, anew;
  bool pulling = false;
  s.api.Before("1", [&] {
    again = s.Call(&SourcesServer::Stub::PullSource, pull, &source);
    pulling = source.pulling();
    pull.set_from_start(true);
    anew = s.Call(&SourcesServer::Stub::PullSource, pull, &source);
  });
  CHECK(s.Pulled());
  CHECK_THAT(again, IsOk());
  CHECK(pulling);
  CHECK_THAT(anew, ReasonIs("SOURCE_PULLING"));
  CHECK_FALSE(s.Pulled());
  s.api.Before("1", nullptr);
  v1::PutSourceRequest paused = s.Request();
  paused.mutable_source()->set_paused(true);
  REQUIRE_THAT(s.Call(&SourcesServer::Stub::PutSource, paused, &source), IsOk());
  s.clock.Advance(absl::Hours(48));
  CHECK_FALSE(s.Pulled());
  CHECK_THAT(s.Call(&SourcesServer::Stub::PullSource, pull, &source), ReasonIs("SOURCE_PAUSED"));
}

}  // namespace
}  // namespace kabar::contacts
