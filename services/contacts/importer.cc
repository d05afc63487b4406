#include "services/contacts/importer.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/csv.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::contacts {

namespace {

// As many bytes as tell a workbook from a text file.
constexpr std::size_t kHead = 4;
constexpr std::size_t kMaxKeptCell = 500;

absl::Status FileChanged() {
  return base::Error(absl::StatusCode::kInvalidArgument, "IMPORT_FILE_CHANGED",
                     "the request id began with another file, or another order of its rows; import "
                     "this one under a request id of its own");
}

}  // namespace

Importer::Importer(ImportOptions options, WriteChunk write, ImportSoFar done)
    : options_(std::move(options)), write_(std::move(write)), before_(std::move(done.progress)) {
  static_cast<ImportProgress&>(report_) = before_;
  report_.rows_before = before_.rows;
  report_.problems = std::move(done.refused.problems);
  report_.refused_csv = std::move(done.refused.csv);
  report_.refused_csv_truncated = done.refused.csv_truncated;
}

absl::Status Importer::Feed(absl::string_view bytes) {
  if (csv_) return csv_->Feed(bytes);
  if (xlsx_) return xlsx_->Feed(bytes);
  head_.append(bytes.data(), bytes.size());
  return head_.size() < kHead ? absl::OkStatus() : ChooseReader();
}

absl::Status Importer::ChooseReader() {
  const auto on_record = [this](CsvRecord record) { return Add(std::move(record)); };
  std::string head;
  head.swap(head_);
  if (absl::StartsWith(head, "\xD0\xCF\x11\xE0")) {
    return NotXlsx("it is an old .xls, or protected by a password");
  }
  if (XlsxReader::IsWorkbook(head)) {
    return xlsx_.emplace(XlsxOptions{.sheet = options_.sheet}, on_record).Feed(head);
  }
  if (!options_.sheet.empty()) {
    return base::InvalidField("options.sheet", "names a sheet, but the file is no Excel workbook");
  }
  if (absl::StartsWith(head, "\xEF\xBB\xBF")) text_.SetUtf8();
  return csv_.emplace(CsvOptions{.delimiter = options_.delimiter}, on_record).Feed(head);
}

absl::Status Importer::Finish() {
  if (!csv_ && !xlsx_ && !head_.empty()) KABAR_RETURN_IF_ERROR(ChooseReader());
  if (csv_) KABAR_RETURN_IF_ERROR(csv_->Finish());
  if (xlsx_) KABAR_RETURN_IF_ERROR(xlsx_->Finish());
  if (!columns_) {
    return base::Error(absl::StatusCode::kInvalidArgument, "FILE_EMPTY",
                       "the file holds nothing; its first row must name the columns");
  }
  if (read_ < before_.rows) return FileChanged();
  KABAR_RETURN_IF_ERROR(Flush());
  KABAR_RETURN_IF_ERROR(AwaitChunks(0));
  if (!report_.refused_csv.empty()) report_.refused_csv.insert(0, header_csv_);
  report_.windows_1252_rows = text_.windows_1252_records();
  return absl::OkStatus();
}

absl::Status Importer::Add(CsvRecord record) {
  // The tail of many files; what an API lists is never nothing.
  if (record.kinds.empty() && record.Empty()) return absl::OkStatus();
  text_.Decode(record);
  digest_bytes_.clear();
  for (const std::string& field : record.fields) {
    absl::StrAppend(&digest_bytes_, field.size(), ":", field);
  }
  absl::StrAppend(&digest_bytes_, record.number, "\n");
  digest_.Add(digest_bytes_);
  if (!columns_) return OnHeader(record);
  ++read_;
  if (read_ <= before_.rows) {
    return read_ < before_.rows || Digest() == before_.digest ? absl::OkStatus() : FileChanged();
  }
  if (chunk_read_++ == 0) chunk_.behind = report_.rows;
  ++report_.rows;
  ImportRow& row = chunk_.rows.emplace_back();
  if (std::optional<RowProblem> problem = ReadImportRow(record, *columns_, options_.zone, &row)) {
    chunk_.rows.pop_back();
    Refuse(record, *std::move(problem));
  } else {
    ++report_.accepted;
  }
  return static_cast<std::size_t>(chunk_read_) >= options_.chunk_rows ? Flush() : absl::OkStatus();
}

