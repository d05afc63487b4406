// What the parts of the compiler share: the program under construction, its limits and the first
// error; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_BUILDER_H_
#define KABAR_LIBS_TEMPLATE_LANG_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "libs/template_lang/position.h"
#include "libs/template_lang/program.h"

namespace kabar::template_lang {

// Every bool below (and in the compiler) is false once something failed; the first failure counts.
class Builder {
 public:
  Builder(absl::string_view source, Program* program) : positions_(source), program_(program) {}

  bool Fail(size_t offset, std::string message);
  bool Add(const Op& op, size_t offset);
  // Makes the jumps at `ops` end up at the next instruction.
  void LandHere(const std::vector<uint32_t>& ops);
  uint32_t next() const { return static_cast<uint32_t>(program_->ops.size()); }

  uint32_t Slot(absl::string_view name, size_t offset, bool printed);
  uint32_t AddText(absl::string_view text);
  Position At(size_t offset) { return positions_.At(offset); }

  Program& program() { return *program_; }
  const ParseError& error() const { return error_; }

 private:
  PositionFinder positions_;
  Program* program_;
  absl::flat_hash_map<std::string, uint32_t> slots_;
  ParseError error_;
  bool failed_ = false;
};

// if, else, and, or, not: in any case, never the name of a variable.
bool IsReserved(absl::string_view name);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_BUILDER_H_
