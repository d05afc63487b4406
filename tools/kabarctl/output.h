// What people and programs read: tables, JSON, times.
//
// Thread safety: pure functions; a Table belongs to one thread. Nothing blocks. Errors: none.
#ifndef KABAR_TOOLS_KABARCTL_OUTPUT_H_
#define KABAR_TOOLS_KABARCTL_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace google::protobuf {
class Message;
class Timestamp;
}  // namespace google::protobuf

namespace kabar::kabarctl {

// Without line breaks and without what could move a terminal's cursor: text from others goes to
// the terminal only through this.
std::string OneLine(absl::string_view text);

// At most `max` characters, the last one an ellipsis if something was cut.
std::string Shortened(absl::string_view text, std::size_t max);

class Table {
 public:
  struct Column {
    std::string header;
    bool number = false;  // to the right
  };

  explicit Table(std::vector<Column> columns);
  // As many cells as columns.
  void Row(std::vector<std::string> cells);
  // A line across, before a sum.
  void Rule();
  // Columns as wide as their widest cell, two blanks between, no blanks at the end of a line.
  std::string Render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // empty: a rule
};

// "name:  value" lines; those without a value are left out.
std::string Details(const std::vector<std::pair<std::string, std::string>>& lines);

// protobuf JSON with the contract's own field names and zeros written; ends with a line break.
// `pretty`: over many lines; else one line, so that a stream of them is one a line.
std::string Json(const google::protobuf::Message& message, bool pretty = true);

// "2026-11-22 08:00:00 +07:00"; "" for an unset time.
std::string FormatTime(const google::protobuf::Timestamp& time,
                       absl::TimeZone zone = absl::LocalTimeZone());

// "1 row", "2 rows".
std::string Count(std::int64_t count, absl::string_view noun);

}  // namespace kabar::kabarctl

#endif  // KABAR_TOOLS_KABARCTL_OUTPUT_H_
