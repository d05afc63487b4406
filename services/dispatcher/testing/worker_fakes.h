// A ledger that grants every right and remembers outcomes, a queue that hands out the claims a test
// made, and a provider that answers as told: the process edges of a worker, for tests of its parts.
//
// Thread safety: safe for concurrent use. Blocks: the Wait functions, at most 10 s; WaitForWake a
// moment.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "libs/testing/fake_clock.h"
#include "services/dispatcher/slot_sender.h"
#include "services/dispatcher/testing/queue_of_lists.h"
#include "services/dispatcher/testing/store_of_lists.h"

namespace kabar::dispatcher {

inline constexpr auto kTestPatience = std::chrono::seconds(10);

class GrantingStore : public testing_store::StoreOfLists {
 public:
  // As if PostgreSQL could not be reached.
  void SetDown(bool down) {
    std::lock_guard lock(mutex_);
    down_ = down;
  }
  // As if each StartAttempts lost its connection in COMMIT.
  void SetInDoubt() {
    std::lock_guard lock(mutex_);
    in_doubt_ = true;
  }
  // Each batch with an outcome of this message is refused; "": none is any more.
  void Poison(const std::string& id, const absl::Status& refusal) {
    std::lock_guard lock(mutex_);
    poison_ = id;
    refusal_ = refusal;
  }
  void Refuse(const std::string& id) {
    std::lock_guard lock(mutex_);
    refused_.insert(id);
  }
  std::vector<Outcome> Outcomes() {
    std::lock_guard lock(mutex_);
    return outcomes_;
  }
  bool WaitForOutcomes(std::size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return outcomes_.size() >= n; });
  }
  bool WaitForFailures(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return failures_ >= n; });
  }

  absl::StatusOr<StartResult> StartAttempts(const std::string&, const std::vector<std::string>& ids,
                                            const std::string&, absl::Duration,
                                            absl::Time) override {
    std::lock_guard lock(mutex_);
    if (down_) return Down();
    if (in_doubt_) return absl::UnknownError("the connection was lost during COMMIT");
    StartResult result;
    for (const auto& id : ids) {
      if (refused_.contains(id)) continue;
      StartedMessage message;
      message.id = id;
      message.attempt = 1;
      message.recipient_id = 1;
      message.phone = "+628120001";
      message.text = "halo";
      message.window_open = true;
      result.started.push_back(std::move(message));
    }
    return result;
  }
  absl::StatusOr<std::vector<Requeued>> RecordOutcomes(const std::vector<Outcome>& outcomes,
                                                       absl::Time) override {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
    if (down_) return Down();
    for (const auto& outcome : outcomes) {
      if (outcome.message_id != poison_) continue;
      ++failures_;
      return refusal_;
    }
    std::vector<Requeued> requeued;
    for (const auto& outcome : outcomes) {
      outcomes_.push_back(outcome);
      if (outcome.state != AttemptState::kReturned) continue;
      Requeued back;
      back.lane_id = "lane";
      back.portfolio_id = "pf";
      back.entry.message_id = outcome.message_id;
      requeued.push_back(std::move(back));
    }
    return requeued;
  }

 private:
  absl::Status Down() {
    ++failures_;
    return absl::UnavailableError("postgres is down");
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool down_ = false;
  bool in_doubt_ = false;
  int failures_ = 0;
  std::string poison_;
  absl::Status refusal_;
  std::set<std::string> refused_;
  std::vector<Outcome> outcomes_;
};

