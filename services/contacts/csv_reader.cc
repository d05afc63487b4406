#include "services/contacts/csv_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::contacts {
namespace {

// How much of the file may pass before its delimiter must be known.
constexpr std::size_t kSniffBytes = 64 * 1024;
// How much of a spoilt line goes back to the user.
constexpr std::size_t kSpoiltBytes = 4096;

bool IsLineEnd(char c) { return c == '\n' || c == '\r'; }

struct Sniffed {
  bool complete = false;  // a whole record that is not empty has been seen
  char delimiter = ',';
};

// Counts delimiters outside of quotes in the first record that holds anything.
Sniffed Sniff(absl::string_view text) {
  int commas = 0;
  int semicolons = 0;
  int tabs = 0;
  bool quoted = false;
  bool anything = false;
  Sniffed out;
  for (const char c : text) {
    if (c == '"') quoted = !quoted;
    if (!quoted && IsLineEnd(c)) {
      if (!anything) continue;
      out.complete = true;
      break;
    }
    anything = anything || !absl::ascii_isspace(static_cast<unsigned char>(c));
    if (quoted) continue;
    commas += c == ',';
    semicolons += c == ';';
    tabs += c == '\t';
  }
  if (semicolons > commas && semicolons >= tabs) out.delimiter = ';';
  if (tabs > commas && tabs > semicolons) out.delimiter = '\t';
  return out;
}

}  // namespace

bool CsvRecord::Empty() const {
  return fault == CsvFault::kNone &&
         std::all_of(fields.begin(), fields.end(),
                     [](const std::string& field) { return base::Trim(field).empty(); });
}

CsvReader::CsvReader(CsvOptions options, OnRecord on_record)
    : options_(options), on_record_(std::move(on_record)), delimiter_(options.delimiter) {}

absl::Status CsvReader::Feed(absl::string_view bytes) {
  buffer_.append(bytes.data(), bytes.size());
  if (!prepared_) KABAR_RETURN_IF_ERROR(Prepare(/*at_end=*/false));
  if (!prepared_) return absl::OkStatus();
  return Run(/*at_end=*/false);
}

absl::Status CsvReader::Finish() {
  if (!prepared_) KABAR_RETURN_IF_ERROR(Prepare(/*at_end=*/true));
  return Run(/*at_end=*/true);
}

absl::Status CsvReader::Prepare(bool at_end) {
  if (buffer_.size() < 6 && !at_end) return absl::OkStatus();
  if (absl::StartsWith(buffer_, "\xFF\xFE") || absl::StartsWith(buffer_, "\xFE\xFF")) {
    return base::Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_UTF8",
                       "the file is written in UTF-16; save it as \"CSV UTF-8\" and import again");
  }
  absl::string_view text = buffer_;
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  if (absl::StartsWithIgnoreCase(text, "sep=")) {
    const std::size_t end = text.find_first_of("\r\n");
    if (end == absl::string_view::npos && !at_end && text.size() < kSniffBytes) {
      return absl::OkStatus();
    }
    if (end == 5) {
      if (delimiter_ == 0) delimiter_ = text[4];
      skip_lf_ = text[5] == '\r';
      text.remove_prefix(6);
    }
  }
  if (delimiter_ == 0) {
    const Sniffed sniffed = Sniff(text);
    if (!sniffed.complete && !at_end && text.size() < kSniffBytes) return absl::OkStatus();
    delimiter_ = sniffed.delimiter;
  }
  start_ = at_ = buffer_.size() - text.size();
  prepared_ = true;
  return absl::OkStatus();
}

