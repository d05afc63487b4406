// Tracking APIs: what an outlet wants pulled, and whose turn it is.
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "nlohmann/json.hpp"
#include "services/contacts/pg_store.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxSources = 20;
constexpr std::size_t kMaxReasons = 5;

#define KABAR_SOURCE_COLUMNS                                                                 \
  "name, settings, since, paused, next_at, leased_until, last_attempt_at, last_success_at, " \
  "failures, error, import_id, last_rows, last_refused, missing_places "

constexpr pg::Query kLock{"contacts.lock_source", "SELECT " KABAR_SOURCE_COLUMNS
                                                  "FROM sources WHERE outlet_id = $1 "
                                                  "AND name = $2 FOR UPDATE"};
constexpr pg::Query kCount{"contacts.count_sources",
                           "SELECT count(*) FROM sources WHERE outlet_id = $1"};
constexpr pg::Query kInsert{
    "contacts.insert_source",
    "INSERT INTO sources (outlet_id, name, settings, paused, next_at, lease) "
    "VALUES ($1, $2, $3::jsonb, $4, $5, nextval('source_leases')) ON CONFLICT DO NOTHING"};
// A new lease: whoever pulls it can neither move its since-token nor say how the pull ended.
constexpr pg::Query kChange{"contacts.change_source",
                            "UPDATE sources SET settings = $3::jsonb, paused = $4, next_at = $5, "
                            "lease = nextval('source_leases'), leased_until = 'epoch' "
                            "WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kBeginAnew{
    "contacts.begin_source_anew",
    "UPDATE sources SET since = '', last_success_at = NULL, failures = 0, error = '', "
    "last_rows = 0, last_refused = 0, missing_places = '{}' "
    "WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kDropRefused{"contacts.drop_refused_rows",
                                 "DELETE FROM source_refused WHERE outlet_id = $1 AND source = $2"};
constexpr pg::Query kGet{"contacts.get_source", "SELECT " KABAR_SOURCE_COLUMNS
                                                "FROM sources WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kList{"contacts.list_sources",
                          "SELECT " KABAR_SOURCE_COLUMNS
                          "FROM sources WHERE outlet_id = $1 ORDER BY name"};
constexpr pg::Query kReasons{
    "contacts.source_refused_reasons",
    "SELECT source, field, reason, count(*) FROM source_refused WHERE outlet_id = $1 "
    "GROUP BY source, field, reason ORDER BY count(*) DESC, field, reason"};
constexpr pg::Query kDelete{"contacts.delete_source",
                            "DELETE FROM sources WHERE outlet_id = $1 AND name = $2"};
constexpr pg::Query kPullNow{"contacts.pull_source_now",
                             "UPDATE sources SET next_at = least(next_at, $3), "
                             "since = CASE WHEN $4::boolean THEN '' ELSE since END "
                             "WHERE outlet_id = $1 AND name = $2"};
// One at a time, so that of two sources of an outlet only one is leased.
constexpr pg::Query kLeaseTurn{
    "contacts.lease_turn",
    "SELECT pg_advisory_xact_lock(hashtextextended('contacts.source_leases', 0))"};
constexpr pg::Query kLease{
    "contacts.lease_source",
    "UPDATE sources SET leased_until = $2, lease = nextval('source_leases'), "
    "last_attempt_at = $1 WHERE (outlet_id, name) = (SELECT s.outlet_id, s.name FROM sources s "
    "WHERE NOT s.paused AND s.next_at <= $1 AND NOT EXISTS (SELECT 1 FROM sources o "
    "WHERE o.outlet_id = s.outlet_id AND o.leased_until > $1) "
    "ORDER BY s.next_at, s.outlet_id, s.name LIMIT 1 FOR UPDATE OF s SKIP LOCKED) "
    "RETURNING " KABAR_SOURCE_COLUMNS ", outlet_id, lease"};
