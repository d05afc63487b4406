// The API keys of an installation, read from a JSON file that holds only hashes of them:
//
//   {"keys": [{"name": "toko-a-owner", "sha256": "<hex of SHA-256 of the key>",
//              "outlet": "toko-a", "role": "OWNER|OPERATOR|VIEWER|SERVICE"}]}
//
// A SERVICE key without an outlet may act for every outlet; with one, only for that. The file is
// looked at again at most once a second, when a key is asked for; a changed file replaces all keys
// at once. A file that became wrong is logged and the keys already known stay in force.
//
// Thread safety: safe for concurrent use. Blocks: Find may read the file (microseconds).
// Errors: Open and Parse: INVALID_ARGUMENT or NOT_FOUND that name the file and the entry. Find:
// nullopt for a key that nobody has.
#ifndef KABAR_LIBS_RPC_KEY_FILE_H_
#define KABAR_LIBS_RPC_KEY_FILE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/rpc/access.h"

namespace kabar::rpc {

// Who a key belongs to.
struct Identity {
  std::string key_name = {};  // for logs; never the key itself
  std::string outlet = {};    // empty only for SERVICE keys
  Role role = Role::kViewer;
};

class KeyFile {
 public:
  static absl::StatusOr<std::unique_ptr<KeyFile>> Open(
      absl::string_view path, absl::Duration look_again_after = absl::Seconds(1));
  // From text instead of a file, never reloaded.
  static absl::StatusOr<std::unique_ptr<KeyFile>> Parse(absl::string_view json);

  ~KeyFile();
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;

  std::optional<Identity> Find(absl::string_view key) const;

 private:
  struct State;
  explicit KeyFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Hex of the SHA-256 of a key, as the file wants it.
std::string HashKey(absl::string_view key);

}  // namespace kabar::rpc

#endif  // KABAR_LIBS_RPC_KEY_FILE_H_
