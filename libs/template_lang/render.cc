// Runs a program over one row. The hot path: no allocation once the output's buffers have grown.
#include <algorithm>
#include <charconv>

#include "libs/template_lang/filters.h"
#include "libs/template_lang/parameter_text.h"
#include "libs/template_lang/program.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

// No valid text within kMaxTextCharacters is longer, so that building a longer one stops here.
constexpr size_t kMaxTextBytes = 4 * kMaxTextCharacters;

// Comparing long values costs more than an instruction: one step for so many bytes.
constexpr size_t kBytesAStep = 256;

// What a filter costs: a date is looked for in many forms, others walk over the value once.
size_t StepsOf(FilterKind kind, absl::string_view value) {
  return kind == FilterKind::kDate ? 10 : 1 + value.size() / kBytesAStep;
}

constexpr char kTrue[] = "true";

// A number of parcels as text.
class Counter {
 public:
  void Set(size_t number) {
    size_ = static_cast<size_t>(std::to_chars(digits_, digits_ + sizeof(digits_), number).ptr -
                                digits_);
  }
  absl::string_view text() const { return {digits_, size_}; }

 private:
  char digits_[20];
  size_t size_ = 0;
};

}  // namespace

class Renderer {
 public:
  Renderer(const Binding& binding, Row row, absl::Span<const Row> parcels, Mode mode, Output* out)
      : program_(*binding.program_),
        binding_(binding),
        columns_(binding.columns_.data()),
        row_(row),
        parcels_(parcels),
        mode_(mode),
        out_(out) {}

  Failure Run();

 private:
  absl::string_view Value(uint32_t slot) const {
    const uint32_t column = columns_[slot];
    if (column < row_.size()) return row_[column];
    return column < kInParcel ? absl::string_view() : ParcelValue(column - kInParcel);
  }
  absl::string_view ParcelValue(uint32_t slot) const;
  bool Append(absl::string_view text) {
    if (text.size() > kMaxTextBytes - out_->text.size()) return false;
    out_->text.append(text.data(), text.size());
    return true;
  }
  bool Holds(const Op& op);
  void EnterParcel(size_t index);
  bool NextParcel() {
    if (parcel_ + 1 >= std::max<size_t>(parcels_.size(), 1)) return false;
    EnterParcel(parcel_ + 1);
    return true;
  }
  Failure Filtered(const Pipe& pipe, uint32_t slot, absl::string_view* value);
  Failure FillProvider(uint32_t index);
  Failure FillParameter(const Parameter& parameter, std::string* text);
  Failure ParameterFailure(const Parameter& parameter) const;
  Failure Fail(FailureReason reason, uint32_t slot) const;

  const Program& program_;
  const Binding& binding_;
  const uint32_t* const columns_;
  const Row row_;
  const absl::Span<const Row> parcels_;
  const Mode mode_;
  Output* const out_;
  size_t parcel_ = 0;  // the one in hand
  size_t steps_ = 0;   // those that loops, comparisons and filters add to the template's own
  Counter number_;     // of the parcel in hand
  Counter count_;
};

Failure Renderer::Fail(FailureReason reason, uint32_t slot) const {
  const Slot& about = program_.slots[slot];
  if (about.source != Source::kRow && about.source != Source::kParcel) return {reason, {}};
  return {reason, program_.variables[about.variable].name};
}

void Renderer::EnterParcel(size_t index) {
  parcel_ = index;
  number_.Set(index + 1);
}

absl::string_view Renderer::ParcelValue(uint32_t slot) const {
  const auto last = std::max<size_t>(parcels_.size(), 1) - 1;
  switch (program_.slots[slot].source) {
    case Source::kNumber:
      return number_.text();
    case Source::kFirst:
      return parcel_ == 0 ? kTrue : "";
    case Source::kLast:
      return parcel_ == last ? kTrue : "";
    case Source::kCount:
      return count_.text();
    case Source::kRow:
    case Source::kParcel:
      break;
  }
  const Binding::ParcelSlot& columns = binding_.parcel_slots_[slot];
  // What a parcel's table has no column for, the row tells for all of them.
  const bool of_parcel = !parcels_.empty() && columns.parcel != kNoColumn;
  const Row values = of_parcel ? parcels_[parcel_] : row_;
  const uint32_t column = of_parcel ? columns.parcel : columns.row;
  return column < values.size() ? values[column] : absl::string_view();
}

bool Renderer::Holds(const Op& op) {
  switch (op.code) {
    case Code::kJumpPresent:
      return !Value(op.a).empty();
    case Code::kJumpEqual:
      return Value(op.a) == program_.Text(op.b);
    case Code::kJumpSame: {
      const absl::string_view left = Value(op.a);
      steps_ += left.size() / kBytesAStep;
      return left == Value(op.b);
    }
    default:
      return false;
  }
}

