// The webhook thread's own state: what is due when, on which connection, tried how often.
//
// Internal to webhooks.h; only webhooks.cc and webhook_courier.cc include it. Everything here
// belongs to the thread that calls Run(); what the owner shares is taken under the owner's mutex.
// Blocks: Run() until the owner is stopping. Errors: counted in the owner's statistics.
#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tools/cloudsim/webhook_client.h"
#include "tools/cloudsim/webhooks.h"

namespace kabar::cloudsim {

class Webhooks::Courier {
 public:
  explicit Courier(Webhooks* owner);
  ~Courier();
  Courier(const Courier&) = delete;
  Courier& operator=(const Courier&) = delete;

  void Run();

 private:
  // One POST (or the handshake), with everything needed to repeat it.
  struct Delivery {
    int64_t due_us = 0;
    int64_t first_us = 0;
    int attempts = 0;
    bool handshake = false;
    std::string challenge;
    std::string body;
    std::vector<StatusKind> kinds;  // statuses inside, to be counted when answered
    uint64_t events = 0;            // pending events it settles
    uint64_t duplicates = 0;
    bool operator<(const Delivery& other) const { return due_us > other.due_us; }
  };

  struct LaterEvent {
    uint64_t order = 0;
    WebhookEvent event;
    bool operator<(const LaterEvent& other) const {
      return event.due_us != other.event.due_us ? event.due_us > other.event.due_us
                                                : order > other.order;
    }
  };

  struct Line {
    explicit Line(int epoll) : client(epoll, this) {}
    WebhookClient client;
    Delivery delivery;
    int64_t deadline_us = 0;
  };

  void TakeOver();  // what the owner was told meanwhile
  void AcceptSettings();
  void Clear();
  void StartHandshake(int64_t now_us);
  void StartDue(int64_t now_us);
  bool NextDelivery(int64_t now_us, Delivery* delivery);
  Delivery FromEvents(int64_t now_us);
  void Start(Line* line, Delivery delivery, int64_t now_us);
  std::string Request(const Delivery& delivery) const;
  void Settle(Line* line, WebhookClient::Progress progress, int64_t now_us);
  void Succeeded(const Delivery& delivery);
  void Retry(Delivery delivery, absl::string_view error, int64_t now_us);
  void Expire(int64_t now_us);
  int64_t NextMoment(int64_t now_us) const;
  void Wait(int64_t now_us);

  Webhooks* const owner_;
  const int epoll_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<Line*> idle_;
  std::priority_queue<LaterEvent> events_;
  std::priority_queue<Delivery> retries_;
  uint64_t order_ = 0;
  // Copies of the owner's settings.
  WebhookSetup setup_;
  sockaddr_in address_{};
  std::string target_;
  std::string host_;
  int batch_ = 1;
  uint64_t version_ = 0;
  int64_t verify_until_us_ = 0;
};

}  // namespace kabar::cloudsim
