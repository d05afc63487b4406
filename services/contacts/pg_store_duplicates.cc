// Pairs of contacts that may be one person.
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// What is left of a name or an address when people write it each in their own way. Words
// are taken out one by one: a regular expression that knows them all takes four times as long.
std::string BareSql(absl::string_view column, std::initializer_list<absl::string_view> words) {
  std::string sql =
      absl::StrCat("' ' || regexp_replace(lower(", column, "), '[^[:alnum:]]+', ' ', 'g') || ' '");
  for (const absl::string_view word : words) {
    sql = absl::StrCat("replace(", sql, ", ' ", word, " ', ' ')");
  }
  return absl::StrCat("replace(", sql, ", ' ', '')");
}

// Each of a group is a pair with the group's first: n - 1 pairs, not n * n. Reads all contacts of
// the outlet (5 s for 1,000,000 with their addresses, beside a build): for people who clear up, not
// for any path that is in a hurry. Groups are told apart by 64 bits: what people judge by eye needs
// no more.
const std::string& PairsSql() {
  static const auto* const kSql = new std::string(absl::StrCat(
      "WITH bare AS (SELECT c.id, ",
      BareSql("c.name",
              {"bapak", "bpk", "pak", "ibu", "bu", "sdr", "sdri", "saudara", "saudari", "kak"}),
      " AS name, ",
      BareSql("c.address", {"jl", "jln", "jalan", "gg", "gang", "no", "nomor", "blok", "kel", "kec",
                            "kab", "kota"}),
      " AS place, regexp_replace(c.postcode, '[^0-9]', '', 'g') AS postcode "
      "FROM contacts c WHERE c.outlet_id = $1 AND c.deleted_at IS NULL "
      "AND c.name <> '' AND (c.address <> '' OR c.postcode <> '')), "
      "at AS (SELECT id, hashtextextended(name || ' ' || place, 2) AS place, "
      "'SAME_NAME_AND_ADDRESS' AS reason, 2 AS rank FROM bare WHERE name <> '' AND place <> '' "
      "UNION ALL SELECT id, hashtextextended(name || ' ' || postcode, 3), "
      "'SAME_NAME_AND_POSTCODE', 3 FROM bare WHERE name <> '' AND postcode <> ''), "
      "grouped AS (SELECT min(id) OVER (PARTITION BY place) AS first_id, id AS second_id, reason, "
      "rank FROM at), "
      "pairs AS (SELECT first_id, second_id, reason, rank FROM grouped WHERE first_id <> second_id "
      "UNION ALL SELECT s.first_id, s.second_id, 'SHARED_IDENTITY', 1 FROM shared_identities s "
      "JOIN contacts a ON a.outlet_id = $1 AND a.id = s.first_id AND a.deleted_at IS NULL "
      "JOIN contacts b ON b.outlet_id = $1 AND b.id = s.second_id AND b.deleted_at IS NULL "
      "WHERE s.outlet_id = $1) "
      "SELECT DISTINCT ON (first_id, second_id) first_id, second_id, reason FROM pairs "
      "WHERE (first_id, second_id) > ($2::text COLLATE \"C\", $3::text COLLATE \"C\") "
      "ORDER BY first_id, second_id, rank LIMIT $4"));
  return *kSql;
}

}  // namespace

absl::StatusOr<std::vector<DuplicatePair>> PgUnit::ListDuplicates(const std::string& after,
                                                                  int limit) {
  const std::pair<std::string, std::string> last = absl::StrSplit(after, absl::MaxSplits(' ', 1));
  std::vector<DuplicatePair> out;
  LookInParallel();
  for (const pqxx::row& row : tx_.ExecDynamic("contacts.duplicates", PairsSql(),
                                              {outlet_, last.first, last.second, limit})) {
    KABAR_ASSIGN_OR_RETURN(Contact first, GetContact(pg::TextField(row[0])));
    KABAR_ASSIGN_OR_RETURN(Contact second, GetContact(pg::TextField(row[1])));
    out.push_back({std::move(first), std::move(second), pg::TextField(row[2])});
  }
  return out;
}

}  // namespace kabar::contacts
