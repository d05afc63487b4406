// Reads a CSV file in pieces of any size, in memory bounded by one record, and never gives up on
// the rest of the file because of one bad record.
//
//   CsvReader reader({}, [&](CsvRecord record) { ... });
//   while (more) reader.Feed(piece);
//   reader.Finish();
//
// The delimiter (comma, semicolon or tab) is the one that stands most often in the first record,
// or what a first line `sep=;` says. Quoted fields may hold delimiters and line breaks; LF, CRLF
// and CR end records; a UTF-8 byte order mark is dropped. A quote that is not closed where it
// should be spoils only the line it stands on: reading resumes on the next line.
//
// Thread safety: one thread. Blocks: as the callback does. Errors: of the whole file only: UTF-16,
// or the callback's own (Feed returns it and takes nothing more); a bad record is a record with
// a `fault`.
#ifndef KABAR_SERVICES_CONTACTS_CSV_READER_H_
#define KABAR_SERVICES_CONTACTS_CSV_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace kabar::contacts {

enum class CsvFault {
  kNone,
  kBadQuotes,       // text behind a closing quote, or a quote never closed
  kRecordTooLarge,  // more bytes or fields than any honest row has
};

// Of a file all cells are texts; an API's answer may not have the place, or a list there.
enum class CellKind { kText, kAbsent, kNoValue };

struct CsvRecord {
  // As a spreadsheet numbers rows: from 1, empty ones included.
  int64_t number = 0;
  std::vector<std::string> fields;  // with a fault: the line as it stands, alone
  CsvFault fault = CsvFault::kNone;
  std::vector<CellKind> kinds = {};  // of an API's answer: as many as fields

  // Nothing but blanks: the tail of many exported files.
  bool Empty() const;
};

struct CsvOptions {
  char delimiter = 0;  // 0: found by itself
  std::size_t max_record_bytes = 64 * 1024;
  std::size_t max_fields = 256;
};

class CsvReader {
 public:
  using OnRecord = std::function<absl::Status(CsvRecord record)>;

  CsvReader(CsvOptions options, OnRecord on_record);

  absl::Status Feed(absl::string_view bytes);
  // The file ends here: delivers the last record, which needs no line break.
  absl::Status Finish();

  // 0 until the first record is known.
  char delimiter() const { return delimiter_; }

 private:
  enum class State {
    kFieldStart,   // at the first byte of a field, or among blanks before a quote
    kPlain,        // in a field without quotes
    kQuoted,       // between quotes
    kQuoteInside,  // behind a quote that closes, or is the first of a doubled one
    kAfterQuoted,  // blanks behind a closing quote
    kSpoilt,       // going through a faulty line to its end
  };

  absl::Status Prepare(bool at_end);
  absl::Status Run(bool at_end);
  bool TakeRun();
  absl::Status Step(char c);
  absl::Status StepSpoilt(char c);
  void EndField();
  absl::Status EndRecord(char terminator);
  // Starts over at the record's first byte, taking its first line as it stands.
  void Spoil(CsvFault fault);

  CsvOptions options_;
  OnRecord on_record_;
  char delimiter_ = 0;
  bool prepared_ = false;

  std::string buffer_;     // from the first byte of the record at work
  std::size_t start_ = 0;  // where in buffer_ that record begins
  std::size_t at_ = 0;     // next byte to look at
  bool skip_lf_ = false;   // the last record ended in CR: an LF behind it belongs to it
  State state_ = State::kFieldStart;
  std::string field_;
  std::vector<std::string> fields_;
  CsvFault fault_ = CsvFault::kNone;
  int64_t number_ = 0;
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_CSV_READER_H_
