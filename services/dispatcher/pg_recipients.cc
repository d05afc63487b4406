#include "services/dispatcher/pg_recipients.h"

#include <algorithm>
#include <map>
#include <optional>
#include <pqxx/result>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "services/dispatcher/pg_ledger_batch.h"
#include "services/dispatcher/pg_rows.h"

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kKey{"dispatcher.recipient_key", "SELECT key FROM recipient_key"};
// Through the ids that the addresses give: of a user id the one given up, of a phone the row's own.
// One look-up each: in a table whose size it does not know yet, the planner would else compare each
// with every row; LIMIT 1 inside LATERAL (below: OFFSET 0) leaves it no other way.
constexpr pg::Query kFind{
    "dispatcher.find_recipients",
    "SELECT i.n, r.id, r.phone FROM unnest($1::bigint[]) WITH ORDINALITY i(by_bsuid, n)"
    " CROSS JOIN LATERAL (SELECT k.id, k.phone FROM recipients k"
    "   WHERE k.given_up_id = i.by_bsuid LIMIT 1) r"};
constexpr pg::Query kFindByPhone{
    "dispatcher.find_recipients_by_phone",
    "SELECT i.n FROM unnest($1::bigint[]) WITH ORDINALITY i(by_phone, n)"
    " CROSS JOIN LATERAL (SELECT k.id FROM recipients k WHERE k.id = i.by_phone LIMIT 1) r"};
constexpr pg::Query kSuppressed{
    "dispatcher.recipient_suppressed",
    "SELECT 1 FROM suppressions WHERE recipient_id = $1 AND until > clock_timestamp() LIMIT 1"};
// Whoever linked one of the two addresses a moment ago has the word: no row then.
constexpr pg::Query kLink{"dispatcher.link_recipients",
                          "INSERT INTO recipients (id, outlet_id, phone, bsuid, given_up_id)"
                          " SELECT u.id, $1, u.phone, u.bsuid, u.given_up_id"
                          " FROM unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[])"
                          "   WITH ORDINALITY AS u(id, phone, bsuid, given_up_id, n) ORDER BY u.n"
                          " ON CONFLICT DO NOTHING RETURNING id, given_up_id"};
// User ids without a phone. Whoever has just linked one has the word: no row then.
constexpr pg::Query kAddAlone{"dispatcher.add_user_ids_alone",
                              "INSERT INTO recipients (id, outlet_id, phone, bsuid, given_up_id)"
                              " SELECT u.id, $1, '', u.bsuid, u.id"
                              " FROM unnest($2::bigint[], $3::text[])"
                              "   WITH ORDINALITY AS u(id, bsuid, n) ORDER BY u.n"
                              " ON CONFLICT DO NOTHING RETURNING id"};
// The queue may hold the id that is given up here.
constexpr pg::Query kLinkAlone{"dispatcher.link_user_id_alone",
                               "UPDATE recipients SET id = $2, phone = $3, queue_told = false"
                               " WHERE given_up_id = $1 AND phone = ''"};
constexpr pg::Query kGivenUp{
    "dispatcher.given_up_ids",
    "SELECT given_up_id, id FROM recipients WHERE given_up_id = ANY($1::bigint[])"};
// What holds for one of two (of) holds for the other (also) from now on. Suppressions that are just
// being lifted are waited for, and whoever lifts one waits for this: so none is left behind.
constexpr pg::Query kMergeWindows{
    "dispatcher.merge_windows",
    "INSERT INTO windows (sender_id, recipient_id, last_inbound_at)"
    " SELECT w.sender_id, u.also, w.last_inbound_at"
    " FROM unnest($1::bigint[], $2::bigint[]) AS u(of, also)"
    " CROSS JOIN (SELECT id FROM senders WHERE outlet_id = $3) n CROSS JOIN LATERAL"
    "   (SELECT * FROM windows WHERE sender_id = n.id AND recipient_id = u.of LIMIT 1) w"
    " ORDER BY 1, 2"
    " ON CONFLICT (sender_id, recipient_id) DO UPDATE SET"
    "   last_inbound_at = GREATEST(windows.last_inbound_at, excluded.last_inbound_at)"};
