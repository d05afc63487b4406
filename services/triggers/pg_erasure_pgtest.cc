// One person is forgotten: order events and answers. Against PostgreSQL.
#include "services/triggers/pg_erasure.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "kabar/events/v1/events.pb.h"
#include "libs/events/consumer.h"
#include "libs/testing/fake_clock.h"
#include "services/triggers/testing/database.h"
#include "services/triggers/testing/dispatcher_events.h"

namespace kabar::triggers {
namespace {

using testing::At;
using testing::InboundFrom;
using testing::IsOk;
using testing::kA;
using testing::Soon;

struct ErasureFixture : testing::Database {
  std::string Sql(const std::string& sql) {
    return kabar::testing::TestPostgres().Sql(pool.options().connection,
                                              "SET search_path = triggers; " + sql);
  }
  ErasureFixture() {
    Sql("INSERT INTO events SELECT 'toko-a', id, 1, now(), contact, phone, 'Siti', '{a,b}', "
        "'{Siti,x}', 1, now() FROM (VALUES ('e1', 'con_1', ''), ('e2', '', '+62811'), "
        "('e3', 'con_9', '+62899')) AS v(id, contact, phone)");
    Sql("INSERT INTO events SELECT 'toko-a', 'n' || n, 1, now(), 'con_n', '+62', '', '{}', '{}', "
        "0, "
        "now() FROM generate_series(1, 4100) n");  // more than a page on both sides of a match
    Sql("INSERT INTO steps (outlet_id, id, event_id, automation_id, due_at, state, ready_at) "
        "SELECT 'toko-a', 's' || id, id, 'aut', now(), 1, now() FROM events WHERE id LIKE 'e%'");
    Sql("INSERT INTO events SELECT 'toko-a', 'z', 1, now(), 'con_1', '', 'Siti', '{}', '{}', 0, "
        "now()");
    Sql("INSERT INTO events SELECT 'toko-b', 'z', 1, now(), '', '+62811', 'Siti', '{}', '{}', 0, "
        "now()");
  }
  void Tell() {
    events::v1::NumberedBatch batch;
    batch.set_number(1);
    *batch.mutable_batch()->add_events() = InboundFrom(kA, "in1", "+62811", "YA", At(1));
    *batch.mutable_batch()->add_events() = InboundFrom(kA, "in2", "+62899", "YA", At(1));
    events::v1::Event& erased = *batch.mutable_batch()->add_events();
    erased.set_outlet_id(kA);
    erased.mutable_contact_erased()->add_contact_ids("con_1");
    erased.mutable_contact_erased()->add_phones("+62811");
    erased.mutable_contact_erased()->mutable_erase_time()->set_seconds(
        absl::ToUnixSeconds(absl::Now() + absl::Minutes(1)));
    const std::vector<const events::v1::NumberedBatch*> batches = {&batch};
    REQUIRE_THAT(sink->Apply(batches, Soon()), IsOk());
  }
  // All that is due now; how many rounds that were.
  int Run() {
    EraseLoop loop(pool, clock);
    for (int rounds = 0;; ++rounds) {
      const auto more = loop.RunOnce();
      REQUIRE_THAT(more, IsOk());
      if (!*more) return rounds;
    }
  }
  std::string Answers() {
    return Sql(
        "SELECT string_agg(inbound_id || phone || body, ' ' ORDER BY inbound_id) "
        "FROM answers");
  }
  kabar::testing::FakeClock clock;
  const std::unique_ptr<events::Sink> sink = store.MakeDispatcherSink(clock, absl::Hours(24));
};

TEST_CASE("EraseLoop: what events told of him goes, in his outlet; his steps wait no more",
          "[triggers]") {
  ErasureFixture f;
  f.Tell();
  CHECK(f.Sql("SELECT count(*) FROM events WHERE name = 'Siti'") == "5");  // not in the sink
  CHECK(f.Run() == 1);
  CHECK(f.Sql("SELECT string_agg(outlet_id || id || phone || name, ' ' ORDER BY outlet_id, id) "
              "FROM events WHERE id NOT LIKE 'n%'") ==
        "toko-ae1 toko-ae2 toko-ae3+62899Siti toko-az toko-bz+62811Siti");
  CHECK(f.Sql("SELECT count(*) FROM events WHERE 'Siti' = ANY(variable_values)") == "1");
  CHECK(f.Sql("SELECT string_agg(id || state || reason, ' ' ORDER BY id) FROM steps") ==
        "se13ERASED se23ERASED se31");
}

TEST_CASE("EraseLoop: what came by his phone since is the contact's that he is again",
          "[triggers]") {
  ErasureFixture f;
  f.Sql("UPDATE events SET published_at = now() + interval '1 hour' WHERE id = 'e2'");
  f.Tell();
  f.Sql("UPDATE answers SET received_at = now() + interval '1 hour', recorded_at = now()");
  while (f.Run() > 0) {
  }
  CHECK(f.Sql("SELECT name || phone FROM events WHERE id = 'e2'") == "Siti+62811");
  CHECK(f.Sql("SELECT state FROM steps WHERE id = 'se2'") == "1");
  CHECK(f.Answers() == "in1+62811YA in2+62899YA");
  CHECK(f.Sql("SELECT count(*) FROM erasures") == "0");
}

TEST_CASE("EraseLoop: what he wrote is read first, then it goes", "[triggers]") {
  ErasureFixture f;
  f.Tell();
  CHECK(f.Run() == 1);
  CHECK(f.Answers() == "in1+62811YA in2+62899YA");
  f.Sql("UPDATE answers SET recorded_at = now(), answer = 1");  // as the answers' loop does
  CHECK(f.Run() == 0);
  f.clock.Advance(absl::Minutes(1));
  CHECK(f.Run() == 1);
  CHECK(f.Answers() == "in1 in2+62899YA");
  CHECK(f.Sql("SELECT count(*) FROM answers WHERE answer = 1") == "2");
  CHECK(f.Sql("SELECT count(*) FROM erasures") == "0");
}

TEST_CASE("EraseLoop: an answer that nobody can read goes unread after a while", "[triggers]") {
  ErasureFixture f;
  f.Tell();
  CHECK(f.Run() == 1);
  f.clock.Advance(absl::Minutes(30));
  CHECK(f.Run() == 1);
  CHECK(f.Answers() == "in1 in2+62899YA");
  CHECK(f.Sql("SELECT count(*) FROM erasures") == "0");
}

}  // namespace
}  // namespace kabar::triggers
