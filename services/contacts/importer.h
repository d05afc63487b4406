// A file from its bytes to the report: reads (CSV or .xlsx, UTF-8 or Windows-1252, found by
// itself), checks, hands rows on in chunks and keeps the account. While chunks are written the next
// one is read. `write` is called for one chunk after the other, or for `chunks_at_once`, and then
// it sees to it (by FileChunk::ahead) that they count in the file's order, since later rows win.
// Memory: a chunk more than that, one record and the report's bounded parts, whatever the file's
// size.
//
//   Importer importer(options, [&](FileChunk& chunk) { return store...; });
//   for (piece) importer.Feed(piece);        // or importer.Add(record) for what is no file
//   importer.Finish(); importer.report();
//
// An import that was cut off goes on behind its last chunk that was written: with `done`, what was
// taken until then, and the same file, whose rows until there are read, compared by their digest
// and left out.
//
// Thread safety: one thread; `write` is called on others, and never after the importer's end.
// Blocks: as `write` does. Errors: those of the file as a whole (import_columns.h, csv_reader.h,
// xlsx_reader.h, FILE_EMPTY, IMPORT_FILE_CHANGED) and those of `write`; bad rows are no errors but
// stand in the report, whose figures always add up: rows = accepted + refused.
#ifndef KABAR_SERVICES_CONTACTS_IMPORTER_H_
#define KABAR_SERVICES_CONTACTS_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "libs/base/sha256.h"
#include "services/contacts/chunk_place.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/import_columns.h"
#include "services/contacts/import_row.h"
#include "services/contacts/record_text.h"
#include "services/contacts/xlsx_reader.h"

namespace kabar::contacts {

struct ImportOptions {
  std::map<std::string, std::string> mapping = {};
  AttributeKinds attribute_kinds = {};  // of the outlet, as the import begins
  char delimiter = 0;
  std::string sheet = {};                     // of a workbook; empty: its first one
  absl::TimeZone zone = absl::UTCTimeZone();  // of times without one
  std::size_t chunk_rows = 2000;
  std::size_t chunks_at_once = 1;  // that are being written
  std::size_t max_problems = 1000;
  std::size_t max_refused_bytes = 3 * 1024 * 1024;
  bool keep_refused_cells = false;
  // What to do when it stops.
  std::string advice = "import the same file again, rows already taken change nothing";
};

struct ChunkCounts {
  int64_t contacts_created = 0;
  int64_t contacts_updated = 0;
  int64_t shipments_created = 0;
  int64_t shipments_updated = 0;
};

// What an import has taken of its file.
struct ImportProgress {
  int64_t rows = 0;
  int64_t accepted = 0;
  int64_t refused = 0;
  ChunkCounts counts = {};
  std::string digest = {};  // of the header and these rows; 32 bytes, empty before the first chunk
};

// What is said of refused rows: the first `max_problems`, the first `max_refused_bytes`.
struct RefusedRows {
  std::vector<RowProblem> problems = {};
  std::string csv = {};  // without header; refused rows + row, column, reason
  bool csv_truncated = false;
  std::vector<std::vector<std::string>> cells = {};  // of `problems`, shortened, if they are kept
};

// As many rows of the file, in its order.
struct FileChunk {
  std::vector<ImportRow> rows = {};  // the accepted ones
  RefusedRows refused = {};          // of the others
  int64_t behind = 0;                // rows of the file before it
  ImportProgress until = {};         // the file to the chunk's end, but for `counts`
  std::shared_ptr<ChunkPlace> place = std::make_shared<ChunkPlace>();
  std::shared_ptr<const ChunkPlace> ahead = {};  // of the chunk before; none: it is the first one
  int64_t ahead_behind = 0;                      // that one's `behind`
};

struct ImportSoFar {
  ImportProgress progress = {};
  RefusedRows refused = {};
};

struct ImportReport : ImportProgress {
  std::vector<RowProblem> problems = {};
  std::string refused_csv = {};  // header and refused rows + row, column, reason; "" if none
  bool refused_csv_truncated = false;
  char delimiter = ',';
  std::vector<std::string> ignored_columns = {};
  int64_t windows_1252_rows = 0;  // that were not UTF-8
  int64_t rows_before = 0;        // taken before the import was cut off and went on
};

class Importer {
 public:
  using WriteChunk = std::function<absl::StatusOr<ChunkCounts>(FileChunk& chunk)>;

  Importer(ImportOptions options, WriteChunk write, ImportSoFar done = {});
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  absl::Status Feed(absl::string_view bytes);
  // One record instead of bytes; the first one is the header.
  absl::Status Add(CsvRecord record);
  absl::Status Finish();
  const ImportReport& report() const { return report_; }

 private:
  absl::Status ChooseReader();
  absl::Status OnHeader(const CsvRecord& record);
  void Refuse(const CsvRecord& record, RowProblem problem);
  absl::Status Flush();
  // Waits until at most so many chunks are being written, and counts the others.
  absl::Status AwaitChunks(std::size_t most);
  std::string Digest() const;

  ImportOptions options_;
  WriteChunk write_;
  std::string head_;  // the file's first bytes, until they tell what it is
  std::optional<CsvReader> csv_;
  std::optional<XlsxReader> xlsx_;
  RecordText text_;
  base::Sha256Stream digest_;
  std::string digest_bytes_;
  std::optional<ImportColumns> columns_;
  ImportProgress before_;  // taken before the import was cut off
  int64_t read_ = 0;       // rows of the file, those of before_ too
  FileChunk chunk_;
  int64_t chunk_read_ = 0;
  ImportReport report_;
  std::string header_csv_;
  struct Writing {
    FileChunk chunk;
    std::future<absl::StatusOr<ChunkCounts>> written;  // last, so that it ends first
  };
  std::deque<std::unique_ptr<Writing>> writing_;  // in the file's order; last too
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORTER_H_
