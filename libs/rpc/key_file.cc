#include "libs/rpc/key_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "libs/base/sha256.h"
#include "libs/base/status.h"
#include "libs/log/log.h"

namespace kabar::rpc {
namespace {

constexpr size_t kHashDigits = 64;

// Found by the hash of the key: how long a lookup takes says nothing about the key itself, because
// nobody can steer a SHA-256 byte by byte.
using Keys = absl::flat_hash_map<std::string, Identity>;

// What tells one version of the file from the next.
struct FileVersion {
  ino_t inode = 0;
  off_t size = 0;
  timespec modified = {};

  bool operator==(const FileVersion& other) const {
    return inode == other.inode && size == other.size && modified.tv_sec == other.modified.tv_sec &&
           modified.tv_nsec == other.modified.tv_nsec;
  }
};

absl::StatusOr<FileVersion> LookAt(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    return base::Error(absl::StatusCode::kNotFound, "KEY_FILE_UNREADABLE",
                       absl::StrCat("key file ", path, ": ", std::strerror(errno)));
  }
  return FileVersion{info.st_ino, info.st_size, info.st_mtim};
}

// A string member, or nullptr.
const std::string* Text(const nlohmann::json& object, const char* name) {
  auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

absl::Status AddEntry(const nlohmann::json& entry, size_t number, Keys& keys) {
  auto wrong = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("entry ", number, " of \"keys\": ", what));
  };
  if (!entry.is_object()) return wrong("is not an object");
  const std::string* name = Text(entry, "name");
  const std::string* hash = Text(entry, "sha256");
  const std::string* outlet = Text(entry, "outlet");
  const std::string* role_name = Text(entry, "role");
  if (name == nullptr || name->empty()) return wrong("\"name\" is missing");
  if (hash == nullptr || hash->size() != kHashDigits) {
    return wrong(absl::StrCat("\"sha256\" of \"", *name, "\" must be 64 hex digits"));
  }
  for (char c : *hash) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
      return wrong(absl::StrCat("\"sha256\" of \"", *name, "\" must be 64 hex digits"));
    }
  }
  std::optional<Role> role = role_name == nullptr ? std::nullopt : ParseRole(*role_name);
  if (!role.has_value()) {
    return wrong(
        absl::StrCat("\"role\" of \"", *name, "\" must be OWNER, OPERATOR, VIEWER or SERVICE"));
  }
  if (*role != Role::kService && (outlet == nullptr || outlet->empty())) {
    return wrong(absl::StrCat("\"outlet\" of \"", *name, "\" is missing"));
  }
  Identity identity{*name, outlet == nullptr ? "" : *outlet, *role};
  if (!keys.emplace(absl::AsciiStrToLower(*hash), std::move(identity)).second) {
    return wrong(absl::StrCat("the key of \"", *name, "\" stands twice"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Keys> ParseKeys(absl::string_view text) {
  nlohmann::json document =
      nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) return absl::InvalidArgumentError("is not JSON");
  if (!document.is_object()) return absl::InvalidArgumentError("must be an object with \"keys\"");
  auto list = document.find("keys");
  if (list == document.end() || !list->is_array()) {
    return absl::InvalidArgumentError("must be an object with a list \"keys\"");
  }
  Keys keys;
  for (size_t i = 0; i < list->size(); ++i) {
    if (absl::Status status = AddEntry((*list)[i], i + 1, keys); !status.ok()) return status;
  }
  return keys;
}

absl::StatusOr<Keys> ReadKeys(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return base::Error(absl::StatusCode::kNotFound, "KEY_FILE_UNREADABLE",
                       absl::StrCat("key file ", path, " cannot be read"));
  }
  absl::StatusOr<Keys> keys = ParseKeys(text.str());
  if (!keys.ok()) {
    return base::Annotate(keys.status(), absl::StrCat("key file ", path));
  }
  return keys;
}

}  // namespace

struct KeyFile::State {
  std::string path;  // empty: from text, never reloaded
  absl::Duration look_again_after;
  absl::Mutex mutex;
  Keys keys ABSL_GUARDED_BY(mutex);
  FileVersion version ABSL_GUARDED_BY(mutex);
  absl::Time look_again ABSL_GUARDED_BY(mutex) = absl::InfiniteFuture();

  void ReloadIfChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const absl::Time now = absl::Now();
    if (now < look_again) return;
    look_again = now + look_again_after;
    absl::StatusOr<FileVersion> seen = LookAt(path);
    if (seen.ok() && *seen == version) return;
    absl::StatusOr<Keys> fresh = seen.ok() ? ReadKeys(path) : seen.status();
    if (!fresh.ok()) {
      // A missing file is looked for again in a second; a wrong one when it changes.
      if (seen.ok()) version = *seen;
      log::Error("the API keys were not reloaded; those known so far stay in force",
                 {{"error", fresh.status()}, {"in_force_count", keys.size()}});
      return;
    }
    version = *seen;
    keys = *std::move(fresh);
    log::Info("API keys reloaded", {{"key_file", path}, {"in_force_count", keys.size()}});
  }
};

KeyFile::KeyFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
KeyFile::~KeyFile() = default;

absl::StatusOr<std::unique_ptr<KeyFile>> KeyFile::Open(absl::string_view path,
                                                       absl::Duration look_again_after) {
  auto state = std::make_unique<State>();
  state->path = std::string(path);
  state->look_again_after = look_again_after;
  // The version before the content: a write in between is seen at the next look.
  absl::StatusOr<FileVersion> version = LookAt(state->path);
  if (!version.ok()) return version.status();
  absl::StatusOr<Keys> keys = ReadKeys(state->path);
  if (!keys.ok()) return keys.status();
  {
    absl::MutexLock lock(&state->mutex);
    state->version = *version;
    state->keys = *std::move(keys);
    state->look_again = absl::Now() + look_again_after;
  }
  return std::unique_ptr<KeyFile>(new KeyFile(std::move(state)));
}

absl::StatusOr<std::unique_ptr<KeyFile>> KeyFile::Parse(absl::string_view json) {
  absl::StatusOr<Keys> keys = ParseKeys(json);
  if (!keys.ok()) return keys.status();
  auto state = std::make_unique<State>();
  {
    absl::MutexLock lock(&state->mutex);
    state->keys = *std::move(keys);
  }
  return std::unique_ptr<KeyFile>(new KeyFile(std::move(state)));
}

std::optional<Identity> KeyFile::Find(absl::string_view key) const {
  const std::string hash = HashKey(key);
  absl::MutexLock lock(&state_->mutex);
  state_->ReloadIfChanged();
  auto found = state_->keys.find(hash);
  if (found == state_->keys.end()) return std::nullopt;
  return found->second;
}

std::string HashKey(absl::string_view key) { return base::Sha256Hex(key); }

}  // namespace kabar::rpc
