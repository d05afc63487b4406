// The personal-data law: everything on one person, and nothing any more. Against PostgreSQL.
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "libs/events/consumer.h"
#include "libs/events/publisher.h"
#include "libs/events/reader.h"
#include "nlohmann/json.hpp"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using Stub = Server::Stub;

struct PersonFixture : Server {
  PersonFixture() {
    v1::CreateContactRequest request;
    request.mutable_contact()->set_phone("081234567890");
    request.mutable_contact()->set_name("Siti Rahmawati");
    request.mutable_contact()->set_address("Jl. Melati 5");
    request.set_request_id("req-create");
    REQUIRE_THAT(Call(&Stub::CreateContact, request, &siti), IsOk());
    Ship(kA, "JP1", siti.id(), "In Transit");
    Contact other;
    other.phone = "+6281234567891";
    other.bsuid = "ID.4711";
    other.name = "Rahma Siti";
    const Contact second = Add(kA, other);
    SetConsent(kA, second.id, Purpose::kMarketing, true);
    Must(kA,
         [&](Store::Unit& u) { return u.MergeContacts(siti.id(), second.id, "operator", "op"); });
    merged_id = second.id;
    Sql("INSERT INTO timeline SELECT 'toko-a', 'INBOUND', 'in1', '" + siti.id() +
        "', '', now(), 'text', '', 'nama saya Siti Rahmawati', '', now(), 1");
    Add(kA, "+6281234567899", "Ani");
    for (const char* reference : {"LUNAS-4712", "LUNAS-4713"}) {
      Must(kA, [&](Store::Unit& u) {
        return u.RecordFact({.contact_id = merged_id,
                             .kind = FactKind::kOverdueCod,
                             .source = "sales",
                             .reference = reference,
                             .open = true,
                             .amount = 150000,
                             .time = absl::FromUnixSeconds(1795222800)});
      });
    }
  }
  absl::Status Erase(const std::string& id, const std::string& request_id = "",
                     const std::string& key = "operator-a") {
    v1::EraseContactRequest request;
    request.set_id(id);
    request.set_reason("letter of 20 November");
    request.set_request_id(request_id);
    return Call(&Stub::EraseContact, request, &erased, key);
  }
  // Every table of the schema as text, bytes as hexadecimal digits.
  std::string Dump() {
    std::string all;
    const std::string tables =
        Sql("SELECT string_agg(table_name, ' ') FROM information_schema.tables "
            "WHERE table_schema = 'contacts' AND table_type = 'BASE TABLE'");
    for (const auto& table : absl::StrSplit(tables, ' ')) {
      all += Sql(absl::StrCat("SELECT coalesce(string_agg(t::text, ' '), '') FROM ",
                              std::string(table), " t"));
    }
    return all;
  }
  v1::Contact siti;
  std::string merged_id;
  v1::EraseContactResponse erased;
};

