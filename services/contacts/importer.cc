#include "services/contacts/importer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::contacts {

std::string CsvLine(const std::vector<std::string>& fields, char delimiter) {
  std::string out;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out.push_back(delimiter);
    const std::string& field = fields[i];
    const bool plain = field.find_first_of("\"\r\n") == std::string::npos &&
                       field.find(delimiter) == std::string::npos &&
                       (field.empty() || (field.front() != ' ' && field.back() != ' '));
    if (plain) {
      out += field;
      continue;
    }
    out.push_back('"');
    for (const char c : field) {
      if (c == '"') out.push_back('"');
      out.push_back(c);
    }
    out.push_back('"');
  }
  out.push_back('\n');
  return out;
}

Importer::Importer(ImportOptions options, WriteChunk write)
    : options_(std::move(options)),
      write_(std::move(write)),
      reader_({.delimiter = options_.delimiter},
              [this](CsvRecord record) { return OnRecord(record); }) {}

absl::Status Importer::Feed(absl::string_view bytes) { return reader_.Feed(bytes); }

absl::Status Importer::Finish() {
  KABAR_RETURN_IF_ERROR(reader_.Finish());
  if (!columns_) {
    return base::Error(absl::StatusCode::kInvalidArgument, "FILE_EMPTY",
                       "the file holds nothing; its first row must name the columns");
  }
  KABAR_RETURN_IF_ERROR(Flush());
  return AwaitChunk();
}

absl::Status Importer::OnRecord(const CsvRecord& record) {
  if (record.Empty()) return absl::OkStatus();
  if (!columns_) return OnHeader(record);
  ++report_.rows;
  ImportRow row;
  if (std::optional<RowProblem> problem = ReadImportRow(record, *columns_, options_.zone, &row)) {
    Refuse(record, *std::move(problem));
    return absl::OkStatus();
  }
  ++report_.accepted;
  if (chunk_.empty()) chunk_behind_ = report_.rows - 1;
  chunk_.push_back(std::move(row));
  return chunk_.size() >= options_.chunk_rows ? Flush() : absl::OkStatus();
}

absl::Status Importer::OnHeader(const CsvRecord& record) {
  if (record.fault != CsvFault::kNone) {
    return base::Error(absl::StatusCode::kInvalidArgument, "HEADER_NOT_TEXT",
                       "the first row, which must name the columns, has a quotation mark that is "
                       "not closed, or is far too long");
  }
  KABAR_ASSIGN_OR_RETURN(columns_, ImportColumns::Resolve(record.fields, options_.mapping));
  report_.delimiter = reader_.delimiter();
  report_.ignored_columns = columns_->Ignored();
  std::vector<std::string> header = record.fields;
  for (const char* added : {"row", "column", "reason"}) header.emplace_back(added);
  header_csv_ = CsvLine(header, report_.delimiter);
  chunk_.reserve(options_.chunk_rows);
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
  if (report_.refused_csv.empty()) report_.refused_csv = header_csv_;
  const std::string line = CsvLine(fields, report_.delimiter);
  if (report_.refused_csv.size() + line.size() <= options_.max_refused_bytes) {
    report_.refused_csv += line;
  } else {
    report_.refused_csv_truncated = true;
  }
  if (report_.problems.size() < options_.max_problems) {
    report_.problems.push_back(std::move(problem));
  }
}

absl::Status Importer::Flush() {
  if (chunk_.empty()) return absl::OkStatus();
  KABAR_RETURN_IF_ERROR(AwaitChunk());
  writing_.clear();
  writing_.swap(chunk_);
  writing_behind_ = chunk_behind_;
  chunk_.reserve(options_.chunk_rows);
  written_ = std::async(std::launch::async, [this] { return write_(absl::MakeSpan(writing_)); });
  return absl::OkStatus();
}

absl::Status Importer::AwaitChunk() {
  if (!written_.valid()) return absl::OkStatus();
  const absl::StatusOr<ChunkCounts> counts = written_.get();
  if (!counts.ok()) {
    return base::Annotate(
        counts.status(),
        absl::StrCat(
            "the import stopped behind row ", writing_behind_,
            " of the data; import the same file again, rows already taken change nothing"));
  }
  report_.counts.contacts_created += counts->contacts_created;
  report_.counts.contacts_updated += counts->contacts_updated;
  report_.counts.shipments_created += counts->shipments_created;
  report_.counts.shipments_updated += counts->shipments_updated;
  return absl::OkStatus();
}

}  // namespace kabar::contacts
