// The XML of one sheet -> records. Private to xlsx_reader.cc and its tests.
//
// Thread safety: one thread. Blocks: as its callbacks do. Errors: those of its callbacks, and
// FILE_NOT_XLSX for rows or cells out of order.
#ifndef KABAR_SERVICES_CONTACTS_XLSX_SHEET_H_
#define KABAR_SERVICES_CONTACTS_XLSX_SHEET_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/xlsx_package.h"

namespace kabar::contacts {

// A text of several runs (<t> elements), without the hints of how to read it aloud (<rPh>).
class XlsxText {
 public:
  void Clear() { text_.clear(); }
  void Start(absl::string_view name);
  void End(absl::string_view name);
  void Add(absl::string_view piece, std::size_t max);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool in_text_ = false;
  bool aloud_ = false;
};

class XlsxSheet {
 public:
  struct Limits {
    std::size_t max_record_bytes = 0;
    std::size_t max_fields = 0;
    int64_t max_bytes = 0;  // of all cells' texts
  };
  // What a cell shows: its type and style as the sheet gives them ("s", 3), its raw value.
  using CellText = std::function<absl::StatusOr<std::string>(absl::string_view type, int style,
                                                             const std::string& raw)>;
  using OnRecord = std::function<absl::Status(CsvRecord record)>;

  XlsxSheet(Limits limits, CellText cell_text, OnRecord on_record)
      : limits_(limits), cell_text_(std::move(cell_text)), on_record_(std::move(on_record)) {}

  // The sheet outlives it.
  XmlHandler Handler();

 private:
  absl::Status Start(absl::string_view name, const XmlAttributes& attributes);
  absl::Status End(absl::string_view name);
  absl::Status EndCell();
  absl::Status EndRow();

  Limits limits_;
  CellText cell_text_;
  OnRecord on_record_;
  CsvRecord record_;
  std::size_t record_bytes_ = 0;
  int64_t bytes_ = 0;
  int64_t row_ = 0;
  int column_ = -1;
  std::string type_;
  int style_ = 0;
  std::string value_;  // of <v>
  XlsxText inline_;    // of <is>
  bool in_value_ = false;
  bool in_inline_ = false;
  std::size_t width_ = 0;  // of the first row that is not empty; 0: none yet
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_XLSX_SHEET_H_