TEST_CASE("EraseContact: nothing in the schema names him, but he is still not written to",
          "[erasure]") {
  PersonFixture f;
  const std::string hex = absl::BytesToHexString("6281234567890");
  REQUIRE(absl::StrContains(f.Dump(), "6281234567890"));
  REQUIRE(absl::StrContains(f.Dump(), hex));  // the answer kept for req-create
  CHECK_THAT(f.Erase(f.siti.id(), "", "viewer-a"), ReasonIs("ROLE_TOO_LOW"));
  CHECK_THAT(f.Erase(f.siti.id(), "", "operator-b"), ReasonIs("CONTACT_NOT_FOUND"));
  for (int i = 0; i < 2; ++i) REQUIRE_THAT(f.Erase(f.merged_id, "req-erase"), IsOk());
  CHECK(f.erased.contacts() == 2);
  CHECK(f.erased.shipments() == 1);
  CHECK(f.erased.timeline_entries() == 1);
  CHECK_THAT(f.Erase(f.siti.id()), ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(f.Erase(f.merged_id), ReasonIs("CONTACT_NOT_FOUND"));
  CHECK(f.Sql("SELECT action || ' ' || target || ' ' || reason FROM audit_log") ==
        "EraseContact contact/" + f.siti.id() + " letter of 20 November");

  // The event names him until the others have read it.
  events::Publisher publisher(f.pool);
  REQUIRE_THAT(publisher.PublishOnce(Soon()), IsOk());
  events::Reader reader(f.pool, {});
  events::v1::ReadEventsResponse response;
  REQUIRE_THAT(reader.Read(1, Soon(), &response), IsOk());
  const auto& told = response.batches().rbegin()->batch().events(0);
  CHECK(told.outlet_id() == kA);
  CHECK(told.contact_erased().contact_ids_size() == 2);
  CHECK(told.contact_erased().phones_size() == 2);
  CHECK(told.contact_erased().bsuids(0) == "ID.4711");
  f.Sql("DELETE FROM outbox");  // as trimming does
  // Answers kept for repeated requests go with their day.
  REQUIRE_THAT(f.store.ForgetRequests(absl::Now() + absl::Hours(1), 1000, Soon()), IsOk());
  const std::string dump = f.Dump();
  for (const char* trace :
       {"6281234567890", "6281234567891", "Rahma", "Melati", "ID.4711", "LUNAS-4712"}) {
    INFO(trace);
    CHECK_FALSE(absl::StrContains(dump, trace));
    CHECK_FALSE(absl::StrContains(dump, absl::BytesToHexString(trace)));
  }
  CHECK(f.Names(kA, "") == "Ani");

  // Whichever way he comes back: what he refused holds, and only that.
  v1::ImportContactsResponse report;
  REQUIRE_THAT(
      f.Import("nama,no_hp,setuju_promosi\nSiti,081234567890,ya\nBaru,081234567895,ya\n", &report),
      IsOk());
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Siti");
  CHECK(f.Names(kA, "delivery_updates_opted_out = true").empty());
  f.Create("081234567891", "Nomor dua");
  f.Must(kA, [](Store::Unit& u) {
    return u.RecognizeSender({.bsuid = "ID.4711", .name = "Tersembunyi"}, "");
  });
  // That he came back by one address does not use up what another refused.
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Nomor dua Siti Tersembunyi");
  // What he says then holds, also against the next file.
  f.SetConsent(kA, f.Find(kA, "+6281234567890").id, Purpose::kMarketing, false);
  REQUIRE_THAT(f.Import("nama,no_hp\nSiti,081234567890\nLain,081234567896\n", &report), IsOk());
  CHECK(f.Names(kA, "marketing_opted_out = true") == "Nomor dua Tersembunyi");
}

// Somebody who refused everything by a phone, a former phone and a BSUID, and was erased.
struct RefusedFixture : Server {
  RefusedFixture() {
    Contact who;
    who.phone = "+6281111111111";
    who.bsuid = "ID.1";
    const Contact refused = Add(kA, who);
    Must(kA, [](Store::Unit& u) {
      return u.ChangeNumber({.phone = "+6281111111111", .bsuid = "ID.1"},
                            {.phone = "+6281111111112", .bsuid = "ID.2"}, absl::Now());
    });
    SetConsent(kA, refused.id, Purpose::kMarketing, true);
    Must(kA, [&](Store::Unit& u) { return u.EraseContact(refused.id); });
    other = Add(kA, "+6281999999999", "Lain");
  }
  std::string Refusing() { return Names(kA, "marketing_opted_out = true"); }
  Contact other;
};

TEST_CASE("EraseContact: what he refused holds for whoever has one of his addresses next",
          "[erasure]") {
  RefusedFixture f;
  REQUIRE(f.Refusing().empty());
  SECTION("a contact who is given it") {
    Contact given = f.other;
    given.phone = "+6281111111112";
    f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(given); });
  }
  SECTION("a former number, in a file") {
    v1::ImportContactsResponse report;
    REQUIRE_THAT(f.Import("nama,no_hp\nLain,081111111111\n", &report), IsOk());
  }
  SECTION("a contact who changes to it") {
    f.Must(kA, [](Store::Unit& u) {
      return u.ChangeNumber({.phone = "+6281999999999"}, {.phone = "+6281111111112"}, absl::Now());
    });
  }
  SECTION("a BSUID that a file brings to a known contact") {
    ImportChunk chunk;
    chunk.contacts.push_back({.phone = "+6281999999999", .bsuid = "ID.2", .patch = {}});
    f.Must(kA, [&](Store::Unit& u) { return u.Import(chunk); });
  }
  SECTION("a deleted contact who comes back with it") {
    f.SetConsent(kA, f.other.id, Purpose::kDeliveryUpdates, true);
    REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.other.id); }), IsOk());
    f.Must(kA, [](Store::Unit& u) {
      return u.FindOrInsertContact({.phone = "+6281999999999", .bsuid = "ID.2", .name = "Lain"});
    });
  }
  CHECK(f.Refusing() == "Lain");
  // What the contact had agreed to before does not count against it, what he says later does.
  const std::string id =
      f.Must(kA,
             [&](Store::Unit& u) {
               return u.ListContacts(f.Filter("marketing_opted_out = true"), "", 1);
             })
          .front()
          .id;
  f.SetConsent(kA, id, Purpose::kMarketing, false);
  Contact same = f.Get(kA, id);
  same.bsuid = "ID.77";
  f.Must(kA, [&](Store::Unit& u) { return u.ReplaceContact(same); });
  CHECK(f.Refusing().empty());
}