absl::Status CsvReader::Run(bool at_end) {
  while (true) {
    while (at_ < buffer_.size()) {
      const char c = buffer_[at_];
      if (skip_lf_) {
        skip_lf_ = false;
        if (c == '\n') {
          start_ = ++at_;
          continue;
        }
      }
      if (TakeRun()) continue;
      ++at_;
      KABAR_RETURN_IF_ERROR(state_ == State::kSpoilt ? StepSpoilt(c) : Step(c));
    }
    if (!at_end) break;
    if (state_ == State::kQuoted) {
      Spoil(CsvFault::kBadQuotes);
      continue;
    }
    if (at_ > start_ || !fields_.empty() || !field_.empty()) KABAR_RETURN_IF_ERROR(EndRecord('\n'));
    break;
  }
  buffer_.erase(0, start_);
  at_ -= start_;
  start_ = 0;
  return absl::OkStatus();
}

// What changes nothing but the field, all at once. The character behind it is Step's, and so is one
// that makes the record too large.
bool CsvReader::TakeRun() {
  if (state_ != State::kPlain && state_ != State::kQuoted) return false;
  if (fields_.size() >= options_.max_fields) return false;
  const std::size_t end =
      std::min(buffer_.size(), std::max(at_, start_ + options_.max_record_bytes));
  std::size_t to = at_;
  if (state_ == State::kQuoted) {
    while (to < end && buffer_[to] != '"') ++to;
  } else {
    while (to < end && buffer_[to] != delimiter_ && !IsLineEnd(buffer_[to])) ++to;
  }
  if (to == at_) return false;
  field_.append(buffer_, at_, to - at_);
  at_ = to;
  return true;
}

absl::Status CsvReader::Step(char c) {
  if (at_ - start_ > options_.max_record_bytes || fields_.size() >= options_.max_fields) {
    Spoil(state_ == State::kQuoted ? CsvFault::kBadQuotes : CsvFault::kRecordTooLarge);
    return absl::OkStatus();
  }
  switch (state_) {
    case State::kQuoted:
      if (c == '"') {
        state_ = State::kQuoteInside;
      } else {
        field_.push_back(c);
      }
      return absl::OkStatus();
    case State::kQuoteInside:
      if (c == '"') {
        field_.push_back('"');
        state_ = State::kQuoted;
        return absl::OkStatus();
      }
      state_ = State::kAfterQuoted;
      [[fallthrough]];
    case State::kAfterQuoted:
      if (c == delimiter_) {
        EndField();
      } else if (IsLineEnd(c)) {
        return EndRecord(c);
      } else if (c != ' ') {
        Spoil(CsvFault::kBadQuotes);
      }
      return absl::OkStatus();
    case State::kFieldStart:
      if (c == '"') {
        field_.clear();
        state_ = State::kQuoted;
        return absl::OkStatus();
      }
      if (c != ' ') state_ = State::kPlain;
      [[fallthrough]];
    case State::kPlain:
      if (c == delimiter_) {
        EndField();
      } else if (IsLineEnd(c)) {
        return EndRecord(c);
      } else {
        field_.push_back(c);
      }
      return absl::OkStatus();
    case State::kSpoilt:
      break;
  }
  return absl::OkStatus();
}

absl::Status CsvReader::StepSpoilt(char c) {
  if (IsLineEnd(c)) return EndRecord(c);
  if (field_.size() < kSpoiltBytes) field_.push_back(c);
  start_ = at_;  // nobody needs the bytes again
  return absl::OkStatus();
}

void CsvReader::EndField() {
  if (field_.find('\r') != std::string::npos) absl::StrReplaceAll({{"\r\n", "\n"}}, &field_);
  fields_.push_back(std::move(field_));
  field_.clear();
  state_ = State::kFieldStart;
}

absl::Status CsvReader::EndRecord(char terminator) {
  EndField();
  CsvRecord record{++number_, std::move(fields_), fault_};
  fields_.clear();
  fault_ = CsvFault::kNone;
  skip_lf_ = terminator == '\r';
  start_ = at_;
  return on_record_(std::move(record));
}

void CsvReader::Spoil(CsvFault fault) {
  fault_ = fault;
  fields_.clear();
  field_.clear();
  state_ = State::kSpoilt;
  at_ = start_;
}

}  // namespace kabar::contacts
