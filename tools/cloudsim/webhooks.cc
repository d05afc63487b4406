#include "tools/cloudsim/webhooks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <queue>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"
#include "tools/cloudsim/webhook_client.h"

namespace kabar::cloudsim {
namespace {

constexpr int kMaxEvents = 64;
char wake_tag;

// X-Hub-Signature-256 over exactly the bytes sent.
std::string Signature(absl::string_view secret, absl::string_view body) {
  constexpr char kHex[] = "0123456789abcdef";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex.push_back(kHex[digest[i] >> 4]);
    hex.push_back(kHex[digest[i] & 15]);
  }
  return hex;
}

std::string UrlEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.') {
      out.push_back(c);
    } else {
      char hex[4];
      snprintf(hex, sizeof(hex), "%%%02X", static_cast<unsigned char>(c));
      out.append(hex);
    }
  }
  return out;
}

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

}  // namespace

class Webhooks::Courier {
 public:
  explicit Courier(Webhooks* owner) : owner_(owner), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &wake_tag;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, owner_->wake_, &event);
  }
  ~Courier() {
    lines_.clear();
    close(epoll_);
  }

  void Run();

 private:
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

void Webhooks::Courier::Run() {
  while (!owner_->stopping_.load()) {
    TakeOver();
    const int64_t now_us = NowUs();
    Expire(now_us);
    StartDue(now_us);
    Wait(NowUs());
  }
}

void Webhooks::Courier::TakeOver() {
  std::vector<WebhookEvent> events;
  bool clear = false;
  int64_t verify_until_us = 0;
  {
    const std::lock_guard<std::mutex> lock(owner_->mutex_);
    events.swap(owner_->inbox_);
    clear = std::exchange(owner_->clear_, false);
    verify_until_us = std::exchange(owner_->verify_until_us_, 0);
    batch_ = owner_->batch_;
    if (version_ != owner_->version_) AcceptSettings();
  }
  if (clear) Clear();
  for (WebhookEvent& event : events) events_.push({++order_, std::move(event)});
  if (!owner_->configured()) Clear();
  if (verify_until_us != 0) {
    verify_until_us_ = verify_until_us;
    StartHandshake(NowUs());
  }
}

void Webhooks::Courier::AcceptSettings() {
  version_ = owner_->version_;
  setup_ = owner_->setup_;
  target_ = owner_->target_;
  host_ = owner_->host_;
  address_.sin_family = AF_INET;
  address_.sin_addr.s_addr = owner_->address_;
  address_.sin_port = htons(owner_->port_);
  for (Line* const line : idle_) line->client.Disconnect();
  while (lines_.size() < static_cast<size_t>(setup_.connections)) {
    lines_.push_back(std::make_unique<Line>(epoll_));
    idle_.push_back(lines_.back().get());
  }
}

void Webhooks::Courier::Clear() {
  uint64_t dropped = events_.size();
  for (; !retries_.empty(); retries_.pop()) dropped += retries_.top().events;
  events_ = {};
  owner_->pending_ -= dropped;
}

void Webhooks::Courier::StartHandshake(int64_t now_us) {
  Delivery delivery;
  delivery.handshake = true;
  delivery.challenge = std::to_string(Mix(static_cast<uint64_t>(now_us)) % 10000000000ULL);
  delivery.due_us = delivery.first_us = now_us;
  retries_.push(std::move(delivery));
}

// Everything due, as far as there are free connections.
void Webhooks::Courier::StartDue(int64_t now_us) {
  while (!idle_.empty()) {
    Delivery delivery;
    if (!NextDelivery(now_us, &delivery)) return;
    Line* const line = idle_.back();
    idle_.pop_back();
    Start(line, std::move(delivery), now_us);
  }
}

bool Webhooks::Courier::NextDelivery(int64_t now_us, Delivery* delivery) {
  const bool event_due = !events_.empty() && events_.top().event.due_us <= now_us;
  if (!retries_.empty() && retries_.top().due_us <= now_us &&
      (!event_due || retries_.top().due_us <= events_.top().event.due_us)) {
    *delivery = std::move(const_cast<Delivery&>(retries_.top()));
    retries_.pop();
    return true;
  }
  if (!event_due) return false;
  *delivery = FromEvents(now_us);
  return true;
}

