#include "services/contacts/xlsx_reader.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/contacts/xlsx_sheet.h"

namespace kabar::contacts {
namespace {

// A cell holds 32,767 characters at most.
constexpr std::size_t kMaxText = 4 * 32'767;
constexpr std::size_t kMaxTexts = 4'000'000;
constexpr std::size_t kMaxStyles = 100'000;
constexpr std::size_t kMaxSheets = 1000;
constexpr std::size_t kMaxSheetName = 31;
constexpr char kRelations[] = "xl/_rels/workbook.xml.rels";
constexpr char kWorkbook[] = "xl/workbook.xml";

absl::Status NoRoom() {
  return absl::InternalError(
      "the workbook cannot be kept while it is read; make room in the service's folder for "
      "temporary files (/tmp)");
}

int IntOf(absl::string_view text, int otherwise) {
  int value = 0;
  return absl::SimpleAtoi(text, &value) ? value : otherwise;
}

}  // namespace

absl::Status XlsxTexts::Add(absl::string_view text) {
  if (file_ == nullptr) file_.reset(std::tmpfile());
  if (file_ == nullptr) return NoRoom();
  if (text.size() > kMaxText) return NotXlsx("a cell's text is longer than cells can be");
  if (ends_.size() >= kMaxTexts) return NotXlsx("it has more texts than a sheet has rows for");
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) return NoRoom();
  ends_.push_back((ends_.empty() ? 0 : ends_.back()) + text.size());
  return absl::OkStatus();
}

absl::Status XlsxTexts::AddingEnds() {
  return file_ == nullptr || std::fflush(file_.get()) == 0 ? absl::OkStatus() : NoRoom();
}

absl::StatusOr<std::string> XlsxTexts::Get(absl::string_view number, std::size_t max) const {
  std::size_t i = 0;
  if (!absl::SimpleAtoi(number, &i) || i >= ends_.size()) {
    return NotXlsx("a cell names a text that it does not hold");
  }
  const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
  std::string out(std::min<std::size_t>(ends_[i] - begin, max), '\0');
  const ssize_t got = pread(fileno(file_.get()), out.data(), out.size(), static_cast<off_t>(begin));
  if (got != static_cast<ssize_t>(out.size())) return NoRoom();
  return out;
}

bool XlsxReader::IsWorkbook(absl::string_view head) {
  return absl::StartsWith(head, absl::string_view("PK\x03\x04", 4));
}

XlsxReader::XlsxReader(XlsxOptions options, OnRecord on_record)
    : options_(std::move(options)), on_record_(std::move(on_record)) {}

absl::Status XlsxReader::Feed(absl::string_view bytes) {
  if (spool_ == nullptr) spool_.reset(std::tmpfile());
  if (spool_ == nullptr) return NoRoom();
  size_ += static_cast<int64_t>(bytes.size());
  if (size_ > options_.max_file_bytes) {
    return base::Error(absl::StatusCode::kInvalidArgument, "FILE_TOO_LARGE",
                       absl::StrCat("the workbook has more than ", options_.max_file_bytes >> 20,
                                    " MiB; save it as \"CSV UTF-8\", which may be of any size"));
  }
  if (std::fwrite(bytes.data(), 1, bytes.size(), spool_.get()) != bytes.size()) return NoRoom();
  return absl::OkStatus();
}

absl::Status XlsxReader::Finish() {
  if (spool_ == nullptr || std::fflush(spool_.get()) != 0) return NoRoom();
  KABAR_ASSIGN_OR_RETURN(package_, XlsxPackage::Open(spool_.release(), options_.limits));
  KABAR_RETURN_IF_ERROR(ReadWorkbook());
  KABAR_RETURN_IF_ERROR(ReadRelations());
  KABAR_RETURN_IF_ERROR(ReadTexts());
  KABAR_RETURN_IF_ERROR(ReadStyles());
  return ReadSheet();
}

absl::Status XlsxReader::ReadWorkbook() {
  std::vector<std::string> names;
  XmlHandler handler;
  handler.start = [&](absl::string_view name, const XmlAttributes& attributes) {
    if (name == "workbookPr") {
      const absl::string_view from_1904 = attributes.Get("date1904");
      from_1904_ = from_1904 == "1" || from_1904 == "true";
    }
    if (name != "sheet" || !sheet_relation_.empty()) return absl::OkStatus();
    const absl::string_view sheet = attributes.Get("name");
    if (names.size() >= kMaxSheets) return NotXlsx("it has more than 1,000 sheets");
    names.emplace_back(base::TruncateCodepoints(sheet, kMaxSheetName));
    const bool wanted = options_.sheet.empty()
                            ? !absl::StrContains(attributes.Get("state"), "idden")
                            : absl::EqualsIgnoreCase(sheet, options_.sheet);
    if (wanted) sheet_relation_ = std::string(attributes.Get("id"));
    return absl::OkStatus();
  };
  KABAR_RETURN_IF_ERROR(package_->Parse(kWorkbook, handler));
  if (!sheet_relation_.empty()) return absl::OkStatus();
  if (options_.sheet.empty()) return NotXlsx("it has no sheet that is shown");
  return base::Error(
      absl::StatusCode::kInvalidArgument, "SHEET_NOT_FOUND",
      absl::StrCat("the workbook has no sheet \"", options_.sheet, "\"; it has ",
                   absl::StrJoin(names.begin(),
                                 names.begin() + static_cast<std::ptrdiff_t>(
                                                     std::min<std::size_t>(names.size(), 20)),
                                 ", ")));
}

