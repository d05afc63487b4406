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

  // Where the value of a name comes from, here: inside of {{#each}} names mean its parcels' values.
  // Only @names can be wrong.
  bool FindSlot(absl::string_view name, size_t offset, bool printed, uint32_t* slot);
  // It is printed without a default.
  void Need(uint32_t slot);
  void set_in_each(bool in_each) { in_each_ = in_each; }
  uint32_t AddText(absl::string_view text);
  uint32_t AddPipe(Pipe pipe);
  Position At(size_t offset) { return positions_.At(offset); }

  Program& program() const { return *program_; }
  const ParseError& error() const { return error_; }

 private:
  uint32_t FindVariable(const std::string& key, absl::string_view name, size_t offset);
  bool FindCounter(absl::string_view name, size_t offset, uint32_t* slot);
  uint32_t AddSlot(Slot slot);

  PositionFinder positions_;
  Program* program_;
  absl::flat_hash_map<std::string, uint32_t> variables_;  // by key
  absl::flat_hash_map<std::string, uint32_t> slots_;      // by key, "each" before those in a loop
  bool in_each_ = false;
  ParseError error_;
  bool failed_ = false;
};

// if, else, and, or, not: in any case, never the name of a variable.
bool IsReserved(absl::string_view name);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_BUILDER_H_
