// Runs a program over one row. The hot path: no allocation once the output's buffers have grown.
#include <utility>

#include "libs/template_lang/parameter_text.h"
#include "libs/template_lang/program.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

// No valid text within kMaxTextCharacters is longer, so that building a longer one stops here.
constexpr size_t kMaxTextBytes = 4 * kMaxTextCharacters;

class Renderer {
 public:
  Renderer(const Program& program, const std::vector<uint32_t>& column_of_slot,
           absl::Span<const absl::string_view> row, Mode mode, Output* out)
      : program_(program), column_of_slot_(column_of_slot), row_(row), mode_(mode), out_(out) {}

  Failure Run();

 private:
  absl::string_view Value(uint32_t slot) const {
    const uint32_t column = column_of_slot_[slot];
    return column < row_.size() ? row_[column] : absl::string_view();
  }
  bool Append(absl::string_view text) {
    if (text.size() > kMaxTextBytes - out_->text.size()) return false;
    out_->text.append(text.data(), text.size());
    return true;
  }
  bool Holds(const Op& op) const;
  Failure Missing(uint32_t slot) const {
    return Failure{FailureReason::kMissingVariable, program_.variables[slot].name};
  }
  Failure FillProvider(uint32_t index);

  const Program& program_;
  const std::vector<uint32_t>& column_of_slot_;
  absl::Span<const absl::string_view> row_;
  Mode mode_;
  Output* out_;
};

bool Renderer::Holds(const Op& op) const {
  switch (op.code) {
    case Code::kJumpPresent:
      return !Value(op.a).empty();
    case Code::kJumpEqual:
      return Value(op.a) == program_.Text(op.b);
    case Code::kJumpSame:
      return Value(op.a) == Value(op.b);
    default:
      return false;
  }
}

Failure Renderer::Run() {
  out_->text.clear();
  out_->provider = nullptr;
  const Op* const ops = program_.ops.data();
  const Op* op = ops;
  while (true) {
    bool fits = true;
    switch (op->code) {
      case Code::kText:
        fits = Append(program_.PieceText(op->a, op->b));
        break;
      case Code::kPrint: {
        absl::string_view value = Value(op->a);
        if (value.empty()) {
          if (mode_ == Mode::kStrict) return Missing(op->a);
          value = kLenientFallback;
        }
        fits = Append(value);
        break;
      }
      case Code::kPrintOr: {
        const absl::string_view value = Value(op->a);
        fits = Append(value.empty() ? program_.Text(op->b) : value);
        break;
      }
      case Code::kProvider:
        if (const Failure failure = FillProvider(op->a); !failure.ok()) return failure;
        break;
      case Code::kJump:
        op = ops + op->target;
        continue;
      case Code::kJumpPresent:
      case Code::kJumpEqual:
      case Code::kJumpSame:
        if (Holds(*op) == op->when) {
          op = ops + op->target;
          continue;
        }
        break;
      case Code::kEnd:
        if (out_->text.size() > kMaxTextCharacters &&
            CountCharacters(out_->text) > kMaxTextCharacters) {
          return Failure{FailureReason::kTextTooLong, {}};
        }
        return Failure{};
    }
    if (!fits) return Failure{FailureReason::kTextTooLong, {}};
    ++op;
  }
}

Failure Renderer::FillProvider(uint32_t index) {
  out_->provider = &program_.providers[index];
  const std::vector<Parameter>& parameters = program_.parameters[index];
  out_->parameters.resize(parameters.size());
  size_t characters = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    const absl::string_view value =
        parameter.slot == kNoSlot ? absl::string_view() : Value(parameter.slot);
    std::string& text = out_->parameters[i];
    text.clear();
    if (!IsBlank(value)) {
      if (value.size() > kMaxTextBytes) {
        return Failure{FailureReason::kInvalidParameter, program_.variables[parameter.slot].name};
      }
      AppendParameterText(value, &text);
    } else if (parameter.text != kNoText) {
      const absl::string_view fixed = program_.Text(parameter.text);
      text.assign(fixed.data(), fixed.size());
    } else if (mode_ == Mode::kStrict) {
      return Missing(parameter.slot);
    } else {
      text = kLenientFallback;
    }
    characters += CountCharacters(text);
    if (characters > kMaxProviderBodyCharacters) {
      return Failure{FailureReason::kInvalidParameter,
                     parameter.slot == kNoSlot
                         ? absl::string_view()
                         : absl::string_view(program_.variables[parameter.slot].name)};
    }
  }
  return Failure{};
}

}  // namespace

Binding::Binding(std::shared_ptr<const Program> program, std::vector<uint32_t> column_of_slot)
    : program_(std::move(program)), column_of_slot_(std::move(column_of_slot)) {}

Failure Binding::Render(absl::Span<const absl::string_view> row, Mode mode, Output* out) const {
  return Renderer(*program_, column_of_slot_, row, mode, out).Run();
}

}  // namespace kabar::template_lang
