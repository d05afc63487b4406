// A queue that only remembers what it was told, for tests of those who tell it; or that is down. It
// grants no claims: whoever needs them tests against Redis.
//
// Thread safety: safe for concurrent use.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "libs/base/status.h"
#include "services/dispatcher/queue.h"

namespace kabar::dispatcher {

class QueueOfLists : public Queue {
 public:
  // As if Redis could not be reached.
  void SetDown(bool down) {
    std::lock_guard<std::mutex> lock(mutex_);
    down_ = down;
  }
  std::vector<std::string> Pushed(const std::string& lane) {
    std::lock_guard<std::mutex> lock(mutex_);
    return pushed_[lane];
  }
  LaneState Told(const std::string& lane) {
    std::lock_guard<std::mutex> lock(mutex_);
    return lanes_[lane];
  }
  SenderState ToldSender(const std::string& sender) {
    std::lock_guard<std::mutex> lock(mutex_);
    return senders_[sender];
  }
  bool HeldLane(const std::string& lane) {
    std::lock_guard<std::mutex> lock(mutex_);
    return held_.contains("lane/" + lane);
  }
  bool HeldSender(const std::string& sender) {
    std::lock_guard<std::mutex> lock(mutex_);
    return held_.contains("sender/" + sender);
  }
  int RefusedPairs() {
    std::lock_guard<std::mutex> lock(mutex_);
    return refused_pairs_;
  }
  int Windows() {
    std::lock_guard<std::mutex> lock(mutex_);
    return windows_;
  }

  absl::StatusOr<Claim> ClaimNext(const std::string&, int, absl::Duration, absl::Duration,
                                  absl::Time) override {
    return absl::FailedPreconditionError("a queue of lists grants no claims");
  }
  absl::StatusOr<std::vector<ClaimedEntry>> Reslot(const std::string&, const std::string&,
                                                   const std::vector<ClaimedEntry>&,
                                                   absl::Time) override {
    return absl::FailedPreconditionError("a queue of lists grants no claims");
  }
  absl::Status GiveBack(const std::string&, const std::string&, const std::vector<ClaimedEntry>&,
                        absl::Time) override {
    return Tell([] {});
  }
  absl::Status Push(const Lane& lane, const std::vector<QueueEntry>& entries, absl::Time) override {
    return Tell([&] {
      for (const QueueEntry& entry : entries) pushed_[lane.id].push_back(entry.message_id);
    });
  }
  absl::Status PutLane(const Lane& lane, absl::Time) override {
    return Tell([&] {
      lanes_[lane.id] = lane.state;
      Hold("lane/" + lane.id, lane.held);
    });
  }
  absl::Status PutSender(const Sender& sender, absl::Time) override {
    return Tell([&] {
      senders_[sender.id] = sender.state;
      Hold("sender/" + sender.id, sender.held);
    });
  }
  absl::Status PutPortfolio(const Portfolio&, absl::Time) override {
    return Tell([] {});
  }
  absl::Status OpenWindow(const std::string&, const std::string&, std::int64_t, absl::Time,
                          absl::Time) override {
    return Tell([&] { ++windows_; });
  }
  absl::Status CloseWindow(const std::string&, const std::string&, std::int64_t,
                           absl::Time) override {
    return Tell([&] { --windows_; });
  }
  // Portfolio and id of those who were two recipients.
  std::vector<std::pair<std::string, std::int64_t>> Joined() {
    std::lock_guard<std::mutex> lock(mutex_);
    return joined_;
  }
  absl::Status JoinRecipients(const std::string& portfolio, const std::vector<std::string>&,
                              const std::vector<Store::Linked>& links, absl::Time) override {
    return Tell([&] {
      for (const Store::Linked& link : links) joined_.emplace_back(portfolio, link.recipient_id);
    });
  }
  absl::StatusOr<bool> SlowSender(const std::string&, const std::string&, std::int64_t,
                                  absl::Time) override {
    KABAR_RETURN_IF_ERROR(Tell([] {}));
    return true;
  }
  absl::StatusOr<absl::Duration> RefusePair(const std::string&, const std::string&, std::int64_t,
                                            absl::Time) override {
    KABAR_RETURN_IF_ERROR(Tell([&] { ++refused_pairs_; }));
    return absl::Seconds(4);
  }
  absl::StatusOr<SenderHealth> TellSender(const std::string&, const std::string&, const SenderNews&,
                                          absl::Time) override {
    KABAR_RETURN_IF_ERROR(Tell([] {}));
    return SenderHealth();
  }
  absl::StatusOr<std::vector<SenderHealth>> GetHealth(const std::string&,
                                                      const std::vector<std::string>& senders,
                                                      absl::Time) override {
    KABAR_RETURN_IF_ERROR(Tell([] {}));
    return std::vector<SenderHealth>(senders.size());
  }
  absl::StatusOr<Quota> ReadQuota(const std::string&, const std::vector<std::string>& lanes,
                                  absl::Time) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (down_) return absl::UnavailableError("down");
    Quota quota{.now = absl::Now(), .uses = quota_uses_};
    for (const auto& lane : lanes) {
      quota.queued.push_back(static_cast<std::int64_t>(pushed_[lane].size()));
    }
    return quota;
  }
  void SetQuotaUses(std::vector<QuotaUse> uses) {
    std::lock_guard<std::mutex> lock(mutex_);
    quota_uses_ = std::move(uses);
  }
  absl::StatusOr<std::int64_t> LaneLength(const Lane& lane, absl::Time) override {
    std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<std::int64_t>(pushed_[lane.id].size());
  }
  absl::Status ReplaceLane(const Lane& lane, const std::vector<QueueEntry>& entries,
                           absl::Time) override {
    return Tell([&] {
      pushed_[lane.id].clear();
      for (const QueueEntry& entry : entries) pushed_[lane.id].push_back(entry.message_id);
    });
  }
  absl::StatusOr<bool> IsBuilt(const std::string&, absl::Time) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (down_) return absl::UnavailableError("redis is down");
    return true;
  }
  absl::StatusOr<std::string> WaitForWake(const std::vector<std::string>&,
                                          absl::Duration) override {
    return "";
  }
  absl::Status Rebuild(const Portfolio&, const std::vector<Sender>&, const std::vector<Lane>&,
                       Store&, absl::Time) override {
    return Tell([] {});
  }

 private:
  template <typename F>
  absl::Status Tell(F note) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (down_) return absl::UnavailableError("redis is down");
    note();
    return absl::OkStatus();
  }

  void Hold(const std::string& target, bool held) {
    if (held) {
      held_.insert(target);
    } else {
      held_.erase(target);
    }
  }

  std::mutex mutex_;
  std::set<std::string> held_;
  bool down_ = false;
  std::map<std::string, std::vector<std::string>> pushed_;
  std::map<std::string, LaneState> lanes_;
  std::map<std::string, SenderState> senders_;
  int windows_ = 0;
  int refused_pairs_ = 0;
  std::vector<QuotaUse> quota_uses_;
  std::vector<std::pair<std::string, std::int64_t>> joined_;
};

}  // namespace kabar::dispatcher
