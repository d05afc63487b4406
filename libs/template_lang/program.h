// What a template compiles into; private to this library.
//
// Thread safety: immutable after Compile. Blocks: never.
#ifndef KABAR_LIBS_TEMPLATE_LANG_PROGRAM_H_
#define KABAR_LIBS_TEMPLATE_LANG_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {

// A piece of Program::pool.
struct Piece {
  uint32_t offset = 0;
  uint32_t length = 0;
};

enum class Code : uint8_t {
  kText,         // append pool piece {a, b}
  kPrint,        // append slot a
  kPrintOr,      // append slot a, or if it is missing text b
  kProvider,     // record mapping a
  kJump,         // to target
  kJumpPresent,  // to target if (slot a is there) == when
  kJumpEqual,    // to target if (slot a == text b) == when
  kJumpSame,     // to target if (slot a == slot b) == when
  kEnd,
};

struct Op {
  Code code = Code::kEnd;
  bool when = true;
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t target = 0;
};

inline constexpr uint32_t kNoSlot = UINT32_MAX;
inline constexpr uint32_t kNoText = UINT32_MAX;

// One parameter of a provider template: a variable, perhaps with a default, or a fixed text.
struct Parameter {
  uint32_t slot = kNoSlot;
  uint32_t text = kNoText;
};

struct Program {
  std::string pool;                                // the source, then the unescaped string literals
  std::vector<Op> ops;                             // ends with kEnd
  std::vector<Piece> texts;                        // string literals
  std::vector<std::vector<Parameter>> parameters;  // by mapping

  std::vector<Variable> variables;     // by slot
  std::vector<std::string> slot_keys;  // by slot: what a column's key must be
  std::vector<ProviderMapping> providers;
  std::vector<Note> paths_without_provider;
  std::vector<Note> warnings;
  size_t shortest_fixed_text = 0;
  size_t longest_fixed_text = 0;

  absl::string_view PieceText(uint32_t offset, uint32_t length) const {
    return absl::string_view(pool).substr(offset, length);
  }
  absl::string_view Text(uint32_t index) const {
    return PieceText(texts[index].offset, texts[index].length);
  }
};

// The key under which a variable and a column meet, whatever their spelling.
std::string SlotKey(absl::string_view name);

// Of valid UTF-8.
size_t CountCharacters(absl::string_view text);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_PROGRAM_H_
