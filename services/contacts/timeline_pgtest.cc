// A contact's timeline, from the dispatcher's events and the service's own tables.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using Stub = Server::Stub;

struct TimelineFixture : Server {
  events::v1::Event At(int64_t seconds) const {
    events::v1::Event event;
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(seconds);
    return event;
  }
  events::v1::Event Message(int64_t seconds, const std::string& id, const std::string& contact,
                            events::v1::MessageState to, int64_t revision) const {
    events::v1::Event event = At(seconds);
    auto* change = event.mutable_message_changed();
    change->set_message_id(id);
    change->set_contact_id(contact);
    change->set_to(to);
    change->set_revision(revision);
    change->set_subject("JP1");
    change->set_run_id("run_1");
    return event;
  }
  events::v1::Event Wrote(int64_t seconds, const std::string& id, const std::string& phone,
                          const std::string& bsuid, const std::string& text) const {
    events::v1::Event event = At(seconds);
    auto* inbound = event.mutable_inbound_received();
    inbound->set_inbound_id(id);
    inbound->set_phone(phone);
    inbound->set_bsuid(bsuid);
    inbound->set_kind("text");
    inbound->set_text(text);
    return event;
  }
  absl::Status Apply(int64_t number, const std::vector<events::v1::Event>& events) {
    events::v1::NumberedBatch batch;
    batch.set_number(number);
    for (const events::v1::Event& event : events) *batch.mutable_batch()->add_events() = event;
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    return sink->Apply(batches, Soon());
  }
  // "KIND state text", newest first, read page by page.
  std::vector<std::string> Read(const std::string& contact_id, int page_size) {
    v1::GetContactTimelineRequest request;
    request.set_contact_id(contact_id);
    request.set_page_size(page_size);
    std::vector<std::string> out;
    do {
      v1::GetContactTimelineResponse page;
      REQUIRE_THAT(Call(&Stub::GetContactTimeline, request, &page, "viewer-a"), IsOk());
      CHECK(page.entries_size() <= page_size);
      for (const v1::TimelineEntry& one : page.entries()) {
        out.push_back(absl::StrCat(v1::TimelineEntry::Kind_Name(one.kind()), " ", one.state(), " ",
                                   one.subject(), one.text()));
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return out;
  }
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink();
};

TEST_CASE("Timeline: everything in order, whatever the page size, each event once", "[timeline]") {
  TimelineFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Ship(kA, "JP1", siti.id, "In Transit");
  f.Sql("UPDATE shipments SET created_at = to_timestamp(50)");
  using events::v1::MessageState;
  REQUIRE_THAT(f.Apply(1, {f.Message(100, "m1", siti.id, MessageState::QUEUED, 1),
                           f.Message(101, "m1", siti.id, MessageState::SENDING, 2),
                           f.Message(102, "m1", siti.id, MessageState::SENT, 3),
                           f.Message(102, "m2", siti.id, MessageState::SENT, 3),
                           f.Message(102, "m3", "con_gone", MessageState::SENT, 3)}),
               IsOk());
  REQUIRE_THAT(f.Apply(2, {f.Message(110, "m1", siti.id, MessageState::READ, 5),
                           f.Message(109, "m1", siti.id, MessageState::DELIVERED, 4),
                           f.Wrote(120, "in1", "+62811", "", "YA"),
                           f.Wrote(130, "in2", "+62811", "", "STOP")}),
               IsOk());
  CHECK_FALSE(f.Apply(2, {f.Wrote(120, "in9", "+62811", "", "dua kali")}).ok());
  const std::vector<std::string> expected = {"INBOUND text STOP",
                                             "CONSENT OPTED_OUT MARKETING",
                                             "CONSENT OPTED_OUT DELIVERY_UPDATES",
                                             "INBOUND text YA",
                                             "MESSAGE SENT JP1",
                                             "MESSAGE READ JP1",
                                             "SHIPMENT In Transit "};
  CHECK(f.Read(siti.id, 100) == expected);
  CHECK(f.Read(siti.id, 1) == expected);
  CHECK(f.Read(siti.id, 3) == expected);
  v1::GetContactTimelineRequest request;
  v1::GetContactTimelineResponse page;
  request.set_contact_id(siti.id);
  CHECK_THAT(f.Call(&Stub::GetContactTimeline, request, &page, "viewer-b"),
             ReasonIs("CONTACT_NOT_FOUND"));
  request.set_page_token("x");
  CHECK_THAT(f.Call(&Stub::GetContactTimeline, request, &page), HasFieldViolation("page_token"));
}

TEST_CASE("Timeline: goes with a merge, and back with its undoing", "[timeline]") {
  TimelineFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  REQUIRE_THAT(f.Apply(1, {f.Wrote(100, "in1", "", "ID.1", "halo")}), IsOk());
  const std::string hidden =
      f.Must(kA, [](Store::Unit& u) { return u.FindContact({.bsuid = "ID.1"}); }).id;
  // The merge and a message that names the merged one, in one batch.
  REQUIRE_THAT(f.Apply(2, {f.Message(90, "m1", hidden, events::v1::SENT, 3),
                           f.Wrote(110, "in2", "+62811", "ID.1", "ini nomor saya")}),
               IsOk());
  REQUIRE_THAT(f.Apply(3, {f.Message(95, "m2", hidden, events::v1::FAILED, 3)}), IsOk());
  // As if it had been written while the two were merged.
  f.Sql("UPDATE timeline SET contact_id = '" + hidden + "', merged_from = '' WHERE ref = 'm2'");
  const auto one = f.Read(siti.id, 10);
  REQUIRE(one.size() == 5);
  CHECK(one[0] == absl::StrCat("MERGE MERGED ", hidden));
  CHECK(one[1] == "INBOUND text ini nomor saya");
  CHECK(one[2] == "INBOUND text halo");
  const std::string merge = f.Sql("SELECT id FROM contact_merges");
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.UndoMerge(merge, "op").status(); }), IsOk());
  CHECK(f.Read(siti.id, 10) == std::vector<std::string>{absl::StrCat("MERGE UNDONE ", hidden),
                                                        "INBOUND text ini nomor saya"});
  CHECK(f.Read(hidden, 10) == std::vector<std::string>{absl::StrCat("MERGE UNDONE ", siti.id),
                                                       "INBOUND text halo", "MESSAGE FAILED JP1",
                                                       "MESSAGE SENT JP1"});
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(hidden); }), IsOk());
  CHECK(f.Sql("SELECT count(*) FROM timeline") == "1");
}

}  // namespace
}  // namespace kabar::contacts
