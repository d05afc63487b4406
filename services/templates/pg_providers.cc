#include "services/templates/pg_providers.h"

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/pg/transaction.h"
#include "services/templates/pg_store.h"

namespace kabar::templates {
namespace {

// What ReadProvider reads.
#define KABAR_PROVIDER_COLUMNS                                                                 \
  "SELECT p.name, p.language, p.body, p.category, p.status, p.parameters, p.parameter_names, " \
  "p.header_format, p.header, p.footer, p.button_types, p.button_texts, p.button_urls, "       \
  "p.quality, p.reason, p.account_id, p.agreed_category, p.synced_at FROM provider_templates p "

constexpr pg::Query kFind{
    "templates.find_providers", KABAR_PROVIDER_COLUMNS
    "JOIN (SELECT DISTINCT * FROM unnest($2::text[], $3::text[]) AS w(name, language)) w "
    "USING (name, language) WHERE p.outlet_id = $1"};
constexpr pg::Query kList{"templates.list_providers", KABAR_PROVIDER_COLUMNS
                          "WHERE p.outlet_id = $1 AND (p.name, p.language) > ($2, $3) "
                          "ORDER BY p.name, p.language LIMIT $4"};
constexpr pg::Query kAll{"templates.all_providers", KABAR_PROVIDER_COLUMNS
                         "WHERE p.outlet_id = $1 ORDER BY p.name, p.language"};

#define KABAR_PUT_PROVIDER                                                                  \
  "INSERT INTO provider_templates AS p (outlet_id, name, language, body, category, "        \
  "status, parameters, parameter_names, header_format, header, footer, button_types, "      \
  "button_texts, button_urls, quality, reason, account_id, agreed_category, created_at, "   \
  "updated_at, synced_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text[], $9, $10, $11, "   \
  "$12::text[], $13::text[], $14::text[], $15, $16, $17, $20, $18, $18, $19::timestamptz) " \
  "ON CONFLICT (outlet_id, name, language) DO UPDATE SET body = excluded.body, "            \
  "parameters = excluded.parameters, parameter_names = excluded.parameter_names, "          \
  "header_format = excluded.header_format, header = excluded.header, "                      \
  "footer = excluded.footer, button_types = excluded.button_types, "                        \
  "button_texts = excluded.button_texts, button_urls = excluded.button_urls, "              \
  "updated_at = excluded.updated_at, "

constexpr pg::Query kPut{"templates.put_provider", KABAR_PUT_PROVIDER
                         "category = excluded.category, status = excluded.status, reason = '', "
                         "agreed_category = excluded.agreed_category"};
// News that came after the provider was asked are newer than its answer, and so is the answer to
// whoever asked later.
constexpr pg::Query kPutSynced{
    "templates.put_synced_provider", KABAR_PUT_PROVIDER
    "category = CASE WHEN p.told_at > excluded.synced_at THEN p.category "
    "ELSE excluded.category END, "
    "status = CASE WHEN p.told_at > excluded.synced_at THEN p.status ELSE excluded.status END, "
    "reason = CASE WHEN p.told_at > excluded.synced_at OR excluded.reason = '' AND "
    "p.status = excluded.status THEN p.reason ELSE excluded.reason END, "
    "quality = excluded.quality, account_id = excluded.account_id, "
    "synced_at = excluded.synced_at "
    "WHERE COALESCE(p.synced_at <= excluded.synced_at, true) "
    "AND (p.account_id IN ('', excluded.account_id) OR p.status = 'DELETED')"};
constexpr pg::Query kAgree{
    "templates.agree_to_category",
    "UPDATE provider_templates SET agreed_category = category, updated_at = $4 "
    "WHERE outlet_id = $1 AND name = $2 AND language = $3"};
constexpr pg::Query kSubmitted{
    "templates.provider_submitted",
    "UPDATE provider_templates SET agreed_category = $4 "
    "WHERE outlet_id = $1 AND name = $2 AND language = $3 AND account_id = $5"};
constexpr pg::Query kRelease{
    "templates.release_accounts",
    "UPDATE provider_templates SET account_id = '' "
    "WHERE outlet_id = $1 AND account_id <> '' AND NOT account_id = ANY($2::text[])"};
constexpr pg::Query kGone{
    "templates.providers_gone",
    "UPDATE provider_templates p SET status = 'DELETED', reason = '', updated_at = $5 "
    "WHERE p.outlet_id = $1 AND p.account_id = $2 AND p.status <> 'DELETED' "
    "AND COALESCE(p.told_at <= $5, true) AND COALESCE(p.synced_at <= $5, true) AND NOT EXISTS "
    "(SELECT 1 FROM "
    "unnest($3::text[], $4::text[]) AS t(name, language) "
    "WHERE t.name = p.name AND t.language = p.language)"};
constexpr pg::Query kSynced{"templates.providers_synced",
                            "UPDATE provider_templates SET synced_at = "
                            "greatest(synced_at, $3::timestamptz) "
                            "WHERE outlet_id = $1 AND account_id = $2"};
constexpr pg::Query kNews{
    "templates.provider_news",
    "UPDATE provider_templates SET status = COALESCE(NULLIF($5, ''), status), "
    "category = COALESCE(NULLIF($6, ''), category), quality = COALESCE(NULLIF($7, ''), quality), "
    "reason = CASE WHEN $5 = '' THEN reason ELSE $8 END, told_at = $9, updated_at = $9 "
    "WHERE outlet_id = $1 AND account_id = $2 AND name = $3 AND language = $4 "
    "AND COALESCE(told_at < $9, true) AND COALESCE(synced_at < $9, true)"};
constexpr pg::Query kCount{
    "templates.count_providers",
    "SELECT CASE WHEN status = 'APPROVED' AND agreed_category <> category THEN 'RECATEGORISED' "
    "ELSE status END, count(*) FROM provider_templates GROUP BY 1"};

std::vector<ProviderButton> ReadButtons(const pqxx::row& row) {
  const std::vector<std::string> types = pg::TextArrayField(row[10]);
  const std::vector<std::string> texts = pg::TextArrayField(row[11]);
  const std::vector<std::string> urls = pg::TextArrayField(row[12]);
  std::vector<ProviderButton> buttons;
  for (size_t i = 0; i < types.size() && i < texts.size() && i < urls.size(); ++i) {
    buttons.push_back({.type = types[i], .text = texts[i], .url = urls[i]});
  }
  return buttons;
}

std::vector<ProviderTemplate> ReadProviders(const pqxx::result& rows) {
  std::vector<ProviderTemplate> found;
  for (const pqxx::row& row : rows) {
    found.push_back({.name = pg::TextField(row[0]),
                     .language = pg::TextField(row[1]),
                     .body = pg::TextField(row[2]),
                     .category = pg::TextField(row[3]),
                     .status = pg::TextField(row[4]),
                     .parameters = row[5].as<int32_t>(),
                     .parameter_names = pg::TextArrayField(row[6]),
                     .header_format = pg::TextField(row[7]),
                     .header = pg::TextField(row[8]),
                     .footer = pg::TextField(row[9]),
                     .buttons = ReadButtons(row),
                     .quality = pg::TextField(row[13]),
                     .reason = pg::TextField(row[14]),
                     .account_id = pg::TextField(row[15]),
                     .agreed_category = pg::TextField(row[16]),
                     .sync_time = pg::OptTimeField(row[17]).value_or(absl::InfinitePast())});
  }
  return found;
}

void Write(pg::Transaction& tx, const pg::Query& query, const std::string& outlet,
           const ProviderTemplate& put, absl::Time now, std::optional<absl::Time> synced) {
  pg::ArrayBuilder types, texts, urls;
  for (const ProviderButton& button : put.buttons) {
    types.Add(button.type);
    texts.Add(button.text);
    urls.Add(button.url);
  }
  tx.Exec(query, outlet, put.name, put.language, put.body, put.category, put.status, put.parameters,
          pg::TextArray(put.parameter_names), put.header_format, put.header, put.footer,
          std::move(types).Finish(), std::move(texts).Finish(), std::move(urls).Finish(),
          put.quality, put.reason, put.account_id, now, synced, put.agreed_category);
}

std::string First(absl::Span<const ProviderKey> keys) {
  return pg::ArrayOf(keys, [](const ProviderKey& key) { return key.first; });
}
std::string Second(absl::Span<const ProviderKey> keys) {
  return pg::ArrayOf(keys, [](const ProviderKey& key) { return key.second; });
}

pg::TransactOptions ReadOnly(absl::Time deadline) {
  pg::TransactOptions options;
  options.deadline = deadline;
  options.read_only = true;
  return options;
}

}  // namespace

namespace pg_providers {

std::vector<ProviderTemplate> Find(pg::Transaction& tx, const std::string& outlet,
                                   absl::Span<const ProviderKey> keys) {
  return ReadProviders(tx.Exec(kFind, outlet, First(keys), Second(keys)));
}

std::vector<ProviderTemplate> All(pg::Transaction& tx, const std::string& outlet) {
  return ReadProviders(tx.Exec(kAll, outlet));
}

void Put(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
         absl::Time now) {
  Write(tx, kPut, outlet, put, now, std::nullopt);
}

absl::StatusOr<ProviderTemplate> Agree(pg::Transaction& tx, const std::string& outlet,
                                       const ProviderKey& key, absl::Time now) {
  tx.Exec(kAgree, outlet, key.first, key.second, now);
  const std::vector<ProviderTemplate> found = Find(tx, outlet, {key});
  if (!found.empty()) return found[0];
  return base::Error(absl::StatusCode::kNotFound, "PROVIDER_TEMPLATE_NOT_FOUND",
                     absl::StrCat("this outlet has no provider template ", key.first, " (",
                                  key.second, "): list them to see which there are"));
}

void PutSynced(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
               absl::Time asked) {
  Write(tx, kPutSynced, outlet, put, asked, asked);
}

void PutSubmitted(pg::Transaction& tx, const std::string& outlet, const ProviderTemplate& put,
                  absl::Time asked) {
  PutSynced(tx, outlet, put, asked);
  tx.Exec(kSubmitted, outlet, put.name, put.language, put.agreed_category, put.account_id);
}

void ReleaseAccounts(pg::Transaction& tx, const std::string& outlet,
                     absl::Span<const std::string> named) {
  tx.Exec(kRelease, outlet, pg::TextArray(named));
}

int EndSync(pg::Transaction& tx, const std::string& outlet, const std::string& account_id,
            absl::Span<const ProviderKey> there, absl::Time asked) {
  const pqxx::result gone = tx.Exec(kGone, outlet, account_id, First(there), Second(there), asked);
  tx.Exec(kSynced, outlet, account_id, asked);
  return static_cast<int>(gone.affected_rows());
}

void ApplyNews(pg::Transaction& tx, const std::string& outlet, const ProviderNews& news) {
  tx.Exec(kNews, outlet, news.account_id, news.key.first, news.key.second, news.status,
          news.category, news.quality, news.reason, news.time);
}

}  // namespace pg_providers

absl::StatusOr<std::vector<ProviderTemplate>> PgStore::FindProviderTemplates(
    const std::string& outlet, absl::Span<const ProviderKey> keys, absl::Time deadline) {
  std::vector<ProviderTemplate> found;
  if (keys.empty()) return found;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "FindProviderTemplates", ReadOnly(deadline),
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       found = pg_providers::Find(tx, outlet, keys);
                                       return absl::OkStatus();
                                     }));
  return found;
}

absl::StatusOr<std::vector<ProviderTemplate>> PgStore::ListProviderTemplates(
    const std::string& outlet, const ProviderKey& after, int limit, absl::Time deadline) {
  std::vector<ProviderTemplate> found;
  KABAR_RETURN_IF_ERROR(pg::Transact(
      pool_, "ListProviderTemplates", ReadOnly(deadline), [&](pg::Transaction& tx) -> absl::Status {
        found = ReadProviders(tx.Exec(kList, outlet, after.first, after.second, limit));
        return absl::OkStatus();
      }));
  return found;
}

absl::StatusOr<std::map<std::string, int64_t>> PgStore::CountProviderTemplates(
    absl::Time deadline) {
  std::map<std::string, int64_t> counts;
  KABAR_RETURN_IF_ERROR(pg::Transact(pool_, "CountProviderTemplates", ReadOnly(deadline),
                                     [&](pg::Transaction& tx) -> absl::Status {
                                       counts.clear();
                                       for (const pqxx::row& row : tx.Exec(kCount)) {
                                         counts[pg::TextField(row[0])] = row[1].as<int64_t>();
                                       }
                                       return absl::OkStatus();
                                     }));
  return counts;
}

}  // namespace kabar::templates
