// A PgStore on a database of its own, and short ways to use it. Include only from tests.
//
// Thread safety: one thread, but for `store`. Blocks: as PostgreSQL. Errors: a call that must work
// ends the test case.
#ifndef KABAR_SERVICES_CONTACTS_TESTING_STORE_FIXTURE_H_
#define KABAR_SERVICES_CONTACTS_TESTING_STORE_FIXTURE_H_

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/local_time.h"
#include "libs/pg/migration.h"
#include "libs/pg/pool.h"
#include "libs/testing/private_postgres.h"
#include "libs/testing/status_matchers.h"
#include "services/contacts/migrations.h"
#include "services/contacts/pg_store.h"
#include "services/contacts/segment.h"

namespace kabar::contacts {

inline const std::string kA = "toko-a";
inline const std::string kB = "toko-b";

inline absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

struct StoreFixture {
  StoreFixture() {
    REQUIRE_THAT(pg::Migrate(pool.options(), ContactsMigrations(), Soon()), testing::IsOk());
  }

  absl::Status Do(const std::string& outlet, Store::Work work) {
    return store.Write(outlet, "Test", Soon(), work);
  }

  // Until somebody waits for somebody else's transaction.
  void AwaitLock() {
    const absl::Time give_up = Soon();
    while (Sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
               "AND wait_event_type = 'Lock'") == "0" &&
           absl::Now() < give_up) {
    }
  }

  // What `get` of a unit answers; it must be OK.
  template <typename Get>
  auto Must(const std::string& outlet, Get get) {
    decltype(get(std::declval<Store::Unit&>())) out = absl::UnknownError("not run");
    const absl::Status status = Do(outlet, [&](Store::Unit& unit) {
      out = get(unit);
      return out.status();
    });
    INFO(status);
    REQUIRE(status.ok());
    return *std::move(out);
  }

  Contact Add(const std::string& outlet, Contact contact) {
    return Must(outlet, [&](Store::Unit& unit) { return unit.InsertContact(contact); });
  }
  Contact Add(const std::string& outlet, const std::string& phone, const std::string& name) {
    Contact contact;
    contact.phone = phone;
    contact.name = name;
    return Add(outlet, contact);
  }
  Shipment Ship(const std::string& outlet, const std::string& number, const std::string& contact_id,
                const std::string& status) {
    Shipment shipment;
    shipment.tracking_number = number;
    shipment.contact_id = contact_id;
    shipment.status = status;
    return Must(outlet, [&](Store::Unit& unit) { return unit.UpsertShipment(shipment); });
  }
  Contact Get(const std::string& outlet, const std::string& id) {
    return Must(outlet, [&](Store::Unit& unit) { return unit.GetContact(id); });
  }
  Contact Find(const std::string& outlet, const std::string& phone) {
    return Must(outlet, [&](Store::Unit& unit) { return unit.FindContact({.phone = phone}); });
  }
  SegmentFilter Filter(const std::string& text) {
    auto filter = language.Check(text);
    INFO(text);
    INFO(filter.status());
    REQUIRE(filter.ok());
    return *std::move(filter);
  }
  // The names of the contacts that a filter finds, sorted, joined by blanks.
  std::string Names(const std::string& outlet, const std::string& filter) {
    const SegmentFilter checked = Filter(filter);
    const auto found =
        Must(outlet, [&](Store::Unit& unit) { return unit.ListContacts(checked, "", 1000); });
    std::vector<std::string> names;
    for (const Contact& one : found) names.push_back(one.name);
    std::sort(names.begin(), names.end());
    std::string out;
    for (const std::string& name : names) absl::StrAppend(&out, out.empty() ? "" : " ", name);
    return out;
  }
  void SetConsent(const std::string& outlet, const std::string& id, Purpose purpose,
                  bool opted_out) {
    const Consent wanted{id, purpose, opted_out, "operator", absl::FromUnixSeconds(1795222800)};
    Must(outlet, [&](Store::Unit& unit) { return unit.SetConsent(wanted); });
  }
  std::string Sql(const std::string& sql) {
    return testing::TestPostgres().Sql(pool.options().connection,
                                       absl::StrCat("SET search_path = contacts; ", sql));
  }

  pg::Pool pool{{.connection = testing::TestPostgres().CreateDatabase(), .schema = "contacts"}};
  PgStore store{pool, "Asia/Jakarta"};
  SegmentLanguage language{absl::FixedTimeZone(7 * 3600)};
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_TESTING_STORE_FIXTURE_H_
