// A chunk of a file. One look-up of the people and one of the shipments tells what is new; what is
// new goes by COPY straight into its table, what is known by COPY into a session table and one
// UPDATE, which leaves alone what the file says nothing new about.
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/ids.h"
#include "libs/base/status.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store_import_sort.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// Other imports of the outlet wait for the chunk, so that none of them adds the same people. Only
// API calls can, a few at a time. A chunk beside the one ahead of it comes to this lock only behind
// it (kBehind); an import of another process may come between and then waits for the rows that it
// shares with them, or is tried again.
//
// A chunk's commit does not wait for the disk; the import's end does, and all before it with it.
// What a crash of PostgreSQL takes away is the end of the import, which goes on behind what is
// left.
//
// Plans: each look-up must go through the index, row by row. While the tables grow the planner has
// no idea of them: it would rather read a whole table for every chunk, or even for every row. So
// joins are loops, what is looked up is LATERAL (OFFSET 0 keeps it apart), and no condition on the
// large table alone invites it to begin there.
constexpr pg::Query kBegin{
    "contacts.import_begin",
    "SELECT CASE WHEN NOT $3::boolean THEN pg_advisory_xact_lock(hashtextextended("
    "'contacts.import ' || $1, 0)) END, now(), "
    "CASE WHEN $2 <> '' THEN pg_advisory_xact_lock(hashtextextended("
    "'contacts.chunk ' || $1 || ' ' || $2, 0)) END, "
    "set_config('synchronous_commit', 'off', true), "
    "set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"};
// PostgreSQL knows who waits for whom: should the chunk ahead wait for this one (an API call may
// stand between them), it ends one of them, which is tried again.
constexpr pg::Query kBehind{
    "contacts.import_behind",
    "SELECT pg_advisory_xact_lock(hashtextextended('contacts.chunk ' || $1 || ' ' || $2, 0)), "
    "pg_advisory_xact_lock(hashtextextended('contacts.import ' || $1, 0))"};

// Kept by the session and emptied by every commit: no new catalogue rows for every chunk.
constexpr char kTables[] =
    "CREATE TEMP TABLE IF NOT EXISTS import_contacts (outlet_id text, id text, phone text, "
    "name text, address text, city text, province text, service_type text, vip boolean, "
    "preferred_time text, notes text, attributes jsonb, tags text[], subdistrict text, "
    "district text, postcode text, language text, style text, time_zone text, "
    "satisfaction smallint) ON COMMIT DELETE ROWS; "
    "CREATE TEMP TABLE IF NOT EXISTS import_shipments (outlet_id text, id text, "
    "tracking_number text, contact_id text, status text, location text, estimate text, "
    "driver_name text, driver_phone text, destination_address text, cod_amount bigint, "
    "cod_paid boolean, delay_reason text, new_estimate text, updated_at timestamptz, "
    "service_type text, merged_from text) "
    "ON COMMIT DELETE ROWS";

// NULL: the file says nothing. Consents are not among the columns, and never may be.
constexpr absl::string_view kContactColumns[] = {
    "name",     "address",        "city",  "province",    "service_type",
    "vip",      "preferred_time", "notes", "subdistrict", "district",
    "postcode", "language",       "style", "time_zone",   "satisfaction"};
constexpr std::size_t kLittle = 5;  // of them, at the front: see SayLittle
constexpr absl::string_view kShipmentColumns[] = {
    "status",     "location", "estimate",     "driver_name",  "driver_phone", "destination_address",
    "cod_amount", "cod_paid", "delay_reason", "new_estimate", "service_type"};

// What the file says, or else what is known: `name = coalesce(t.name, c.name), ...`.
std::string Assignments(absl::Span<const absl::string_view> columns, absl::string_view table) {
  return absl::StrJoin(columns, ", ", [&](std::string* out, absl::string_view column) {
    absl::StrAppend(out, column, " = coalesce(t.", column, ", ", table, ".", column, ")");
  });
}

// Whether it differs from what is known.
std::string News(absl::Span<const absl::string_view> columns, absl::string_view table) {
  return absl::StrJoin(columns, " OR ", [&](std::string* out, absl::string_view column) {
    absl::StrAppend(out, "coalesce(t.", column, " <> ", table, ".", column, ", t.", column,
                    " IS NOT NULL)");
  });
}

