// One blocking connection to Redis, over TCP or a unix socket, with a deadline on every command.
//
// Whether a failed command was executed is what a caller must know, so the code says it:
//   UNAVAILABLE        definitely not executed: no connection, the command was not sent whole, or
//                      Redis refused to work (LOADING, READONLY, OOM, NOAUTH, BUSY, MISCONF, ...)
//   DEADLINE_EXCEEDED  definitely not executed: the deadline passed before it was sent
//   UNKNOWN            sent whole, but the answer did not come (connection lost, deadline passed)
//   NOT_FOUND          NOSCRIPT: not executed
//   INVALID_ARGUMENT   Redis refused it: wrong type, wrong number of arguments; not executed
//   INTERNAL           a script failed in the middle: what it had written stays written
// (DefinitelyNotExecuted asks just that.) After UNKNOWN or a broken connection the connection is
// closed, so that a late answer never meets a later command; the next command connects anew, with
// backoff between failing attempts. Nothing is ever sent twice by itself.
//
// Thread safety: one thread at a time (Pool hands them out). Blocks: until the deadline at most.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/redis/reply.h"

namespace kabar::redis {

struct ConnectionOptions {
  // "unix:///run/redis.sock", "redis://host:6379", "redis://:password@host:6379/2"; may hold a
  // password: never log it.
  std::string url = "";
  absl::Duration connect_timeout = absl::Seconds(2);
  absl::Duration min_backoff = absl::Milliseconds(20);
  absl::Duration max_backoff = absl::Seconds(1);
  // false: a command that finds an open connection closed by the server fails UNAVAILABLE, and only
  // the next one connects anew. For callers who must know to which process they talk.
  bool reconnect_unasked = true;
};

// INVALID_ARGUMENT says what is wrong with the url (without its password). For start-up checks.
absl::Status CheckUrl(absl::string_view url);

// Nothing of the command took effect.
bool DefinitelyNotExecuted(const absl::Status& status);

class Connection {
 public:
  // Connects with the first command.
  explicit Connection(ConnectionOptions options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // {"ZADD", key, "5", member}: any bytes.
  absl::StatusOr<Reply> Command(absl::Span<const absl::string_view> args, absl::Time deadline);
  absl::StatusOr<Reply> Command(std::initializer_list<absl::string_view> args,
                                absl::Time deadline) {
    return Command(absl::MakeConstSpan(args.begin(), args.size()), deadline);
  }

  // All commands in one go. One answer for each, in order: some may succeed, some fail. The
  // commands behind a lost connection are UNKNOWN (or UNAVAILABLE if not sent).
  using Args = std::vector<absl::string_view>;
  std::vector<absl::StatusOr<Reply>> Pipeline(absl::Span<const Args> commands, absl::Time deadline);

  bool connected() const;
  // How often it has connected so far. As long as that stays the same, all commands went to one
  // process.
  std::int64_t times_connected() const;
  void Close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kabar::redis