constexpr pg::Query kMergeSuppressions{
    "dispatcher.merge_suppressions",
    "INSERT INTO suppressions (outlet_id, recipient_id, purpose, source, reason, until)"
    " SELECT s.outlet_id, u.also, s.purpose, s.source, s.reason, s.until"
    " FROM unnest($1::bigint[], $2::bigint[]) AS u(of, also)"
    " CROSS JOIN LATERAL (SELECT * FROM suppressions WHERE recipient_id = u.of FOR SHARE) s"
    " ORDER BY 2, 3, 4"
    " ON CONFLICT (recipient_id, purpose, source) DO UPDATE SET"
    "   until = GREATEST(suppressions.until, excluded.until)"};

constexpr pg::Query kNoteParted{
    "dispatcher.note_parted",
    "INSERT INTO parted_recipients (by_phone, by_bsuid) SELECT p.id, b.id"
    " FROM unnest($2::bigint[]) AS p(id) CROSS JOIN unnest($1::bigint[]) AS b(id)"
    " ORDER BY 2, 1 ON CONFLICT DO NOTHING"};
constexpr pg::Query kParted{
    "dispatcher.are_parted",
    "SELECT u.n FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS u(by_phone, by_bsuid, n)"
    " CROSS JOIN LATERAL (SELECT 1 FROM parted_recipients r WHERE r.by_bsuid = u.by_bsuid"
    "   AND r.by_phone = u.by_phone LIMIT 1) r"};
constexpr pg::Query kOneAgain{
    "dispatcher.one_again",
    "DELETE FROM parted_recipients r USING unnest($1::bigint[], $2::bigint[]) AS u(by_phone, "
    "by_bsuid)"
    " WHERE r.by_bsuid = u.by_bsuid AND r.by_phone = u.by_phone"};
// Their texts and addresses may be the other's.
constexpr pg::Query kQueuedFor{"dispatcher.queued_for",
                               "SELECT id FROM messages WHERE recipient_id = ANY($1::bigint[])"
                               " AND state = 1 ORDER BY id"};
constexpr pg::Query kMakeStale{"dispatcher.make_stale",
                               "UPDATE messages SET rendered_at = NULL"
                               " WHERE id = ANY($1::text[]) AND state = 1"};
// The user id is alone again, with its own id. The queue may still take the two for one: their
// messages are further apart, and in its 24 hours they count as one.
constexpr pg::Query kPart{"dispatcher.part_recipients",
                          "UPDATE recipients SET id = given_up_id, phone = '', queue_told = true"
                          " WHERE given_up_id = ANY($1::bigint[]) AND phone <> ''"
                          " AND id = ANY($2::bigint[])"};
