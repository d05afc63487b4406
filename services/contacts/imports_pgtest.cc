// Imports while they run, as their callers see them: progress, cancelling, going on.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/rpc/status.h"
#include "libs/rpc/testing/local_server.h"
#include "services/contacts/handler.h"
#include "services/contacts/import_writer.h"
#include "services/contacts/imports_handler.h"
#include "services/contacts/testing/store_fixture.h"

namespace kabar::contacts {
namespace {

using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

// 5 chunks; every 10th row is refused.
constexpr int kRows = 10'000;

std::string Rows(int from, int to) {
  std::string out;
  for (int i = from; i < to; ++i) {
    absl::StrAppend(&out, "N", i, ",", i % 10 == 0 ? "0812" : absl::StrCat("08123", 100'000 + i),
                    ",R", i, "\n");
  }
  return out;
}

struct ImportServer : StoreFixture {
  // The stream of one import.
  struct Stream {
    grpc::ClientContext context;
    v1::ImportContactsResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::ImportContactsRequest>> writer;

    bool Write(const std::string& data) {
      v1::ImportContactsRequest message;
      message.set_data(data);
      return writer->Write(message);
    }
    absl::Status Finish() {
      writer->WritesDone();
      return rpc::ToAbsl(writer->Finish());
    }
  };

  std::unique_ptr<Stream> Begin(const std::string& request_id,
                                const std::string& key = "operator-a") {
    auto stream = std::make_unique<Stream>();
    rpc::testing::As(stream->context, key);
    stream->writer = stub->ImportContacts(&stream->context, &stream->response);
    v1::ImportContactsRequest message;
    message.mutable_options()->set_request_id(request_id);
    stream->writer->Write(message);
    stream->Write("nama,hp,resi\n");
    return stream;
  }
  absl::StatusOr<v1::Import> Get(const std::string& request_id,
                                 const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    v1::GetImportRequest request;
    request.set_import_request_id(request_id);
    v1::Import import;
    const absl::Status status = rpc::ToAbsl(imports->GetImport(&context, request, &import));
    if (!status.ok()) return status;
    return import;
  }
  absl::StatusOr<v1::Import> Cancel(const std::string& request_id,
                                    const std::string& key = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    v1::CancelImportRequest request;
    request.set_import_request_id(request_id);
    v1::Import import;
    const absl::Status status = rpc::ToAbsl(imports->CancelImport(&context, request, &import));
    if (!status.ok()) return status;
    return import;
  }
  // Until the import is as `is` says; the last look.
  template <typename Is>
  v1::Import Await(const std::string& request_id, Is is) {
    absl::StatusOr<v1::Import> import;
    const absl::Time deadline = absl::Now() + absl::Minutes(2);
    do {
      import = Get(request_id);
      if (import.ok() && is(*import)) return *import;
    } while (absl::Now() < deadline);
    INFO(import.status());
    FAIL("the import did not come so far");
    return {};
  }
  std::string Counts() {
    return Sql("SELECT (SELECT count(*) FROM contacts) || ' ' || (SELECT count(*) FROM shipments)");
  }

  rpc::Guard guard{{.service = "contacts"}, rpc::testing::TestKeys()};
  Handler handler{store, language, absl::FixedTimeZone(7 * 3600), base::SystemClock(), guard};
  ImportsHandler imports_handler{store, guard};
  rpc::testing::LocalServer server{guard, {&handler, &imports_handler}};
  std::unique_ptr<v1::ContactsService::Stub> stub = v1::ContactsService::NewStub(server.channel());
  std::unique_ptr<v1::ImportsService::Stub> imports = v1::ImportsService::NewStub(server.channel());
};

TEST_CASE("Imports: the figures grow chunk by chunk and are what is in the store", "[imports]") {
  ImportServer s;
  const auto stream = s.Begin("r1");
  stream->Write(Rows(0, 5000));
  const v1::Import half =
      s.Await("r1", [](const v1::Import& import) { return import.rows() >= 4000; });
  CHECK(half.state() == v1::Import::RUNNING);
  CHECK(half.rows() == 4000);
  CHECK(half.accepted() == 3600);
  CHECK(half.refused() == 400);
  CHECK(half.contacts_created() == 3600);
  CHECK(s.Counts() == "3600 3600");
  CHECK_THAT(s.Get("r1", "operator-b").status(), ReasonIs("IMPORT_NOT_FOUND"));
  stream->Write(Rows(5000, kRows));
  REQUIRE_THAT(stream->Finish(), IsOk());
  CHECK(stream->response.rows() == kRows);
  CHECK(stream->response.rows_before() == 0);
  const absl::StatusOr<v1::Import> whole = s.Get("r1");
  REQUIRE_THAT(whole, IsOk());
  CHECK(whole->state() == v1::Import::COMPLETED);
  CHECK(whole->id() == stream->response.import_id());
  CHECK(whole->rows() == kRows);
  CHECK(whole->shipments_created() == 9000);
  CHECK_THAT(s.Cancel("r1").status(), ReasonIs("IMPORT_COMPLETED"));
  CHECK(s.Sql("SELECT count(*) FROM import_refused") == "0");
}

TEST_CASE("Imports: behind a cancelled one nothing is written", "[imports]") {
  ImportServer s;
  const auto stream = s.Begin("r1");
  stream->Write(Rows(0, 5000));
  s.Await("r1", [](const v1::Import& import) { return import.rows() >= 4000; });
  CHECK_THAT(s.Cancel("r1", "viewer-a").status(), StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK_THAT(s.Cancel("r1", "operator-b").status(), ReasonIs("IMPORT_NOT_FOUND"));
  const absl::StatusOr<v1::Import> cancelled = s.Cancel("r1");
  REQUIRE_THAT(cancelled, IsOk());
  CHECK(cancelled->state() == v1::Import::CANCELLED);
  stream->Write(Rows(5000, kRows));
  const absl::Status ended = stream->Finish();
  CHECK_THAT(ended, ReasonIs("IMPORT_CANCELLED"));
  CHECK_THAT(ended, StatusIs(absl::StatusCode::kCancelled, "behind row 4000"));
  CHECK(s.Counts() == "3600 3600");
  const absl::StatusOr<v1::Import> now = s.Get("r1");
  REQUIRE_THAT(now, IsOk());
  CHECK(now->state() == v1::Import::CANCELLED);
  CHECK(now->rows() == 4000);
  CHECK_THAT(s.Cancel("r1"), IsOk());
  const auto again = s.Begin("r1");
  CHECK_THAT(again->Finish(), ReasonIs("IMPORT_CANCELLED"));
}

TEST_CASE("Imports: one that was cut off goes on and reports as a whole one", "[imports]") {
  ImportServer s;
  auto stream = s.Begin("r1");
  stream->Write(Rows(0, 5000));
  s.Await("r1", [](const v1::Import& import) { return import.rows() >= 4000; });
  stream->context.TryCancel();
  CHECK_FALSE(stream->Finish().ok());
  const v1::Import stopped =
      s.Await("r1", [](const v1::Import& import) { return import.state() == v1::Import::STOPPED; });
  CHECK(stopped.rows() >= 4000);
  CHECK_FALSE(stopped.error().empty());

  const auto other = s.Begin("r1");
  other->Write("M" + Rows(0, kRows).substr(1));
  CHECK_THAT(other->Finish(), ReasonIs("IMPORT_FILE_CHANGED"));

  stream = s.Begin("r1");
  stream->Write(Rows(0, kRows));
  REQUIRE_THAT(stream->Finish(), IsOk());
  const auto whole = s.Begin("r1", "operator-b");
  whole->Write(Rows(0, kRows));
  REQUIRE_THAT(whole->Finish(), IsOk());
  v1::ImportContactsResponse expected = whole->response;
  expected.set_import_id(stream->response.import_id());
  expected.set_rows_before(stopped.rows());
  CHECK(stream->response.SerializeAsString() == expected.SerializeAsString());
  CHECK(stream->response.shipments_created() == 9000);
  CHECK(stream->response.shipments_updated() == 0);
  CHECK(s.Counts() == "18000 18000");
}

TEST_CASE("Imports: one whose last chunk a crash of PostgreSQL took away has not ended",
          "[imports]") {
  ImportServer s;
  const auto stream = s.Begin("r1");
  stream->Write(Rows(0, 4000));
  s.Await("r1", [](const v1::Import& import) { return import.rows() == 4000; });
  s.Sql("UPDATE imports SET rows = 2000");
  CHECK_THAT(stream->Finish(), ReasonIs("IMPORT_CHUNK_EARLY"));
  CHECK(s.Get("r1")->state() == v1::Import::STOPPED);
}

TEST_CASE("Imports: of two streams of one request id the later writes on", "[imports]") {
  ImportServer s;
  const auto begin = [&] {
    return s.Must(kA, [](Store::Unit& u) { return u.BeginImport("r1", "options"); });
  };
  const ImportTurn first = begin();
  const ImportTurn second = begin();
  CHECK(second.id == first.id);
  const auto write = [&](const ImportTurn& turn) {
    Importer importer({}, WriteChunksTo(s.store, kA, turn));
    absl::Status status = importer.Feed("hp\n081234567890\n");
    if (status.ok()) status = importer.Finish();
    return status;
  };
  CHECK_THAT(write(first), ReasonIs("IMPORT_TAKEN_OVER"));
  CHECK(s.Counts() == "0 0");
  CHECK_THAT(write(second), IsOk());
  CHECK(s.Counts() == "1 0");
  // What the first one says of its end is of no account either.
  NoteStopped(s.store, kA, first, absl::UnavailableError("late"));
  CHECK(s.Get("r1")->state() == v1::Import::RUNNING);
  CHECK_THAT(s.Do(kA, [](Store::Unit& u) { return u.BeginImport("r1", "others").status(); }),
             ReasonIs("REQUEST_ID_REUSED"));
}

TEST_CASE("Imports: nobody goes on with those of the day before", "[imports]") {
  ImportServer s;
  s.Must(kA, [](Store::Unit& u) { return u.BeginImport("old", ""); });
  s.Sql("UPDATE imports SET updated_at = now() - interval '25 hours'");
  s.Sql(
      "INSERT INTO import_refused SELECT outlet_id, id, 1, '{}', '{}', '{}', '{}', '', true "
      "FROM imports");
  s.Must(kA, [](Store::Unit& u) { return u.BeginImport("new", ""); });
  const auto given_up = s.store.GiveUpImports(absl::Now() - absl::Hours(24), 100, Soon());
  REQUIRE_THAT(given_up, IsOk());
  CHECK(*given_up == 1);
  CHECK(s.Get("old")->state() == v1::Import::CANCELLED);
  CHECK(s.Get("new")->state() == v1::Import::RUNNING);
  CHECK(s.Sql("SELECT count(*) FROM import_refused") == "0");
  const auto listed = s.Must(kA, [](Store::Unit& u) { return u.ListImports("", 10); });
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].request_id == "new");
}

}  // namespace
}  // namespace kabar::contacts