Delivery Webhooks::Courier::FromEvents(int64_t now_us) {
  Delivery delivery;
  delivery.first_us = delivery.due_us = now_us;
  std::vector<StatusEvent> statuses;
  do {
    WebhookEvent event = std::move(const_cast<LaterEvent&>(events_.top()).event);
    events_.pop();
    ++delivery.events;
    if (event.duplicate) ++delivery.duplicates;
    if (event.status.message == nullptr) {
      delivery.body = std::move(event.body);
      return delivery;
    }
    if (!event.duplicate) delivery.kinds.push_back(event.status.kind);
    statuses.push_back(std::move(event.status));
  } while (static_cast<int>(statuses.size()) < batch_ && !events_.empty() &&
           events_.top().event.due_us <= now_us && events_.top().event.status.message != nullptr &&
           events_.top().event.status.message->number->number_id ==
               statuses.front().message->number->number_id);
  delivery.body = StatusBody(statuses);
  return delivery;
}

std::string Webhooks::Courier::Request(const Delivery& delivery) const {
  if (delivery.handshake) {
    const char* const join = absl::StrContains(target_, '?') ? "&" : "?";
    return absl::StrCat(
        "GET ", target_, join, "hub.mode=subscribe&hub.challenge=", delivery.challenge,
        "&hub.verify_token=", UrlEncode(setup_.verify_token), " HTTP/1.1\r\nHost: ", host_,
        "\r\nUser-Agent: facebookplatform/1.0\r\nAccept: */*\r\n\r\n");
  }
  return absl::StrCat("POST ", target_, " HTTP/1.1\r\nHost: ", host_,
                      "\r\nUser-Agent: facebookexternalua\r\nAccept: */*\r\n"
                      "Content-Type: application/json\r\nX-Hub-Signature-256: sha256=",
                      Signature(setup_.app_secret, delivery.body),
                      "\r\nContent-Length: ", delivery.body.size(), "\r\n\r\n", delivery.body);
}

void Webhooks::Courier::Start(Line* line, Delivery delivery, int64_t now_us) {
  line->delivery = std::move(delivery);
  line->deadline_us = now_us + static_cast<int64_t>(setup_.timeout_ms) * kMicrosPerMilli;
  Settle(line, line->client.Start(address_, Request(line->delivery)), now_us);
}

void Webhooks::Courier::Settle(Line* line, WebhookClient::Progress progress, int64_t now_us) {
  if (progress == WebhookClient::Progress::kWaiting) return;
  Delivery delivery = std::move(line->delivery);
  line->delivery = Delivery();
  idle_.push_back(line);
  if (!delivery.handshake) {
    const std::lock_guard<std::mutex> lock(owner_->mutex_);
    ++owner_->stats_.posts;
  }
  if (progress == WebhookClient::Progress::kFailed) {
    Retry(std::move(delivery), line->client.error(), now_us);
  } else if (line->client.status() != 200) {
    Retry(std::move(delivery), absl::StrCat("the receiver answered ", line->client.status()),
          now_us);
  } else if (delivery.handshake && line->client.body() != delivery.challenge) {
    Retry(std::move(delivery), "the receiver did not echo hub.challenge", now_us);
  } else {
    Succeeded(delivery);
  }
}

void Webhooks::Courier::Succeeded(const Delivery& delivery) {
  {
    const std::lock_guard<std::mutex> lock(owner_->mutex_);
    WebhookStats& stats = owner_->stats_;
    if (delivery.handshake) {
      stats.verified = true;
    } else {
      ++stats.answered_200;
    }
    for (const StatusKind kind : delivery.kinds) ++stats.statuses[static_cast<int>(kind)];
    stats.duplicates += delivery.duplicates;
  }
  owner_->pending_ -= delivery.events;
}

void Webhooks::Courier::Retry(Delivery delivery, absl::string_view error, int64_t now_us) {
  const int64_t give_up_us = delivery.handshake
                                 ? verify_until_us_
                                 : delivery.first_us + setup_.retry_for_s * kMicrosPerSecond;
  const int shift = std::min(delivery.attempts, 20);
  const int64_t wait_ms =
      std::min<int64_t>(static_cast<int64_t>(setup_.retry_first_ms) << shift, setup_.retry_max_ms);
  // A handshake is asked for by somebody who waits for it: at most a second between two tries.
  const int64_t pause_us =
      (delivery.handshake ? std::min<int64_t>(wait_ms, 200) : wait_ms) * kMicrosPerMilli;
  const bool dropped = now_us + pause_us > give_up_us;
  {
    const std::lock_guard<std::mutex> lock(owner_->mutex_);
    owner_->stats_.last_error = std::string(error);
    ++(dropped ? owner_->stats_.dropped : owner_->stats_.retries);
  }
  if (dropped) {
    owner_->pending_ -= delivery.events;
    return;
  }
  ++delivery.attempts;
  delivery.due_us = now_us + pause_us;
  retries_.push(std::move(delivery));
}

void Webhooks::Courier::Expire(int64_t now_us) {
  for (const auto& line : lines_) {
    if (!line->client.busy() || line->deadline_us > now_us) continue;
    line->client.Abort();
    Delivery delivery = std::move(line->delivery);
    line->delivery = Delivery();
    idle_.push_back(line.get());
    Retry(std::move(delivery), "the receiver did not answer in time", now_us);
  }
}

