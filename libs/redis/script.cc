#include "libs/redis/script.h"

#include <openssl/evp.h>

#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "libs/base/status.h"
#include "libs/redis/connection.h"
#include "libs/redis/pool.h"

namespace kabar::redis {
namespace {

// Redis names scripts by SHA-1.
std::string Sha1Hex(absl::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

}  // namespace

Script::Script(absl::string_view name, absl::string_view lua)
    : name_(name), lua_(lua), sha1_(Sha1Hex(lua)) {}

absl::StatusOr<Reply> Script::Run(Connection& connection, absl::Span<const absl::string_view> keys,
                                  absl::Span<const absl::string_view> args,
                                  absl::Time deadline) const {
  const std::string key_count = absl::StrCat(keys.size());
  std::vector<absl::string_view> command = {"EVALSHA", sha1_, key_count};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), args.begin(), args.end());
  absl::StatusOr<Reply> reply = connection.Command(command, deadline);
  if (absl::IsNotFound(reply.status()) &&
      base::GetMeta(reply.status(), "redis_error") == "NOSCRIPT") {
    command[0] = "EVAL";  // runs it and teaches it to the server
    command[1] = lua_;
    reply = connection.Command(command, deadline);
  }
  if (!reply.ok()) return base::Annotate(reply.status(), absl::StrCat("script ", name_));
  return reply;
}

absl::StatusOr<Reply> Script::Run(Pool& pool, absl::Span<const absl::string_view> keys,
                                  absl::Span<const absl::string_view> args,
                                  absl::Time deadline) const {
  KABAR_ASSIGN_OR_RETURN(Pool::Lease lease, pool.Acquire(deadline));
  return Run(*lease, keys, args, deadline);
}

}  // namespace kabar::redis
