#include "services/dispatcher/secret.h"

#include <sodium.h>

#include "absl/strings/escaping.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::dispatcher {
namespace {

constexpr char kForm = 1;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

absl::Status Unreadable() {
  return base::Error(absl::StatusCode::kFailedPrecondition, "SECRET_UNREADABLE",
                     "a sealed secret cannot be opened: start with the master key it was sealed "
                     "with, or set the secret anew");
}

}  // namespace

absl::StatusOr<SecretBox> SecretBox::FromKey(absl::string_view key) {
  SecretBox box;
  static_assert(crypto_secretbox_KEYBYTES == 32);
  std::string bytes;
  const absl::string_view text = base::Trim(key);
  const auto hex = base::HexDecode(text);
  if (sodium_init() < 0 || text.empty() ||
      !(hex.ok() && hex->size() == box.key_.size()
            ? (bytes = *hex, true)
            : absl::Base64Unescape(text, &bytes) && bytes.size() == box.key_.size())) {
    return base::Error(absl::StatusCode::kInvalidArgument, "MASTER_KEY_INVALID",
                       "the master key must be 32 random bytes in base64 or hex; make one with "
                       "`head -c 32 /dev/urandom | base64`");
  }
  std::copy(bytes.begin(), bytes.end(), box.key_.begin());
  sodium_memzero(bytes.data(), bytes.size());
  return box;
}

SecretBox::~SecretBox() { sodium_memzero(key_.data(), key_.size()); }

std::string SecretBox::Seal(absl::string_view secret) const {
  std::string sealed(1 + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + secret.size(),
                     kForm);
  unsigned char* nonce = Bytes(sealed) + 1;
  randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
  crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, Bytes(secret), secret.size(), nonce,
                        key_.data());
  return sealed;
}

absl::StatusOr<std::string> SecretBox::Open(absl::string_view sealed) const {
  constexpr std::size_t kOverhead = 1 + crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
  if (sealed.size() < kOverhead || sealed[0] != kForm) return Unreadable();
  const unsigned char* nonce = Bytes(sealed) + 1;
  std::string secret(sealed.size() - kOverhead, '\0');
  if (crypto_secretbox_open_easy(Bytes(secret), nonce + crypto_secretbox_NONCEBYTES,
                                 sealed.size() - 1 - crypto_secretbox_NONCEBYTES, nonce,
                                 key_.data()) != 0) {
    return Unreadable();
  }
  return secret;
}

}  // namespace kabar::dispatcher
