// A ledger that was made before a migration goes on after it.
#include <catch2/catch.hpp>
#include <pqxx/result>

#include "libs/pg/migration.h"
#include "libs/pg/transaction.h"
#include "libs/testing/private_postgres.h"
#include "services/dispatcher/migrations.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {
namespace {

using testing::IsOk;

// What the first version left: Sari (phone and user id, of whom the user id's row was merged into
// the phone's), Budi by phone, Wati by user id; a message sent at the second try, one at the first.
constexpr char kOldLedger[] = R"(
  CREATE TABLE messages_20261101 (LIKE messages INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
  ALTER TABLE messages ATTACH PARTITION messages_20261101 FOR VALUES IN ('2026-11-01');
  CREATE TABLE attempts_20261101 (LIKE attempts INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
  ALTER TABLE attempts ATTACH PARTITION attempts_20261101 FOR VALUES IN ('2026-11-01');
  INSERT INTO recipients (id, outlet_id, phone, bsuid, merged_into) VALUES
    (1, 'toko-a', '+628111', 'ID.1', NULL), (2, 'toko-a', NULL, NULL, 1),
    (3, 'toko-a', '+628222', NULL, NULL), (4, 'toko-a', NULL, 'ID.4', NULL);
  INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason) VALUES
    ('toko-a', 1, 'MARKETING', 'consent', 'OPTED_OUT'),
    ('toko-a', 2, 'MARKETING', 'consent', 'OPTED_OUT'),
    ('toko-a', 4, '', 'provider', 'GRAPH_131050');
  INSERT INTO windows VALUES ('snd', 1, now()), ('snd', 2, now()), ('snd', 3, now());
  INSERT INTO claims (portfolio_id, lane_id, worker, claimed_at, lease_until, message_ids,
    attempts, recipient_ids) VALUES ('pf', 'lane', 'w', now(), now(), '{}', '{}', '{2,3,4}'),
    ('pf', 'lane', 'w', now(), now(), '{}', '{}', '{}');
  INSERT INTO messages (day, id, seq, outlet_id, lane_id, ordinal, contact_id, subject,
    recipient_id, phone, bsuid, body, form_name, form_language, form_parameters, state, attempt,
    provider_id) VALUES
    ('2026-11-01', 'm1', 1, 'toko-a', 'lane', 1, 'c1', '', 2, '', 'ID.1', '', '', '', '{}', 2, 2,
     'w.1.1'),
    ('2026-11-01', 'm2', 2, 'toko-a', 'lane', 2, 'c2', '', 3, '+628222', '', '', '', '', '{}', 3, 1,
     'w.2.1');
  INSERT INTO messages (day, id, seq, outlet_id, lane_id, ordinal, contact_id, subject,
    recipient_id, phone, bsuid, body, form_name, form_language, form_parameters, state) VALUES
    ('2026-11-01', 'm4', 4, 'toko-a', 'lane', 3, 'c4', '', 4, '', 'ID.4', '', '', '', '{}', 1);
  INSERT INTO portfolios (id, outlet_id, name, messaging_limit) VALUES ('pf', 'toko-a', 'A', 250);
  INSERT INTO senders VALUES ('snd', 'toko-a', 'pf', '1001', '+62811', 'sealed', '80/s', '1/6s', 1);
  INSERT INTO lanes (id, outlet_id, sender_id, priority, rate, run_id, asked, fresh_for_s,
    max_attempts, unknown_policy, purpose, state) VALUES
    ('held', 'toko-a', 'snd', 10, '', 'run', 1, 600, 3, 2, 'DELIVERY_UPDATES', 5);
  INSERT INTO lane_days (lane_id, day) VALUES ('held', '2026-11-01');
  INSERT INTO messages (day, id, seq, outlet_id, lane_id, ordinal, contact_id, subject,
    recipient_id, phone, bsuid, body, form_name, form_language, form_parameters, state, attempt)
    VALUES ('2026-11-01', 'm3', 3, 'toko-a', 'held', 1, 'c3', '', 3, '+628222', '', '', '', '', '{}',
     7, 1);
  INSERT INTO attempts (day, message_id, attempt, state, provider_id, reason, started_at) VALUES
    ('2026-11-01', 'm1', 1, 4, 'w.1.1', 'GRAPH_131000', '2026-11-01 08:00Z'),
    ('2026-11-01', 'm2', 1, 3, 'w.2.1', '', '2026-11-01 09:00Z');
  INSERT INTO webhook_journal (received_at, body, applied) VALUES
    ('2026-11-01 10:00Z', '\x007b', true), ('2026-11-01 11:00Z', '\x7b00', false);
)";

TEST_CASE("Migration: a ledger of the first version knows the same afterwards", "[dispatcher]") {
  pg::PoolOptions options;
  options.connection = WithPlannerSettings(testing::TestPostgres().CreateDatabase());
  options.schema = "dispatcher";
  options.max_connections = 2;
  const auto all = DispatcherMigrations();
  REQUIRE(all.size() >= 2);
  const auto deadline = [] { return absl::Now() + absl::Minutes(1); };
  REQUIRE_THAT(pg::Migrate(options, all.subspan(0, 1), deadline()), IsOk());
  pg::Pool pool(options);
  REQUIRE_THAT(pg::Transact(pool, "OldLedger", deadline(),
                            [](pg::Transaction& tx) {
                              tx.ExecScript("test.old_ledger", kOldLedger);
                              return absl::OkStatus();
                            }),
               IsOk());
  REQUIRE_THAT(pg::Migrate(options, all, deadline()), IsOk());
  const auto sql = [&](const std::string& query) {
    std::string value;
    REQUIRE_THAT(pg::Transact(pool, "Look", deadline(),
                              [&](pg::Transaction& tx) {
                                const auto rows = tx.ExecDynamic("test.look", query, {});
                                value = rows[0][0].is_null() ? "" : rows[0][0].c_str();
                                return absl::OkStatus();
                              }),
                 IsOk());
    return value;
  };
  const auto id = [&](const std::string& address) {
    return sql("SELECT ('x' || encode(substr(sha256(key || convert_to(E'toko-a\\n" + address +
               "', 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint & 9223372036854775807 FROM "
               "recipient_key");
  };
  const std::string sari = id("p+628111"), given_up = id("bID.1"), budi = id("p+628222"),
                    wati = id("bID.4");

  CHECK(sql("SELECT recipient_id FROM messages WHERE id = 'm1'") == sari);
  CHECK(sql("SELECT recipient_id FROM messages WHERE id = 'm2'") == budi);
  CHECK(sql("SELECT array_to_string(recipient_ids, ' ') FROM claims ORDER BY id") ==
        sari + " " + budi + " " + wati);
  CHECK(sql("SELECT count(*) FROM claims WHERE recipient_ids = '{}'") == "1");
  CHECK(sql("SELECT string_agg(concat_ws(' ', id, phone, bsuid, given_up_id), ', ')"
            " FROM recipients WHERE phone <> ''") == sari + " +628111 ID.1 " + given_up);
  // Who was written to by user id alone: the queue must be told when his phone is linked to it.
  CHECK(sql("SELECT string_agg(concat_ws(' ', id, bsuid, given_up_id, queue_told), ', ')"
            " FROM recipients WHERE phone = ''") == wati + " ID.4 " + wati + " t");
  for (const std::string& who : {sari, given_up}) {
    CHECK(sql("SELECT reason FROM suppressions WHERE recipient_id = " + who) == "OPTED_OUT");
    CHECK(sql("SELECT count(*) FROM windows WHERE recipient_id = " + who) == "1");
  }
  CHECK(sql("SELECT reason FROM suppressions WHERE recipient_id = " + wati) == "GRAPH_131050");
  CHECK(sql("SELECT count(*) FROM windows WHERE recipient_id = " + budi) == "1");
  CHECK(sql("SELECT count(*) FROM windows") == "3");

  CHECK(sql("SELECT string_agg(concat_ws(' ', message_id, attempt, state, provider_id), ', '"
            " ORDER BY message_id, attempt) FROM all_attempts WHERE message_id <> 'm3'") ==
        "m1 1 4 w.1.1, m1 2 0 , m2 1 3 w.2.1");
  CHECK(sql("SELECT string_agg(concat_ws(' ', message_id, attempt), ', ') FROM attempts") ==
        "m1 1");
  CHECK(sql("SELECT started_at = '2026-11-01 09:00Z' FROM messages WHERE id = 'm2'") == "t");

  // What waits for a person keeps its lane open.
  CHECK(sql("SELECT state FROM lanes WHERE id = 'held'") == "1");
  CHECK(sql("SELECT concat_ws(' ', message_id, lane_id, attempt, for_person) FROM unknowns") ==
        "m3 held 1 t");

  CHECK(sql("SELECT string_agg(concat_ws(' ', id, bodies, size, applied), ', ' ORDER BY id)"
            " FROM webhook_journal") == R"(1 {"\\x007b"} 1 1, 2 {"\\x7b00"} 1 0)");
  CHECK(sql("INSERT INTO webhook_journal (received_at, bodies, size) VALUES (now(), '{a}', 1)"
            " RETURNING id") == "3");
}

}  // namespace
}  // namespace kabar::dispatcher