absl::Status Importer::OnHeader(const CsvRecord& record) {
  if (record.fault != CsvFault::kNone) {
    return base::Error(absl::StatusCode::kInvalidArgument, "HEADER_NOT_TEXT",
                       "the first row, which must name the columns, has a quotation mark that is "
                       "not closed, or is far too long");
  }
  KABAR_ASSIGN_OR_RETURN(
      columns_, ImportColumns::Resolve(record.fields, options_.mapping, options_.attribute_kinds));
  report_.delimiter = csv_ ? csv_->delimiter() : ',';
  report_.ignored_columns = columns_->Ignored();
  std::vector<std::string> header = record.fields;
  for (const char* added : {"row", "column", "reason"}) header.emplace_back(added);
  header_csv_ = base::CsvLine(header, report_.delimiter);
  chunk_.rows.reserve(options_.chunk_rows);
  return absl::OkStatus();
}

void Importer::Refuse(const CsvRecord& record, RowProblem problem) {
  ++report_.refused;
  std::vector<std::string> fields = record.fields;
  const std::size_t width = columns_->columns().size();
  if (fields.size() < width) fields.resize(width);
  // Cells too many stay, behind the columns that have a name.
  fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(width),
                {absl::StrCat(problem.row), problem.column, problem.reason});
  const std::string line = base::CsvLine(fields, report_.delimiter);
  const bool room =
      header_csv_.size() + report_.refused_csv.size() + line.size() <= options_.max_refused_bytes;
  if (room && !report_.refused_csv_truncated) {
    report_.refused_csv += line;
    chunk_.refused.csv += line;
  } else {
    report_.refused_csv_truncated = true;
    chunk_.refused.csv_truncated = true;
  }
  if (report_.problems.size() < options_.max_problems) {
    chunk_.refused.problems.push_back(problem);
    if (options_.keep_refused_cells) {
      std::vector<std::string>& kept = chunk_.refused.cells.emplace_back();
      for (const std::string& cell : record.fields) {
        kept.emplace_back(base::TruncateCodepoints(cell, kMaxKeptCell));
      }
    }
    report_.problems.push_back(std::move(problem));
  }
}

std::string Importer::Digest() const {
  const base::Sha256Digest digest = digest_.Digest();
  return std::string(digest.begin(), digest.end());
}

absl::Status Importer::Flush() {
  if (chunk_read_ == 0) return absl::OkStatus();
  KABAR_RETURN_IF_ERROR(AwaitChunks(options_.chunks_at_once - 1));
  auto writing = std::make_unique<Writing>();
  writing->chunk = std::move(chunk_);
  FileChunk& chunk = writing->chunk;
  chunk.until = static_cast<const ImportProgress&>(report_);
  chunk.until.digest = Digest();
  chunk_ = FileChunk();
  chunk_.rows.reserve(options_.chunk_rows);
  chunk_.ahead = chunk.place;
  chunk_.ahead_behind = chunk.behind;
  chunk_read_ = 0;
  writing->written = std::async(std::launch::async, [this, &chunk] {
    bool written = false;
    // Also if it throws: the chunk behind it waits for the word.
    const absl::Cleanup over = [&] { chunk.place->SetOver(written); };
    absl::StatusOr<ChunkCounts> counts = write_(chunk);
    written = counts.ok();
    return counts;
  });
  writing_.push_back(std::move(writing));
  return absl::OkStatus();
}

absl::Status Importer::AwaitChunks(std::size_t most) {
  while (writing_.size() > most) {
    const std::unique_ptr<Writing> first = std::move(writing_.front());
    writing_.pop_front();
    const absl::StatusOr<ChunkCounts> counts = first->written.get();
    if (!counts.ok()) {
      return base::Annotate(counts.status(),
                            absl::StrCat("the import stopped behind row ", first->chunk.behind,
                                         " of the data; ", options_.advice));
    }
    ChunkCounts& all = report_.counts;
    all.contacts_created += counts->contacts_created;
    all.contacts_updated += counts->contacts_updated;
    all.shipments_created += counts->shipments_created;
    all.shipments_updated += counts->shipments_updated;
  }
  return absl::OkStatus();
}

}  // namespace kabar::contacts
