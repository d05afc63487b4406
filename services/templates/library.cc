#include "services/templates/library.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "libs/base/text.h"
#include "services/templates/texts.h"

namespace kabar::templates {
namespace {

enum class Part { kNone, kHead, kMessage, kReads };

class Parser {
 public:
  // False: the line means nothing where it stands.
  bool Take(absl::string_view line);
  // Without the blank lines that part one template from the next.
  std::vector<LibraryTemplate> TakeAll();

 private:
  bool TakeHead(absl::string_view line);

  Part part_ = Part::kNone;
  std::vector<LibraryTemplate> found_;
};

bool Parser::Take(absl::string_view line) {
  if (absl::ConsumePrefix(&line, "=== ")) {
    part_ = Part::kHead;
    found_.emplace_back().code = std::string(line);
    return true;
  }
  if (line == "--- message" && part_ == Part::kHead) {
    part_ = Part::kMessage;
    return true;
  }
  if (line == "--- reads" && part_ == Part::kMessage) {
    part_ = Part::kReads;
    return true;
  }
  switch (part_) {
    case Part::kNone:
      return line.empty() || line[0] == '#';
    case Part::kHead:
      return TakeHead(line);
    case Part::kMessage:
      absl::StrAppend(&found_.back().message, line, "\n");
      return true;
    case Part::kReads:
      absl::StrAppend(&found_.back().reads, line, "\n");
      return true;
  }
  return false;
}

bool Parser::TakeHead(absl::string_view line) {
  LibraryTemplate& one = found_.back();
  if (absl::ConsumePrefix(&line, "title: ")) {
    one.title = std::string(line);
    return true;
  }
  if (line == "[parcel]") {
    one.parcels.emplace_back();
    return true;
  }
  const std::pair<absl::string_view, absl::string_view> pair =
      absl::StrSplit(line, absl::MaxSplits(" = ", 1));
  if (pair.first.empty() || pair.second.empty()) return false;
  (one.parcels.empty() ? one.sample : one.parcels.back()).emplace_back(pair.first, pair.second);
  return true;
}

std::vector<LibraryTemplate> Parser::TakeAll() {
  for (LibraryTemplate& one : found_) {
    for (std::string* text : {&one.message, &one.reads}) *text = std::string(base::Trim(*text));
  }
  return std::move(found_);
}

}  // namespace

absl::StatusOr<std::vector<LibraryTemplate>> ParseLibrary(absl::string_view text) {
  Parser parser;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (parser.Take(line)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("line ", number, " of the library: \"", line,
                     "\" is none of title: ..., name = value, [parcel] and --- message"));
  }
  return parser.TakeAll();
}

absl::StatusOr<std::vector<LibraryTemplate>> Library() { return ParseLibrary(LibraryText()); }

}  // namespace kabar::templates
