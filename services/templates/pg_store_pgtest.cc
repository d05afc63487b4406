// The contract of store.h, against PostgreSQL.
#include "services/templates/pg_store.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/status.h"
#include "libs/pg/pool.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/templates/migrations.h"

namespace kabar::templates {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

const std::string kA = "toko-a";
const std::string kB = "toko-b";

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }
absl::Time At(int second) { return absl::FromUnixSeconds(1795222800 + second); }

pg::PoolOptions NewDatabase() {
  pg::PoolOptions options;
  options.connection = testing::TestPostgres().CreateDatabase();
  options.schema = "templates";
  REQUIRE_THAT(pg::Migrate(options, TemplatesMigrations(), Soon()), IsOk());
  return options;
}

struct Fixture {
  pg::Pool pool{NewDatabase()};
  PgStore store{pool};

  MessageTemplate Insert(const std::string& outlet, const std::string& code) {
    MessageTemplate added;
    added.id = absl::StrCat("tpl_", code);
    added.code = code;
    added.message = "Halo {nama} 📦\r\n'\\";
    added.variables = {"name", "{\"odd\", name}"};
    added.version = 1;
    added.create_time = added.update_time = At(0);
    REQUIRE_THAT(Do(outlet, [&](Store::Unit& unit) { return unit.Insert(added); }), IsOk());
    return added;
  }
  absl::Status Do(const std::string& outlet, absl::FunctionRef<absl::Status(Store::Unit&)> work) {
    return store.Write(outlet, "Test", Soon(), work);
  }
  // A new version with this message; its number, or 0.
  int32_t Save(const std::string& outlet, const std::string& id, const std::string& message) {
    int32_t version = 0;
    const absl::Status status = Do(outlet, [&](Store::Unit& unit) -> absl::Status {
      KABAR_ASSIGN_OR_RETURN(MessageTemplate changed, unit.Lock(id));
      changed.message = message;
      changed.missing_data = template_lang::Mode::kLenient;
      version = ++changed.version;
      changed.update_time = At(version);
      return unit.AddVersion(changed);
    });
    return status.ok() ? version : 0;
  }
  std::vector<std::string> Codes(const std::string& outlet, const std::string& after, bool archived,
                                 int limit) {
    std::vector<std::string> codes;
    const auto found = store.List(outlet, after, {.show_archived = archived}, limit, Soon());
    REQUIRE_THAT(found, IsOk());
    for (const MessageTemplate& one : *found) codes.push_back(one.code);
    return codes;
  }
};

TEST_CASE_METHOD(Fixture, "Store: what was inserted is read back", "[templates][pg]") {
  const MessageTemplate added = Insert(kA, "pagi");
  CHECK(*store.Get(kA, added.id, 0, Soon()) == added);
  CHECK(*store.Get(kA, added.id, 1, Soon()) == added);
  CHECK(*store.GetByCode(kA, "pagi", 0, Soon()) == added);
  CHECK_THAT(store.Get(kA, "tpl_other", 0, Soon()), ReasonIs("TEMPLATE_NOT_FOUND"));
  CHECK_THAT(store.Get(kA, added.id, 2, Soon()), ReasonIs("VERSION_NOT_FOUND"));
  CHECK_THAT(store.GetByCode(kA, "PAGI", 0, Soon()), ReasonIs("TEMPLATE_NOT_FOUND"));
}

TEST_CASE_METHOD(Fixture, "Store: every save is a version and changes none", "[templates][pg]") {
  const MessageTemplate added = Insert(kA, "pagi");
  CHECK(Save(kA, added.id, "dua") == 2);
  CHECK(Save(kA, added.id, "tiga") == 3);
  CHECK(*store.Get(kA, added.id, 1, Soon()) == added);
  const MessageTemplate newest = *store.Get(kA, added.id, 0, Soon());
  CHECK(newest.version == 3);
  CHECK(newest.message == "tiga");
  CHECK(newest.missing_data == template_lang::Mode::kLenient);
  CHECK(newest.create_time == At(0));
  CHECK(newest.update_time == At(3));
  CHECK(store.Get(kA, added.id, 2, Soon())->update_time == At(2));

  const auto versions = store.ListVersions(kA, added.id, 3, 10, Soon());
  REQUIRE(versions->size() == 2);
  CHECK((*versions)[0].version == 2);
  CHECK((*versions)[1].version == 1);
  CHECK(store.ListVersions(kA, added.id, 100, 1, Soon())->at(0).version == 3);
  CHECK(store.ListVersions(kA, added.id, 1, 10, Soon())->empty());
  CHECK_THAT(store.ListVersions(kA, "tpl_other", 9, 9, Soon()), ReasonIs("TEMPLATE_NOT_FOUND"));
}

