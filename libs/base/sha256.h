// SHA-256 and what is built from it here: the webhook signature's HMAC and a comparison that
// tells an attacker nothing by its duration.
//
// Thread safety: free functions. Blocks: no. Errors: none; an OpenSSL without SHA-256 ends the
// process.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace kabar::base {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(absl::string_view bytes);
std::string Sha256Hex(absl::string_view bytes);

// Of what comes in pieces. One thread.
class Sha256Stream {
 public:
  Sha256Stream();
  void Add(absl::string_view bytes);
  Sha256Digest Digest() const;  // of all so far; more may follow

 private:
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

std::string HmacSha256Hex(absl::string_view key, absl::string_view bytes);

bool ConstantTimeEquals(absl::string_view a, absl::string_view b);

}  // namespace kabar::base
