// Who a message goes to, as an identity: phone and business-scoped user id are its addresses.
// Internal to the store.
//
// An id follows from the address alone (63 bits of a keyed SHA-256), so a person who is only
// written to needs no row. Two people of one installation share an id with a probability of n^2 /
// 2^64: for 10,000,000 it is 0.000005. Rows stand for people of whom both addresses are known; the
// phone's id is theirs then, the user id's is given up. A user id without a known phone has a row
// too (migration 0012 says why).
//
// Thread safety, blocking, errors: as pg::Transaction.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "libs/pg/transaction.h"

namespace kabar::dispatcher {

struct RecipientAddress {
  std::string phone = {};  // E.164 with '+', or empty
  std::string bsuid = {};  // or empty
};

// The ids that are one person, as a FROM item with a column `id`; `who` is one of them.
#define KABAR_SAME_PERSON(who)                                                            \
  "(SELECT p.id FROM (SELECT COALESCE((SELECT s.id FROM recipients s WHERE s.given_up_id" \
  " = " who "), " who                                                                     \
  "::bigint) AS id) root CROSS JOIN LATERAL (SELECT root.id UNION ALL"                    \
  " SELECT o.given_up_id FROM recipients o WHERE o.id = root.id"                          \
  " AND o.given_up_id <> o.id) p)"

// Whose word it is that two addresses are one person's.
enum class LinkWord {
  kTold,     // the provider's, or contacts' in its events
  kMessage,  // what is to be sent, which may have been made before contacts parted them
};

// One id per address, in their order; 0 where both are empty. An address with both links them: what
// was two identities becomes one. By a message's word two who were parted stay two; it is the
// phone's then.
std::vector<std::int64_t> ResolveRecipients(pg::Transaction& tx, const std::string& outlet,
                                            const std::vector<RecipientAddress>& addresses,
                                            LinkWord word);

// Of these ids, those that were given up, with the id that is the person's now.
std::map<std::int64_t, std::int64_t> GivenUp(pg::Transaction& tx,
                                             const std::vector<std::int64_t>& ids);
// The person's id, whichever of his ids this is.
std::int64_t NowKnownAs(pg::Transaction& tx, std::int64_t id);

// Of each address every id under which something may be known of it; none where both are empty.
// Writes nothing: two ids of one person that nobody has linked yet are both told.
std::vector<std::vector<std::int64_t>> FindRecipientIds(
    pg::Transaction& tx, const std::string& outlet, const std::vector<RecipientAddress>& addresses);

// What was linked was two: each of these phones and each of these user ids are two people from now
// on. What is known of them (suppressions, windows) stays with both until somebody says otherwise;
// what is QUEUED for either is stale: who it is for is asked again.
void PartRecipients(pg::Transaction& tx, const std::string& outlet,
                    const std::vector<std::string>& phones, const std::vector<std::string>& bsuids);

}  // namespace kabar::dispatcher
