#include "tools/cloudsim/http_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/cloudsim/clock.h"
#include "tools/cloudsim/http_connection.h"
#include "tools/cloudsim/http_response.h"

namespace kabar::cloudsim {
namespace {

constexpr int kEvents = 256;
// What a caller may send behind a request that is not answered yet.
constexpr size_t kMaxHeldBack = 8 * 1024 * 1024;

// Tags for the loop's own descriptors; connections are tagged with their address.
char listener_tag, wake_tag, timer_tag;

absl::Status Failed(const char* what) {
  return absl::InternalError(absl::StrCat("cloudsim: ", what, ": ", strerror(errno)));
}

void Watch(int epoll, int fd, uint32_t events, void* tag) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = tag;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void Drain(int fd) {
  uint64_t count = 0;
  while (read(fd, &count, sizeof(count)) > 0) {
  }
}

}  // namespace

HttpLoop::HttpLoop(HttpHandler* handler) : handler_(handler) {}

HttpLoop::~HttpLoop() {
  for (auto& connection : slots_) {
    if (connection != nullptr && connection->fd >= 0) close(connection->fd);
  }
  for (const int fd : {epoll_, listener_, wake_, timer_}) {
    if (fd >= 0) close(fd);
  }
}

absl::Status HttpLoop::Listen(uint16_t port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) return Failed("socket");
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // On the listener already, so that the kernel stamps packets before the first accept.
  setsockopt(listener_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
  // Accepted sockets inherit it: the plainest congestion control costs the least on loopback, where
  // a system default such as BBR would pace every answer with a timer. Failure does not matter.
  constexpr char kCongestion[] = "reno";
  setsockopt(listener_, IPPROTO_TCP, TCP_CONGESTION, kCongestion, sizeof(kCongestion) - 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(absl::StrCat("cloudsim: cannot listen on 127.0.0.1:", port, ": ",
                                               strerror(errno), "; choose another --listen port"));
  }
  if (listen(listener_, 4096) != 0) return Failed("listen");
  socklen_t length = sizeof(address);
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  timer_ = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (epoll_ < 0 || wake_ < 0 || timer_ < 0) return Failed("epoll, eventfd or timerfd");
  Watch(epoll_, listener_, EPOLLIN, &listener_tag);
  Watch(epoll_, wake_, EPOLLIN, &wake_tag);
  Watch(epoll_, timer_, EPOLLIN, &timer_tag);
  return absl::OkStatus();
}

void HttpLoop::Run() {
  epoll_event events[kEvents];
  while (!stopping_.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll_, events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      void* const tag = events[i].data.ptr;
      if (tag == &listener_tag) {
        Accept();
      } else if (tag == &wake_tag) {
        Drain(wake_);
        RunPosted();
      } else if (tag == &timer_tag) {
        Drain(timer_);
        FireTimers();
      } else {
        OnReady(static_cast<Connection*>(tag), events[i].events);
      }
    }
    dead_.clear();
  }
}

void HttpLoop::Stop() {
  stopping_.store(true);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void HttpLoop::Post(std::function<void()> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_, &one, sizeof(one));
}

void HttpLoop::RunPosted() {
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
}

void HttpLoop::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    uint32_t slot = 0;
    if (free_slots_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    auto connection = std::make_unique<Connection>();
    connection->fd = fd;
    connection->id = ++connections_seen_;
    connection->ref = ConnectionRef{slot, static_cast<uint32_t>(connection->id)};
    Connection* const raw = connection.get();
    slots_[slot] = std::move(connection);
    if (!handler_->OnConnect(raw->id)) {
      Destroy(raw, /*reset=*/true);
      continue;
    }
    // Edge-triggered for both directions: no epoll_ctl per request, ever.
    Watch(epoll_, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, raw);
  }
}

void HttpLoop::OnReady(Connection* connection, uint32_t events) {
  if (connection->dead) return;
  if ((events & EPOLLOUT) != 0 && connection->out_sent < connection->out.size()) {
    if (!Flush(connection)) return;
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) Read(connection);
}

bool HttpLoop::Read(Connection* connection) {
  while (true) {
    connection->MakeRoom();
    const size_t room = connection->capacity - connection->end;
    int64_t arrival_us = 0;
    const ssize_t got = ReceiveStamped(connection->fd, connection->buffer.get() + connection->end,
                                       room, &arrival_us);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      Destroy(connection, /*reset=*/false);
      return false;
    }
    if (got == 0) {
      // A caller may close its sending side and still wait for the answer.
      connection->peer_done = true;
      if (connection->waiting) {
        // ... but with nobody ever to answer, or to answer later, there is nothing to keep open.
        Destroy(connection, /*reset=*/false);
        return false;
      }
      if (connection->out_sent == connection->out.size()) {
        Destroy(connection, /*reset=*/false);
        return false;
      }
      connection->close_after = true;
      return true;
    }
    if (connection->begin == connection->end) connection->arrival_us = arrival_us;
    connection->last_arrival_us = arrival_us;
    connection->end += static_cast<size_t>(got);
    if (connection->waiting && connection->end - connection->begin > kMaxHeldBack) {
      Destroy(connection, /*reset=*/true);
      return false;
    }
    if (!connection->waiting && !Process(connection)) return false;
    // Less than asked for: the socket is empty, its next byte raises a new edge.
    if (static_cast<size_t>(got) < room) return true;
  }
}

