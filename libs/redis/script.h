// A Lua script, sent by its hash; loaded where the server does not know it yet (after a restart).
//
//   redis::Script claim{"claim", kClaimLua};             // text embedded by kabar_embed_lua
//   auto reply = claim.Run(connection, {ready_key}, {"100"}, deadline);
//
// NOSCRIPT means that nothing was executed, so loading and running again is safe; nothing else is
// repeated. Errors as in connection.h.
//
// Thread safety: immutable after construction. Blocks: until the deadline at most.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/redis/reply.h"

namespace kabar::redis {

class Connection;
class Pool;

class Script {
 public:
  // `name` is for messages and metrics.
  Script(absl::string_view name, absl::string_view lua);

  absl::StatusOr<Reply> Run(Connection& connection, absl::Span<const absl::string_view> keys,
                            absl::Span<const absl::string_view> args, absl::Time deadline) const;
  absl::StatusOr<Reply> Run(Pool& pool, absl::Span<const absl::string_view> keys,
                            absl::Span<const absl::string_view> args, absl::Time deadline) const;

  const std::string& name() const { return name_; }
  const std::string& sha1() const { return sha1_; }

 private:
  std::string name_;
  std::string lua_;
  std::string sha1_;
};

}  // namespace kabar::redis
