#include "services/dispatcher/pg_webhook_parties.h"

#include <pqxx/result>
#include <set>

namespace kabar::dispatcher {
namespace {

constexpr pg::Query kSendersOf{"dispatcher.senders_by_phone_number_id",
                               "SELECT phone_number_id, id, outlet_id, portfolio_id FROM senders"
                               " WHERE phone_number_id = ANY($1::text[])"};

}  // namespace

void WebhookParties::FindSenders(pg::Transaction& tx, const WebhookBatch& batch) {
  std::set<std::string> numbers;
  for (const StatusChange& status : batch.statuses) numbers.insert(status.phone_number_id);
  for (const InboundMessage& inbound : batch.inbound) numbers.insert(inbound.phone_number_id);
  for (const NewDeadLetter& letter : batch.dead_letters) numbers.insert(letter.phone_number_id);
  const std::vector<std::string> list(numbers.begin(), numbers.end());
  for (const pqxx::row& row : tx.Exec(kSendersOf, pg::TextArray(list))) {
    senders_[pg::TextField(row[0])] = {pg::TextField(row[1]), pg::TextField(row[2]),
                                       pg::TextField(row[3])};
  }
}

const SenderOf* WebhookParties::Find(const std::string& phone_number_id) const {
  const auto found = senders_.find(phone_number_id);
  return found == senders_.end() ? nullptr : &found->second;
}

std::vector<std::int64_t> WebhookParties::Resolve(pg::Transaction& tx,
                                                  const std::vector<PersonNamed>& people) {
  std::vector<std::int64_t> ids(people.size());
  std::map<std::string, std::vector<std::size_t>> outlets;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const SenderOf* sender = Find(people[i].phone_number_id);
    if (sender != nullptr) outlets[sender->outlet_id].push_back(i);
  }
  for (const auto& [outlet, places] : outlets) {
    std::vector<RecipientAddress> addresses;
    for (const std::size_t place : places) addresses.push_back(people[place].address);
    const std::vector<std::int64_t> resolved =
        ResolveRecipients(tx, outlet, addresses, LinkWord::kTold);
    for (std::size_t i = 0; i < places.size(); ++i) ids[places[i]] = resolved[i];
  }
  return ids;
}

}  // namespace kabar::dispatcher
