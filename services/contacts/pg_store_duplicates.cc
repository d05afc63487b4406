// Pairs of contacts that may be one person.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "services/contacts/pg_store_unit.h"

namespace kabar::contacts {
namespace {

// What is left of a name or an address when people write it each in their own way.
#define KABAR_BARE(value, words) \
  "regexp_replace(lower(" value "), '\\m(" words ")\\M|[^[:alnum:]]', '', 'g')"
#define KABAR_BARE_NAME KABAR_BARE("c.name", "bapak|bpk|pak|ibu|bu|sdr|sdri|saudara|saudari|kak")
#define KABAR_BARE_ADDRESS \
  KABAR_BARE("c.address", "jl|jln|jalan|gg|gang|no|nomor|blok|kel|kec|kab|kota")

// Each of a group is a pair with the group's first: n - 1 pairs, not n * n. Reads all contacts of
// the outlet: for people who clear up, not for any path that is in a hurry.
constexpr pg::Query kPairs{
    "contacts.duplicates",
    "WITH bare AS (SELECT c.id, " KABAR_BARE_NAME " AS name, " KABAR_BARE_ADDRESS
    " AS place, regexp_replace(c.postcode, '[^0-9]', '', 'g') AS postcode "
    "FROM contacts c WHERE c.outlet_id = $1 AND c.deleted_at IS NULL "
    "AND c.name <> '' AND (c.address <> '' OR c.postcode <> '')), "
    "at AS (SELECT id, name, 'address ' || place AS place, 'SAME_NAME_AND_ADDRESS' AS reason, "
    "2 AS rank FROM bare WHERE place <> '' UNION ALL "
    "SELECT id, name, 'postcode ' || postcode, 'SAME_NAME_AND_POSTCODE', 3 FROM bare "
    "WHERE postcode <> ''), "
    "grouped AS (SELECT first_value(id) OVER (PARTITION BY name, place ORDER BY id) AS first_id, "
    "id AS second_id, reason, rank FROM at WHERE name <> ''), "
    "pairs AS (SELECT first_id, second_id, reason, rank FROM grouped WHERE first_id <> second_id "
    "UNION ALL SELECT s.first_id, s.second_id, 'SHARED_IDENTITY', 1 FROM shared_identities s "
    "JOIN contacts a ON a.outlet_id = $1 AND a.id = s.first_id AND a.deleted_at IS NULL "
    "JOIN contacts b ON b.outlet_id = $1 AND b.id = s.second_id AND b.deleted_at IS NULL "
    "WHERE s.outlet_id = $1) "
    "SELECT DISTINCT ON (first_id, second_id) first_id, second_id, reason FROM pairs "
    "WHERE (first_id, second_id) > ($2::text COLLATE \"C\", $3::text COLLATE \"C\") "
    "ORDER BY first_id, second_id, rank LIMIT $4"};

}  // namespace

absl::StatusOr<std::vector<DuplicatePair>> PgUnit::ListDuplicates(const std::string& after,
                                                                  int limit) {
  const std::pair<std::string, std::string> last = absl::StrSplit(after, absl::MaxSplits(' ', 1));
  std::vector<DuplicatePair> out;
  for (const pqxx::row& row : tx_.Exec(kPairs, outlet_, last.first, last.second, limit)) {
    KABAR_ASSIGN_OR_RETURN(Contact first, GetContact(pg::TextField(row[0])));
    KABAR_ASSIGN_OR_RETURN(Contact second, GetContact(pg::TextField(row[1])));
    out.push_back({std::move(first), std::move(second), pg::TextField(row[2])});
  }
  return out;
}

}  // namespace kabar::contacts
