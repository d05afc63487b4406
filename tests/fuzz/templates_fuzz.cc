// What any bytes make of the language of templates: a named error, or a program that renders any
// values within its limits. libFuzzer's entry; corpus_test.cc replays the corpus without it.
//
// Input: the template, then values, each behind a zero byte: six of the recipient, then those of
// his parcels, two each.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "libs/base/text.h"
#include "libs/template_lang/template.h"

namespace kabar::template_lang {
namespace {

// In all builds: this is the test.
void Require(bool holds) {
  if (!holds) std::abort();
}

struct Recipient {
  std::vector<absl::string_view> row = {};
  std::vector<std::vector<absl::string_view>> parcel_values = {};
  std::vector<Row> parcels = {};
  bool valid_utf8 = true;
};

const Columns kColumns = {.row = {"nama", "no_resi", "status", "cod", "eta", "x"},
                          .parcel = {"no_resi", "eta"}};

Recipient RecipientOf(const std::vector<absl::string_view>& parts) {
  Recipient recipient;
  const size_t row = kColumns.row.size();
  for (size_t i = 1; i < parts.size(); ++i) {
    recipient.valid_utf8 = recipient.valid_utf8 && base::IsValidUtf8(parts[i]);
    if (i <= row) {
      recipient.row.push_back(parts[i]);
    } else if ((i - row) % kColumns.parcel.size() == 1) {
      recipient.parcel_values.push_back({parts[i]});
    } else {
      recipient.parcel_values.back().push_back(parts[i]);
    }
  }
  recipient.parcels.assign(recipient.parcel_values.begin(), recipient.parcel_values.end());
  return recipient;
}

void CheckOutput(const Output& out, const Recipient& recipient) {
  Require(base::CountCodepoints(out.text) <= kMaxTextCharacters || !recipient.valid_utf8);
  Require(out.text.size() <= 4 * kMaxTextCharacters);
  Require(!recipient.valid_utf8 || base::IsValidUtf8(out.text));
  if (out.provider == nullptr) return;
  Require(out.parameters.size() == out.provider->parameters.size());
  for (const std::string& parameter : out.parameters) Require(!base::Trim(parameter).empty());
}

void RenderBoth(const Template& compiled, const Recipient& recipient) {
  const absl::StatusOr<Binding> bound = compiled.Bind(kColumns);
  Require(bound.ok());
  Output strict;
  Output lenient;
  const Failure strict_failure =
      bound->Render(recipient.row, recipient.parcels, Mode::kStrict, &strict);
  const Failure lenient_failure =
      bound->Render(recipient.row, recipient.parcels, Mode::kLenient, &lenient);
  Require(lenient_failure.reason != FailureReason::kMissingVariable);
  Require(lenient_failure.reason != FailureReason::kInvalidValue);
  if (lenient_failure.ok()) CheckOutput(lenient, recipient);
  if (!strict_failure.ok()) return;
  // What has all its data is read the same in both modes.
  CheckOutput(strict, recipient);
  Require(lenient_failure.ok());
  Require(strict.text == lenient.text && strict.provider == lenient.provider);
}

void Check(absl::string_view input) {
  const std::vector<absl::string_view> parts = absl::StrSplit(input, '\0');
  ParseError error;
  const absl::StatusOr<Template> compiled = Compile(parts[0], &error);
  if (!compiled.ok()) {
    Require(error.position.line >= 1 && error.position.column >= 1 && !error.message.empty());
    Require(base::IsValidUtf8(error.message));
    return;
  }
  Require(compiled->shortest_fixed_text() <= compiled->longest_fixed_text());
  RenderBoth(*compiled, RecipientOf(parts));
}

}  // namespace
}  // namespace kabar::template_lang

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  kabar::template_lang::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