absl::Status XlsxReader::ReadRelations() {
  XmlHandler handler;
  handler.start = [&](absl::string_view name, const XmlAttributes& attributes) {
    if (name != "Relationship") return absl::OkStatus();
    const absl::string_view target = attributes.Get("Target");
    const std::string part =
        absl::StartsWith(target, "/") ? std::string(target.substr(1)) : absl::StrCat("xl/", target);
    const absl::string_view type = attributes.Get("Type");
    if (absl::EndsWith(type, "/sharedStrings")) texts_part_ = part;
    if (absl::EndsWith(type, "/styles")) styles_part_ = part;
    if (attributes.Get("Id") == sheet_relation_) {
      if (!absl::EndsWith(type, "/worksheet")) return NotXlsx("its sheet is a chart, not a table");
      sheet_part_ = part;
    }
    return absl::OkStatus();
  };
  KABAR_RETURN_IF_ERROR(package_->Parse(kRelations, handler));
  return sheet_part_.empty() ? NotXlsx("its sheet is missing") : absl::OkStatus();
}

absl::Status XlsxReader::ReadTexts() {
  if (texts_part_.empty()) return absl::OkStatus();
  XlsxText text;
  XmlHandler handler;
  handler.start = [&](absl::string_view name, const XmlAttributes&) {
    if (name == "si") text.Clear();
    text.Start(name);
    return absl::OkStatus();
  };
  handler.text = [&](absl::string_view piece) { text.Add(piece, kMaxText + 1); };
  handler.end = [&](absl::string_view name) {
    text.End(name);
    return name == "si" ? texts_.Add(UnescapeText(text.text())) : absl::OkStatus();
  };
  KABAR_RETURN_IF_ERROR(package_->Parse(texts_part_, handler));
  return texts_.AddingEnds();
}

absl::Status XlsxReader::ReadStyles() {
  if (styles_part_.empty()) return absl::OkStatus();
  std::map<int, NumberStyle> custom;
  bool in_cells = false;
  XmlHandler handler;
  handler.start = [&](absl::string_view name, const XmlAttributes& attributes) {
    const int id = IntOf(attributes.Get("numFmtId"), 0);
    if (name == "numFmt") custom[id] = StyleOfCode(attributes.Get("formatCode"));
    in_cells = in_cells || name == "cellXfs";
    if (name == "xf" && in_cells) {
      const auto found = custom.find(id);
      styles_.push_back(found == custom.end() ? StyleOfBuiltIn(id) : found->second);
    }
    return styles_.size() > kMaxStyles || custom.size() > kMaxStyles
               ? NotXlsx("it has more styles than Excel knows")
               : absl::OkStatus();
  };
  handler.end = [&](absl::string_view name) {
    in_cells = in_cells && name != "cellXfs";
    return absl::OkStatus();
  };
  return package_->Parse(styles_part_, handler);
}

absl::StatusOr<std::string> XlsxReader::CellText(absl::string_view type, int style,
                                                 const std::string& raw) const {
  if (raw.empty()) return std::string();
  if (type == "s") return texts_.Get(raw, options_.max_record_bytes + 1);
  if (type == "inlineStr" || type == "str") return UnescapeText(raw);
  if (!type.empty() && type != "n") return raw;  // yes and no, errors, days as text
  const NumberStyle shown = style >= 0 && static_cast<std::size_t>(style) < styles_.size()
                                ? styles_[static_cast<std::size_t>(style)]
                                : NumberStyle::kNumber;
  return shown == NumberStyle::kNumber ? NumberText(raw) : TimeText(raw, shown, from_1904_);
}

absl::Status XlsxReader::ReadSheet() {
  XlsxSheet sheet(
      {.max_record_bytes = options_.max_record_bytes,
       .max_fields = options_.max_fields,
       .max_bytes = options_.limits.max_unpacked},
      [this](absl::string_view type, int style, const std::string& raw) {
        return CellText(type, style, raw);
      },
      on_record_);
  return package_->Parse(sheet_part_, sheet.Handler());
}

}  // namespace kabar::contacts