bool HttpLoop::Process(Connection* connection) {
  while (!connection->waiting && connection->begin < connection->end) {
    HttpRequest request;
    size_t consumed = 0;
    const HttpParser::Result result =
        connection->parser.Parse(connection->buffer.get() + connection->begin,
                                 connection->end - connection->begin, &request, &consumed);
    if (result == HttpParser::Result::kNeedMore) return true;
    if (result == HttpParser::Result::kContinue) {
      connection->out.append("HTTP/1.1 100 Continue\r\n\r\n");
      return Flush(connection);
    }
    if (result == HttpParser::Result::kBad) {
      BadRequest(connection);
      return false;
    }
    const RequestInfo info{connection->ref, connection->id, ++connection->requests,
                           connection->arrival_us};
    connection->waiting = true;
    connection->processing = true;
    connection->close_after = !request.keep_alive;
    handler_->OnRequest(info, request);
    if (connection->dead) return false;
    connection->processing = false;
    connection->begin += consumed;
    connection->arrival_us = connection->last_arrival_us;
    connection->parser.Reset();
  }
  return true;
}

void HttpLoop::BadRequest(Connection* connection) {
  const int status = connection->parser.bad_status();
  connection->out.append(HttpResponse(status, "", "text/plain", /*close=*/true));
  connection->close_after = true;
  Flush(connection);
}

HttpLoop::Connection* HttpLoop::Find(ConnectionRef ref) {
  if (ref.slot >= slots_.size()) return nullptr;
  Connection* const connection = slots_[ref.slot].get();
  if (connection == nullptr || connection->ref.generation != ref.generation) return nullptr;
  return connection->dead ? nullptr : connection;
}

bool HttpLoop::Send(ConnectionRef ref, absl::string_view response, bool close) {
  Connection* const connection = Find(ref);
  if (connection == nullptr) return false;
  if (close) connection->close_after = true;
  connection->waiting = false;
  if (connection->out.empty()) {
    // The usual case: one send, no copy.
    const ssize_t sent =
        send(connection->fd, response.data(), response.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      Destroy(connection, /*reset=*/false);
      return false;
    }
    response.remove_prefix(sent < 0 ? 0 : static_cast<size_t>(sent));
  }
  connection->out.append(response.data(), response.size());
  const bool processing = connection->processing;
  if (!Flush(connection)) return true;
  // A late answer frees the connection for what has arrived meanwhile.
  if (!processing) Process(connection);
  return true;
}

bool HttpLoop::Flush(Connection* connection) {
  while (connection->out_sent < connection->out.size()) {
    const ssize_t sent = send(connection->fd, connection->out.data() + connection->out_sent,
                              connection->out.size() - connection->out_sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      Destroy(connection, /*reset=*/false);
      return false;
    }
    connection->out_sent += static_cast<size_t>(sent);
  }
  connection->out.clear();
  connection->out_sent = 0;
  if (connection->close_after && !connection->waiting) {
    Destroy(connection, /*reset=*/false);
    return false;
  }
  return true;
}

void HttpLoop::SendAt(ConnectionRef connection, int64_t due_us, std::string response,
                      uint64_t token) {
  ++late_responses_;
  Timer timer;
  timer.due_us = due_us;
  timer.connection = connection;
  timer.token = token;
  timer.response = std::move(response);
  AddTimer(std::move(timer));
}

void HttpLoop::CallAt(int64_t due_us, std::function<void()> task) {
  Timer timer;
  timer.due_us = due_us;
  timer.task = std::move(task);
  AddTimer(std::move(timer));
}

void HttpLoop::AddTimer(Timer timer) {
  timer.order = ++timer_order_;
  timers_.push(std::move(timer));
  ArmTimer();
}

void HttpLoop::ArmTimer() {
  const int64_t due_us = timers_.empty() ? 0 : timers_.top().due_us;
  if (due_us == armed_us_) return;
  armed_us_ = due_us;
  itimerspec when{};
  when.it_value.tv_sec = due_us / kMicrosPerSecond;
  when.it_value.tv_nsec = (due_us % kMicrosPerSecond) * 1000;
  timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void HttpLoop::FireTimers() {
  armed_us_ = 0;
  const int64_t now_us = NowUs();
  while (!timers_.empty() && timers_.top().due_us <= now_us) {
    Timer timer = std::move(const_cast<Timer&>(timers_.top()));
    timers_.pop();
    if (timer.task) {
      timer.task();
    } else {
      --late_responses_;
      handler_->OnSentLate(timer.token, Send(timer.connection, timer.response));
    }
  }
  ArmTimer();
}

void HttpLoop::Hang(ConnectionRef) {
  // `waiting` stays set: nothing is read as a request any more, the caller's close ends it.
}

void HttpLoop::Close(ConnectionRef ref) {
  if (Connection* const connection = Find(ref)) Destroy(connection, /*reset=*/false);
}

void HttpLoop::Reset(ConnectionRef ref) {
  if (Connection* const connection = Find(ref)) Destroy(connection, /*reset=*/true);
}

void HttpLoop::Destroy(Connection* connection, bool reset) {
  if (connection->dead) return;
  connection->dead = true;
  if (reset) {
    const linger now{1, 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  close(connection->fd);
  connection->fd = -1;
  const uint32_t slot = connection->ref.slot;
  dead_.push_back(std::move(slots_[slot]));
  free_slots_.push_back(slot);
}

}  // namespace kabar::cloudsim