Failure Renderer::Run() {
  out_->text.clear();
  out_->provider = nullptr;
  if (!binding_.parcel_slots_.empty()) {
    if (parcels_.size() > kMaxParcels) return {FailureReason::kTooManySteps, {}};
    count_.Set(std::max<size_t>(parcels_.size(), 1));
  }
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
          if (mode_ == Mode::kStrict) return Fail(FailureReason::kMissingVariable, op->a);
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
      case Code::kPrintPipe: {
        absl::string_view value = Value(op->a);
        if (const Failure failure = Filtered(program_.pipes[op->b], op->a, &value); !failure.ok()) {
          return failure;
        }
        fits = Append(value);
        break;
      }
      case Code::kProvider:
        if (const Failure failure = FillProvider(op->a); !failure.ok()) return failure;
        break;
      case Code::kEach:
        EnterParcel(0);
        break;
      case Code::kNext:
        if (NextParcel()) {
          steps_ += static_cast<size_t>(op - (ops + op->target));
          if (steps_ > kMaxSteps) return {FailureReason::kTooManySteps, {}};
          op = ops + op->target;
          continue;
        }
        break;
      case Code::kJump:
        op = ops + op->target;
        continue;
      case Code::kJumpPresent:
      case Code::kJumpEqual:
      case Code::kJumpSame:
        // Counted is what a comparison costs; loops are counted where they turn.
        if (steps_ > kMaxSteps) return {FailureReason::kTooManySteps, {}};
        if (Holds(*op) == op->when) {
          op = ops + op->target;
          continue;
        }
        break;
      case Code::kEnd:
        if (out_->text.size() > kMaxTextCharacters &&
            CountCharacters(out_->text) > kMaxTextCharacters) {
          return {FailureReason::kTextTooLong, {}};
        }
        return Failure{};
    }
    if (!fits) return {FailureReason::kTextTooLong, {}};
    ++op;
  }
}

// Makes of `value`, which is that of `slot`, what is printed for it: never missing without failure,
// but where a default is empty.
Failure Renderer::Filtered(const Pipe& pipe, uint32_t slot, absl::string_view* value) {
  bool has_default = false;
  size_t turn = 0;  // a filter reads what the one before it wrote
  for (const Filter& filter : pipe) {
    const absl::string_view text =
        filter.text == kNoText ? absl::string_view() : program_.Text(filter.text);
    if (filter.kind == FilterKind::kDefault) {
      has_default = true;
      if (value->empty()) *value = text;
      continue;
    }
    if (value->empty()) continue;
    if (value->size() > kMaxTextBytes) return {FailureReason::kTextTooLong, {}};
    steps_ += StepsOf(filter.kind, *value);
    if (steps_ > kMaxSteps) return {FailureReason::kTooManySteps, {}};
    std::string& out = out_->filtered[turn % 2];
    if (ApplyFilter(filter.kind, text, *value, binding_.zone_, &out)) {
      *value = out;
      ++turn;
    } else if (mode_ == Mode::kStrict) {
      return Fail(FailureReason::kInvalidValue, slot);
    }
  }
  if (value->empty() && !has_default) {
    if (mode_ == Mode::kStrict) return Fail(FailureReason::kMissingVariable, slot);
    *value = kLenientFallback;
  }
  return Failure{};
}

Failure Renderer::FillProvider(uint32_t index) {
  out_->provider = &program_.providers[index];
  const std::vector<Parameter>& parameters = program_.parameters[index];
  out_->parameters.resize(parameters.size());
  size_t characters = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    std::string& text = out_->parameters[i];
    text.clear();
    if (const Failure failure = FillParameter(parameters[i], &text); !failure.ok()) return failure;
    characters += CountCharacters(text);
    if (characters > kMaxProviderBodyCharacters) return ParameterFailure(parameters[i]);
  }
  return Failure{};
}

Failure Renderer::ParameterFailure(const Parameter& parameter) const {
  if (parameter.slot == kNoSlot) return {FailureReason::kInvalidParameter, {}};
  return Fail(FailureReason::kInvalidParameter, parameter.slot);
}

Failure Renderer::FillParameter(const Parameter& parameter, std::string* text) {
  absl::string_view value;
  if (parameter.slot == kNoSlot) {
    value = program_.Text(parameter.text);
  } else {
    value = Value(parameter.slot);
    if (value.size() > kMaxTextBytes) return ParameterFailure(parameter);
    // The provider takes no blank parameter, so a blank value is a missing one.
    if (IsBlank(value)) value = {};
    const Failure failure = Filtered(program_.pipes[parameter.pipe], parameter.slot, &value);
    if (!failure.ok()) return failure;
  }
  AppendParameterText(value, text);
  return Failure{};
}

Failure Binding::Render(Row row, absl::Span<const Row> parcels, Mode mode, Output* out) const {
  return Renderer(*this, row, parcels, mode, out).Run();
}

}  // namespace kabar::template_lang