// An address's own id; kind: 'p' phone, 'b' business-scoped user id.
std::int64_t IdOf(const std::string& key, const std::string& outlet, char kind,
                  const std::string& address) {
  const base::Sha256Digest digest =
      base::Sha256(absl::StrCat(key, outlet, "\n", absl::string_view(&kind, 1), address));
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | digest[i];
  const auto id = static_cast<std::int64_t>(number & 0x7fff'ffff'ffff'ffffU);
  return id == 0 ? 1 : id;  // 0 is nobody
}

struct Known {
  std::int64_t id = 0;     // 0: no row
  std::string phone = {};  // empty: not known
};

// By the ids of their user ids; 0 for who has none.
std::vector<Known> Find(pg::Transaction& tx, const std::vector<std::int64_t>& by_bsuid) {
  std::vector<Known> known(by_bsuid.size());
  if (std::all_of(by_bsuid.begin(), by_bsuid.end(), [](std::int64_t id) { return id == 0; })) {
    return known;
  }
  for (const pqxx::row& row : tx.Exec(kFind, pg::BigintArray(by_bsuid))) {
    known[static_cast<std::size_t>(row[0].as<std::int64_t>() - 1)] = {row[1].as<std::int64_t>(),
                                                                      pg::TextField(row[2])};
  }
  return known;
}

// Of these phones' ids, those that have a row.
std::vector<bool> HavePhone(pg::Transaction& tx, const std::vector<std::int64_t>& by_phone) {
  std::vector<bool> have(by_phone.size());
  for (const pqxx::row& row : tx.Exec(kFindByPhone, pg::BigintArray(by_phone))) {
    have[static_cast<std::size_t>(row[0].as<std::int64_t>() - 1)] = true;
  }
  return have;
}

struct Pair {
  std::int64_t by_phone = 0;
  std::int64_t by_bsuid = 0;
};

// What holds for either of these two is to hold for both.
void Merge(pg::Transaction& tx, const std::string& outlet, const std::vector<Pair>& pairs) {
  pg::ArrayBuilder of, also;
  for (const Pair& pair : pairs) {
    of.Add(pair.by_bsuid), also.Add(pair.by_phone);
    of.Add(pair.by_phone), also.Add(pair.by_bsuid);
  }
  const std::string ofs = std::move(of).Finish(), alsos = std::move(also).Finish();
  tx.Exec(kMergeWindows, ofs, alsos, outlet);
  tx.Exec(kMergeSuppressions, ofs, alsos);
}

// Makes one identity of each two, where nobody knows either address; the phone's id stays.
// Returns which were made.
std::vector<bool> Link(pg::Transaction& tx, const std::string& outlet,
                       const std::vector<RecipientAddress>& addresses,
                       const std::vector<Pair>& pairs) {
  pg::ArrayBuilder ids, phones, bsuids, given_up;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ids.Add(pairs[i].by_phone);
    phones.Add(addresses[i].phone);
    bsuids.Add(addresses[i].bsuid);
    given_up.Add(pairs[i].by_bsuid);
  }
  std::set<std::pair<std::int64_t, std::int64_t>> made;
  std::vector<Pair> to_merge;
  for (const pqxx::row& row :
       tx.Exec(kLink, outlet, std::move(ids).Finish(), std::move(phones).Finish(),
               std::move(bsuids).Finish(), std::move(given_up).Finish())) {
    to_merge.push_back({row[0].as<std::int64_t>(), row[1].as<std::int64_t>()});
    made.emplace(to_merge.back().by_phone, to_merge.back().by_bsuid);
  }
  std::vector<bool> linked(pairs.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    linked[i] = made.count({pairs[i].by_phone, pairs[i].by_bsuid}) > 0;
  }
  if (!made.empty()) Merge(tx, outlet, to_merge);
  return linked;
}

// The user id has a row without a phone. It stays alone if somebody links the phone meanwhile: not
// sure enough then.
void LinkAlone(pg::Transaction& tx, const std::string& outlet, const std::string& phone,
               const Pair& pair) {
  bool linked = false;
  const absl::Status status = tx.Savepoint([&] {
    linked = tx.Exec(kLinkAlone, pair.by_bsuid, pair.by_phone, phone).affected_rows() == 1;
    return absl::OkStatus();
  });
  // Not where another phone was linked to it a moment ago: these would be two people.
  if (status.ok() && linked) Merge(tx, outlet, {pair});
}

// User ids of which no phone is known, with their own ids; theirs are known afterwards.
void AddAlone(pg::Transaction& tx, const std::string& outlet,
              std::map<std::string, std::int64_t>& by_bsuid) {
  pg::ArrayBuilder ids, bsuids;
  for (const auto& [bsuid, id] : by_bsuid) ids.Add(id), bsuids.Add(bsuid);
  std::set<std::int64_t> added;
  for (const pqxx::row& row :
       tx.Exec(kAddAlone, outlet, std::move(ids).Finish(), std::move(bsuids).Finish())) {
    added.insert(row[0].as<std::int64_t>());
  }
  std::vector<std::string> others;
  std::vector<std::int64_t> own;
  for (const auto& [bsuid, id] : by_bsuid) {
    if (added.count(id) > 0) continue;
    others.push_back(bsuid);
    own.push_back(id);
  }
  const std::vector<Known> known = Find(tx, own);
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (known[i].id != 0) by_bsuid[others[i]] = known[i].id;
  }
}