constexpr pg::Query kRenew{"contacts.renew_source_lease",
                           "UPDATE sources SET leased_until = $4 "
                           "WHERE outlet_id = $1 AND name = $2 AND lease = $3"};

const char* NameOf(Paging paging) {
  switch (paging) {
    case Paging::kPageNumber:
      return "page_number";
    case Paging::kCursor:
      return "cursor";
    case Paging::kNextLink:
      return "next_link";
    case Paging::kNone:
      break;
  }
  return "none";
}

Paging PagingOf(const std::string& name) {
  for (const Paging paging : {Paging::kPageNumber, Paging::kCursor, Paging::kNextLink}) {
    if (name == NameOf(paging)) return paging;
  }
  return Paging::kNone;
}

std::string SettingsJson(const Source& source) {
  const SourceSettings& s = source.settings;
  const Json settings = {{"url", s.url},
                         {"auth_header", s.auth_header},
                         {"auth_secret", s.auth_secret},
                         {"paging", NameOf(s.paging)},
                         {"page_parameter", s.page_parameter},
                         {"first_page", s.first_page},
                         {"next_path", s.next_path},
                         {"items_path", s.items_path},
                         {"mapping", s.mapping},
                         {"since_parameter", s.since_parameter},
                         {"since_path", s.since_path},
                         {"schedule", source.schedule},
                         {"time_zone", source.time_zone}};
  return settings.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void ReadSettings(const std::string& text, Source& out) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  const auto read = [&](const char* name) { return json.value(name, std::string()); };
  SourceSettings& s = out.settings;
  s.url = read("url");
  s.auth_header = read("auth_header");
  s.auth_secret = read("auth_secret");
  s.paging = PagingOf(read("paging"));
  s.page_parameter = read("page_parameter");
  s.first_page = json.value("first_page", 0);
  s.next_path = read("next_path");
  s.items_path = read("items_path");
  s.mapping = json.value("mapping", s.mapping);
  s.since_parameter = read("since_parameter");
  s.since_path = read("since_path");
  out.schedule = read("schedule");
  out.time_zone = read("time_zone");
}

Source SourceOf(const pqxx::row& row) {
  Source out;
  out.name = pg::TextField(row[0]);
  ReadSettings(pg::TextField(row[1]), out);
  out.since = pg::TextField(row[2]);
  out.paused = row[3].as<bool>();
  out.next_at = pg::TimeField(row[4]);
  out.leased_until = pg::TimeField(row[5]);
  out.last_attempt_at = pg::OptTimeField(row[6]);
  out.last_success_at = pg::OptTimeField(row[7]);
  out.failures = row[8].as<int>();
  out.error = pg::TextField(row[9]);
  out.import_id = pg::TextField(row[10]);
  out.last_rows = row[11].as<int64_t>();
  out.last_refused = row[12].as<int64_t>();
  out.missing_places = pg::TextArrayField(row[13]);
  return out;
}

absl::Status SourceNotFound() {
  return base::Error(absl::StatusCode::kNotFound, "SOURCE_NOT_FOUND",
                     "this outlet has no source of this name; list its sources");
}

}  // namespace

absl::StatusOr<Source> PgUnit::PutSource(const Source& source, absl::Time now) {
  const std::string settings = SettingsJson(source);
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kLock, outlet_, source.name);
  if (!row) {
    if (tx_.ExecOne(kCount, outlet_)[0].as<int64_t>() >= kMaxSources) {
      return base::Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_SOURCES",
                         absl::StrCat("an outlet has ", kMaxSources,
                                      " sources at most; delete one that is not pulled any more"));
    }
    const pqxx::result put =
        tx_.Exec(kInsert, outlet_, source.name, settings, source.paused, source.next_at);
    if (put.affected_rows() != 1) {
      return base::Error(absl::StatusCode::kAborted, "SOURCE_CHANGED",
                         "somebody else put a source of this name at this moment; look at it");
    }
    return SourceOf(tx_.ExecOne(kGet, outlet_, source.name));
  }
  const Source before = SourceOf(*row);
  const bool anew = before.settings != source.settings;
  const bool another_time = anew || before.schedule != source.schedule ||
                            before.time_zone != source.time_zone || before.paused != source.paused;
  if (!another_time) return before;
  EndPullsImport(before.import_id, "its source was changed");
  // What was to come today comes today: the schedule's next time may be tomorrow. (Paused it waits,
  // and is due still when it is not paused any more.)
  const bool due =
      anew || before.leased_until > now || before.next_at <= now || before.failures > 0;
  tx_.Exec(kChange, outlet_, source.name, settings, source.paused, due ? now : source.next_at);
  if (anew) {
    tx_.Exec(kBeginAnew, outlet_, source.name);
    tx_.Exec(kDropRefused, outlet_, source.name);
  }
  return SourceOf(tx_.ExecOne(kGet, outlet_, source.name));
}

