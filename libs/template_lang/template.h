// The language of message templates (services/templates/LANGUAGE.md): a text is compiled once into
// a flat program, bound to the columns of a table, and rendered row by row.
//
//   absl::StatusOr<Template> t = Compile("Halo {nama}, paket {{no_resi}} tiba {{eta |
//   \"segera\"}}"); absl::StatusOr<Binding> b = t->Bind({.row = {"contactname", "no_resi",
//   "eta"}}); Output out;  // reused for every row Failure failure = b->Render({"Budi", "JP123",
//   ""}, Mode::kStrict, &out);
//
// Thread safety: Template and Binding are immutable and cheap to copy; one Output per thread.
// Blocks: never. Time and memory are bounded by the limits below, whatever the template.
// Errors: Compile answers INVALID_ARGUMENT with line, column and what to do; Bind answers
// INVALID_ARGUMENT if two columns mean the same variable; Render reports a failure of its row.
#ifndef KABAR_LIBS_TEMPLATE_LANG_TEMPLATE_H_
#define KABAR_LIBS_TEMPLATE_LANG_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "libs/fields/fields.h"

namespace kabar::template_lang {

inline constexpr size_t kMaxTemplateBytes = 64 * 1024;
inline constexpr size_t kMaxDepth = 32;  // of {{#if}} and {{#each}} in each other, and of brackets
inline constexpr size_t kMaxInstructions = 8192;  // texts, variables and tests together
inline constexpr size_t kMaxNameBytes = 64;
inline constexpr size_t kMaxProviderParameters = 64;
inline constexpr size_t kMaxFilters = 8;  // of one tag or parameter
inline constexpr size_t kMaxParcels = 100;
// Instructions that one row may take: loops multiply what the template has.
inline constexpr size_t kMaxSteps = 100'000;

// The provider's limits, in characters (code points).
inline constexpr size_t kMaxTextCharacters = 4096;
inline constexpr size_t kMaxProviderBodyCharacters = 1024;

// What a missing variable without a default prints in lenient mode.
inline constexpr char kLenientFallback[] = "-";

enum class Mode {
  kStrict,   // a row that lacks a printed variable without default fails
  kLenient,  // kLenientFallback stands in
};

struct Position {
  int line = 1;    // from 1
  int column = 1;  // from 1, in code points
};

struct ParseError {
  Position position;
  std::string message;
};

// Something to tell the author that is no error.
struct Note {
  Position position;
  std::string message;
};

struct Variable {
  std::string name;                    // canonical where known, else as first written
  std::optional<fields::Owner> owner;  // nullopt: no contact, shipment or trigger field
  Position first_use;
  bool printed = false;  // in the text or in a provider parameter; else it is only tested
  bool needed = false;   // printed somewhere without a default and without a test for it
};

// One {{provider ...}} directive.
struct ProviderMapping {
  std::string name;
  std::string language;
  std::vector<std::string> parameters;  // variable names; texts in double quotes
  // What each of them is: empty, the next {{1}}, {{2}}, ... of the body; "nama", its {{nama}};
  // "@header", what the header's text takes; "@link1", what follows the address of the first link
  // button that takes something.
  std::vector<std::string> labels;
  Position position;

  bool named() const { return !labels.empty() && !labels[0].empty() && labels[0][0] != '@'; }
};

enum class FailureReason {
  kNone,
  kMissingVariable,
  kInvalidValue,  // a filter cannot read it: no date, no amount
  kInvalidParameter,
  kTextTooLong,
  kTooManySteps,
};

// "MISSING_VARIABLE" and so on; "" for kNone.
absl::string_view FailureReasonName(FailureReason reason);

struct Failure {
  FailureReason reason = FailureReason::kNone;
  absl::string_view variable;  // empty if the reason is about none; lives as long as the template

  bool ok() const { return reason == FailureReason::kNone; }
};

// What one row became. Reuse it: the buffers keep their size. After a failure its content is
// meaningless.
struct Output {
  std::string text;
  const ProviderMapping* provider = nullptr;  // of the path taken; lives as long as the template
  std::vector<std::string> parameters;        // as many as provider->parameters

  std::string filtered[2];  // the renderer's own: what filters make of a value, in turn
};

using Row = absl::Span<const absl::string_view>;

// The columns of a table, and those of the rows within its rows.
struct Columns {
  std::vector<std::string> row = {};
  std::vector<std::string> parcel = {};
};

// WIB, seven hours before UTC.
absl::TimeZone WesternIndonesia();

struct Program;  // libs/template_lang/program.h

class Binding {
 public:
  // `row` holds one value per bound column; an empty or absent value is missing. `parcels` are
  // what {{#each parcels}} goes through, at most kMaxParcels (more fail); without any the row is
  // its own and only parcel.
  Failure Render(Row row, absl::Span<const Row> parcels, Mode mode, Output* out) const;
  Failure Render(Row row, Mode mode, Output* out) const { return Render(row, {}, mode, out); }

 private:
  friend class Template;
  friend class Renderer;
  // Of a slot inside of {{#each}}: a parcel's column goes before the row's.
  struct ParcelSlot {
    uint32_t parcel = 0;
    uint32_t row = 0;
  };
  Binding() = default;

  std::shared_ptr<const Program> program_;
  std::vector<uint32_t> columns_;         // by slot: a column of the row, or kInParcel + the slot
  std::vector<ParcelSlot> parcel_slots_;  // by slot; empty without {{#each}}
  absl::TimeZone zone_;
};

class Template {
 public:
  // In order of first use.
  const std::vector<Variable>& variables() const;
  // Those needed that are not among `available`, in any spelling.
  std::vector<Variable> NeededBeyond(absl::Span<const std::string> available) const;
  // In order of the text.
  const std::vector<ProviderMapping>& providers() const;
  // Where a path begins that names no provider template; empty if every path has one. A template
  // without any directive has one entry, its beginning.
  const std::vector<Note>& paths_without_provider() const;
  // It goes through {{#each parcels}}, and names fields of shipments between its tags only: one
  // text can tell of several parcels.
  bool merges_parcels() const;
  // Braces that are copied as they are although they look like a mistake.
  const std::vector<Note>& warnings() const;
  // Characters of fixed text on the shortest and on the longest path, variables counting nothing.
  size_t shortest_fixed_text() const;
  size_t longest_fixed_text() const;

  // Says which column of a table holds which variable, by any spelling that libs/fields knows;
  // further columns are ignored, variables without a column are missing in every row. Dates are
  // written in `zone`, and read in it where they name none.
  absl::StatusOr<Binding> Bind(const Columns& columns,
                               absl::TimeZone zone = WesternIndonesia()) const;

 private:
  friend absl::StatusOr<Template> Compile(absl::string_view text, ParseError* error);
  explicit Template(std::shared_ptr<const Program> program);

  std::shared_ptr<const Program> program_;
};

// The provider's rules for names ("sampai_v2") and languages ("id", "en_US") of its templates.
bool IsProviderName(absl::string_view name);
bool IsLanguage(absl::string_view code);

// If it fails and `error` is given, that holds the position apart from the message.
absl::StatusOr<Template> Compile(absl::string_view text, ParseError* error = nullptr);

}  // namespace kabar::template_lang

#endif  // KABAR_LIBS_TEMPLATE_LANG_TEMPLATE_H_
