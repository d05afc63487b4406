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

const EVP_MD* Method() {
  // Looked up once: EVP_sha256() makes every digest search the providers again.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (sha256 == nullptr) DieWithout("SHA-256");
  return sha256;
}

std::string ToHex(const Sha256Digest& digest) {
  return HexEncode(absl::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

}  // namespace

Sha256Digest Sha256(absl::string_view bytes) {
  Sha256Digest digest;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, Method(), nullptr) != 1) {
    DieWithout("SHA-256");
  }
  return digest;
}

Sha256Stream::Sha256Stream() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
  if (EVP_DigestInit_ex(context_.get(), Method(), nullptr) != 1) DieWithout("SHA-256");
}

void Sha256Stream::Add(absl::string_view bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

Sha256Digest Sha256Stream::Digest() const {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> copy(EVP_MD_CTX_new(),
                                                                     &EVP_MD_CTX_free);
  Sha256Digest digest;
  if (EVP_MD_CTX_copy_ex(copy.get(), context_.get()) != 1 ||
      EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr) != 1) {
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