absl::StatusOr<std::vector<SourceState>> PgUnit::ListSources() {
  std::vector<SourceState> out;
  for (const pqxx::row& row : tx_.Exec(kList, outlet_)) {
    out.push_back({.source = SourceOf(row)});
  }
  for (const pqxx::row& row : tx_.Exec(kReasons, outlet_)) {
    const std::string name = pg::TextField(row[0]);
    for (SourceState& state : out) {
      if (state.source.name != name) continue;
      const auto rows = row[3].as<int64_t>();
      state.open_refused += rows;
      if (state.reasons.size() == kMaxReasons) continue;
      state.reasons.push_back({pg::TextField(row[1]), pg::TextField(row[2]), rows});
    }
  }
  return out;
}

absl::Status PgUnit::DeleteSource(const std::string& name) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kLock, outlet_, name);
  if (!row) return SourceNotFound();
  EndPullsImport(SourceOf(*row).import_id, "its source was deleted");
  tx_.Exec(kDropRefused, outlet_, name);
  tx_.Exec(kDelete, outlet_, name);
  return absl::OkStatus();
}

absl::StatusOr<Source> PgUnit::PullSourceNow(const std::string& name, bool from_start,
                                             absl::Time now) {
  const std::optional<pqxx::row> row = tx_.ExecMaybe(kLock, outlet_, name);
  if (!row) return SourceNotFound();
  const Source source = SourceOf(*row);
  if (source.paused) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "SOURCE_PAUSED",
                       "the source is paused; put it again with paused off");
  }
  // One that runs would end behind the token that is to be forgotten.
  if (source.leased_until > now && from_start) {
    return base::Error(absl::StatusCode::kFailedPrecondition, "SOURCE_PULLING",
                       "the source is being pulled from where it was; wait for the end, or cancel "
                       "its import, and ask again");
  }
  if (source.leased_until > now) return source;
  tx_.Exec(kPullNow, outlet_, name, now, from_start);
  return SourceOf(tx_.ExecOne(kGet, outlet_, name));
}

absl::StatusOr<std::optional<DueSource>> PgStore::LeaseSource(absl::Time now, absl::Time until,
                                                              absl::Time deadline) {
  std::optional<DueSource> out;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "LeaseSource", deadline, [&](pg::Transaction& tx) {
    out.reset();
    tx.Exec(kLeaseTurn);
    if (const std::optional<pqxx::row> row = tx.ExecMaybe(kLease, now, until)) {
      out = DueSource{pg::TextField((*row)[14]), SourceOf(*row), (*row)[15].as<int64_t>()};
    }
    return absl::OkStatus();
  }));
  return out;
}

absl::Status PgStore::RenewLease(const DueSource& due, absl::Time until, absl::Time deadline) {
  return pg::Transact(pool_, "RenewLease", deadline, [&](pg::Transaction& tx) -> absl::Status {
    const pqxx::result renewed = tx.Exec(kRenew, due.outlet, due.source.name, due.lease, until);
    return renewed.affected_rows() == 1 ? absl::OkStatus() : SourceChanged();
  });
}

}  // namespace kabar::contacts
