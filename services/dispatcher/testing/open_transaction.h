// A transaction on a connection of its own that has done its work and stays open until Commit, for
// tests of what others do meanwhile. Include only from tests.
//
// Thread safety: one thread. Blocks: the constructor until the work is done, Commit until it is
// committed; both at most half a minute.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "libs/pg/transaction.h"
#include "libs/testing/eventually.h"
#include "libs/testing/status_matchers.h"
#include "services/dispatcher/testing/ledger_fixture.h"

namespace kabar::dispatcher {

class OpenTransaction {
 public:
  OpenTransaction(pg::Pool& pool, std::function<void(pg::Transaction&)> work)
      : thread_([this, &pool, work = std::move(work)] {
          status_ = pg::Transact(pool, "OpenTransaction", LedgerFixture::Deadline(),
                                 [&](pg::Transaction& tx) -> absl::Status {
                                   work(tx);
                                   done_.Notify();
                                   commit_.WaitForNotification();
                                   return absl::OkStatus();
                                 });
        }) {
    REQUIRE(done_.WaitForNotificationWithTimeout(absl::Seconds(30)));
  }
  ~OpenTransaction() {
    if (thread_.joinable()) Commit();
  }

  void Commit() {
    commit_.Notify();
    thread_.join();
    CHECK_THAT(status_, testing::IsOk());
  }

 private:
  absl::Notification done_, commit_;
  absl::Status status_;
  std::thread thread_;
};

// Until somebody waits for a lock that another transaction holds.
inline void AwaitBlocked(LedgerFixture& f) {
  REQUIRE(testing::Eventually([&] {
    return f.Sql(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
               " AND datname = current_database()") != "0";
  }));
}

}  // namespace kabar::dispatcher
