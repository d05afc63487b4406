// Messages as CSV: gRPC in, PostgreSQL behind.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/dispatcher/testing/api_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::StatusIs;

struct ExportApi : Api {
  absl::Status Export(const v1::ExportMessagesRequest& request, std::string* csv,
                      const std::string& key = "viewer-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, key, "");
    csv->clear();
    pieces = 0;
    auto stream = stub->ExportMessages(&context, request);
    v1::ExportMessagesResponse piece;
    for (; stream->Read(&piece); ++pieces) *csv += piece.csv();
    return rpc::ToAbsl(stream->Finish());
  }
  // The subjects of the messages that it finds, in order.
  std::string Subjects(const v1::ExportMessagesRequest& request,
                       const std::string& key = "viewer-a") {
    std::string csv;
    REQUIRE_THAT(Export(request, &csv, key), IsOk());
    std::string out;
    const std::vector<std::string> lines = absl::StrSplit(csv, '\n', absl::SkipEmpty());
    for (std::size_t i = 1; i < lines.size(); ++i) {
      const std::vector<std::string> cells = absl::StrSplit(lines[i], ',');
      absl::StrAppend(&out, out.empty() ? "" : " ", cells.at(8));
    }
    return out;
  }
  int pieces = 0;
};

TEST_CASE("ExportMessages: by run, state, contact, phone and time, of the outlet", "[export]") {
  ExportApi f;
  f.AddLane("second");
  f.Enqueue(f.Messages(1, 3));
  f.Enqueue(f.Messages(4, 5), "second");
  f.Sql("UPDATE lanes SET run_id = 'other' WHERE id = 'second'");
  f.Start({f.Id(2)});
  f.Sql("UPDATE messages SET created_at = '2026-11-20 03:00+00' WHERE subject = 'resi-1'");
  v1::ExportMessagesRequest request;
  CHECK(f.Subjects(request) == "resi-1 resi-2 resi-3 resi-4 resi-5");
  CHECK(f.Subjects(request, "owner-b").empty());
  request.set_run_id("other");
  CHECK(f.Subjects(request) == "resi-4 resi-5");
  request.set_run_id("lane");
  CHECK(f.Subjects(request) == "resi-1 resi-2 resi-3");
  request.set_state(events::v1::SENDING);
  CHECK(f.Subjects(request) == "resi-2");
  request.Clear();
  request.set_contact_id(f.Message(3).contact_id);
  CHECK(f.Subjects(request) == "resi-3");
  request.Clear();
  request.set_phone("+628121000004");
  CHECK(f.Subjects(request) == "resi-4");
  request.set_run_id("lane");
  CHECK(f.Subjects(request).empty());
  request.Clear();
  request.mutable_to_time()->set_seconds(1795143600);  // 2026-11-20 03:00 UTC
  CHECK(f.Subjects(request).empty());
  request.mutable_to_time()->set_seconds(1795143601);
  CHECK(f.Subjects(request) == "resi-1");
  request.Clear();
  request.mutable_from_time()->set_seconds(1795143601);
  CHECK(f.Subjects(request) == "resi-2 resi-3 resi-4 resi-5");
  request.mutable_from_time()->set_seconds(1795143600);
  CHECK(f.Subjects(request) == "resi-1 resi-2 resi-3 resi-4 resi-5");
}

TEST_CASE("ExportMessages: by when a message was made, whatever the day of its run", "[export]") {
  ExportApi f;
  f.AddLane("second");
  f.Enqueue(f.Messages(1, 3));
  f.Enqueue(f.Messages(4, 5), "second");
  // A run that has gone on for eleven days, and one that is to come.
  f.Sql("UPDATE messages SET created_at = day + interval '11 days' WHERE subject = 'resi-3'");
  f.Sql("UPDATE messages SET created_at = day - interval '6 days' WHERE lane_id = 'second'");
  const std::int64_t day =
      std::stoll(f.Sql("SELECT extract(epoch FROM min(day)::timestamptz)::bigint FROM messages"));
  v1::ExportMessagesRequest request;
  request.mutable_from_time()->set_seconds(day + 10 * 86400);
  CHECK(f.Subjects(request) == "resi-3");
  request.Clear();
  request.mutable_to_time()->set_seconds(day - 5 * 86400);
  CHECK(f.Subjects(request) == "resi-4 resi-5");
}

