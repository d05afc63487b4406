#include "libs/audit/audit.h"

#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "libs/audit/handler.h"
#include "libs/audit/migrations.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/pg/transaction.h"
#include "libs/rpc/guard.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"

namespace kabar::audit {
namespace {

using kabar::testing::IsOk;
using kabar::testing::StatusIs;

struct Log {
  static absl::Time Soon() { return absl::Now() + absl::Seconds(20); }
  static pg::PoolOptions Database() {
    pg::PoolOptions options;
    options.connection = kabar::testing::TestPostgres().CreateDatabase();
    options.schema = "audit";
    REQUIRE_THAT(pg::Migrate(options, AuditMigrations(), Soon()), IsOk());
    return options;
  }
  void Write(const Entry& entry, const std::string& who = "siti", bool commit = true) {
    pg::Transact(pool, "Write", Soon(), [&](pg::Transaction& tx) -> absl::Status {
      Append(tx, {.key_name = who, .role = "OPERATOR", .request_id = "req-1"}, entry);
      return commit ? absl::OkStatus() : absl::CancelledError("undone");
    }).IgnoreError();
  }
  absl::StatusOr<v1::ListAuditLogResponse> List(const v1::ListAuditLogRequest& request,
                                                const std::string& key = "viewer-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    v1::ListAuditLogResponse response;
    const absl::Status status = rpc::ToAbsl(stub->ListAuditLog(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  std::vector<std::string> Targets(const v1::ListAuditLogRequest& request,
                                   const std::string& key = "viewer-a") {
    const auto listed = List(request, key);
    REQUIRE_THAT(listed, IsOk());
    std::vector<std::string> targets;
    for (const auto& entry : listed->entries()) targets.push_back(entry.target());
    return targets;
  }

  pg::Pool pool{Database()};
  rpc::Guard guard{{.service = "audit"}, rpc::testing::TestKeys()};
  Handler handler{pool, guard};
  rpc::testing::LocalServer server{guard, {&handler}};
  std::unique_ptr<v1::AuditService::Stub> stub = v1::AuditService::NewStub(server.channel());
};

TEST_CASE("ListAuditLog: newest first, one outlet's and the installation's, filtered", "[audit]") {
  Log log;
  log.Write({.outlet = "toko-a",
             .action = "PauseSending",
             .target = "lane/1",
             .reason = "wrong \"text\"",
             .before = {{"state", "RUNNING"}},
             .after = {{"state", "PAUSED"}}});
  log.Write({.outlet = "toko-b", .action = "PauseSending", .target = "lane/2"});
  log.Write({.outlet = "", .action = "PauseSending", .target = "all"}, "service");
  log.Write({.outlet = "toko-a", .action = "CreateSender", .target = "sender/1"}, "budi");

  CHECK(log.Targets({}) == std::vector<std::string>{"sender/1", "all", "lane/1"});
  v1::ListAuditLogRequest request;
  request.set_action("PauseSending");
  CHECK(log.Targets(request) == std::vector<std::string>{"all", "lane/1"});
  request.set_target("lane/1");
  const auto found = log.List(request);
  REQUIRE_THAT(found, IsOk());
  REQUIRE(found->entries_size() == 1);
  const v1::AuditEntry& entry = found->entries(0);
  CHECK(entry.who() == "siti");
  CHECK(entry.role() == "OPERATOR");
  CHECK(entry.reason() == "wrong \"text\"");
  CHECK(entry.before() == R"({"state": "RUNNING"})");
  CHECK(entry.after() == R"({"state": "PAUSED"})");
  CHECK(entry.request_id() == "req-1");
  request.Clear();
  request.set_who("budi");
  CHECK(log.Targets(request) == std::vector<std::string>{"sender/1"});
  request.Clear();
  request.mutable_since()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Hours(1)));
  CHECK(log.Targets(request).empty());
  request.Clear();
  request.set_all_outlets(true);
  CHECK(log.Targets(request, "service").size() == 4);
  CHECK_THAT(log.List(request, "owner-a"), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_CASE("ListAuditLog: pages follow one another without gap or repeat", "[audit]") {
  Log log;
  for (int i = 0; i < 5; ++i) {
    log.Write(
        {.outlet = "toko-a", .action = "A", .target = std::string(1, static_cast<char>('a' + i))});
  }
  std::string seen;
  v1::ListAuditLogRequest request;
  request.set_page_size(2);
  do {
    const auto page = log.List(request);
    REQUIRE_THAT(page, IsOk());
    for (const auto& entry : page->entries()) seen += entry.target();
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  CHECK(seen == "edcba");
  request.set_page_token("x");
  CHECK_THAT(log.List(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_CASE("Append: goes and stays with its transaction; nobody can change it", "[audit]") {
  Log log;
  log.Write({.outlet = "toko-a", .action = "A", .target = "undone"}, "siti", /*commit=*/false);
  log.Write({.outlet = "toko-a", .action = "A", .target = "nobody's"}, "");
  CHECK(log.Targets({}).empty());
  log.Write({.outlet = "toko-a", .action = "A", .target = "done"});
  for (const char* sql : {"UPDATE audit_log SET who = 'x'", "DELETE FROM audit_log"}) {
    const absl::Status status =
        pg::Transact(log.pool, "Forge", Log::Soon(), [&](pg::Transaction& tx) {
          tx.ExecScript("test.forge", sql);
          return absl::OkStatus();
        });
    CHECK_FALSE(status.ok());
  }
  CHECK(log.Targets({}) == std::vector<std::string>{"done"});
}

}  // namespace
}  // namespace kabar::audit
