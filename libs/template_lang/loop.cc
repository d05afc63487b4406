// The part of the compiler that reads {{#each parcels}} ... {{/each}}.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/fields/fields.h"
#include "libs/template_lang/compiler.h"

namespace kabar::template_lang {
namespace {

// The one list that a recipient has, in both languages.
bool IsParcels(absl::string_view name) {
  const std::string key = fields::Key(name);
  return key == "parcels" || key == "paket";
}

}  // namespace

bool Compiler::CompileEach() {
  if (!CheckDepth()) return false;
  if (std::any_of(frames_.begin(), frames_.end(), [](const Frame& f) { return f.is_each; })) {
    return builder_.Fail(tag_,
                         "one {{#each}} stands in another: parcels hold no parcels; close the "
                         "first with {{/each}}");
  }
  if (!Advance()) return false;
  if (token_.kind != TokenKind::kName || !IsParcels(token_.text)) {
    return builder_.Fail(
        token_.offset,
        "only the parcels of a recipient can be gone through: write {{#each parcels}}");
  }
  if (!Advance() || !CloseTag("}} after {{#each parcels")) return false;
  Frame frame;
  frame.is_each = true;
  frame.offset = tag_;
  frame.start = builder_.At(tag_);
  if (!builder_.Add(Op{Code::kEach, true, 0, 0, 0}, tag_)) return false;
  frame.loop = builder_.next();
  builder_.set_in_each(true);
  PushFrame(std::move(frame));
  return true;
}

// There is one parcel at least, so the loop's text counts once on every path.
bool Compiler::CloseEach() {
  Frame frame = std::move(frames_.back());
  frames_.pop_back();
  builder_.set_in_each(false);
  frame.outer.shortest += block_.shortest;
  frame.outer.longest += block_.longest;
  block_ = std::move(frame.outer);
  return builder_.Add(Op{Code::kNext, true, 0, 0, frame.loop}, tag_);
}

}  // namespace kabar::template_lang