// Each address has both, which are not known as one identity; no two are equal.
std::vector<std::int64_t> ResolvePairs(pg::Transaction& tx, const std::string& outlet,
                                       const std::vector<RecipientAddress>& addresses,
                                       const std::vector<Pair>& pairs) {
  const std::vector<bool> linked = Link(tx, outlet, addresses, pairs);
  std::vector<std::int64_t> ids(pairs.size());
  std::vector<std::size_t> others;  // somebody has a row under one of their addresses
  std::vector<std::int64_t> by_phone, by_bsuid;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    ids[i] = pairs[i].by_phone;
    if (linked[i]) continue;
    others.push_back(i);
    by_phone.push_back(pairs[i].by_phone);
    by_bsuid.push_back(pairs[i].by_bsuid);
  }
  if (others.empty()) return ids;
  const std::vector<bool> phone_known = HavePhone(tx, by_phone);
  const std::vector<Known> known = Find(tx, by_bsuid);
  for (std::size_t k = 0; k < others.size(); ++k) {
    // The phone is this user id's since a moment ago, or another's: not sure enough to change.
    if (phone_known[k] || known[k].id == 0) continue;
    if (known[k].phone.empty()) {
      LinkAlone(tx, outlet, addresses[others[k]].phone, pairs[others[k]]);
      continue;
    }
    // A phone that changed: the identity stays with the user id, unless the phone has refused.
    if (!tx.ExecMaybe(kSuppressed, ids[others[k]])) ids[others[k]] = known[k].id;
  }
  return ids;
}

// By phone and user id: who has them, as places in the batch.
using ToLink = std::map<std::pair<std::string, std::string>, std::vector<std::size_t>>;

void LinkAll(pg::Transaction& tx, const std::string& outlet, const std::string& key, LinkWord word,
             const ToLink& to_link, std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> by_phone, by_bsuid;
  for (const auto& [pair, places] : to_link) {
    by_phone.push_back(IdOf(key, outlet, 'p', pair.first));
    by_bsuid.push_back(IdOf(key, outlet, 'b', pair.second));
  }
  const std::string phones = pg::BigintArray(by_phone), user_ids = pg::BigintArray(by_bsuid);
  std::set<std::size_t> apart;
  if (word == LinkWord::kMessage) {
    for (const pqxx::row& row : tx.Exec(kParted, phones, user_ids)) {
      apart.insert(static_cast<std::size_t>(row[0].as<std::int64_t>() - 1));
    }
  } else {
    tx.Exec(kOneAgain, phones, user_ids);
  }
  std::vector<RecipientAddress> both;
  std::vector<Pair> pairs;
  std::size_t n = 0;
  for (const auto& [pair, places] : to_link) {
    if (apart.count(n) == 0) {
      both.push_back({pair.first, pair.second});
      pairs.push_back({by_phone[n], by_bsuid[n]});
    }
    ++n;
  }
  const std::vector<std::int64_t> resolved = ResolvePairs(tx, outlet, both, pairs);
  std::size_t next = 0;
  n = 0;
  for (const auto& [pair, places] : to_link) {
    const std::int64_t id = apart.count(n) == 0 ? resolved[next++] : by_phone[n];
    for (const std::size_t place : places) ids[place] = id;
    ++n;
  }
}

}  // namespace

