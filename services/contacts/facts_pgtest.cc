// Facts: recorded through gRPC, what they keep away, what segments make of them.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "services/contacts/testing/server_fixture.h"

namespace kabar::contacts {
namespace {

using testing::HasFieldViolation;
using testing::IsOk;
using testing::ReasonIs;
using testing::StatusIs;

using Stub = Server::Stub;

// 2026-11-22 10:00 in Jakarta
constexpr int64_t kMorning = 1795316400;

struct Facts : Server {
  Facts() { ani = Create("081200000001", "Ani").id(); }

  v1::RecordFactRequest Of(v1::FactKind kind, const std::string& reference, bool open,
                           int64_t time = 0) {
    v1::RecordFactRequest request;
    v1::Fact* fact = request.mutable_fact();
    fact->set_contact_id(ani);
    fact->set_kind(kind);
    fact->set_source("sales");
    fact->set_reference(reference);
    fact->set_state(open ? v1::Fact::OPEN : v1::Fact::CLOSED);
    if (time > 0) fact->mutable_time()->set_seconds(time);
    return request;
  }
  // As a service, which says when; now where the request does not.
  v1::Fact Record(v1::RecordFactRequest request) {
    if (!request.fact().has_time()) {
      const int64_t micros = absl::ToUnixMicros(absl::Now());
      request.mutable_fact()->mutable_time()->set_seconds(micros / 1000000);
      request.mutable_fact()->mutable_time()->set_nanos(static_cast<int32_t>(micros % 1000000) *
                                                        1000);
    }
    v1::Fact response;
    REQUIRE_THAT(Call(&Stub::RecordFact, request, &response, "service", kA), IsOk());
    return response;
  }
  // "Ani:OPEN_COMPLAINT Budi:" of an audience of everybody.
  std::string Suppressed(v1::ConsentPurpose purpose) {
    v1::CreateAudienceRequest create;
    create.set_run_id("run-1");
    create.set_subject(v1::CONTACT);
    create.set_filter("name:*");
    v1::Audience made;
    REQUIRE_THAT(Call(&Stub::CreateAudience, create, &made), IsOk());
    v1::ListAudienceRequest list;
    list.set_run_id("run-1");
    list.set_page_size(100);
    list.set_purpose(purpose);
    list.add_fields("name");
    v1::ListAudienceResponse response;
    REQUIRE_THAT(Call(&Stub::ListAudience, list, &response), IsOk());
    std::set<std::string> lines;
    for (const auto& member : response.members()) {
      lines.insert(absl::StrCat(member.values(0), ":", member.suppression()));
    }
    return absl::StrJoin(lines, " ");
  }
  absl::Status SwitchOff(std::vector<v1::FactKind> kinds, const std::string& key = "owner-a") {
    v1::UpdateMarketingSuppressionsRequest request;
    for (const v1::FactKind kind : kinds) request.add_switched_off(kind);
    v1::MarketingSuppressions response;
    return Call(&Stub::UpdateMarketingSuppressions, request, &response, key);
  }

  std::string ani;
};

TEST_CASE("RecordFact: the newest word counts, whatever order the words come in", "[facts]") {
  Facts f;
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning)).state() == v1::Fact::OPEN);
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", false, kMorning + 60)).state() == v1::Fact::CLOSED);
  const v1::Fact late = f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning + 59));
  CHECK(late.state() == v1::Fact::CLOSED);
  CHECK(late.time().seconds() == kMorning + 60);
  f.Record(f.Of(v1::COMPLAINT, "T-2", true, kMorning));
  f.Record(f.Of(v1::OVERDUE_COD, "T-1", true, kMorning));
  v1::ListFactsRequest list;
  list.set_contact_id(f.ani);
  list.set_page_size(2);
  v1::ListFactsResponse page;
  REQUIRE_THAT(f.Call(&Stub::ListFacts, list, &page, "viewer-a"), IsOk());
  REQUIRE(page.facts_size() == 2);
  CHECK(page.facts(1).reference() == "T-2");
  list.set_page_token(page.next_page_token());
  REQUIRE_THAT(f.Call(&Stub::ListFacts, list, &page), IsOk());
  REQUIRE(page.facts_size() == 1);
  CHECK(page.facts(0).kind() == v1::OVERDUE_COD);
  CHECK(page.facts(0).source() == "sales");
  CHECK(page.next_page_token().empty());
  list.set_page_token("x");
  CHECK_THAT(f.Call(&Stub::ListFacts, list, &page), HasFieldViolation("page_token"));
}