class QueueOfSlots : public QueueOfLists {
 public:
  void Offer(Claim claim) {
    std::lock_guard lock(mutex_);
    claims_.push_back(std::move(claim));
    changed_.notify_all();
  }
  // Done while the answer of the next claim is on its way.
  void Meanwhile(std::function<void()> action) {
    std::lock_guard lock(mutex_);
    meanwhile_ = std::move(action);
  }
  // What the next Reslot gives to the first of those who ask.
  void OfferSlots(std::vector<ClaimedEntry> slots) {
    std::lock_guard lock(mutex_);
    slots_ = std::move(slots);
  }
  std::vector<std::string> GivenBack() {
    std::lock_guard lock(mutex_);
    return given_back_;
  }
  int Slowed() {
    std::lock_guard lock(mutex_);
    return slowed_;
  }
  std::vector<std::pair<std::string, QueueEntry>> PushedEntries() {  // with their portfolios
    std::lock_guard lock(mutex_);
    return entries_;
  }
  bool WaitForPushed(std::size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return entries_.size() >= n; });
  }
  bool WaitForSlowed() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return slowed_ > 0; });
  }

  absl::StatusOr<Claim> ClaimNext(const std::string&, int, absl::Duration, absl::Duration,
                                  absl::Time) override {
    std::unique_lock lock(mutex_);
    Claim claim;
    claim.next_claim_us = std::numeric_limits<std::int64_t>::max();
    if (!claims_.empty()) {
      claim = std::move(claims_.front());
      claims_.pop_front();
      const std::function<void()> meanwhile = std::exchange(meanwhile_, nullptr);
      lock.unlock();
      if (meanwhile) meanwhile();
    }
    return claim;
  }
  absl::StatusOr<std::vector<ClaimedEntry>> Reslot(const std::string&, const std::string&,
                                                   const std::vector<ClaimedEntry>&,
                                                   absl::Time) override {
    std::lock_guard lock(mutex_);
    return std::exchange(slots_, {});
  }
  absl::Status GiveBack(const std::string&, const std::string&,
                        const std::vector<ClaimedEntry>& unsent, absl::Time) override {
    std::lock_guard lock(mutex_);
    for (const auto& one : unsent) given_back_.push_back(one.entry.message_id);
    return absl::OkStatus();
  }
  absl::Status Push(const Lane& lane, const std::vector<QueueEntry>& entries, absl::Time) override {
    std::lock_guard lock(mutex_);
    for (const auto& entry : entries) entries_.emplace_back(lane.portfolio_id, entry);
    changed_.notify_all();
    return absl::OkStatus();
  }
  absl::StatusOr<bool> SlowSender(const std::string&, const std::string&, std::int64_t,
                                  absl::Time) override {
    std::lock_guard lock(mutex_);
    ++slowed_;
    changed_.notify_all();
    return true;
  }
  absl::StatusOr<SenderHealth> TellSender(const std::string&, const std::string&,
                                          const SenderNews& news, absl::Time) override {
    std::lock_guard lock(mutex_);
    news_.push_back(news);
    changed_.notify_all();
    return health_;
  }
  // What the next ones who tell are answered.
  void SetHealth(const SenderHealth& health) {
    std::lock_guard lock(mutex_);
    health_ = health;
  }
  std::vector<SenderNews> News() {
    std::lock_guard lock(mutex_);
    return news_;
  }
  bool WaitForNews(std::size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return news_.size() >= n; });
  }
  absl::StatusOr<std::string> WaitForWake(const std::vector<std::string>& ids,
                                          absl::Duration) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return !claims_.empty(); });
    return claims_.empty() ? "" : ids.front();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Claim> claims_;
  std::function<void()> meanwhile_;
  std::vector<ClaimedEntry> slots_;
  std::vector<std::string> given_back_;
  std::vector<std::pair<std::string, QueueEntry>> entries_;
  int slowed_ = 0;
  SenderHealth health_;
  std::vector<SenderNews> news_;
};

// Takes requests and lets the test play the connection: the gate, then the answer.
class HeldProvider {
 public:
  SlotSender::Provider Function() {
    return [this](whatsapp::SendRequest, http::BeforeWrite gate, whatsapp::Client::OnSent done) {
      std::lock_guard lock(mutex_);
      ++requests_;
      held_.push_back({std::move(gate), std::move(done)});
      changed_.notify_all();
    };
  }
  bool WaitForRequests(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kTestPatience, [&] { return requests_ >= n; });
  }
  int Requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  // The oldest that is held: true if its gate let it through, then it ends as `result`.
  bool Answer(whatsapp::SendOutcome result) {
    Held held = Take();
    const bool started = held.gate();
    if (!started) {
      result = {};
      result.kind = whatsapp::SendOutcome::Kind::kNotSent;
      result.gate_refused = true;
    }
    held.done(std::move(result));
    return started;
  }
  bool Accept() {
    whatsapp::SendOutcome result;
    result.kind = whatsapp::SendOutcome::Kind::kAccepted;
    result.wamid = "wamid";
    return Answer(std::move(result));
  }
  bool Reject(int code) {
    whatsapp::SendOutcome result;
    result.kind = whatsapp::SendOutcome::Kind::kRejected;
    result.error.code = code;
    return Answer(std::move(result));
  }
  // The gate is asked, and then nothing comes.
  bool SayNothing() { return Answer({}); }
  // No connection: the gate is never asked.
  void FailToConnect() {
    whatsapp::SendOutcome result;
    result.kind = whatsapp::SendOutcome::Kind::kNotSent;
    result.no_connection = true;
    Take().done(std::move(result));
  }

 private:
  struct Held {
    http::BeforeWrite gate;
    whatsapp::Client::OnSent done;
  };
  Held Take() {
    std::lock_guard lock(mutex_);
    Held held = std::move(held_.front());
    held_.pop_front();
    return held;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int requests_ = 0;
  std::deque<Held> held_;
};

}  // namespace kabar::dispatcher
