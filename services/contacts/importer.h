// A file from its bytes to the report: reads, checks, hands rows on in chunks and keeps the
// account. While a chunk is written the next one is read; chunks are written one after the other,
// in the file's order, since later rows win. Memory: two chunks, one record and the report's
// bounded parts, whatever the file's size.
//
//   Importer importer(options, [&](absl::Span<ImportRow> rows) { return store...; });
//   for (piece) importer.Feed(piece);
//   importer.Finish(); importer.report();
//
// Thread safety: one thread; `write` is called on another, one call at a time, and never after the
// importer's end. Blocks: as `write` does. Errors: those of the file as a whole
// (import_columns.h, csv_reader.h, FILE_EMPTY) and those of `write`; bad rows are no errors but
// stand in the report, whose figures always add up: rows = accepted + refused.
#ifndef KABAR_SERVICES_CONTACTS_IMPORTER_H_
#define KABAR_SERVICES_CONTACTS_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/import_columns.h"
#include "services/contacts/import_row.h"

namespace kabar::contacts {

struct ImportOptions {
  std::map<std::string, std::string> mapping = {};
  char delimiter = 0;
  absl::TimeZone zone = absl::UTCTimeZone();  // of times without one
  std::size_t chunk_rows = 2000;
  std::size_t max_problems = 1000;
  std::size_t max_refused_bytes = 3 * 1024 * 1024;
};

struct ChunkCounts {
  int64_t contacts_created = 0;
  int64_t contacts_updated = 0;
  int64_t shipments_created = 0;
  int64_t shipments_updated = 0;
};

struct ImportReport {
  int64_t rows = 0;
  int64_t accepted = 0;
  int64_t refused = 0;
  ChunkCounts counts;
  std::vector<RowProblem> problems;
  std::string refused_csv;  // header and refused rows + row, column, reason; "" if none
  bool refused_csv_truncated = false;
  char delimiter = ',';
  std::vector<std::string> ignored_columns;
};

class Importer {
 public:
  using WriteChunk = std::function<absl::StatusOr<ChunkCounts>(absl::Span<ImportRow> rows)>;

  Importer(ImportOptions options, WriteChunk write);
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  absl::Status Feed(absl::string_view bytes);
  absl::Status Finish();
  const ImportReport& report() const { return report_; }

 private:
  absl::Status OnRecord(const CsvRecord& record);
  absl::Status OnHeader(const CsvRecord& record);
  void Refuse(const CsvRecord& record, RowProblem problem);
  absl::Status Flush();
  // Waits for the chunk under way, if there is one, and counts it.
  absl::Status AwaitChunk();

  ImportOptions options_;
  WriteChunk write_;
  CsvReader reader_;
  std::optional<ImportColumns> columns_;
  std::vector<ImportRow> chunk_;
  int64_t chunk_behind_ = 0;
  ImportReport report_;
  std::string header_csv_;
  // The chunk under way; the future last, so that it ends first.
  std::vector<ImportRow> writing_;
  int64_t writing_behind_ = 0;  // rows of the file before it
  std::future<absl::StatusOr<ChunkCounts>> written_;
};

// One line of CSV, quoted where needed, with "\n".
std::string CsvLine(const std::vector<std::string>& fields, char delimiter);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_IMPORTER_H_
