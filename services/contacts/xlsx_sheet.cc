#include "services/contacts/xlsx_sheet.h"

#include "absl/strings/numbers.h"
#include "services/contacts/xlsx_cells.h"

namespace kabar::contacts {
namespace {

constexpr int64_t kMaxRows = 1'048'576;

}  // namespace

void XlsxText::Start(absl::string_view name) {
  if (name == "t") in_text_ = true;
  if (name == "rPh") aloud_ = true;
}

void XlsxText::End(absl::string_view name) {
  if (name == "t") in_text_ = false;
  if (name == "rPh") aloud_ = false;
}

void XlsxText::Add(absl::string_view piece, std::size_t max) {
  if (!in_text_ || aloud_ || text_.size() >= max) return;
  text_.append(piece.data(), piece.size());
}

XmlHandler XlsxSheet::Handler() {
  XmlHandler handler;
  handler.start = [this](absl::string_view name, const XmlAttributes& attributes) {
    return Start(name, attributes);
  };
  handler.end = [this](absl::string_view name) { return End(name); };
  handler.text = [this](absl::string_view piece) {
    if (in_inline_) inline_.Add(piece, limits_.max_record_bytes + 1);
    if (in_value_ && value_.size() <= limits_.max_record_bytes) {
      value_.append(piece.data(), piece.size());
    }
  };
  return handler;
}

absl::Status XlsxSheet::Start(absl::string_view name, const XmlAttributes& attributes) {
  if (name == "row") {
    int64_t row = row_ + 1;
    const absl::string_view told = attributes.Get("r");
    if (!told.empty() && (!absl::SimpleAtoi(told, &row) || row <= row_)) {
      return NotXlsx("its rows are out of order");
    }
    if (row > kMaxRows) return NotXlsx("it has more rows than a sheet can have");
    row_ = row;
    column_ = -1;
    record_ = CsvRecord();
    record_.number = row;
    record_bytes_ = 0;
  } else if (name == "c") {
    const absl::string_view told = attributes.Get("r");
    const int column = told.empty() ? column_ + 1 : ColumnOfReference(told);
    if (column <= column_) return NotXlsx("its cells are out of order");
    column_ = column;
    type_ = std::string(attributes.Get("t"));
    style_ = 0;
    if (!absl::SimpleAtoi(attributes.Get("s"), &style_)) style_ = 0;
    value_.clear();
    inline_.Clear();
  } else if (name == "v") {
    in_value_ = true;
  } else if (name == "is") {
    in_inline_ = true;
  }
  if (in_inline_) inline_.Start(name);
  return absl::OkStatus();
}

absl::Status XlsxSheet::End(absl::string_view name) {
  if (in_inline_) inline_.End(name);
  if (name == "v") in_value_ = false;
  if (name == "is") in_inline_ = false;
  if (name == "c") return EndCell();
  return name == "row" ? EndRow() : absl::OkStatus();
}

absl::Status XlsxSheet::EndCell() {
  // A row that is too large costs nothing more, nor does a cell behind all columns.
  if (record_.fault != CsvFault::kNone) return absl::OkStatus();
  if (static_cast<std::size_t>(column_) >= limits_.max_fields) {
    record_.fault = CsvFault::kRecordTooLarge;
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> text =
      cell_text_(type_, style_, type_ == "inlineStr" ? inline_.text() : value_);
  if (!text.ok()) return text.status();
  if (text->empty()) return absl::OkStatus();
  record_bytes_ += text->size();
  bytes_ += static_cast<int64_t>(text->size());
  // One long text of the workbook may be named by millions of cells.
  if (bytes_ > limits_.max_bytes) return UnpacksTooLarge();
  const auto column = static_cast<std::size_t>(column_);
  if (record_bytes_ > limits_.max_record_bytes) {
    record_.fault = CsvFault::kRecordTooLarge;
    return absl::OkStatus();
  }
  if (record_.fields.size() <= column) record_.fields.resize(column + 1);
  record_.fields[column] = *std::move(text);
  return absl::OkStatus();
}

absl::Status XlsxSheet::EndRow() {
  if (record_.fault != CsvFault::kNone) {
    record_.fields.clear();
  } else {
    if (width_ == 0) width_ = record_.fields.size();
    if (record_.fields.size() < width_) record_.fields.resize(width_);
  }
  return on_record_(std::move(record_));
}

}  // namespace kabar::contacts
