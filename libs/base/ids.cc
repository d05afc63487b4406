#include "libs/base/ids.h"

#include <errno.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "libs/base/base32.h"
#include "libs/base/sha256.h"

namespace kabar::base {
namespace {

constexpr std::size_t kRandomLength = 20;
constexpr std::size_t kOrderedTime = 11;  // 55 bits: microseconds until the year 3111
constexpr std::size_t kDerivedLength = 26;

void FillFromKernel(absl::Span<std::uint8_t> out) {
  ssize_t got;
  do {
    got = getrandom(out.data(), out.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(out.size())) {
    std::fprintf(stderr, "kabar: getrandom failed (errno %d); no ids can be made\n", errno);
    std::abort();
  }
}

// For many ids at once: a call of the kernel costs more than an id. 256 bytes come whole (man 2
// getrandom), and none is used twice; nobody forks.
void FillRandom(absl::Span<std::uint8_t> out) {
  thread_local std::array<std::uint8_t, 256> random;
  thread_local std::size_t used = random.size();
  if (random.size() - used < out.size()) {
    FillFromKernel(absl::MakeSpan(random));
    used = 0;
  }
  std::copy_n(random.begin() + static_cast<std::ptrdiff_t>(used), out.size(), out.begin());
  used += out.size();
}

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
  FillRandom(absl::MakeSpan(random));
  return absl::StrCat(prefix, "_", EncodeBase32(random, kRandomLength));
}

std::string NewOrderedId(absl::string_view prefix) {
  // EncodeBase32's digits do not sort as their values do: 2-7 stand behind z there, before a here.
  static constexpr char kSorted[] = "234567abcdefghijklmnopqrstuvwxyz";
  thread_local std::int64_t last = 0;
  last = std::max(last + 1, absl::GetCurrentTimeNanos() / 1000);
  std::array<char, kOrderedTime> time;
  std::int64_t rest = last;
  for (std::size_t i = kOrderedTime; i-- > 0; rest >>= 5) time[i] = kSorted[rest & 31];
  std::array<std::uint8_t, 6> random;  // 9 characters take 45 bits
  FillRandom(absl::MakeSpan(random));
  return absl::StrCat(prefix, "_", absl::string_view(time.data(), time.size()),
                      EncodeBase32(random, kRandomLength - kOrderedTime));
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
