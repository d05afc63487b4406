#include "services/templates/pg_store.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/templates/convert.h"
#include "services/templates/pg_providers.h"

namespace kabar::templates {
namespace {

// The columns that TemplateOf reads. Only the newest version shows later changes of the template.
#define KABAR_TEMPLATE_COLUMNS                                                        \
  "SELECT t.id, t.code, v.message, v.missing_data, v.version, t.state, v.variables, " \
  "t.created_at, "                                                                    \
  "CASE WHEN v.version = t.newest_version THEN t.updated_at ELSE v.created_at END, "  \
  "t.kind, v.parts "                                                                  \
  "FROM templates t JOIN template_versions v "                                        \
  "ON v.outlet_id = t.outlet_id AND v.template_id = t.id "

constexpr pg::Query kGet{"templates.get", KABAR_TEMPLATE_COLUMNS
                         "WHERE t.outlet_id = $1 AND t.id = $2 AND v.version = "
                         "CASE WHEN $3 = 0 THEN t.newest_version ELSE $3 END"};
constexpr pg::Query kGetByCode{"templates.get_by_code", KABAR_TEMPLATE_COLUMNS
                               "WHERE t.outlet_id = $1 AND t.code = $2 AND v.version = "
                               "CASE WHEN $3 = 0 THEN t.newest_version ELSE $3 END"};
// The row of the template is locked apart from reading its version: a join would be evaluated anew
// after waiting for a twin, with the new number and the old versions, and find nothing.
constexpr pg::Query kLock{"templates.lock",
                          "SELECT 1 FROM templates WHERE outlet_id = $1 AND id = $2 FOR UPDATE"};
constexpr pg::Query kList{"templates.list", KABAR_TEMPLATE_COLUMNS
                          "AND v.version = t.newest_version "
                          "WHERE t.outlet_id = $1 AND t.code > $2 "
                          "AND ($3 OR t.state = 'ACTIVE') AND ($5 = '' OR t.kind = $5) "
                          "ORDER BY t.code LIMIT $4"};
constexpr pg::Query kListVersions{"templates.list_versions", KABAR_TEMPLATE_COLUMNS
                                  "WHERE t.outlet_id = $1 AND t.id = $2 AND v.version < $3 "
                                  "ORDER BY v.version DESC LIMIT $4"};

constexpr pg::Query kInsert{
    "templates.insert",
    "INSERT INTO templates "
    "(outlet_id, id, code, state, newest_version, created_at, updated_at, kind) "
    "VALUES ($1, $2, $3, 'ACTIVE', $4, $5, $5, $6)"};
constexpr pg::Query kInsertVersion{
    "templates.insert_version",
    "INSERT INTO template_versions "
    "(outlet_id, template_id, version, message, missing_data, variables, created_at, parts) "
    "VALUES ($1, $2, $3, $4, $5, $6::text[], $7, $8)"};
constexpr pg::Query kSetNewest{
    "templates.set_newest",
    "UPDATE templates SET newest_version = $3, updated_at = $4 WHERE outlet_id = $1 AND id = $2"};
constexpr pg::Query kArchive{
    "templates.archive",
    "UPDATE templates SET state = 'ARCHIVED', updated_at = $3 WHERE outlet_id = $1 AND id = $2"};

constexpr pg::Query kPutUse{
    "templates.put_use",
    "INSERT INTO template_uses (outlet_id, user_id, template_id, what, variables, updated_at) "
    "VALUES ($1, $2, $3, $4, $5::text[], $6) "
    "ON CONFLICT (outlet_id, user_id) DO UPDATE SET template_id = excluded.template_id, "
    "what = excluded.what, variables = excluded.variables, updated_at = excluded.updated_at"};
constexpr pg::Query kDeleteUse{"templates.delete_use",
                               "DELETE FROM template_uses WHERE outlet_id = $1 AND user_id = $2"};
constexpr pg::Query kListUses{"templates.list_uses",
                              "SELECT user_id, template_id, what, variables FROM template_uses "
                              "WHERE outlet_id = $1 AND template_id = $2 ORDER BY user_id"};
constexpr pg::Query kCodesTaken{
    "templates.codes_taken",
    "SELECT code FROM templates WHERE outlet_id = $1 AND code = ANY($2::text[]) ORDER BY code"};

constexpr pg::Query kReserve{"templates.reserve_request",
                             "INSERT INTO request_log (outlet_id, request_id, method, fingerprint) "
                             "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"};
constexpr pg::Query kReserved{"templates.reserved_request",
                              "SELECT method, fingerprint, response FROM request_log "
                              "WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kSaveResponse{
    "templates.save_response",
    "UPDATE request_log SET response = $3 WHERE outlet_id = $1 AND request_id = $2"};
constexpr pg::Query kForget{
    "templates.forget_requests",
    "DELETE FROM request_log WHERE (outlet_id, request_id) IN "
    "(SELECT outlet_id, request_id FROM request_log WHERE created_at < $1 LIMIT $2 "
    "FOR UPDATE SKIP LOCKED)"};

MessageTemplate TemplateOf(const pqxx::row& row) {
  MessageTemplate found;
  found.id = pg::TextField(row[0]);
  found.code = pg::TextField(row[1]);
  found.message = pg::TextField(row[2]);
  found.missing_data = MissingDataOfName(pg::TextField(row[3]));
  found.version = row[4].as<int32_t>();
  found.state = StateOfName(pg::TextField(row[5]));
  found.variables = pg::TextArrayField(row[6]);
  found.create_time = pg::TimeField(row[7]);
  found.update_time = pg::TimeField(row[8]);
  found.kind = KindOfName(pg::TextField(row[9]));
  content::v1::Parts parts;
  if (parts.ParseFromString(pg::BytesField(row[10]))) found.parts = FromProto(parts);
  return found;
}

std::vector<MessageTemplate> TemplatesOf(const pqxx::result& rows) {
  std::vector<MessageTemplate> found;
  for (const pqxx::row& row : rows) found.push_back(TemplateOf(row));
  return found;
}

absl::Status NotFound(absl::string_view id_or_code, int32_t version) {
  if (version == 0) {
    return base::Error(absl::StatusCode::kNotFound, "TEMPLATE_NOT_FOUND",
                       absl::StrCat("this outlet has no template ", id_or_code,
                                    ": list its templates to see which there are"));
  }
  return base::Error(absl::StatusCode::kNotFound, "VERSION_NOT_FOUND",
                     absl::StrCat("this outlet has no template ", id_or_code, " with version ",
                                  version, ": list its versions to see which there are"));
}

class PgUnit : public Store::Unit {
 public:
  PgUnit(pg::Transaction& tx, const std::string& outlet) : tx_(tx), outlet_(outlet) {}