int64_t Webhooks::Courier::NextMoment(int64_t now_us) const {
  int64_t next_us = now_us + kMicrosPerSecond;
  if (!idle_.empty()) {
    if (!events_.empty()) next_us = std::min(next_us, events_.top().event.due_us);
    if (!retries_.empty()) next_us = std::min(next_us, retries_.top().due_us);
  }
  for (const auto& line : lines_) {
    if (line->client.busy()) next_us = std::min(next_us, line->deadline_us);
  }
  return next_us;
}

void Webhooks::Courier::Wait(int64_t now_us) {
  const int64_t wait_us = std::max<int64_t>(0, NextMoment(now_us) - now_us);
  timespec timeout{};
  timeout.tv_sec = wait_us / kMicrosPerSecond;
  timeout.tv_nsec = (wait_us % kMicrosPerSecond) * 1000;
  epoll_event events[kMaxEvents];
  int count = epoll_pwait2(epoll_, events, kMaxEvents, &timeout, nullptr);
  if (count < 0 && errno == ENOSYS) {
    // An older kernel: whole milliseconds must do.
    count = epoll_wait(epoll_, events, kMaxEvents,
                       static_cast<int>((wait_us + kMicrosPerMilli - 1) / kMicrosPerMilli));
  }
  const int64_t after_us = NowUs();
  for (int i = 0; i < count; ++i) {
    if (events[i].data.ptr == &wake_tag) {
      uint64_t ignored = 0;
      [[maybe_unused]] const ssize_t got = read(owner_->wake_, &ignored, sizeof(ignored));
      continue;
    }
    Line* const line = static_cast<Line*>(events[i].data.ptr);
    if (line->client.busy()) Settle(line, line->client.Advance(), after_us);
  }
}

Webhooks::Webhooks() : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  courier_ = std::make_unique<Courier>(this);
  thread_ = std::thread([this] { courier_->Run(); });
}

Webhooks::~Webhooks() {
  Stop();
  courier_.reset();
  close(wake_);
}

void Webhooks::Stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  Wake();
  thread_.join();
}

void Webhooks::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

absl::Status Webhooks::Configure(const WebhookSetup& setup) {
  std::string host;
  std::string target = "/";
  uint16_t port = 80;
  uint32_t address = 0;
  if (!setup.url.empty()) {
    absl::string_view rest = setup.url;
    if (!absl::ConsumePrefix(&rest, "http://")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "webhook: \"", setup.url, "\" must begin with http:// (the simulator speaks no TLS)"));
    }
    const size_t slash = rest.find('/');
    host = std::string(rest.substr(0, slash));
    if (slash != absl::string_view::npos) target = std::string(rest.substr(slash));
    const size_t colon = host.find(':');
    int number = 80;
    if (colon != std::string::npos &&
        (!absl::SimpleAtoi(host.substr(colon + 1), &number) || number < 1 || number > 65535)) {
      return absl::InvalidArgumentError(absl::StrCat("webhook: no such port in ", setup.url));
    }
    port = static_cast<uint16_t>(number);
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.substr(0, colon).c_str(), nullptr, &hints, &found) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("webhook: unknown host in ", setup.url));
    }
    address = reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr.s_addr;
    freeaddrinfo(found);
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    setup_ = setup;
    host_ = std::move(host);
    target_ = std::move(target);
    port_ = port;
    address_ = address;
    ++version_;
    configured_.store(!setup.url.empty());
  }
  Wake();
  return absl::OkStatus();
}

void Webhooks::SetBatch(int statuses_per_post) {
  const std::lock_guard<std::mutex> lock(mutex_);
  batch_ = statuses_per_post;
}

void Webhooks::Enqueue(std::vector<WebhookEvent>* events) {
  if (events->empty()) return;
  pending_ += events->size();
  bool wake = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake = inbox_.empty();
    for (WebhookEvent& event : *events) inbox_.push_back(std::move(event));
  }
  events->clear();
  if (wake) Wake();
}

void Webhooks::Verify(int64_t for_us) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats_.verified = false;
    verify_until_us_ = NowUs() + for_us;
  }
  Wake();
}

void Webhooks::Clear() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    pending_ -= inbox_.size();
    inbox_.clear();
    clear_ = true;
    const bool verified = stats_.verified;
    stats_ = WebhookStats();
    stats_.verified = verified;
  }
  Wake();
}

WebhookStats Webhooks::stats() const {
  WebhookStats stats;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats = stats_;
  }
  stats.pending = pending_.load();
  return stats;
}

}  // namespace kabar::cloudsim
