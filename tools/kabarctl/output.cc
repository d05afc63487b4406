#include "tools/kabarctl/output.h"

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "libs/base/text.h"

namespace kabar::kabarctl {
namespace {

// U+0080 to U+009F in UTF-8: terminals may take them for escape sequences.
bool IsC1Control(absl::string_view text, std::size_t i) {
  return i + 1 < text.size() && static_cast<unsigned char>(text[i]) == 0xC2 &&
         static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
         static_cast<unsigned char>(text[i + 1]) < 0xA0;
}

void Pad(std::string* line, absl::string_view cell, std::size_t width, bool right) {
  const std::size_t length = base::CountCodepoints(cell);
  const std::string blanks(width > length ? width - length : 0, ' ');
  absl::StrAppend(line, right ? blanks : "", cell, right ? "" : blanks);
}

std::string WithoutBlanksAtEnd(std::string line) {
  line.resize(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

std::string OneLine(absl::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    if (byte == '\n' || byte == '\t' || byte == '\r') {
      clean += ' ';
    } else if (byte < 0x20 || byte == 0x7F) {
      clean += '?';
    } else if (IsC1Control(text, i)) {
      clean += '?';
      ++i;
    } else {
      clean += text[i];
    }
  }
  return clean;
}

std::string Shortened(absl::string_view text, std::size_t max) {
  const std::string clean = OneLine(text);
  if (base::CountCodepoints(clean) <= max) return clean;
  return absl::StrCat(base::TruncateCodepoints(clean, max - 1), "…");
}

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::Row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::string& cell : cells) cell = OneLine(cell);
  rows_.push_back(std::move(cells));
}

void Table::Rule() { rows_.emplace_back(); }

std::string Table::Render() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = base::CountCodepoints(columns_[i].header);
    for (const auto& row : rows_) {
      if (!row.empty()) width = std::max(width, base::CountCodepoints(row[i]));
    }
    widths.push_back(width);
  }
  std::string text;
  const auto add = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      Pad(&line, cell_of(i), widths[i], columns_[i].number);
    }
    absl::StrAppend(&text, WithoutBlanksAtEnd(std::move(line)), "\n");
  };
  add([&](std::size_t i) { return columns_[i].header; });
  for (const auto& row : rows_) {
    add([&](std::size_t i) { return row.empty() ? std::string(widths[i], '-') : row[i]; });
  }
  return text;
}

std::string Details(const std::vector<std::pair<std::string, std::string>>& lines) {
  std::size_t width = 0;
  for (const auto& [name, value] : lines) {
    if (!value.empty()) width = std::max(width, base::CountCodepoints(name));
  }
  std::string text;
  for (const auto& [name, value] : lines) {
    if (value.empty()) continue;
    std::string line;
    Pad(&line, absl::StrCat(name, ":"), width + 1, false);
    absl::StrAppend(&text, line, "  ", OneLine(value), "\n");
  }
  return text;
}

std::string Json(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  // Fails only for Any of unknown types, which no contract has.
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

std::string FormatTime(const google::protobuf::Timestamp& time, absl::TimeZone zone) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S %Ez",
                          absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
                          zone);
}

std::string Count(std::int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

}  // namespace kabar::kabarctl