std::string UpdateContactsSql(bool little) {
  const absl::Span<const absl::string_view> columns =
      little ? absl::MakeConstSpan(kContactColumns).first(kLittle) : kContactColumns;
  return absl::StrCat(
      "UPDATE contacts c SET phone = CASE WHEN c.phone = '' AND EXISTS (SELECT 1 FROM "
      "contact_identities i WHERE i.outlet_id = t.outlet_id AND i.kind = 'phone' "
      "AND i.value = t.phone AND i.former_since IS NULL) THEN t.phone ELSE c.phone END, ",
      Assignments(columns, "c"),
      little ? ""
             : ", attributes = c.attributes || t.attributes, "
               "tags = c.tags || ARRAY(SELECT e FROM unnest(t.tags) AS e WHERE NOT EXISTS "
               "(SELECT 1 FROM unnest(c.tags) AS k WHERE lower(k) = lower(e)))",
      ", deleted_at = NULL, updated_at = now() FROM import_contacts t "
      "WHERE c.outlet_id = t.outlet_id AND c.id = t.id AND (c.deleted_at IS NOT NULL OR c.phone = "
      "'' OR ",
      News(columns, "c"),
      little ? ")" : " OR NOT c.attributes @> t.attributes OR NOT c.tags @> t.tags)");
}

const std::string& UpdateContacts(bool little) {
  static const auto* const kAll = new std::string(UpdateContactsSql(false));
  static const auto* const kOfLittle = new std::string(UpdateContactsSql(true));
  return little ? *kOfLittle : *kAll;
}

const std::string& UpdateShipments() {
  static const auto* const kSql = new std::string(absl::StrCat(
      "UPDATE shipments s SET contact_id = t.contact_id, merged_from = t.merged_from, ",
      Assignments(kShipmentColumns, "s"),
      ", updated_at = coalesce(t.updated_at, s.updated_at) FROM import_shipments t WHERE "
      "s.outlet_id = t.outlet_id "
      "AND s.tracking_number = t.tracking_number AND (s.contact_id <> t.contact_id OR "
      "s.merged_from <> t.merged_from "
      "OR s.updated_at <> t.updated_at OR ",
      News(kShipmentColumns, "s"), ")"));
  return *kSql;
}

constexpr char kClaimBsuids[] =
    "INSERT INTO contact_identities (outlet_id, kind, value, contact_id, merged_from) "
    "SELECT DISTINCT ON (t.bsuid) $1::text, 'bsuid', t.bsuid, t.contact_id, t.merged_from "
    "FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY "
    "AS t(bsuid, contact_id, merged_from, n) "
    "ORDER BY t.bsuid, t.n ON CONFLICT (outlet_id, kind, value) DO NOTHING RETURNING contact_id";
constexpr char kSetBsuids[] =
    "UPDATE contacts c SET bsuid = t.bsuid, updated_at = now() FROM unnest($2::text[]) AS t(bsuid) "
    "CROSS JOIN LATERAL (SELECT i.outlet_id, i.contact_id FROM contact_identities i "
    "WHERE i.outlet_id = $1::text AND i.kind = 'bsuid' AND i.value = t.bsuid "
    "AND i.former_since IS NULL OFFSET 0) AS i "
    "WHERE c.outlet_id = i.outlet_id AND c.id = i.contact_id AND c.bsuid = ''";
constexpr char kOptedOut[] =
    "SELECT c.id FROM unnest($2::text[]) AS w(id) CROSS JOIN LATERAL (SELECT k.id FROM contacts k "
    "WHERE k.outlet_id = $1::text AND k.id = w.id "
    "AND (k.delivery_updates_opted_out OR k.marketing_opted_out)) AS c ORDER BY c.id";

// Only for whoever never said anything: a file overrides nobody's word. No event: there is nothing
// to suppress, and nobody was suppressed.
constexpr char kOptIns[] =
    "INSERT INTO consent_changes (outlet_id, contact_id, purpose, opted_out, source, changed_at, "
    "merged_from) SELECT DISTINCT ON (i.contact_id) $1::text, i.contact_id, $2::text, false, "
    "'import', now(), i.merged_from FROM unnest($3::text[]) AS p(phone) CROSS JOIN LATERAL "
    "(SELECT i.contact_id, i.merged_from FROM contact_identities i WHERE i.outlet_id = $1::text "
    "AND i.kind = 'phone' AND i.value = p.phone OFFSET 0) AS i "
    "WHERE NOT EXISTS (SELECT 1 FROM consent_changes c "
    "WHERE c.outlet_id = $1::text AND c.contact_id = i.contact_id AND c.purpose = $2::text "
    "AND c.source NOT IN ('merge', 'unmerge')) AND EXISTS (SELECT 1 FROM contacts k "
    "WHERE k.outlet_id = $1::text AND k.id = i.contact_id AND NOT CASE $2::text "
    "WHEN 'MARKETING' THEN k.marketing_opted_out ELSE k.delivery_updates_opted_out END) "
    "ORDER BY i.contact_id";

