// Secrets at rest: access tokens sealed with libsodium's secretbox under the installation's master
// key (32 bytes, base64 or hex, from a file or KABAR_MASTER_KEY).
//
//   KABAR_ASSIGN_OR_RETURN(SecretBox box, SecretBox::FromKey(config.master_key));
//   sender.sealed_token = box.Seal(token);
//
// Thread safety: immutable, any thread. Blocks: no. Errors: FromKey INVALID_ARGUMENT
// (MASTER_KEY_INVALID); Open FAILED_PRECONDITION (SECRET_UNREADABLE: another key, or changed
// bytes). No message holds a secret.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::dispatcher {

class SecretBox {
 public:
  static absl::StatusOr<SecretBox> FromKey(absl::string_view key);
  ~SecretBox();  // wipes the key
  SecretBox(const SecretBox&) = default;
  SecretBox& operator=(const SecretBox&) = default;

  // A form byte, a random nonce and the sealed text: never twice the same bytes.
  std::string Seal(absl::string_view secret) const;
  absl::StatusOr<std::string> Open(absl::string_view sealed) const;

 private:
  SecretBox() = default;

  std::array<std::uint8_t, 32> key_{};
};

}  // namespace kabar::dispatcher
