// Reads one sheet of an Excel workbook (.xlsx) into records as a CSV file of it would give them:
// the values that the cells show, days as 22/11/2026, the rows numbered as the spreadsheet numbers
// them. Cells behind the first row's last one are left out where they are empty.
//
// The file comes in pieces and is kept on disk (an archive is read from its end), as are the
// workbook's texts; memory: 8 bytes a different text and some hundred KB. Records come in Finish.
//
// Thread safety: one thread. Blocks: on the disk, and as the callback does. Errors:
// INVALID_ARGUMENT with the reasons of xlsx_package.h, FILE_TOO_LARGE, SHEET_NOT_FOUND (which there
// are); the callback's own; INTERNAL where the disk has no room. A row that is far too large is a
// record with a fault.
#ifndef KABAR_SERVICES_CONTACTS_XLSX_READER_H_
#define KABAR_SERVICES_CONTACTS_XLSX_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/contacts/csv_reader.h"
#include "services/contacts/xlsx_cells.h"
#include "services/contacts/xlsx_package.h"

namespace kabar::contacts {

struct XlsxOptions {
  std::string sheet = {};  // its name; empty: the first one that is shown
  int64_t max_file_bytes = 256 << 20;
  std::size_t max_record_bytes = 64 * 1024;
  std::size_t max_fields = 256;
  XlsxLimits limits = {};
};

// The texts that cells name by number, on disk.
class XlsxTexts {
 public:
  absl::Status Add(absl::string_view text);
  absl::Status AddingEnds();
  // At most `max` bytes of it.
  absl::StatusOr<std::string> Get(absl::string_view number, std::size_t max) const;

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Closer> file_;
  std::vector<uint64_t> ends_;
};

class XlsxReader {
 public:
  using OnRecord = std::function<absl::Status(CsvRecord record)>;

  // Whether a file that begins so is a workbook; 4 bytes are enough.
  static bool IsWorkbook(absl::string_view head);

  XlsxReader(XlsxOptions options, OnRecord on_record);

  absl::Status Feed(absl::string_view bytes);
  absl::Status Finish();

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  absl::Status ReadWorkbook();
  absl::Status ReadRelations();
  absl::Status ReadTexts();
  absl::Status ReadStyles();
  absl::Status ReadSheet();
  absl::StatusOr<std::string> CellText(absl::string_view type, int style,
                                       const std::string& raw) const;

  XlsxOptions options_;
  OnRecord on_record_;
  std::unique_ptr<std::FILE, Closer> spool_;
  int64_t size_ = 0;
  std::unique_ptr<XlsxPackage> package_;
  std::string sheet_relation_;
  bool from_1904_ = false;
  std::string sheet_part_;
  std::string texts_part_;  // "" where the workbook has none
  std::string styles_part_;
  XlsxTexts texts_;
  std::vector<NumberStyle> styles_;  // by the number that cells name
};

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_XLSX_READER_H_
