// Delivers webhooks: signed, at their moment, again and again until the receiver says 200.
//
// A thread of its own with some kept-alive connections; the API's thread only hands events over.
// Statuses and inbound messages wait in one heap by due time; deliveries run in parallel, so that
// they may overtake each other, as in life. Everything public is thread-safe. Blocks: Stop() until
// the thread has ended. Errors: Configure() refuses an address it cannot use; a receiver that
// fails is tried again with backoff and shows in stats().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "tools/cloudsim/setup.h"
#include "tools/cloudsim/webhook_payloads.h"

namespace kabar::cloudsim {

struct WebhookEvent {
  int64_t due_us = 0;
  bool duplicate = false;  // told before: not counted again
  StatusEvent status;      // when it is one
  std::string body;        // otherwise: the whole body
};

struct WebhookStats {
  uint64_t pending = 0;  // waiting, due or under way
  uint64_t posts = 0;
  uint64_t answered_200 = 0;
  uint64_t retries = 0;
  uint64_t dropped = 0;
  uint64_t statuses[kStatusKinds] = {};  // told and answered with 200, duplicates apart
  uint64_t duplicates = 0;
  bool verified = false;
  std::string last_error;
};

class Webhooks {
 public:
  Webhooks();
  ~Webhooks();
  Webhooks(const Webhooks&) = delete;
  Webhooks& operator=(const Webhooks&) = delete;

  // Where to, from now on. An empty address: nowhere; what is pending is dropped.
  absl::Status Configure(const WebhookSetup& setup);
  void SetBatch(int statuses_per_post);
  bool configured() const { return configured_.load(std::memory_order_relaxed); }

  void Enqueue(std::vector<WebhookEvent>* events);  // emptied
  // Performs the GET handshake with backoff until it succeeds or `for_us` is over.
  void Verify(int64_t for_us);

  // Forgets what is pending; what is under way ends as it will.
  void Clear();
  void Stop();

  bool Quiet() const { return pending_.load() == 0; }
  WebhookStats stats() const;

 private:
  class Courier;  // the thread's own state
  friend class Courier;

  void Wake();

  std::unique_ptr<Courier> courier_;
  int wake_ = -1;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> configured_{false};
  std::atomic<uint64_t> pending_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::vector<WebhookEvent> inbox_;
  WebhookSetup setup_;
  uint32_t address_ = 0;
  uint16_t port_ = 0;
  std::string target_;  // path and query
  std::string host_;
  int batch_ = 1;
  uint64_t version_ = 0;
  bool clear_ = false;
  int64_t verify_until_us_ = 0;
  WebhookStats stats_;

  std::thread thread_;
};

}  // namespace kabar::cloudsim