TEST_CASE("RecordFact: bad facts are refused by name, other outlets' contacts unknown", "[facts]") {
  Facts f;
  v1::Fact response;
  const auto refuse = [&](auto change) {
    v1::RecordFactRequest request = f.Of(v1::COMPLAINT, "T-1", true);
    change(*request.mutable_fact());
    return f.Call(&Stub::RecordFact, request, &response);
  };
  CHECK_THAT(refuse([](v1::Fact& one) { one.clear_contact_id(); }),
             HasFieldViolation("fact.contact_id"));
  CHECK_THAT(refuse([](v1::Fact& one) { one.clear_kind(); }), HasFieldViolation("fact.kind"));
  CHECK_THAT(refuse([](v1::Fact& one) { one.clear_state(); }), HasFieldViolation("fact.state"));
  CHECK_THAT(refuse([](v1::Fact& one) { one.set_source("  "); }), HasFieldViolation("fact.source"));
  CHECK_THAT(refuse([](v1::Fact& one) { one.set_reference(std::string(300, 'x')); }),
             HasFieldViolation("fact.reference"));
  CHECK_THAT(refuse([](v1::Fact& one) { one.set_amount(-1); }), HasFieldViolation("fact.amount"));
  CHECK_THAT(refuse([](v1::Fact& one) {
               one.mutable_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 3600);
             }),
             HasFieldViolation("fact.time"));
  const v1::RecordFactRequest good = f.Of(v1::COMPLAINT, "T-1", true);
  CHECK_THAT(f.Call(&Stub::RecordFact, good, &response, "operator-b"),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK_THAT(f.Call(&Stub::RecordFact, good, &response, "viewer-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  CHECK(f.Sql("SELECT count(*) FROM facts") == "0");
}

TEST_CASE("Suppressions: open facts keep contacts out of marketing only", "[facts]") {
  Facts f;
  f.Create("081200000002", "Budi");
  CHECK(f.Suppressed(v1::MARKETING) == "Ani: Budi:");
  f.Record(f.Of(v1::ORDER, "O-1", true));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani: Budi:");
  f.Record(f.Of(v1::OVERDUE_INVOICE, "I-1", true));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OVERDUE_INVOICE Budi:");
  f.Record(f.Of(v1::OVERDUE_COD, "C-1", true));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OVERDUE_COD Budi:");
  f.Record(f.Of(v1::ESCALATION, "E-1", true));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_ESCALATION Budi:");
  f.Record(f.Of(v1::COMPLAINT, "K-1", true));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_COMPLAINT Budi:");
  CHECK(f.Suppressed(v1::DELIVERY_UPDATES) == "Ani: Budi:");
  f.Record(f.Of(v1::COMPLAINT, "K-1", false));
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_ESCALATION Budi:");
}

TEST_CASE("Suppressions: the outlet's owner switches them off, audited", "[facts]") {
  Facts f;
  f.Record(f.Of(v1::COMPLAINT, "K-1", true));
  CHECK_THAT(f.SwitchOff({v1::COMPLAINT}, "operator-a"),
             StatusIs(absl::StatusCode::kPermissionDenied));
  REQUIRE_THAT(f.SwitchOff({v1::COMPLAINT, v1::COMPLAINT, v1::OVERDUE_COD}), IsOk());
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:");
  v1::MarketingSuppressions now;
  REQUIRE_THAT(f.Call(&Stub::GetMarketingSuppressions, v1::GetMarketingSuppressionsRequest(), &now,
                      "viewer-a"),
               IsOk());
  CHECK(now.switched_off_size() == 2);
  CHECK(now.on_size() == 2);
  CHECK(f.Sql("SELECT who || ' ' || (became->>'switched_off') FROM audit_log "
              "WHERE action = 'UpdateMarketingSuppressions'") == "owner-a COMPLAINT OVERDUE_COD");
  // The other outlet's stay on.
  REQUIRE_THAT(f.Call(&Stub::GetMarketingSuppressions, v1::GetMarketingSuppressionsRequest(), &now,
                      "viewer-b"),
               IsOk());
  CHECK(now.on_size() == 4);
  CHECK_THAT(f.SwitchOff({v1::ORDER}), HasFieldViolation("switched_off"));
  REQUIRE_THAT(f.SwitchOff({}), IsOk());
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_COMPLAINT");
}

TEST_CASE("Segments: facts and orders can be asked for", "[facts][segments]") {
  Facts f;
  f.Create("081200000002", "Budi");
  f.Record(f.Of(v1::COMPLAINT, "K-1", true));
  f.Record(f.Of(v1::OVERDUE_COD, "C-1", false));
  v1::RecordFactRequest order = f.Of(v1::ORDER, "O-1", false);
  order.mutable_fact()->set_amount(250000);
  f.Record(order);
  CHECK(f.Names(kA, "facts.count((open = true)) > 0") == "Ani");
  CHECK(f.Names(kA, "facts.count((kind = complaint AND open = ya)) = 1") == "Ani");
  CHECK(f.Names(kA, "facts.count((kind = OVERDUE_COD AND open = true)) > 0") == "");
  CHECK(f.Names(kA, "facts.count((source = sales), 30d) = 3") == "Ani");
  CHECK(f.Names(kA, "orders.count(30d) = 0") == "Budi");
  CHECK(f.Names(kA, "orders.sum(amount, 30d) >= 250000") == "Ani");
  CHECK(f.Names(kA, "orders.last() >= now - 1h") == "Ani");
  CHECK(f.Names(kA, "orders.last((amount > 300000)) >= now - 1h") == "");
}

TEST_CASE("RecordFact: of one moment the closing word counts, however often the other is repeated",
          "[facts]") {
  Facts f;
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning)).state() == v1::Fact::OPEN);
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", false, kMorning)).state() == v1::Fact::CLOSED);
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning)).state() == v1::Fact::CLOSED);
  // Closed before it was known to be open.
  CHECK(f.Record(f.Of(v1::ESCALATION, "E-1", false, kMorning)).state() == v1::Fact::CLOSED);
  CHECK(f.Record(f.Of(v1::ESCALATION, "E-1", true, kMorning - 60)).state() == v1::Fact::CLOSED);
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:");
  // Opened again is open.
  CHECK(f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning + 1)).state() == v1::Fact::OPEN);
  CHECK(f.Sql("SELECT count(*) FROM facts") == "2");
}