TEST_CASE("EraseContact: a deleted contact of whom an opt-out is left", "[erasure]") {
  RefusedFixture f;
  f.SetConsent(kA, f.other.id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Do(kA, [&](Store::Unit& u) { return u.DeleteContact(f.other.id); }), IsOk());
  f.Must(kA, [&](Store::Unit& u) { return u.EraseContact(f.other.id); });
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
  CHECK(f.Sql("SELECT count(*) FROM contact_identities") == "0");
  f.Add(kA, "+6281999999999", "Lain");
  CHECK(f.Refusing() == "Lain");
}

TEST_CASE("EraseContact: what was on its way does not bring him back", "[erasure]") {
  RefusedFixture f;
  f.Must(kA, [&](Store::Unit& u) { return u.EraseContact(f.other.id); });
  const std::unique_ptr<events::Sink> sink = f.store.MakeDispatcherSink();
  events::v1::NumberedBatch batch;
  batch.set_number(1);
  // The event itself is always of now: webhooks may be read late.
  const auto wrote = [&](const std::string& text, absl::Time at) {
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Seconds(10)));
    event.mutable_inbound_received()->mutable_write_time()->set_seconds(absl::ToUnixSeconds(at));
    event.mutable_inbound_received()->set_phone("+6281999999999");
    event.mutable_inbound_received()->set_profile_name("Lain");
    event.mutable_inbound_received()->set_text(text);
  };
  wrote("halo", absl::Now() - absl::Minutes(1));
  wrote("STOP", absl::Now() - absl::Minutes(1));
  f.Sql("INSERT INTO timeline SELECT 'toko-a', 'MESSAGE', 'm1', '" + f.other.id +
        "', '', now(), 'SENT', '', '', '', now(), 1");  // written beside the erasure
  events::v1::Event& told = *batch.mutable_batch()->add_events();
  told.set_outlet_id(kA);
  told.mutable_contact_erased()->add_contact_ids(f.other.id);
  REQUIRE_THAT(sink->Apply(std::vector<const events::v1::NumberedBatch*>{&batch}, Soon()), IsOk());
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
  CHECK(f.Sql("SELECT count(*) FROM timeline") == "0");

  v1::ResolveContactsRequest resolve;  // as triggers does for an order of before, however late
  resolve.set_create_missing(true);
  resolve.add_contacts()->set_phone("+6281999999999");
  resolve.add_contacts()->set_phone("+6281999999998");
  v1::ResolveContactsResponse people;
  resolve.add_heard_times()->set_seconds(absl::ToUnixSeconds(absl::Now() - absl::Hours(5)));
  CHECK_THAT(f.Call(&Stub::ResolveContacts, resolve, &people), HasFieldViolation("heard_times"));
  resolve.add_heard_times()->set_seconds(absl::ToUnixSeconds(absl::Now() - absl::Hours(5)));
  REQUIRE_THAT(f.Call(&Stub::ResolveContacts, resolve, &people), IsOk());
  REQUIRE(people.contacts_size() == 2);
  CHECK(people.contacts(0).id().empty());
  CHECK_FALSE(people.contacts(1).id().empty());

  // A STOP of before that is read after a file has brought him back.
  f.Add(kA, "+6281111111111", "Berkas");
  f.SetConsent(kA, f.Find(kA, "+6281111111111").id, Purpose::kMarketing, false);
  batch.Clear();
  batch.set_number(2);
  wrote("STOP", absl::Now() - absl::Minutes(1));
  batch.mutable_batch()->mutable_events(0)->mutable_inbound_received()->set_phone("+6281111111111");
  REQUIRE_THAT(sink->Apply(std::vector<const events::v1::NumberedBatch*>{&batch}, Soon()), IsOk());
  CHECK(f.Refusing() == "Berkas");

  // Whoever writes now is a contact again, and what he said on his way out holds.
  batch.Clear();
  batch.set_number(3);
  wrote("halo", absl::Now() + absl::Seconds(5));
  REQUIRE_THAT(sink->Apply(std::vector<const events::v1::NumberedBatch*>{&batch}, Soon()), IsOk());
  CHECK(f.Refusing() == "Berkas Lain");
}

