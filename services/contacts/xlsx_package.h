// The parts of an Excel workbook (.xlsx: a zip archive of XML files), each read as a stream of
// elements. Memory: some hundred KB, whatever the archive claims to hold.
//
// A hostile archive is refused: one that unpacks to more than `max_unpacked` bytes or, beyond
// `ratio_from` bytes, to more than `max_ratio` times what was packed (an honest sheet shrinks 5 to
// 60 times); document type declarations (entities), elements nested deeper than any workbook's,
// tags of a megabyte.
//
// Thread safety: one thread. Blocks: reads the file. Errors: INVALID_ARGUMENT with the reasons
// FILE_NOT_XLSX (what is wrong with it, and what to do) and FILE_UNPACKS_TOO_LARGE; the handler's
// own.
#ifndef KABAR_SERVICES_CONTACTS_XLSX_PACKAGE_H_
#define KABAR_SERVICES_CONTACTS_XLSX_PACKAGE_H_

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace kabar::contacts {

struct XlsxLimits {
  int64_t max_unpacked = int64_t{4} << 30;  // of all parts read
  int64_t ratio_from = 16 << 20;
  int64_t max_ratio = 200;
};

// The attributes of an element; without namespace prefixes.
class XmlAttributes {
 public:
  explicit XmlAttributes(const char** pairs) : pairs_(pairs) {}
  absl::string_view Get(absl::string_view name) const;  // "" where it is missing

 private:
  const char** pairs_;
};

// Names come without namespace prefixes; text comes in pieces.
struct XmlHandler {
  std::function<absl::Status(absl::string_view name, const XmlAttributes& attributes)> start;
  std::function<absl::Status(absl::string_view name)> end = {};
  std::function<void(absl::string_view text)> text = {};
};

class XlsxPackage {
 public:
  // Takes the file over, which holds the archive.
  static absl::StatusOr<std::unique_ptr<XlsxPackage>> Open(std::FILE* file, XlsxLimits limits);
  ~XlsxPackage();
  XlsxPackage(const XlsxPackage&) = delete;
  XlsxPackage& operator=(const XlsxPackage&) = delete;

  // `part`: its path in the archive.
  absl::Status Parse(const std::string& part, const XmlHandler& handler);

 private:
  struct Archive;
  XlsxPackage(std::unique_ptr<Archive> archive, XlsxLimits limits);

  std::unique_ptr<Archive> archive_;
  XlsxLimits limits_;
  int64_t unpacked_ = 0;  // of all parts so far
};

// The workbook is damaged or none: what is said of it, and what to do.
absl::Status NotXlsx(absl::string_view what);
// FILE_UNPACKS_TOO_LARGE.
absl::Status UnpacksTooLarge();

}  // namespace kabar::contacts

#endif  // KABAR_SERVICES_CONTACTS_XLSX_PACKAGE_H_
