#include "libs/base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdio>
#include <cstdlib>

#include "libs/base/text.h"

namespace kabar::base {
namespace {

[[noreturn]] void DieWithout(const char* what) {
  std::fprintf(stderr, "kabar: OpenSSL offers no %s; install a complete libcrypto\n", what);
  std::abort();
}

std::string ToHex(const Sha256Digest& digest) {
  return HexEncode(absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace

Sha256Digest Sha256(absl::string_view bytes) {
  // Looked up once: EVP_sha256() makes every digest search the providers again.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Sha256Digest digest;
  if (sha256 == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, sha256, nullptr) != 1) {
    DieWithout("SHA-256");
  }
  return digest;
}

std::string Sha256Hex(absl::string_view bytes) { return ToHex(Sha256(bytes)); }

std::string HmacSha256Hex(absl::string_view key, absl::string_view bytes) {
  Sha256Digest digest;
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data(),
           &length) == nullptr) {
    DieWithout("HMAC-SHA-256");
  }
  return ToHex(digest);
}

bool ConstantTimeEquals(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace kabar::base
