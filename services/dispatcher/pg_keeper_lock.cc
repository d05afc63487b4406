#include <pqxx/result>
#include <utility>

#include "absl/time/clock.h"
#include "libs/log/log.h"
#include "libs/metrics/metrics.h"
#include "libs/pg/transaction.h"
#include "services/dispatcher/keeper_lock.h"

namespace kabar::dispatcher {
namespace {

constexpr absl::Duration kAskAgain = absl::Seconds(1);
constexpr absl::Duration kPing = absl::Seconds(2);
// A transaction that only waits holds nothing up; it is begun anew before it is a day old.
constexpr absl::Duration kTerm = absl::Hours(23);

constexpr pg::Query kTryLock{
    "dispatcher.try_keeper_lock",
    "SELECT pg_try_advisory_xact_lock(hashtextextended('kabar.dispatcher.keeper', 0))"};
constexpr pg::Query kStillThere{"dispatcher.keeper_ping", "SELECT 1"};

}  // namespace

KeeperLock::KeeperLock(pg::Pool& pool, base::Clock& clock, std::function<void()> elected,
                       std::function<void()> lost)
    : pool_(pool), clock_(clock), elected_(std::move(elected)), lost_(std::move(lost)) {}

KeeperLock::~KeeperLock() { Stop(); }

void KeeperLock::Start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      HoldOnce(stop);
      clock_.SleepFor(kAskAgain, stop);
    }
  });
}

void KeeperLock::Stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void KeeperLock::HoldOnce(std::stop_token stop) {
  metrics::Gauge& gauge =
      metrics::GetGauge("kabar_dispatcher_keeper", "1 while this process is the keeper.");
  bool held = false;
  bool let_go = false;
  const absl::Time end = absl::Now() + kTerm;
  const absl::Status status =
      pg::Transact(pool_, "KeeperLock", end, [&](pg::Transaction& tx) -> absl::Status {
        if (!tx.ExecOne(kTryLock)[0].as<bool>()) return absl::OkStatus();
        held = true;
        gauge.Set(1);
        log::Info("this process is the keeper now");
        elected_();
        while (clock_.SleepFor(kPing, stop) && absl::Now() < end - absl::Minutes(10)) {
          tx.ExecOne(kStillThere);
        }
        lost_();  // while it is still ours
        let_go = true;
        return absl::OkStatus();
      });
  if (!held) return;
  gauge.Set(0);
  log::Info("this process is no longer the keeper", {{"status", status}});
  if (!let_go) lost_();
}

}  // namespace kabar::dispatcher
