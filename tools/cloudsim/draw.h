// Deterministic draws: a pure function of seed and keys, so that what happens to a message depends
// on who it is for and which attempt it is, not on the order in which threads came along.
//
// Thread-safe (no state), never blocks, no errors.
#pragma once

#include <string.h>

#include <cstdint>

#include "absl/strings/string_view.h"

namespace kabar::cloudsim {

// splitmix64's finaliser: every bit of the input moves every bit of the output.
inline uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Eight bytes a step; the same in every run and process, unlike absl::Hash.
inline uint64_t HashText(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL ^ text.size();
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    memcpy(&word, text.data() + i, 8);
    hash = (hash ^ word) * 0x9fb21c651e98df25ULL;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  if (i < text.size()) memcpy(&rest, text.data() + i, text.size() - i);
  return Mix((hash ^ rest) * 0x9fb21c651e98df25ULL);
}

// One draw in [0, 1) from a key.
inline double Unit(uint64_t key) { return static_cast<double>(Mix(key) >> 11) * 0x1.0p-53; }

// A stream of draws from one key.
class Draws {
 public:
  explicit Draws(uint64_t key) : state_(Mix(key)) {}
  Draws(uint64_t seed, absl::string_view stream, uint64_t a, uint64_t b)
      : state_(Mix(seed ^ Mix(HashText(stream) ^ Mix(a ^ Mix(b))))) {}

  double Next() { return Unit(state_ += 0x632be59bd9b4e019ULL); }
  bool Chance(double probability) { return Next() < probability; }
  double Between(double low, double high) { return low + (high - low) * Next(); }
  uint64_t Below(uint64_t count) {
    return count == 0 ? 0 : static_cast<uint64_t>(Next() * static_cast<double>(count));
  }

 private:
  uint64_t state_;
};

}  // namespace kabar::cloudsim
