#include "libs/redis/connection.h"

#include <hiredis/hiredis.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/backoff.h"
#include "libs/base/status.h"
#include "libs/metrics/metrics.h"
#include "libs/redis/errors.h"
#include "libs/redis/url.h"
#include "libs/redis/wire.h"

namespace kabar::redis {
namespace {

void AppendCommand(absl::Span<const absl::string_view> args, std::string& bytes) {
  absl::StrAppend(&bytes, "*", args.size(), "\r\n");
  for (const absl::string_view arg : args) {
    absl::StrAppend(&bytes, "$", arg.size(), "\r\n", arg, "\r\n");
  }
}

Reply ToReply(const redisReply& reply) {
  Reply value;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      value.kind = Reply::Kind::kText;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      value.kind = Reply::Kind::kError;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = Reply::Kind::kInteger;
      value.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = Reply::Kind::kArray;
      value.elements.reserve(reply.elements);
      for (size_t i = 0; i < reply.elements; ++i) {
        value.elements.push_back(ToReply(*reply.element[i]));
      }
      break;
    default:
      break;
  }
  return value;
}

}  // namespace

struct Connection::State {
  explicit State(ConnectionOptions o)
      : options(std::move(o)),
        backoff({.initial = options.min_backoff, .max = options.max_backoff}) {}

  absl::Status EnsureConnected(absl::Time deadline);
  absl::Status Greet(const Address& address, absl::Time deadline);
  std::vector<absl::StatusOr<Reply>> Exchange(absl::Span<const Args> commands, absl::Time deadline);
  metrics::Histogram& Duration(absl::string_view command);

  const ConnectionOptions options;
  base::Backoff backoff;
  absl::Time not_before = absl::InfinitePast();  // of the next attempt to connect
  std::unique_ptr<Wire> wire;
  std::int64_t times_connected = 0;
  std::map<std::string, metrics::Histogram*, std::less<>> durations;
};

metrics::Histogram& Connection::State::Duration(absl::string_view command) {
  const std::string name(command);
  metrics::Histogram*& histogram = durations[name];
  if (histogram == nullptr) {
    histogram = &metrics::GetHistogram("kabar_redis_command_duration_seconds",
                                       "Time of a Redis command or pipeline.", {{"command", name}},
                                       metrics::LatencyBuckets());
  }
  return *histogram;
}

absl::Status Connection::State::EnsureConnected(absl::Time deadline) {
  if (wire != nullptr && !wire->Fresh()) {  // the server was restarted meanwhile
    wire.reset();
    if (!options.reconnect_unasked) {
      return base::Error(absl::StatusCode::kUnavailable, "REDIS_CONNECTION_CLOSED",
                         "the connection was found closed; the command was not executed");
    }
  }
  if (wire != nullptr) return absl::OkStatus();
  KABAR_ASSIGN_OR_RETURN(const Address address, ParseUrl(options.url));
  if (absl::Now() < not_before) absl::SleepFor(std::min(not_before, deadline) - absl::Now());
  const absl::Time until = std::min(deadline, absl::Now() + options.connect_timeout);
  absl::StatusOr<std::unique_ptr<Wire>> connected = Wire::Connect(address, until);
  absl::Status status = connected.status();
  if (status.ok()) {
    wire = *std::move(connected);
    status = Greet(address, until);
  }
  if (status.ok()) {
    backoff.Reset();
    ++times_connected;
    return status;
  }
  wire.reset();
  not_before = absl::Now() + backoff.Next();
  // Whatever the greeting's fault was, the caller's command was not executed.
  return base::Error(absl::StatusCode::kUnavailable, "REDIS_UNAVAILABLE", status.message());
}

absl::Status Connection::State::Greet(const Address& address, absl::Time deadline) {
  const std::string database = absl::StrCat(address.database);
  std::vector<Args> commands;
  if (!address.password.empty()) commands.push_back({"AUTH", address.password});
  if (address.database != 0) commands.push_back({"SELECT", database});
  if (commands.empty()) return absl::OkStatus();
  for (absl::StatusOr<Reply>& reply : Exchange(commands, deadline)) {
    if (!reply.ok()) return std::move(reply).status();
  }
  return absl::OkStatus();
}

std::vector<absl::StatusOr<Reply>> Connection::State::Exchange(absl::Span<const Args> commands,
                                                               absl::Time deadline) {
  std::string bytes;
  std::vector<size_t> ends;
  for (const Args& command : commands) {
    AppendCommand(command, bytes);
    ends.push_back(bytes.size());
  }
  std::vector<absl::StatusOr<Reply>> replies;
  replies.reserve(commands.size());
  const Wire::Progress progress =
      wire->Exchange(bytes, commands.size(), deadline, [&](const redisReply& reply) {
        const absl::string_view name = commands[replies.size()][0];
        if (reply.type == REDIS_REPLY_ERROR) {
          replies.emplace_back(StatusOfErrorReply(name, {reply.str, reply.len}));
        } else {
          replies.emplace_back(ToReply(reply));
        }
      });
  if (progress.error.ok()) return replies;
  wire.reset();  // a late answer must not meet a later command
  while (replies.size() < commands.size()) {
    const absl::string_view name = commands[replies.size()][0];
    const bool sent = ends[replies.size()] <= progress.sent;
    replies.emplace_back(
        base::Error(sent ? absl::StatusCode::kUnknown : absl::StatusCode::kUnavailable,
                    base::GetReason(progress.error),
                    absl::StrCat(name, ": ", progress.error.message(),
                                 sent ? "; it may have been executed" : "; it was not executed")));
  }
  return replies;
}

Connection::Connection(ConnectionOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}
Connection::~Connection() = default;

std::vector<absl::StatusOr<Reply>> Connection::Pipeline(absl::Span<const Args> commands,
                                                        absl::Time deadline) {
  if (commands.empty()) return {};
  const absl::Time start = absl::Now();
  if (start >= deadline) {
    return std::vector<absl::StatusOr<Reply>>(
        commands.size(), base::Error(absl::StatusCode::kDeadlineExceeded, "REDIS_TIMEOUT",
                                     "the deadline passed before the Redis command was sent"));
  }
  if (absl::Status status = state_->EnsureConnected(deadline); !status.ok()) {
    return std::vector<absl::StatusOr<Reply>>(commands.size(), status);
  }
  std::vector<absl::StatusOr<Reply>> replies = state_->Exchange(commands, deadline);
  state_->Duration(commands.size() == 1 ? commands[0][0] : "PIPELINE")
      .Observe(absl::ToDoubleSeconds(absl::Now() - start));
  return replies;
}

absl::StatusOr<Reply> Connection::Command(absl::Span<const absl::string_view> args,
                                          absl::Time deadline) {
  if (args.empty()) return absl::InvalidArgumentError("an empty Redis command");
  const Args command(args.begin(), args.end());
  return std::move(Pipeline({&command, 1}, deadline)[0]);
}

bool Connection::connected() const { return state_->wire != nullptr; }
std::int64_t Connection::times_connected() const { return state_->times_connected; }
void Connection::Close() { state_->wire.reset(); }

absl::Status CheckUrl(absl::string_view url) { return ParseUrl(url).status(); }

}  // namespace kabar::redis
