#include "libs/base/ids.h"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "libs/base/base32.h"
#include "libs/base/sha256.h"

namespace kabar::base {
namespace {

constexpr std::size_t kRandomLength = 20;
constexpr std::size_t kDerivedLength = 26;

void AppendWithLength(absl::string_view part, std::string& bytes) {
  std::uint64_t size = part.size();
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>((size >> shift) & 0xff));
  }
  bytes.append(part.data(), part.size());
}

}  // namespace

std::string NewId(absl::string_view prefix) {
  std::array<std::uint8_t, 13> random;  // 20 characters take 100 bits
  ssize_t got;
  do {
    got = getrandom(random.data(), random.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(random.size())) {
    std::fprintf(stderr, "kabar: getrandom failed (errno %d); no ids can be made\n", errno);
    std::abort();
  }
  return absl::StrCat(prefix, "_", EncodeBase32(random, kRandomLength));
}

std::string DerivedBase32(absl::Span<const absl::string_view> parts) {
  std::string bytes;
  for (absl::string_view part : parts) AppendWithLength(part, bytes);
  Sha256Digest digest = Sha256(bytes);
  return EncodeBase32(digest, kDerivedLength);
}

std::string DerivedId(absl::string_view prefix, absl::Span<const absl::string_view> parts) {
  std::string bytes;
  AppendWithLength(prefix, bytes);
  for (absl::string_view part : parts) AppendWithLength(part, bytes);
  Sha256Digest digest = Sha256(bytes);
  return absl::StrCat(prefix, "_", EncodeBase32(digest, kDerivedLength));
}

bool IsBase32(absl::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (!((c >= 'a' && c <= 'z') || (c >= '2' && c <= '7'))) return false;
  }
  return true;
}

}  // namespace kabar::base