TEST_CASE("RecordFact: told of another contact it is his from then on", "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  f.Record(f.Of(v1::COMPLAINT, "T-1", true, kMorning));
  v1::RecordFactRequest moved = f.Of(v1::COMPLAINT, "T-1", true, kMorning + 1);
  moved.mutable_fact()->set_contact_id(budi.id());
  CHECK(f.Record(moved).contact_id() == budi.id());
  CHECK(f.Suppressed(v1::MARKETING) == "Ani: Budi:OPEN_COMPLAINT");
}

TEST_CASE("Facts: of a deleted contact what keeps marketing away stays until it is closed",
          "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  f.Record(f.Of(v1::COMPLAINT, "K-1", true, kMorning));
  f.Record(f.Of(v1::COMPLAINT, "K-2", false, kMorning));
  f.Record(f.Of(v1::ORDER, "O-1", true, kMorning));
  v1::RecordFactRequest his = f.Of(v1::ORDER, "O-2", true, kMorning);
  his.mutable_fact()->set_contact_id(budi.id());
  f.Record(his);
  for (const std::string& id : {f.ani, budi.id()}) {
    v1::DeleteContactRequest remove;
    remove.set_id(id);
    v1::DeleteContactResponse removed;
    REQUIRE_THAT(f.Call(&Stub::DeleteContact, remove, &removed), IsOk());
  }
  CHECK(f.Sql("SELECT string_agg(reference, ' ') FROM facts") == "K-1");
  CHECK(f.Sql("SELECT string_agg(coalesce(name, '-'), ' ') FROM contacts") == "-");
  v1::Fact response;
  his.mutable_fact()->mutable_time()->set_seconds(kMorning + 1);
  CHECK_THAT(f.Call(&Stub::RecordFact, his, &response), ReasonIs("CONTACT_NOT_FOUND"));
  // The next morning's file.
  v1::ImportContactsResponse report;
  REQUIRE_THAT(f.Import("nama,no_hp\nAni,081200000001\nBudi,081200000002\n", &report), IsOk());
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_COMPLAINT Budi:");
}

