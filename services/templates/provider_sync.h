// Keeps what the suite knows of the provider's templates equal to what the provider has. Every few
// seconds it takes in what webhooks told; it asks for a whole account when there were such news of
// it, when it is new, and every few minutes whatever was told. What goes wrong with one account is
// no other's trouble.
//
// Several processes may do so at once: each answer is written by itself, and one that is older than
// news is not believed where they differ.
//
// Thread safety: RunOnce belongs to its own thread (or a test's); Sync is safe for concurrent use.
// Blocks: Stop until the round in hand is done. Errors: of the rounds: logged, an account that
// could not be asked is asked again after a while, less and less often; of Sync: those of Peers and
// Store.
#ifndef KABAR_SERVICES_TEMPLATES_PROVIDER_SYNC_H_
#define KABAR_SERVICES_TEMPLATES_PROVIDER_SYNC_H_

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/templates/peers.h"
#include "services/templates/store.h"

namespace kabar::templates {

class ProviderSync {
 public:
  struct Options {
    absl::Duration every = absl::Minutes(5);   // each account, whatever was told
    absl::Duration look = absl::Seconds(3);    // for news and new accounts
    absl::Duration again = absl::Seconds(30);  // at least, between two times of one account
  };

  // All outlive the sync.
  ProviderSync(Options options, Store& store, Peers& peers, base::Clock& clock)
      : options_(options), store_(store), peers_(peers), clock_(clock) {}
  ~ProviderSync() { Stop(); }

  // Called after each change that it wrote, from whichever thread wrote it. Before Start.
  void OnChange(std::function<void()> changed) { changed_ = std::move(changed); }

  void Start();
  void Stop();

  // One round.
  absl::Status RunOnce();

  struct Result {
    int templates = 0;
    int changed = 0;  // or gone
  };
  // Asks for the account and keeps the answer.
  absl::StatusOr<Result> Sync(const Account& account);

  Peers& peers() { return peers_; }

 private:
  struct Turn {
    absl::Time due;
    absl::Time asked = absl::InfinitePast();
    int failures = 0;  // consecutive
  };

  // Marks the accounts that they are about as due.
  absl::Status TakeNews(const std::vector<Account>& accounts);
  void Apply(const Account& account, const std::vector<ProviderNews>& news);
  void Ask(const Account& account, Turn& turn);
  void Changed() const;
  absl::Status Count();

  const Options options_;
  Store& store_;
  Peers& peers_;
  base::Clock& clock_;
  int64_t news_ = 0;  // number of the last ones taken in
  std::map<Account, Turn> turns_;
  std::function<void()> changed_;
  std::jthread thread_;
};

}  // namespace kabar::templates

#endif  // KABAR_SERVICES_TEMPLATES_PROVIDER_SYNC_H_
