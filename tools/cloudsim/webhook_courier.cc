#include "tools/cloudsim/webhook_courier.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/draw.h"

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

}  // namespace

Webhooks::Courier::Courier(Webhooks* owner) : owner_(owner), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &wake_tag;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, owner_->wake_, &event);
}

Webhooks::Courier::~Courier() {
  lines_.clear();
  close(epoll_);
}

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

Webhooks::Courier::Delivery Webhooks::Courier::FromEvents(int64_t now_us) {
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

}  // namespace kabar::cloudsim