  absl::StatusOr<std::optional<rpc::RequestRecord>> ReserveRequest(
      const std::string& request_id, const rpc::RequestRecord& mine) override;
  absl::Status SaveResponse(const std::string& request_id, const std::string& response) override {
    tx_.Exec(kSaveResponse, outlet_, request_id, pg::Bytes(response));
    return absl::OkStatus();
  }
  absl::Status Insert(const MessageTemplate& added) override;
  absl::StatusOr<MessageTemplate> Lock(const std::string& id) override {
    if (!tx_.ExecMaybe(kLock, outlet_, id).has_value()) return NotFound(id, 0);
    return TemplateOf(tx_.ExecOne(kGet, outlet_, id, 0));
  }
  absl::Status AddVersion(const MessageTemplate& changed) override {
    InsertVersion(changed);
    tx_.Exec(kSetNewest, outlet_, changed.id, changed.version, changed.update_time);
    return absl::OkStatus();
  }
  absl::Status Archive(const std::string& id, absl::Time now) override {
    tx_.Exec(kArchive, outlet_, id, now);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<ProviderTemplate>> FindProviderTemplates(
      absl::Span<const ProviderKey> keys) override {
    return pg_providers::Find(tx_, outlet_, keys);
  }
  absl::Status PutProviderTemplate(const ProviderTemplate& put, absl::Time now) override {
    pg_providers::Put(tx_, outlet_, put, now);
    return absl::OkStatus();
  }
  absl::StatusOr<ProviderTemplate> AgreeToCategory(const ProviderKey& key,
                                                   absl::Time now) override {
    return pg_providers::Agree(tx_, outlet_, key, now);
  }
  absl::StatusOr<std::vector<ProviderTemplate>> AllProviderTemplates() override {
    return pg_providers::All(tx_, outlet_);
  }
  absl::Status PutSynced(const ProviderTemplate& put, absl::Time asked) override {
    pg_providers::PutSynced(tx_, outlet_, put, asked);
    return absl::OkStatus();
  }
  absl::Status PutSubmitted(const ProviderTemplate& put, absl::Time asked) override {
    pg_providers::PutSubmitted(tx_, outlet_, put, asked);
    return absl::OkStatus();
  }
  absl::Status ReleaseAccounts(absl::Span<const std::string> named) override {
    pg_providers::ReleaseAccounts(tx_, outlet_, named);
    return absl::OkStatus();
  }
  absl::StatusOr<int> EndSync(const std::string& account_id, absl::Span<const ProviderKey> there,
                              absl::Time asked) override {
    return pg_providers::EndSync(tx_, outlet_, account_id, there, asked);
  }
  absl::Status ApplyNews(const ProviderNews& news) override {
    pg_providers::ApplyNews(tx_, outlet_, news);
    return absl::OkStatus();
  }
  absl::Status PutUse(const TemplateUse& use, absl::Time now) override {
    tx_.Exec(kPutUse, outlet_, use.user, use.template_id, use.what, pg::TextArray(use.variables),
             now);
    return absl::OkStatus();
  }
  absl::Status DeleteUse(const std::string& user) override {
    tx_.Exec(kDeleteUse, outlet_, user);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<TemplateUse>> ListUses(const std::string& template_id) override {
    std::vector<TemplateUse> found;
    for (const pqxx::row& row : tx_.Exec(kListUses, outlet_, template_id)) {
      found.push_back({pg::TextField(row[0]), pg::TextField(row[1]), pg::TextField(row[2]),
                       pg::TextArrayField(row[3])});
    }
    return found;
  }
  absl::StatusOr<std::vector<std::string>> CodesTaken(
      absl::Span<const std::string> codes) override {
    std::vector<std::string> taken;
    const auto wanted = pg::TextArray(std::vector<std::string>(codes.begin(), codes.end()));
    for (const pqxx::row& row : tx_.Exec(kCodesTaken, outlet_, wanted)) {
      taken.push_back(pg::TextField(row[0]));
    }
    return taken;
  }

 private:
  void InsertVersion(const MessageTemplate& added) {
    content::v1::Parts parts;
    if (!added.parts.empty()) ToProto(added.parts, &parts);
    tx_.Exec(kInsertVersion, outlet_, added.id, added.version, added.message,
             MissingDataName(added.missing_data), pg::TextArray(added.variables), added.update_time,
             pg::Bytes(parts.SerializeAsString()));
  }

  pg::Transaction& tx_;
  const std::string& outlet_;
};

absl::StatusOr<std::optional<rpc::RequestRecord>> PgUnit::ReserveRequest(
    const std::string& request_id, const rpc::RequestRecord& mine) {
  const pqxx::result reserved =
      tx_.Exec(kReserve, outlet_, request_id, mine.method, pg::Bytes(mine.fingerprint));
  if (reserved.affected_rows() == 1) return std::optional<rpc::RequestRecord>();
  const pqxx::row row = tx_.ExecOne(kReserved, outlet_, request_id);
  return std::optional<rpc::RequestRecord>(
      {pg::TextField(row[0]), pg::BytesField(row[1]), pg::BytesField(row[2])});
}

absl::Status PgUnit::Insert(const MessageTemplate& added) {
  const absl::Status inserted = tx_.Savepoint([&]() -> absl::Status {
    tx_.Exec(kInsert, outlet_, added.id, added.code, added.version, added.create_time,
             KindName(added.kind));
    return absl::OkStatus();
  });
  if (pg::IsDuplicate(inserted, "templates_code_unique")) {
    return base::Error(absl::StatusCode::kAlreadyExists, "TEMPLATE_CODE_TAKEN",
                       absl::StrCat("this outlet has a template with the code ", added.code,
                                    " (perhaps archived): update that one or take another code"));
  }
  KABAR_RETURN_IF_ERROR(inserted);
  InsertVersion(added);
  return absl::OkStatus();
}

pg::TransactOptions ReadOnly(absl::Time deadline) {
  pg::TransactOptions options;
  options.deadline = deadline;
  options.read_only = true;
  return options;
}

}  // namespace

absl::Status PgStore::Write(const std::string& outlet, absl::string_view operation,
                            absl::Time deadline, absl::FunctionRef<absl::Status(Unit&)> work) {
  pg::TransactOptions options;
  options.deadline = deadline;
  options.attempts = 3;
  return pg::Transact(pool_, operation, options, [&](pg::Transaction& tx) -> absl::Status {
    PgUnit unit(tx, outlet);
    return work(unit);
  });
}

absl::StatusOr<MessageTemplate> PgStore::Get(const std::string& outlet, const std::string& id,
                                             int32_t version, absl::Time deadline) {
  MessageTemplate found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "GetTemplate", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        const std::optional<pqxx::row> row = tx.ExecMaybe(kGet, outlet, id, version);
        if (!row.has_value()) return NotFound(id, version);
        found = TemplateOf(*row);
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<MessageTemplate> PgStore::GetByCode(const std::string& outlet,
                                                   const std::string& code, int32_t version,
                                                   absl::Time deadline) {
  MessageTemplate found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "GetTemplateByCode", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        const std::optional<pqxx::row> row = tx.ExecMaybe(kGetByCode, outlet, code, version);
        if (!row.has_value()) return NotFound(code, version);
        found = TemplateOf(*row);
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::vector<MessageTemplate>> PgStore::List(const std::string& outlet,
                                                           const std::string& after_code,
                                                           const ListFilter& filter, int limit,
                                                           absl::Time deadline) {
  std::vector<MessageTemplate> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListTemplates", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        found = TemplatesOf(tx.Exec(kList, outlet, after_code, filter.show_archived, limit,
                                    filter.kind.has_value() ? KindName(*filter.kind) : ""));
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::vector<MessageTemplate>> PgStore::ListVersions(const std::string& outlet,
                                                                   const std::string& id,
                                                                   int32_t below_version, int limit,
                                                                   absl::Time deadline) {
  std::vector<MessageTemplate> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListTemplateVersions", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        found = TemplatesOf(tx.Exec(kListVersions, outlet, id, below_version, limit));
        // An empty page of an existing template is the end; without a template it is a mistake.
        if (found.empty() && !tx.ExecMaybe(kGet, outlet, id, 0).has_value()) return NotFound(id, 0);
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<int64_t> PgStore::ForgetRequests(absl::Time time, int limit, absl::Time deadline) {
  int64_t forgotten = 0;
  KABAR_RETURN_IF_ERROR(
      pg::Transact(pool_, "ForgetRequests", deadline, [&](pg::Transaction& tx) -> absl::Status {
        forgotten = static_cast<int64_t>(tx.Exec(kForget, time, limit).affected_rows());
        return absl::OkStatus();
      }));
  return forgotten;
}

}  // namespace kabar::templates
