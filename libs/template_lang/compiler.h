// Template text to program; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_COMPILER_H_
#define KABAR_LIBS_TEMPLATE_LANG_COMPILER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "libs/template_lang/builder.h"
#include "libs/template_lang/scanner.h"

namespace kabar::template_lang {

class Compiler {
 public:
  // `source` must outlive the compiler; `program` must be empty.
  Compiler(absl::string_view source, Program* program);

  // False: error() says why.
  bool Run();
  const ParseError& error() const { return builder_.error(); }

 private:
  // A stretch of text that is taken as a whole: the template itself, a branch of an if, a loop.
  struct Block {
    Position start;
    bool names_provider = false;  // on some path through what has been read of it
    std::vector<Note> gaps;       // the paths that do not, if names_provider
    size_t shortest = 0;          // fixed text, in characters
    size_t longest = 0;
  };
  // An if whose {{/if}}, or a loop whose {{/each}} has not come yet.
  struct Frame {
    bool is_each = false;
    size_t offset = 0;
    Position start;
    uint32_t loop = 0;  // each: its first instruction
    bool has_else = false;
    std::vector<uint32_t> present;  // slots that the branch in hand has tested for
    std::vector<uint32_t> to_next;  // jumps to the next branch
    std::vector<uint32_t> to_end;   // jumps behind the {{/if}}
    Block outer;                    // what stood before
    bool names_provider = false;    // in some finished branch
    std::vector<Note> gaps;         // of the finished branches
    size_t shortest = SIZE_MAX;     // of the finished branches
    size_t longest = 0;
  };

  bool FlushText(size_t end);
  // The slot is printed here without a default.
  void Need(uint32_t slot);
  void AddFixedText(absl::string_view text);
  bool CompileTag(size_t brace);
  bool CompileTagOfLine(size_t brace);
  bool CompileComment();
  bool CompileHash();
  bool CompileIf();
  bool CompileEach();
  bool CompileSlash();
  bool CloseIf();
  bool CloseEach();
  bool CompileElse();
  bool CompilePrint();
  bool CompilePipe(bool blank_allowed, Pipe* pipe);
  bool CompileFilter(bool blank_allowed, Pipe* pipe);
  bool CheckDefault(const Pipe& pipe, size_t offset);
  bool CompileText();
  bool CompileProvider();
  bool CompileProviderName(ProviderMapping* mapping);
  bool CompileProviderParameter(ProviderMapping* mapping, std::vector<Parameter>* parameters);
  bool CompileProviderLabel(const Token& label, ProviderMapping* mapping);
  bool RefuseMixedParameters(const ProviderMapping& mapping, size_t offset);
  bool CompileSingleBrace(size_t brace, bool* is_variable);
  bool RefuseSecondProvider(size_t offset);
  bool RefuseProviderInLoop();
  std::string ShownName(uint32_t slot, absl::string_view written) const;
  bool CheckParameterText(const Token& text);
  bool CheckDepth();
  void PushFrame(Frame frame);
  bool CloseTag(absl::string_view expected);
  void FinishBranch();
  void NoteLiteralBrace(size_t brace);
  bool Finish();
  // The next word; a single = only where it may stand.
  bool Advance(bool may_assign = false);
  bool IsWord(absl::string_view word) const;

  absl::string_view source_;
  Builder builder_;
  Scanner scanner_;
  Token token_;
  size_t text_start_ = 0;  // fixed text not emitted yet begins here
  size_t at_ = 0;
  size_t tag_ = 0;  // where the tag in hand begins
  Block block_;
  std::vector<Frame> frames_;
};

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_COMPILER_H_