TEST_CASE_METHOD(Fixture, "Store: saves at the same time get versions of their own",
                 "[templates][pg]") {
  const MessageTemplate added = Insert(kA, "pagi");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) Save(kA, added.id, "baru");
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(store.Get(kA, added.id, 0, Soon())->version == 21);
  CHECK(store.ListVersions(kA, added.id, 100, 100, Soon())->size() == 21);
}

TEST_CASE_METHOD(Fixture, "Store: a code is taken once per outlet, also when archived",
                 "[templates][pg]") {
  MessageTemplate added = Insert(kA, "pagi");
  added.id = "tpl_twin";
  const auto insert = [&](Store::Unit& unit) { return unit.Insert(added); };
  CHECK_THAT(Do(kA, insert), ReasonIs("TEMPLATE_CODE_TAKEN"));
  REQUIRE_THAT(Do(kA, [&](Store::Unit& unit) { return unit.Archive("tpl_pagi", At(9)); }), IsOk());
  CHECK_THAT(Do(kA, insert), ReasonIs("TEMPLATE_CODE_TAKEN"));
  CHECK_THAT(Do(kB, insert), IsOk());
  const MessageTemplate archived = *store.Get(kA, "tpl_pagi", 0, Soon());
  CHECK(archived.state == State::kArchived);
  CHECK(archived.update_time == At(9));
}

TEST_CASE_METHOD(Fixture, "Store: lists by code, page by page", "[templates][pg]") {
  for (const char* code : {"b", "a", "Z", "c-1", "c_1", "d"}) Insert(kA, code);
  REQUIRE_THAT(Do(kA, [](Store::Unit& unit) { return unit.Archive("tpl_b", At(1)); }), IsOk());
  using List = std::vector<std::string>;
  CHECK(Codes(kA, "", false, 10) == List{"Z", "a", "c-1", "c_1", "d"});
  CHECK(Codes(kA, "", true, 10) == List{"Z", "a", "b", "c-1", "c_1", "d"});
  CHECK(Codes(kA, "", false, 2) == List{"Z", "a"});
  CHECK(Codes(kA, "a", false, 2) == List{"c-1", "c_1"});
  CHECK(Codes(kA, "c_1", false, 2) == List{"d"});
  CHECK(Codes(kA, "d", false, 2).empty());
}

TEST_CASE_METHOD(Fixture, "Store: an outlet never meets another's templates", "[templates][pg]") {
  const MessageTemplate added = Insert(kA, "pagi");
  ProviderTemplate provider{"p", "id", "b {{1}}", "UTILITY", "APPROVED", 1};
  REQUIRE_THAT(Do(kA, [&](Store::Unit& u) { return u.PutProviderTemplate(provider, At(0)); }),
               IsOk());
  CHECK_THAT(store.Get(kB, added.id, 0, Soon()), StatusIs(absl::StatusCode::kNotFound));
  CHECK_THAT(store.Get(kB, added.id, 1, Soon()), StatusIs(absl::StatusCode::kNotFound));
  CHECK_THAT(store.GetByCode(kB, "pagi", 0, Soon()), StatusIs(absl::StatusCode::kNotFound));
  CHECK_THAT(store.ListVersions(kB, added.id, 9, 9, Soon()), StatusIs(absl::StatusCode::kNotFound));
  CHECK_THAT(Do(kB, [&](Store::Unit& unit) { return unit.Lock(added.id).status(); }),
             StatusIs(absl::StatusCode::kNotFound));
  REQUIRE_THAT(Do(kB, [&](Store::Unit& unit) { return unit.Archive(added.id, At(1)); }), IsOk());
  CHECK(store.Get(kA, added.id, 0, Soon())->state == State::kActive);
  CHECK(Codes(kB, "", true, 10).empty());
  CHECK(store.FindProviderTemplates(kB, {{"p", "id"}}, Soon())->empty());
  CHECK(store.ListProviderTemplates(kB, {}, 10, Soon())->empty());
}