TEST_CASE("Facts: one that is closed after its contact was deleted holds no more", "[facts]") {
  Facts f;
  f.Record(f.Of(v1::COMPLAINT, "K-1", true, kMorning));
  v1::DeleteContactRequest remove;
  remove.set_id(f.ani);
  v1::DeleteContactResponse removed;
  REQUIRE_THAT(f.Call(&Stub::DeleteContact, remove, &removed), IsOk());
  CHECK(f.Record(f.Of(v1::COMPLAINT, "K-1", false, kMorning + 1)).state() == v1::Fact::CLOSED);
  // Nothing is left that he would have to stay for.
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
  f.Create("081200000001", "Ani");
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:");
}

TEST_CASE("Facts: closed under the id of one who was merged and went with his survivor",
          "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  v1::MergeContactsRequest merge;
  merge.set_survivor_id(budi.id());
  merge.set_merged_id(f.ani);
  v1::ContactMerge merged;
  REQUIRE_THAT(f.Call(&Stub::MergeContacts, merge, &merged), IsOk());
  f.Record(f.Of(v1::COMPLAINT, "K-1", true, kMorning));
  v1::DeleteContactRequest remove;
  remove.set_id(budi.id());
  v1::DeleteContactResponse removed;
  REQUIRE_THAT(f.Call(&Stub::DeleteContact, remove, &removed), IsOk());
  v1::Fact response;
  CHECK_THAT(f.Call(&Stub::RecordFact, f.Of(v1::COMPLAINT, "K-2", true, kMorning), &response,
                    "service", kA),
             ReasonIs("CONTACT_NOT_FOUND"));
  CHECK(f.Record(f.Of(v1::COMPLAINT, "K-1", false, kMorning + 1)).state() == v1::Fact::CLOSED);
  CHECK(f.Sql("SELECT count(*) FROM contacts") == "0");
}

TEST_CASE("RecordFact: one that waits for an undoing is of whom it was told", "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  v1::MergeContactsRequest merge;
  merge.set_survivor_id(budi.id());
  merge.set_merged_id(f.ani);
  v1::ContactMerge merged;
  REQUIRE_THAT(f.Call(&Stub::MergeContacts, merge, &merged), IsOk());
  absl::Status recorded;
  std::jthread other;
  f.Must(kA, [&](Store::Unit& u) {
    auto undone = u.UndoMerge(merged.id(), "op");
    if (!other.joinable()) {
      other = std::jthread([&] {
        v1::Fact response;
        recorded = f.Call(&Stub::RecordFact, f.Of(v1::COMPLAINT, "K-1", true, kMorning), &response,
                          "service", kA);
      });
    }
    f.AwaitLock();
    return undone;
  });
  other.join();
  CHECK_THAT(recorded, IsOk());
  CHECK(f.Suppressed(v1::MARKETING) == "Ani:OPEN_COMPLAINT Budi:");
}