// API calls may add the same people or shipments between a chunk's look-up and its COPY. The next
// look-up finds theirs, so that each round has fewer to add; so many in a row that have not are no
// coincidence any more.
constexpr int kRoundsInVain = 10;
constexpr absl::string_view kUniqueViolation = "23505";

std::string AttributesJson(const std::map<std::string, std::string>& attributes) {
  if (attributes.empty()) return "{}";
  return nlohmann::json(attributes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Whether the file says of them nothing but what nearly every file says: then the other columns are
// neither copied nor compared.
bool SayLittle(const std::vector<Person>& people) {
  return std::none_of(people.begin(), people.end(), [](const Person& person) {
    const ContactPatch& p = person.said->patch;
    return p.vip || p.preferred_time || p.notes || p.subdistrict || p.district || p.postcode ||
           p.language || p.style || p.time_zone || p.satisfaction || !p.attributes.empty() ||
           !p.tags.empty();
  });
}

void CopyContacts(pg::Transaction& tx, absl::string_view table, const std::string& outlet,
                  const std::vector<Person>& people) {
  if (people.empty()) return;
  if (SayLittle(people)) {
    tx.CopyIn("contacts.copy_contacts", table,
              {"outlet_id", "id", "phone", "name", "address", "city", "province", "service_type"},
              [&](pg::Transaction::RowSink row) {
                for (const Person& person : people) {
                  const ContactPatch& p = person.said->patch;
                  row({outlet, person.id, person.said->phone, p.name, p.address, p.city, p.province,
                       p.service_type});
                }
              });
    return;
  }
  tx.CopyIn("contacts.copy_contacts", table,
            {"outlet_id", "id",         "phone",        "name",        "address",
             "city",      "province",   "service_type", "vip",         "preferred_time",
             "notes",     "attributes", "tags",         "subdistrict", "district",
             "postcode",  "language",   "style",        "time_zone",   "satisfaction"},
            [&](pg::Transaction::RowSink row) {
              for (const Person& person : people) {
                const ContactPatch& p = person.said->patch;
                row({outlet,
                     person.id,
                     person.said->phone,
                     p.name,
                     p.address,
                     p.city,
                     p.province,
                     p.service_type,
                     p.vip,
                     p.preferred_time,
                     p.notes,
                     AttributesJson(p.attributes),
                     pg::TextArray(p.tags),
                     p.subdistrict,
                     p.district,
                     p.postcode,
                     p.language,
                     p.style,
                     p.time_zone,
                     p.satisfaction});
              }
            });
}

void CopyPhones(pg::Transaction& tx, const std::string& outlet, const std::vector<Person>& people) {
  if (people.empty()) return;
  tx.CopyIn("contacts.copy_phones", "contact_identities",
            {"outlet_id", "kind", "value", "contact_id"}, [&](pg::Transaction::RowSink row) {
              for (const Person& person : people) {
                row({outlet, "phone", person.said->phone, person.id});
              }
            });
}

void CopyShipments(pg::Transaction& tx, absl::string_view table, const std::string& outlet,
                   absl::Time now, const std::vector<Parcel>& parcels) {
  if (parcels.empty()) return;
  const bool known = table != "shipments";
  tx.CopyIn(
      "contacts.copy_shipments", table,
      {"outlet_id", "id", "tracking_number", "contact_id", "status", "location", "estimate",
       "driver_name", "driver_phone", "destination_address", "cod_amount", "cod_paid",
       "delay_reason", "new_estimate", "updated_at", "service_type", "merged_from"},
      [&](pg::Transaction::RowSink row) {
        for (const Parcel& parcel : parcels) {
          const ShipmentPatch& p = parcel.said->patch;
          std::optional<absl::Time> at = p.updated_at.value_or(now);
          if (known && p.keeps_age) at.reset();
          // One that is known has its id.
          const auto id = known ? pg::Param(nullptr) : pg::Param(base::NewOrderedId("shp"));
          row({outlet, id, parcel.said->tracking_number, parcel.contact_id, p.status, p.location,
               p.estimate, p.driver_name, p.driver_phone, p.destination_address, p.cod_amount,
               p.cod_paid, p.delay_reason, p.new_estimate, at, p.service_type, parcel.merged_from});
        }
      });
}

// Who opted out and has one more BSUID now: whoever suppresses by address must hear of it.
std::vector<std::string> ClaimBsuids(pg::Transaction& tx, const std::string& outlet,
                                     const ImportChunk& chunk, const Sorted& sorted) {
  pg::ArrayBuilder bsuids;
  pg::ArrayBuilder contacts;
  pg::ArrayBuilder merged_from;
  bool any = false;
  for (const ContactUpsert& contact : chunk.contacts) {
    if (contact.bsuid.empty()) continue;
    bsuids.Add(contact.bsuid);
    contacts.Add(sorted.contact_ids.at(contact.phone));
    const auto from = sorted.merged_from.find(contact.phone);
    merged_from.Add(from == sorted.merged_from.end() ? std::string() : from->second);
    any = true;
  }
  std::vector<std::string> opted_out;
  if (!any) return opted_out;
  const std::string values = std::move(bsuids).Finish();
  pg::ArrayBuilder claimed;
  for (const pqxx::row& row : tx.ExecDynamic(
           "contacts.import_bsuids", kClaimBsuids,
           {outlet, values, std::move(contacts).Finish(), std::move(merged_from).Finish()})) {
    claimed.Add(pg::TextField(row[0]));
  }
  tx.ExecDynamic("contacts.import_set_bsuids", kSetBsuids, {outlet, values});
  for (const pqxx::row& row : tx.ExecDynamic("contacts.import_opted_out", kOptedOut,
                                             {outlet, std::move(claimed).Finish()})) {
    opted_out.push_back(pg::TextField(row[0]));
  }
  return opted_out;
}

void AddOptIns(pg::Transaction& tx, const std::string& outlet, const ImportChunk& chunk) {
  for (const Purpose purpose : kAllPurposes) {
    pg::ArrayBuilder phones;
    bool any = false;
    for (const ContactUpsert& contact : chunk.contacts) {
      if (contact.opt_ins.count(purpose) == 0) continue;
      phones.Add(contact.phone);
      any = true;
    }
    if (!any) continue;
    tx.ExecDynamic("contacts.import_opt_ins", kOptIns,
                   {outlet, std::string(PurposeName(purpose)), std::move(phones).Finish()});
  }
}

}  // namespace

absl::StatusOr<ChunkCounts> PgUnit::Import(const ImportChunk& chunk, const ChunkOrder& order) {
  bool beside = !order.name_ahead.empty();
  const absl::Time now = pg::TimeField(tx_.ExecOne(kBegin, outlet_, order.name, beside)[1]);
  HoldPeople(/*alone=*/false);
  const auto fall_in_behind = [&] {
    if (beside) tx_.Exec(kBehind, outlet_, order.name_ahead);
    beside = false;
  };
  Sorted sorted;
  std::size_t to_add = std::numeric_limits<std::size_t>::max();
  for (int in_vain = 0;;) {
    sorted = SortChunk(tx_, outlet_, chunk);
    if (order.place != nullptr) {
      const std::vector<std::string> known = sorted.KnownPeople();
      if (beside && order.place_ahead->IsAbout(known)) {
        fall_in_behind();
        continue;
      }
      order.place->SetUnderWay(known);
    }
    const absl::Status added = tx_.Savepoint([&]() -> absl::Status {
      CopyPhones(tx_, outlet_, sorted.new_people);
      CopyContacts(tx_, "contacts", outlet_, sorted.new_people);
      CopyShipments(tx_, "shipments", outlet_, now, sorted.new_parcels);
      return absl::OkStatus();
    });
    if (added.ok()) break;
    const std::size_t before =
        std::exchange(to_add, sorted.new_people.size() + sorted.new_parcels.size());
    in_vain = to_add < before ? 0 : in_vain + 1;
    if (pg::SqlState(added) != kUniqueViolation || in_vain == kRoundsInVain) return added;
  }
  if (!sorted.known_people.empty() || !sorted.known_parcels.empty()) {
    tx_.ExecScript("contacts.import_tables", kTables);
    CopyContacts(tx_, "import_contacts", outlet_, sorted.known_people);
    tx_.ExecDynamic("contacts.import_update_contacts",
                    UpdateContacts(SayLittle(sorted.known_people)), {});
    CopyShipments(tx_, "import_shipments", outlet_, now, sorted.known_parcels);
    tx_.ExecDynamic("contacts.import_update_shipments", UpdateShipments(), {});
  }
  for (const std::string& id : ClaimBsuids(tx_, outlet_, chunk, sorted)) RepeatOptOuts(id);
  // What somebody who was erased refused by one of these addresses, before the file's opt-ins.
  pg::ArrayBuilder phones;
  for (const ContactUpsert& contact : chunk.contacts) phones.Add(contact.phone);
  RecallOptOutsOfPhones(std::move(phones).Finish());
  AddOptIns(tx_, outlet_, chunk);
  fall_in_behind();
  return ChunkCounts{.contacts_created = static_cast<int64_t>(sorted.new_people.size()),
                     .contacts_updated = static_cast<int64_t>(sorted.known_people.size()),
                     .shipments_created = static_cast<int64_t>(sorted.new_parcels.size()),
                     .shipments_updated = static_cast<int64_t>(sorted.known_parcels.size())};
}

}  // namespace kabar::contacts