TEST_CASE_METHOD(Fixture, "Store: provider templates are put, found and listed",
                 "[templates][pg]") {
  const auto put = [&](ProviderTemplate one) {
    REQUIRE_THAT(Do(kA, [&](Store::Unit& unit) { return unit.PutProviderTemplate(one, At(0)); }),
                 IsOk());
    return one;
  };
  put({"a", "id", "x", "UTILITY", "PENDING", 0});
  const auto a = put({"a", "id", "y {{1}}", "MARKETING", "APPROVED", 1});  // replaces
  const auto a_en = put({"a", "en", "y", "UTILITY", "APPROVED", 0});
  const auto b = put({"b", "id", "z", "UTILITY", "REJECTED", 0});
  using List = std::vector<ProviderTemplate>;
  CHECK(*store.FindProviderTemplates(kA, {{"a", "id"}, {"a", "id"}, {"b", "en"}}, Soon()) ==
        List{a});
  CHECK(store.FindProviderTemplates(kA, {}, Soon())->empty());
  CHECK(*store.ListProviderTemplates(kA, {}, 2, Soon()) == List{a_en, a});
  CHECK(*store.ListProviderTemplates(kA, {"a", "id"}, 2, Soon()) == List{b});
  List inside;
  REQUIRE_THAT(Do(kA,
                  [&](Store::Unit& unit) -> absl::Status {
                    const std::vector<ProviderKey> keys = {{"b", "id"}};
                    KABAR_ASSIGN_OR_RETURN(inside, unit.FindProviderTemplates(keys));
                    return absl::OkStatus();
                  }),
               IsOk());
  CHECK(inside == List{b});
}

TEST_CASE_METHOD(Fixture, "Store: a request id is kept with its answer, per outlet",
                 "[templates][pg]") {
  const rpc::RequestRecord mine{"Create", std::string("\0\xFF", 2), ""};
  std::optional<rpc::RequestRecord> earlier;
  const auto reserve = [&](Store::Unit& unit) -> absl::Status {
    KABAR_ASSIGN_OR_RETURN(earlier, unit.ReserveRequest("r1", mine));
    return unit.SaveResponse("r1", std::string("\0answer", 7));
  };
  // A failure takes the reservation with it.
  CHECK_THAT(Do(kA,
                [&](Store::Unit& unit) -> absl::Status {
                  KABAR_RETURN_IF_ERROR(reserve(unit));
                  return absl::AbortedError("work failed");
                }),
             !IsOk());
  REQUIRE_THAT(Do(kA, reserve), IsOk());
  CHECK_FALSE(earlier.has_value());
  REQUIRE_THAT(Do(kB, reserve), IsOk());
  CHECK_FALSE(earlier.has_value());
  REQUIRE_THAT(Do(kA, reserve), IsOk());
  REQUIRE(earlier.has_value());
  CHECK(earlier->method == "Create");
  CHECK(earlier->fingerprint == mine.fingerprint);
  CHECK(earlier->response == std::string("\0answer", 7));

  CHECK(store.ForgetRequests(absl::Now() - absl::Hours(1), 10, Soon()).value_or(-1) == 0);
  CHECK(store.ForgetRequests(absl::Now() + absl::Hours(1), 1, Soon()).value_or(-1) == 1);
  CHECK(store.ForgetRequests(absl::Now() + absl::Hours(1), 10, Soon()).value_or(-1) == 1);
  REQUIRE_THAT(Do(kA, reserve), IsOk());
  CHECK_FALSE(earlier.has_value());
}

TEST_CASE_METHOD(Fixture, "Store: a failed unit leaves nothing behind", "[templates][pg]") {
  MessageTemplate added;
  added.id = "tpl_x";
  added.code = "x";
  added.version = 1;
  added.create_time = added.update_time = At(0);
  CHECK_THAT(Do(kA,
                [&](Store::Unit& unit) -> absl::Status {
                  KABAR_RETURN_IF_ERROR(unit.Insert(added));
                  return absl::CancelledError("no");
                }),
             StatusIs(absl::StatusCode::kCancelled));
  CHECK_THAT(store.Get(kA, "tpl_x", 0, Soon()), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace kabar::templates