TEST_CASE("RecordFact: what people tell is audited, with what it was before", "[facts]") {
  Facts f;
  f.Record(f.Of(v1::OVERDUE_INVOICE, "I-1", true, kMorning));
  CHECK(f.Sql("SELECT count(*) FROM audit_log") == "0");
  v1::Fact response;
  REQUIRE_THAT(f.Call(&Stub::RecordFact, f.Of(v1::OVERDUE_INVOICE, "I-1", false), &response),
               IsOk());
  CHECK(f.Sql("SELECT who || ' ' || action || ' ' || (was->>'fact') || ' -> ' || "
              "(became->>'fact') FROM audit_log") ==
        absl::StrCat("operator-a RecordFact OVERDUE_INVOICE/sales/I-1 of ", f.ani,
                     " OPEN -> OVERDUE_INVOICE/sales/I-1 of ", f.ani, " CLOSED"));
  CHECK_THAT(f.Call(&Stub::RecordFact, f.Of(v1::COMPLAINT, "K-1", true), &response, "service", kA),
             HasFieldViolation("fact.time"));
}

TEST_CASE("Facts: follow a merge, and go back with its undoing", "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  f.Record(f.Of(v1::COMPLAINT, "K-1", true, kMorning));
  v1::RecordFactRequest his = f.Of(v1::ORDER, "O-1", true);
  his.mutable_fact()->set_contact_id(budi.id());
  f.Record(his);
  v1::MergeContactsRequest merge;
  merge.set_survivor_id(budi.id());
  merge.set_merged_id(f.ani);
  v1::ContactMerge merged;
  REQUIRE_THAT(f.Call(&Stub::MergeContacts, merge, &merged), IsOk());
  CHECK(f.Names(kA, "facts.count((kind = complaint)) > 0") == "Budi");
  // Told of the one who is merged, it is of the survivor as long as they are one.
  CHECK(f.Record(f.Of(v1::ESCALATION, "E-1", true)).contact_id() == budi.id());
  // Told of the survivor, it is still what the merged one brought.
  v1::RecordFactRequest again = f.Of(v1::COMPLAINT, "K-1", true, kMorning + 60);
  again.mutable_fact()->set_contact_id(budi.id());
  f.Record(again);
  CHECK(f.Suppressed(v1::MARKETING) == "Budi:OPEN_COMPLAINT");
  v1::UndoMergeRequest undo;
  undo.set_merge_id(merged.id());
  REQUIRE_THAT(f.Call(&Stub::UndoMerge, undo, &merged), IsOk());
  CHECK(f.Names(kA, "facts.count((kind = complaint)) > 0") == "Ani");
  CHECK(f.Names(kA, "facts.count((kind = escalation)) > 0") == "Ani");
  CHECK(f.Names(kA, "orders.count() > 0") == "Budi");
}

TEST_CASE("RecordFact: a contact who is merged at this moment takes it along", "[facts]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  absl::Status recorded;
  std::jthread other;
  f.Must(kA, [&](Store::Unit& u) {
    auto merge = u.MergeContacts(budi.id(), f.ani, "operator", "op");
    if (!other.joinable()) {
      other = std::jthread([&] {
        v1::Fact response;
        recorded = f.Call(&Stub::RecordFact, f.Of(v1::COMPLAINT, "K-1", true, kMorning), &response,
                          "service", kA);
      });
    }
    f.AwaitLock();
    return merge;
  });
  other.join();
  CHECK_THAT(recorded, IsOk());
  CHECK(f.Sql("SELECT contact_id || ' ' || merged_from FROM facts") ==
        absl::StrCat(budi.id(), " ", f.ani));
}

