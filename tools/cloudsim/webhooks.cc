#include "tools/cloudsim/webhooks.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/webhook_courier.h"

namespace kabar::cloudsim {

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
