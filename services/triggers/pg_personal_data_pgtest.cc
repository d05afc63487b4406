// What is kept of one person, as callers get it: gRPC in, PostgreSQL behind.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "libs/events/consumer.h"
#include "services/triggers/testing/dispatcher_events.h"
#include "services/triggers/testing/handler_fixture.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::HasFieldViolation;
using testing::InboundFrom;
using testing::IsOk;
using testing::kA;
using testing::ReasonIs;
using testing::Soon;

struct PersonFixture : testing::HandlerFixture {
  struct Found {
    absl::Status status;
    std::string ids;  // of events and answers, as they came
    std::vector<v1::BusinessEvent> events;
  };
  PersonFixture() {
    Sql("INSERT INTO events SELECT 'toko-a', id, 3, '2026-11-20 08:00+07', contact, phone, 'Siti', "
        "'{productname,documentnumber}', '{Sepatu,INV-1}', 0, now() FROM (VALUES "
        "('e1', 'con_1', ''), ('e2', '', '+62811'), ('e3', 'con_9', '+62899'), ('z', 'con_2', '')) "
        "AS v(id, contact, phone)");
    // More than a page, with his on both sides.
    Sql("INSERT INTO events SELECT 'toko-a', 'n' || n, 1, now(), 'con_n', '+62', '', '{}', '{}', "
        "0, now() FROM generate_series(1, 4100) n");
    Sql("INSERT INTO events SELECT 'toko-b', 'e1', 1, now(), 'con_1', '+62811', 'Lain', '{}', "
        "'{}', 0, now()");
    const auto sink = store.MakeDispatcherSink(clock, absl::Hours(24));
    events::v1::NumberedBatch batch;
    batch.set_number(1);
    *batch.mutable_batch()->add_events() = InboundFrom(kA, "in1", "+62811", "YA", At(1));
    *batch.mutable_batch()->add_events() = InboundFrom(kA, "in2", "+62899", "TIDAK", At(2));
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  std::string Sql(const std::string& sql) {
    return kabar::testing::TestPostgres().Sql(pool.options().connection,
                                              "SET search_path = triggers; " + sql);
  }
  Found Ask(const v1::ExportPersonalDataRequest& request, const std::string& who = "operator-a") {
    grpc::ClientContext context;
    rpc::testing::As(context, who);
    const auto stream = stub->ExportPersonalData(&context, request);
    Found found;
    v1::ExportPersonalDataResponse part;
    while (stream->Read(&part)) {
      for (const auto& event : part.events()) {
        absl::StrAppend(&found.ids, found.ids.empty() ? "" : " ", event.id());
        found.events.push_back(event);
      }
      for (const auto& answer : part.answers()) {
        absl::StrAppend(&found.ids, " ", answer.inbound_id(), "=", answer.text());
      }
    }
    found.status = rpc::ToAbsl(stream->Finish());
    return found;
  }
};

TEST_CASE_METHOD(PersonFixture, "ExportPersonalData: his events and answers, nobody else's",
                 "[triggers][pg]") {
  v1::ExportPersonalDataRequest request;
  request.add_contact_ids("con_1");
  request.add_contact_ids("con_2");
  request.add_phones("+62811");
  const Found found = Ask(request);
  REQUIRE_THAT(found.status, IsOk());
  CHECK(found.ids == "e1 e2 z in1=YA");
  const v1::BusinessEvent& event = found.events.at(0);
  CHECK(event.type() == v1::ORDER_PAID);
  CHECK(event.name() == "Siti");
  CHECK(event.variables().at("productname") == "Sepatu");
  CHECK(event.time().seconds() == 1795136400);
  CHECK(Ask(request, "operator-b").ids == "e1");
  CHECK_THAT(Ask(request, "viewer-a").status, ReasonIs("ROLE_TOO_LOW"));
}

TEST_CASE_METHOD(PersonFixture, "ExportPersonalData: by nothing, or by what is no address",
                 "[triggers][pg]") {
  v1::ExportPersonalDataRequest request;
  CHECK_THAT(Ask(request).status, HasFieldViolation("contact_ids"));
  request.add_phones("");
  CHECK_THAT(Ask(request).status, HasFieldViolation("phones"));
  request.Clear();
  for (int i = 0; i < 101; ++i) request.add_bsuids("ID.1");
  CHECK_THAT(Ask(request).status, HasFieldViolation("bsuids"));
}

}  // namespace
}  // namespace kabar::triggers