TEST_CASE("ExportMessages: a run that is none, a phone that is none", "[export]") {
  ExportApi f;
  f.Enqueue(f.Messages(1, 1));
  std::string csv;
  v1::ExportMessagesRequest request;
  request.set_run_id("runn");
  CHECK_THAT(f.Export(request, &csv), StatusIs(absl::StatusCode::kNotFound));
  request.Clear();
  request.set_phone("08121000001");
  CHECK_THAT(f.Export(request, &csv), HasFieldViolation("phone"));
}

TEST_CASE("ExportMessages: a line as people read it, no formula in it", "[export]") {
  ExportApi f;
  NewMessage message = f.Message(1);
  message.text = "=HYPERLINK(\"x\"), halo\nSiti";
  message.subject = "- resi";
  f.Enqueue({message});
  f.Sql("UPDATE messages SET created_at = '2026-11-20 03:00+00', updated_at = created_at");
  v1::ExportMessagesRequest request;
  request.set_reason("laporan");
  std::string csv;
  REQUIRE_THAT(f.Export(request, &csv), IsOk());
  CHECK(csv ==
        absl::StrCat("id,create_time,update_time,run_id,lane_id,contact_id,phone,bsuid,subject,"
                     "state,reason,attempt,provider_id,template,template_language,text\n",
                     message.id, ",2026-11-20 10:00:00,",
                     f.Sql("SELECT to_char(updated_at AT TIME "
                           "ZONE 'Asia/Jakarta', 'YYYY-MM-DD HH24:MI:SS') FROM messages"),
                     ",run,lane,", message.contact_id, ",'", message.phone,
                     ",,'- resi,QUEUED,,0,,paket,id,\"'=HYPERLINK(\"\"x\"\"), halo\nSiti\"\n"));
  request.set_time_zone("WIT");
  REQUIRE_THAT(f.Export(request, &csv), IsOk());
  CHECK(absl::StrContains(csv, ",2026-11-20 12:00:00,"));
  CHECK(f.Sql("SELECT DISTINCT action || ' ' || who || ' ' || reason FROM audit_log "
              "WHERE action = 'ExportMessages'") == "ExportMessages viewer-a laporan");
  request.set_time_zone("Bulan");
  CHECK_THAT(f.Export(request, &csv), HasFieldViolation("time_zone"));
  request.Clear();
  request.mutable_from_time()->set_seconds(10);
  request.mutable_to_time()->set_seconds(10);
  CHECK_THAT(f.Export(request, &csv), HasFieldViolation("to_time"));
  request.Clear();
  request.set_reason(std::string(300, 'x'));
  CHECK_THAT(f.Export(request, &csv), HasFieldViolation("reason"));
}

TEST_CASE("ExportMessages: page after page, each message once, over lanes and days", "[export]") {
  ExportApi f;
  for (int lane = 1; lane <= 250; ++lane) f.AddLane(absl::StrCat("lane-", lane));
  f.Enqueue(f.Messages(1, 1));
  // Empty days of lanes, and 4,500 messages of one: neither fits into one page.
  f.Sql(
      "INSERT INTO lane_days (lane_id, day) SELECT id, (SELECT day FROM messages) FROM lanes "
      "WHERE id <> 'lane'");
  f.Sql(
      "INSERT INTO messages (day, id, seq, outlet_id, lane_id, ordinal, contact_id, subject, "
      "recipient_id, phone, bsuid, body, form_name, form_language, form_parameters, state) "
      "SELECT m.day, m.id || n, m.seq + n, m.outlet_id, m.lane_id, m.ordinal, "
      "m.contact_id, 'r' || n, m.recipient_id, m.phone, m.bsuid, m.body, m.form_name, "
      "m.form_language, m.form_parameters, m.state FROM messages m, generate_series(1, 4500) n");
  v1::ExportMessagesRequest request;
  std::string csv;
  REQUIRE_THAT(f.Export(request, &csv), IsOk());
  const std::vector<std::string> lines = absl::StrSplit(csv, '\n');
  CHECK(lines.size() == 4503);  // the header, and nothing behind the last line's end
  CHECK(f.pieces == 3);
  request.set_phone(f.Message(1).phone);
  REQUIRE_THAT(f.Export(request, &csv), IsOk());
  CHECK(std::vector<std::string>(absl::StrSplit(csv, '\n')).size() == 4503);
  // The one that is wanted stands far behind: pages that find nothing are no end.
  request.Clear();
  f.Sql("UPDATE messages SET contact_id = 'con_wanted' WHERE subject = 'r4400'");
  request.set_contact_id("con_wanted");
  CHECK(f.Subjects(request) == "r4400");
}

}  // namespace
}  // namespace kabar::dispatcher
