// What a template compiles into; private to this library.
//
// Thread safety: immutable after Compile. Blocks: never.
#ifndef KABAR_LIBS_TEMPLATE_LANG_PROGRAM_H_
#define KABAR_LIBS_TEMPLATE_LANG_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/template_lang/filters.h"
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
  kPrintPipe,    // append what pipe b makes of slot a
  kProvider,     // record mapping a
  kEach,         // begin with the first parcel
  kNext,         // go on with the next parcel at target, or leave the loop
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
// No row is that long.
inline constexpr uint32_t kNoColumn = UINT32_MAX >> 1;
inline constexpr uint32_t kInParcel = kNoColumn + 1;

// Where the values of a slot come from.
enum class Source : uint8_t {
  kRow,
  kParcel,  // the parcel in hand, or the row for what parcels do not tell
  kNumber,  // of the parcel in hand, from 1
  kFirst,
  kLast,
  kCount,  // of all parcels
};

struct Slot {
  Source source = Source::kRow;
  uint32_t variable = 0;  // kRow, kParcel: index of Program::variables
  std::string key = {};   // kRow, kParcel: what a column's key must be
};

// One parameter of a provider template: a variable and its filters, or a fixed text.
struct Parameter {
  uint32_t slot = kNoSlot;
  uint32_t pipe = 0;
  uint32_t text = kNoText;
};

struct Program {
  std::string pool;          // the source, then the unescaped string literals
  std::vector<Op> ops;       // ends with kEnd
  std::vector<Piece> texts;  // string literals
  std::vector<Pipe> pipes;   // the first one is empty
  std::vector<Slot> slots;
  std::vector<std::vector<Parameter>> parameters;  // by mapping

  std::vector<Variable> variables;
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
