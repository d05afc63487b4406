// The conditions of {{#if ...}}: parsed with the usual precedence (not, then and, then or), emitted
// as jumps; private to this library.
#ifndef KABAR_LIBS_TEMPLATE_LANG_CONDITION_H_
#define KABAR_LIBS_TEMPLATE_LANG_CONDITION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "libs/template_lang/builder.h"
#include "libs/template_lang/scanner.h"

namespace kabar::template_lang {

// Parses a condition beginning with `*token` and leaves in it the first token after the condition.
// The instructions emitted fall through if it holds; else they jump, and those jumps, whose targets
// are still open, are added to `jumps_if_false`. `present` becomes the slots that are surely there
// where it holds.
bool CompileCondition(Scanner* scanner, Token* token, Builder* builder,
                      std::vector<uint32_t>* jumps_if_false, std::vector<uint32_t>* present);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_CONDITION_H_
