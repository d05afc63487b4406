// The encoding of a file's text, record by record as it is read: UTF-8, or Windows-1252, which
// Indonesian Excel writes where it is asked for plain "CSV".
//
// A record that is well-formed UTF-8 stays as it is. One that is not is read as Windows-1252,
// unless the file has shown itself to be UTF-8 before (a byte order mark, or a character beyond
// ASCII): then it is damaged and stays so, and import_row.h refuses it.
//
// Thread safety: one thread. Nothing blocks, nothing fails.
#ifndef KABAR_SERVICES_CONTACTS_RECORD_TEXT_H_
#define KABAR_SERVICES_CONTACTS_RECORD_TEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/contacts/csv_reader.h"

namespace kabar::contacts {

class RecordText {
 public:
  // The file says of itself that it is UTF-8.
  void SetUtf8() { utf8_ = true; }
  // Makes the record's fields UTF-8 where they can be.
  void Decode(CsvRecord& record);
  // Records that were read as Windows-1252.
  int64_t windows_1252_records() const { return windows_1252_records_; }

 private:
  bool utf8_ = false;
  int64_t windows_1252_records_ = 0;
};

// As UTF-8; false for the five bytes that Windows-1252 has no character for (`text` stays then).
bool DecodeWindows1252(std::string& text);

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_RECORD_TEXT_H_
