// Keeps Redis equal to the ledger: builds it when it is new, restarted or emptied; puts lanes,
// senders and portfolios into it when they change, and all of them again every `sweep`, since
// others tell Redis too and may be overtaken; pushes ids that the ledger has QUEUED and Redis has
// lost (the sweeper); tells it of people who were two recipients. Runs in one process at a time
// (the keeper role).
//
// Thread safety: Start/Stop from one thread. Round() is one pass, for tests. Errors: logged and
// tried again at the next pass.
#pragma once

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "libs/base/clock.h"
#include "services/dispatcher/queue.h"
#include "services/dispatcher/store.h"

namespace kabar::dispatcher {

struct QueueKeeperOptions {
  absl::Duration interval = absl::Milliseconds(250);  // how soon a lost Redis is noticed
  // A lane whose list in Redis is empty is compared with the ledger this often, any other at
  // `sweep`: between an enqueue's commit and its push the two differ rightly.
  absl::Duration sweep_empty = absl::Seconds(3);
  absl::Duration sweep = absl::Seconds(30);
};

class QueueKeeper {
 public:
  QueueKeeper(QueueKeeperOptions options, Queue& queue, Store& store, base::Clock& clock);

  void Start();
  void Stop();
  absl::Status Round();

 private:
  absl::Status BuildWhatIsNot();
  absl::Status Rebuild(const Portfolio& portfolio);
  absl::Status SweepLane(const Lane& lane);
  absl::Status TellLinks(const std::vector<Portfolio>& portfolios,
                         const std::vector<Sender>& senders);
  // How the numbers fare, as metrics, each second; zero where no keeper runs.
  absl::Status ShowHealth(const std::vector<Portfolio>& portfolios,
                          const std::vector<Sender>& senders);
  void ShowNothing();
  // Calls `put` unless Redis was told the same of `key` within `sweep`.
  absl::Status Tell(const std::string& key, const std::string& what,
                    absl::FunctionRef<absl::Status()> put);

  const QueueKeeperOptions options_;
  Queue& queue_;
  Store& store_;
  base::Clock& clock_;
  std::map<std::string, absl::Time> swept_;  // lane -> when it was last compared
  struct Told {
    std::string what;
    absl::Time at = absl::InfinitePast();
    bool wanted = true;  // seen in this round
  };
  std::map<std::string, Told> told_;  // "lane/<id>", "sender/<id>", "portfolio/<id>"
  absl::Time shown_ = absl::InfinitePast();
  std::set<std::string> shown_senders_;
  std::jthread thread_;
};

}  // namespace kabar::dispatcher