std::vector<std::int64_t> ResolveRecipients(pg::Transaction& tx, const std::string& outlet,
                                            const std::vector<RecipientAddress>& addresses,
                                            LinkWord word) {
  std::vector<std::int64_t> ids(addresses.size());
  if (addresses.empty()) return ids;
  const std::string key = pg::BytesField(tx.ExecOne(kKey)[0]);
  std::vector<std::int64_t> by_bsuid;
  for (const RecipientAddress& address : addresses) {
    by_bsuid.push_back(address.bsuid.empty() ? 0 : IdOf(key, outlet, 'b', address.bsuid));
  }
  const std::vector<Known> known = Find(tx, by_bsuid);
  // In one order, so that two of these never wait for each other in a circle.
  ToLink to_link;
  std::map<std::string, std::int64_t> alone;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const RecipientAddress& address = addresses[i];
    if (address.phone.empty() && address.bsuid.empty()) continue;
    if (address.bsuid.empty()) {
      ids[i] = IdOf(key, outlet, 'p', address.phone);
    } else if (known[i].id != 0 && (address.phone.empty() || address.phone == known[i].phone)) {
      ids[i] = known[i].id;
    } else if (address.phone.empty()) {
      alone[address.bsuid] = by_bsuid[i];
    } else {
      to_link[{address.phone, address.bsuid}].push_back(i);
    }
  }
  if (!to_link.empty()) LinkAll(tx, outlet, key, word, to_link, ids);
  if (alone.empty()) return ids;
  AddAlone(tx, outlet, alone);  // after the links of the same batch
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (ids[i] == 0 && !addresses[i].bsuid.empty()) ids[i] = alone.at(addresses[i].bsuid);
  }
  return ids;
}

std::map<std::int64_t, std::int64_t> GivenUp(pg::Transaction& tx,
                                             const std::vector<std::int64_t>& ids) {
  std::map<std::int64_t, std::int64_t> now;
  if (ids.empty()) return now;
  for (const pqxx::row& row : tx.Exec(kGivenUp, pg::BigintArray(ids))) {
    now[row[0].as<std::int64_t>()] = row[1].as<std::int64_t>();
  }
  return now;
}

std::int64_t NowKnownAs(pg::Transaction& tx, std::int64_t id) {
  const auto now = GivenUp(tx, {id});
  return now.empty() ? id : now.begin()->second;
}

std::vector<std::vector<std::int64_t>> FindRecipientIds(
    pg::Transaction& tx, const std::string& outlet,
    const std::vector<RecipientAddress>& addresses) {
  std::vector<std::vector<std::int64_t>> ids(addresses.size());
  if (addresses.empty()) return ids;
  const std::string key = pg::BytesField(tx.ExecOne(kKey)[0]);
  std::vector<std::int64_t> by_bsuid;
  for (const RecipientAddress& address : addresses) {
    by_bsuid.push_back(address.bsuid.empty() ? 0 : IdOf(key, outlet, 'b', address.bsuid));
  }
  const std::vector<Known> known = Find(tx, by_bsuid);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (known[i].id != 0) ids[i].push_back(known[i].id);
    if (by_bsuid[i] != 0) ids[i].push_back(by_bsuid[i]);
    if (addresses[i].phone.empty()) continue;
    ids[i].push_back(IdOf(key, outlet, 'p', addresses[i].phone));
  }
  return ids;
}

void PartRecipients(pg::Transaction& tx, const std::string& outlet,
                    const std::vector<std::string>& phones,
                    const std::vector<std::string>& bsuids) {
  if (phones.empty() || bsuids.empty()) return;
  const std::string key = pg::BytesField(tx.ExecOne(kKey)[0]);
  std::vector<std::int64_t> by_bsuid, by_phone;
  for (const std::string& bsuid : bsuids) by_bsuid.push_back(IdOf(key, outlet, 'b', bsuid));
  for (const std::string& phone : phones) by_phone.push_back(IdOf(key, outlet, 'p', phone));
  tx.Exec(kNoteParted, pg::BigintArray(by_bsuid), pg::BigintArray(by_phone));
  tx.Exec(kPart, pg::BigintArray(by_bsuid), pg::BigintArray(by_phone));
  std::vector<std::int64_t> both = by_phone;
  both.insert(both.end(), by_bsuid.begin(), by_bsuid.end());
  std::vector<std::string> queued;
  for (const pqxx::row& row : tx.Exec(kQueuedFor, pg::BigintArray(both))) {
    queued.push_back(pg::TextField(row[0]));
  }
  if (queued.empty()) return;
  LedgerBatch held;  // lanes and rows, in the order in which all lock them
  held.Load(tx, queued);
  tx.Exec(kMakeStale, pg::TextArray(queued));
}

}  // namespace kabar::dispatcher
