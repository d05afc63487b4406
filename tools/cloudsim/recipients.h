// Who the customers are: phone numbers and business-scoped user ids (BSUID) resolved to one index.
//
// Every phone has a BSUID derived from it by a reversible scramble, so that any BSUID the simulator
// ever handed out resolves again without a table; customers of the set-up may bring their own.
// Not thread-safe (the loop's thread owns it), never blocks, no errors.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "tools/cloudsim/setup.h"

namespace kabar::cloudsim {

// The digits of a phone in any spelling; empty when it is none.
std::string PhoneDigits(absl::string_view text);

// The BSUID of a phone, e.g. "ID.08237465019283746501".
std::string DeriveUserId(absl::string_view phone_digits);
// The phone behind a derived BSUID; empty when it was not derived by DeriveUserId().
std::string PhoneOfUserId(absl::string_view user_id);

bool LooksLikeUserId(absl::string_view text);

// Open addressing over 32-bit places: half a million customers fit into 2 MB, one huge page, so
// that looking one up costs one cache miss and no page fault.
class PhoneIndex {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;

  PhoneIndex() { Grow(1 << 19); }
  ~PhoneIndex();
  PhoneIndex(const PhoneIndex&) = delete;
  PhoneIndex& operator=(const PhoneIndex&) = delete;

  // The index of a key, in order of insertion; kNone when unknown.
  uint32_t Find(uint64_t key) const;
  // The same, added when new.
  uint32_t FindOrAdd(uint64_t key, bool* added);

 private:
  size_t Slot(uint64_t key) const;
  void Grow(size_t slots);

  uint32_t* slots_ = nullptr;  // index + 1; 0: free
  size_t slot_count_ = 0;      // a power of two
  std::deque<uint64_t> keys_;
};

class Recipients {
 public:
  static constexpr uint32_t kNobody = PhoneIndex::kNone;

  // The customer with these digits, added when new.
  uint32_t ByPhone(absl::string_view digits);
  // The customer with this BSUID; kNobody when it belongs to nobody.
  uint32_t ByUserId(absl::string_view user_id);
  uint32_t FindPhone(absl::string_view digits) const;

  absl::string_view Phone(uint32_t recipient) const { return phones_[recipient]; }
  std::string UserId(uint32_t recipient) const;
  // What the set-up says of this customer; null for an ordinary one.
  const CustomerSetup* Traits(uint32_t recipient) const;
  uint32_t Describe(const CustomerSetup& customer);

  size_t size() const { return phones_.size(); }

 private:
  std::deque<std::string> phones_;
  PhoneIndex by_phone_;
  absl::flat_hash_map<std::string, uint32_t> by_user_id_;
  absl::flat_hash_map<uint32_t, CustomerSetup> traits_;
};

}  // namespace kabar::cloudsim
