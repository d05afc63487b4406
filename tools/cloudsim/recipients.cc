#include "tools/cloudsim/recipients.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "tools/cloudsim/draw.h"

namespace kabar::cloudsim {
namespace {

constexpr size_t kMinDigits = 7;
constexpr size_t kMaxDigits = 15;
// Odd, hence invertible modulo 2^64; kInverse * kScramble == 1.
constexpr uint64_t kScramble = 0x9e3779b97f4a7c15ULL;
constexpr uint64_t Inverse(uint64_t odd) {
  uint64_t x = odd;
  for (int i = 0; i < 6; ++i) x *= 2 - odd * x;  // Newton: each step doubles the right bits
  return x;
}
constexpr uint64_t kInverse = Inverse(kScramble);
static_assert(kScramble * kInverse == 1);

// Separators people type inside a phone number.
bool IsSeparator(char c) {
  return c == '+' || c == ' ' || c == '-' || c == '(' || c == ')' || c == '.';
}

// A leading 1 keeps leading zeros and makes the number one-to-one with the text.
uint64_t PhoneKey(absl::string_view digits) {
  uint64_t number = 1;
  for (const char c : digits) number = number * 10 + static_cast<uint64_t>(c - '0');
  return number;
}

const char* Country(absl::string_view digits) {
  if (absl::StartsWith(digits, "62")) return "ID";
  if (absl::StartsWith(digits, "60")) return "MY";
  if (absl::StartsWith(digits, "65")) return "SG";
  if (absl::StartsWith(digits, "1")) return "US";
  return "ZZ";
}

}  // namespace

PhoneIndex::~PhoneIndex() { munmap(slots_, slot_count_ * sizeof(uint32_t)); }

size_t PhoneIndex::Slot(uint64_t key) const {
  size_t slot = Mix(key) & (slot_count_ - 1);
  while (slots_[slot] != 0 && keys_[slots_[slot] - 1] != key) slot = (slot + 1) & (slot_count_ - 1);
  return slot;
}

uint32_t PhoneIndex::Find(uint64_t key) const {
  const uint32_t place = slots_[Slot(key)];
  return place == 0 ? kNone : place - 1;
}

uint32_t PhoneIndex::FindOrAdd(uint64_t key, bool* added) {
  size_t slot = Slot(key);
  *added = slots_[slot] == 0;
  if (!*added) return slots_[slot] - 1;
  if (keys_.size() * 2 >= slot_count_) {
    Grow(slot_count_ * 2);
    slot = Slot(key);
  }
  keys_.push_back(key);
  slots_[slot] = static_cast<uint32_t>(keys_.size());
  return slots_[slot] - 1;
}

void PhoneIndex::Grow(size_t slots) {
  if (slots_ != nullptr) munmap(slots_, slot_count_ * sizeof(uint32_t));
  const size_t bytes = slots * sizeof(uint32_t);
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();  // out of memory: as operator new would end
  madvise(memory, bytes, MADV_HUGEPAGE);
  slots_ = static_cast<uint32_t*>(memory);
  slot_count_ = slots;
  for (size_t i = 0; i < keys_.size(); ++i) slots_[Slot(keys_[i])] = static_cast<uint32_t>(i + 1);
}

std::string PhoneDigits(absl::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      digits.push_back(c);
    } else if (!IsSeparator(c)) {
      return "";
    }
  }
  return digits.size() < kMinDigits || digits.size() > kMaxDigits ? "" : digits;
}

std::string DeriveUserId(absl::string_view phone_digits) {
  uint64_t number = PhoneKey(phone_digits) * kScramble;
  number ^= number >> 32;
  char text[32];
  snprintf(text, sizeof(text), "%s.%020llu", Country(phone_digits),
           static_cast<unsigned long long>(number));
  return text;
}

std::string PhoneOfUserId(absl::string_view user_id) {
  uint64_t number = 0;
  if (user_id.size() != 23 || !absl::SimpleAtoi(user_id.substr(3), &number)) return "";
  number ^= number >> 32;
  number *= kInverse;
  const std::string digits = std::to_string(number);
  if (digits[0] != '1' || digits.size() < kMinDigits + 1 || digits.size() > kMaxDigits + 1) {
    return "";
  }
  const std::string phone = digits.substr(1);
  return DeriveUserId(phone) == user_id ? phone : "";
}

bool LooksLikeUserId(absl::string_view text) {
  return text.size() > 3 && text.size() <= 131 &&
         absl::ascii_isupper(static_cast<unsigned char>(text[0])) &&
         absl::ascii_isupper(static_cast<unsigned char>(text[1])) && text[2] == '.';
}

uint32_t Recipients::FindPhone(absl::string_view digits) const {
  return by_phone_.Find(PhoneKey(digits));
}

uint32_t Recipients::ByPhone(absl::string_view digits) {
  bool added = false;
  const uint32_t recipient = by_phone_.FindOrAdd(PhoneKey(digits), &added);
  if (added) phones_.emplace_back(digits);
  return recipient;
}

uint32_t Recipients::ByUserId(absl::string_view user_id) {
  const auto found = by_user_id_.find(user_id);
  if (found != by_user_id_.end()) return found->second;
  const std::string phone = PhoneOfUserId(user_id);
  if (phone.empty()) return kNobody;
  const uint32_t recipient = ByPhone(phone);
  // Somebody with a BSUID of his own does not answer to the derived one.
  const CustomerSetup* const traits = Traits(recipient);
  return traits != nullptr && !traits->user_id.empty() ? kNobody : recipient;
}

std::string Recipients::UserId(uint32_t recipient) const {
  const CustomerSetup* const traits = Traits(recipient);
  if (traits != nullptr && !traits->user_id.empty()) return traits->user_id;
  return DeriveUserId(phones_[recipient]);
}

const CustomerSetup* Recipients::Traits(uint32_t recipient) const {
  if (traits_.empty()) return nullptr;
  const auto found = traits_.find(recipient);
  return found == traits_.end() ? nullptr : &found->second;
}

uint32_t Recipients::Describe(const CustomerSetup& customer) {
  const uint32_t recipient = ByPhone(PhoneDigits(customer.phone));
  if (!customer.user_id.empty()) by_user_id_[customer.user_id] = recipient;
  traits_[recipient] = customer;
  return recipient;
}

}  // namespace kabar::cloudsim