TEST_CASE("Facts: stand on the contact's timeline", "[facts][timeline]") {
  Facts f;
  v1::RecordFactRequest order = f.Of(v1::ORDER, "O-1", false, kMorning);
  order.mutable_fact()->set_amount(250000);
  f.Record(order);
  f.Record(f.Of(v1::ESCALATION, "E-1", true, kMorning + 60));
  v1::GetContactTimelineRequest request;
  request.set_contact_id(f.ani);
  request.set_page_size(1);
  v1::GetContactTimelineResponse page;
  REQUIRE_THAT(f.Call(&Stub::GetContactTimeline, request, &page, "viewer-a"), IsOk());
  REQUIRE(page.entries_size() == 1);
  CHECK(page.entries(0).kind() == v1::TimelineEntry::FACT);
  CHECK(page.entries(0).id() == "ESCALATION/sales/E-1");
  CHECK(page.entries(0).state() == "OPEN");
  CHECK(page.entries(0).reason() == "sales");
  CHECK(page.entries(0).subject() == "ESCALATION");
  CHECK(page.entries(0).text().empty());
  CHECK(page.entries(0).time().seconds() == kMorning + 60);
  request.set_page_token(page.next_page_token());
  REQUIRE_THAT(f.Call(&Stub::GetContactTimeline, request, &page), IsOk());
  REQUIRE(page.entries_size() == 1);
  CHECK(page.entries(0).id() == "ORDER/sales/O-1");
  CHECK(page.entries(0).state() == "CLOSED");
  CHECK(page.entries(0).text() == "250000");
  CHECK(page.next_page_token().empty());
}

TEST_CASE("Segments: messages and answers can be asked for", "[facts][segments]") {
  Facts f;
  const v1::Contact budi = f.Create("081200000002", "Budi");
  const auto row = [&](const std::string& kind, const std::string& ref, const std::string& contact,
                       const std::string& state, const std::string& age) {
    f.Sql(absl::StrCat(
        "INSERT INTO timeline (outlet_id, kind, ref, contact_id, at, state, reason, detail, "
        "run_id, state_at, revision) VALUES ('toko-a', '",
        kind, "', '", ref, "', '", contact, "', now() - interval '", age, "', '", state,
        "', '', 'Ya saya di rumah', 'run-1', now() - ", "interval '", age, "', 1)"));
  };
  row("MESSAGE", "m1", f.ani, "READ", "2 hours");
  row("MESSAGE", "m2", f.ani, "FAILED", "40 days");
  row("MESSAGE", "m3", budi.id(), "DELIVERED", "3 days");
  row("INBOUND", "i1", f.ani, "text", "1 hour");
  CHECK(f.Names(kA, "messages.count(7d) > 0") == "Ani Budi");
  CHECK(f.Names(kA, "messages.count((state = read AND state_time >= now - 1d)) > 0") == "Ani");
  CHECK(f.Names(kA, "messages.count((state = FAILED)) = 1") == "Ani");
  CHECK(f.Names(kA, "messages.count((state = FAILED), 30d) = 1") == "");
  CHECK(f.Names(kA, "messages.count(7d) > 0 AND answers.count(7d) = 0") == "Budi");
  CHECK(f.Names(kA, "answers.count((text : rumah), 1d) = 1") == "Ani");
  CHECK(f.Names(kA, "answers.last() >= now - 2h") == "Ani");
  // What never went is no writing to him.
  row("MESSAGE", "m4", budi.id(), "SUPPRESSED", "1 hour");
  CHECK(
      f.Names(kA, "messages.count((state = SENT OR state = DELIVERED OR state = READ), 1d) > 0") ==
      "Ani");
  CHECK(f.Names(kA, "messages.count(1d) > 0") == "Ani Budi");
}

TEST_CASE("Segments: a fact's source is compared without regard to case, whatever its letters",
          "[facts][segments]") {
  Facts f;
  v1::RecordFactRequest request = f.Of(v1::ORDER, "O-1", true, kMorning);
  request.mutable_fact()->set_source("Kassa Ärger");
  f.Record(request);
  CHECK(f.Names(kA, "orders.count((source = \"KASSA ärger\")) = 1") == "Ani");
}

}  // namespace
}  // namespace kabar::contacts
