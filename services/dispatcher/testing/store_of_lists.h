// What a queue is rebuilt from, for tests of the queue alone: lists that the test fills. It grants
// no rights; whoever needs claims tests against PostgreSQL.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "services/dispatcher/store.h"

namespace kabar::dispatcher::testing_store {

class StoreOfLists : public Store {
 public:
  std::map<std::string, std::vector<QueueEntry>> queued;
  std::vector<RecipientUse> recent;
  std::vector<struct OpenWindow> windows;
  std::vector<Portfolio> portfolios;
  std::vector<Sender> senders;
  std::vector<Lane> lanes;
  std::vector<Linked> untold;

  absl::StatusOr<std::vector<Portfolio>> ListAllPortfolios(absl::Time) override {
    return portfolios;
  }
  absl::StatusOr<std::vector<Sender>> ListAllSenders(absl::Time) override { return senders; }
  absl::StatusOr<std::vector<Lane>> ListOpenLanes(absl::Time) override { return lanes; }
  absl::StatusOr<std::vector<QueueEntry>> ListQueued(const std::string& lane, absl::Time) override {
    return queued[lane];
  }
  absl::StatusOr<std::vector<RecipientUse>> ListRecentRecipients(const std::string&,
                                                                 absl::Time) override {
    return recent;
  }
  absl::StatusOr<std::vector<struct OpenWindow>> ListOpenWindows(const std::string&,
                                                                 absl::Time) override {
    return windows;
  }
  absl::StatusOr<std::vector<Linked>> ListUntoldLinks(absl::Time) override { return untold; }
  absl::Status NoteLinksTold(const std::vector<Linked>&, absl::Time) override {
    untold.clear();
    return absl::OkStatus();
  }

  absl::StatusOr<StartResult> StartAttempts(const std::string&, const std::vector<std::string>&,
                                            const std::string&, absl::Duration,
                                            absl::Time) override {
    return absl::FailedPreconditionError("a store of lists grants no rights");
  }
  absl::StatusOr<std::vector<Requeued>> RecordOutcomes(const std::vector<Outcome>&,
                                                       absl::Time) override {
    return absl::FailedPreconditionError("a store of lists records nothing");
  }
};

}  // namespace kabar::dispatcher::testing_store
