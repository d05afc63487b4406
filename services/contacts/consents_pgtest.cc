// Consents: who said what, by which way, against PostgreSQL.
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
using Stub = Server::Stub;

struct ConsentFixture : Server {
  void Fail(const std::string& contact_id, const std::string& reason,
            events::v1::MessageState to = events::v1::FAILED) {
    events::v1::NumberedBatch batch;
    batch.set_number(++number);
    events::v1::Event& event = *batch.mutable_batch()->add_events();
    event.set_outlet_id(kA);
    event.mutable_time()->set_seconds(1795222800);
    event.mutable_message_changed()->set_contact_id(contact_id);
    event.mutable_message_changed()->set_to(to);
    event.mutable_message_changed()->set_reason(reason);
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  // "PURPOSE in|out source", newest first.
  std::string History(const std::string& contact_id) {
    std::string out;
    for (const Consent& one :
         Must(kA, [&](Store::Unit& u) { return u.ListConsents(contact_id, 0, 100); })) {
      absl::StrAppend(&out, PurposeName(one.purpose), one.opted_out ? " out " : " in ", one.source,
                      "\n");
    }
    return out;
  }
  int64_t number = 0;
  std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink();
};

TEST_CASE("Consents: 131050 opts out of marketing, and of nothing else", "[consents]") {
  ConsentFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  f.Fail(siti.id, "GRAPH_131026");
  f.Fail(siti.id, "GRAPH_131050", events::v1::QUEUED);
  CHECK(f.History(siti.id).empty());
  f.Fail(siti.id, "GRAPH_131050");
  f.Fail(siti.id, "GRAPH_131050");  // of another message
  f.Fail("con_gone", "GRAPH_131050");
  CHECK(f.History(siti.id) == "MARKETING out provider\n");
  CHECK(f.Names(kA, "marketing_opted_out = true AND delivery_updates_opted_out = false") == "Siti");
  CHECK(f.Sql("SELECT count(*) FROM outbox") == "1");  // the dispatcher is told once
}

TEST_CASE("Consents: a file records an opt-in where nobody has said anything, and never more",
          "[consents]") {
  ConsentFixture f;
  const Contact out = f.Add(kA, "+6281234567890", "Keluar");
  f.SetConsent(kA, out.id, Purpose::kMarketing, true);
  v1::ImportContactsResponse report;
  const std::string file =
      "nama,no_hp,setuju_promosi,izin_notifikasi\n"
      "Keluar,081234567890,ya,\n"
      "Masuk,081234567891,ya,ya\n"
      "Tidak,081234567892,tidak,\n"
      "Salah,081234567893,barangkali,\n";
  for (int i = 0; i < 2; ++i) REQUIRE_THAT(f.Import(file, &report), IsOk());
  REQUIRE(report.refused() == 1);
  CHECK(report.problems(0).reason() == "INVALID_YES_NO");
  CHECK(f.History(out.id) == "MARKETING out operator\n");
  CHECK(f.History(f.Find(kA, "+6281234567891").id) ==
        "MARKETING in import\nDELIVERY_UPDATES in import\n");
  CHECK(f.History(f.Find(kA, "+6281234567892").id).empty());
  CHECK(f.Names(kA, "marketing_opted_in = true") == "Masuk");
  CHECK(f.Names(kA, "marketing_opted_in = false AND marketing_opted_out = false") == "Tidak");
  // What he says later holds against the next file.
  f.SetConsent(kA, f.Find(kA, "+6281234567891").id, Purpose::kMarketing, true);
  REQUIRE_THAT(f.Import(file, &report), IsOk());
  CHECK(f.Names(kA, "marketing_opted_in = true").empty());
}

TEST_CASE("Consents API: every change is kept and paged, by hand is in the audit log",
          "[consents]") {
  ConsentFixture f;
  const Contact siti = f.Add(kA, "+62811", "Siti");
  v1::SetConsentRequest set;
  set.mutable_consent()->set_contact_id(siti.id);
  set.mutable_consent()->set_purpose(v1::MARKETING);
  set.mutable_consent()->set_source("toko, formulir");
  v1::Consent consent;
  for (int i = 0; i < 5; ++i) {
    set.mutable_consent()->set_state(i % 2 == 0 ? v1::OPTED_OUT : v1::OPTED_IN);
    REQUIRE_THAT(f.Call(&Stub::SetConsent, set, &consent), IsOk());
  }
  v1::ListConsentsRequest list;
  list.set_contact_id(siti.id);
  list.set_page_size(2);
  std::string seen;
  int pages = 0;
  do {
    v1::ListConsentsResponse page;
    REQUIRE_THAT(f.Call(&Stub::ListConsents, list, &page, "viewer-a"), IsOk());
    for (const v1::Consent& one : page.consents()) seen += one.state() == v1::OPTED_IN ? "i" : "o";
    list.set_page_token(page.next_page_token());
    ++pages;
  } while (!list.page_token().empty());
  CHECK(seen == "oioio");
  CHECK(pages == 3);
  list.set_page_token("x");
  v1::ListConsentsResponse page;
  CHECK_THAT(f.Call(&Stub::ListConsents, list, &page), HasFieldViolation("page_token"));
  CHECK(f.Sql("SELECT count(*) FROM audit_log WHERE action = 'SetConsent' AND who = 'operator-a' "
              "AND target = 'contact/" +
              siti.id + "'") == "5");
}

}  // namespace
}  // namespace kabar::contacts
