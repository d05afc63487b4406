// What Redis answered, as a value.
//
// Thread safety: a value. Nothing blocks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kabar::redis {

struct Reply {
  enum class Kind { kNil, kText, kInteger, kArray, kError };

  Kind kind = Kind::kNil;
  std::string text;             // kText: bulk or status; kError: an error inside an array
  int64_t integer = 0;          // kInteger
  std::vector<Reply> elements;  // kArray

  bool nil() const { return kind == Kind::kNil; }
  bool is_text() const { return kind == Kind::kText; }
  bool is_integer() const { return kind == Kind::kInteger; }
  bool is_array() const { return kind == Kind::kArray; }
};

}  // namespace kabar::redis