// By phone alone; we wrote to him, he answers with a hidden number.
TEST_CASE("EraseContact: who answers hidden is known by what he answers", "[erasure]") {
  RefusedFixture f;
  f.Must(kA, [&](Store::Unit& u) { return u.EraseContact(f.other.id); });
  const std::unique_ptr<events::Sink> sink = f.store.MakeDispatcherSink();
  int64_t number = 0;
  const auto answers = [&](const std::string& text, absl::Time at) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now() + absl::Seconds(10)));
    events::v1::InboundReceived& inbound = *event.mutable_inbound_received();
    inbound.mutable_write_time()->set_seconds(absl::ToUnixSeconds(at));
    inbound.set_bsuid("ID.9");
    inbound.set_last_contact_id(f.other.id);
    inbound.set_text(text);
    REQUIRE_THAT(sink->Apply(std::vector<const events::v1::NumberedBatch*>{&batch}, Soon()),
                 IsOk());
  };
  answers("STOP", absl::Now() - absl::Minutes(1));
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
  SECTION("his number comes back in a file") { f.Add(kA, "+6281999999999", "Berkas"); }
  SECTION("it came back before his STOP was read") {
    REQUIRE_THAT(  // of nobody: nothing happens
        f.Do(kA, [&](Store::Unit& u) { return u.RefuseMarketing("con_x", absl::Now()); }), IsOk());
    CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
    f.Sql("DELETE FROM erased_opt_outs");
    f.Add(kA, "+6281999999999", "Berkas");
    REQUIRE(f.Refusing().empty());
    answers("STOP", absl::Now() - absl::Minutes(1));
  }
  SECTION("the provider says it of a message to him") {
    f.Sql("DELETE FROM erased_opt_outs");
    REQUIRE_THAT(
        f.Do(kA, [&](Store::Unit& u) { return u.RefuseMarketing(f.other.id, absl::Now()); }),
        IsOk());
    f.Add(kA, "+6281999999999", "Berkas");
  }
  CHECK(f.Refusing() == "Berkas");
  // What he writes later is a contact's again.
  answers("halo", absl::Now() + absl::Seconds(5));
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "2");
}

TEST_CASE("EraseContact: needs a contact and a reason", "[erasure]") {
  Server s;
  v1::EraseContactRequest request;
  v1::EraseContactResponse response;
  CHECK_THAT(s.Call(&Stub::EraseContact, request, &response), HasFieldViolation("id"));
  request.set_id("con_x");
  CHECK_THAT(s.Call(&Stub::EraseContact, request, &response), HasFieldViolation("reason"));
}

TEST_CASE("ExportContact: everything on one person as one JSON object", "[erasure]") {
  PersonFixture f;
  for (int i = 0; i < 600; ++i) f.Ship(kA, "X" + std::to_string(i), f.siti.id(), "Delivered");
  const auto read = [&](const std::string& key, std::string* json) {
    grpc::ClientContext context;
    rpc::testing::As(context, key);
    v1::ExportContactRequest request;
    request.set_id(f.merged_id);
    request.set_reason("asked at the counter");
    auto stream = f.stub->ExportContact(&context, request);
    v1::ExportContactResponse piece;
    int pieces = 0;
    for (; stream->Read(&piece); ++pieces) *json += piece.json();
    CHECK(pieces != 1);
    return rpc::ToAbsl(stream->Finish());
  };
  std::string text;
  CHECK_THAT(read("viewer-a", &text), ReasonIs("ROLE_TOO_LOW"));
  CHECK_THAT(read("operator-b", &text), ReasonIs("CONTACT_NOT_FOUND"));
  REQUIRE(text.empty());
  REQUIRE_THAT(read("operator-a", &text), IsOk());
  const auto json = nlohmann::json::parse(text, nullptr, false);
  REQUIRE(json.is_object());
  CHECK(json["contact"]["name"] == "Siti Rahmawati");
  CHECK(json["contact"]["identities"].size() == 3);
  CHECK(json["shipments"].size() == 601);
  CHECK(json["consents"][0]["source"] == "merge");
  CHECK(json["facts"].size() == 2);
  CHECK(json["facts"][0]["reference"] == "LUNAS-4712");
  CHECK(json["facts"][0]["amount"] == "150000");
  CHECK(json["merges"][0]["merged_before"]["name"] == "Rahma Siti");
  CHECK(json["timeline"].size() > 600);
  CHECK(f.Sql("SELECT who || ' ' || reason FROM audit_log") == "operator-a asked at the counter");
}

}  // namespace
}  // namespace kabar::contacts
