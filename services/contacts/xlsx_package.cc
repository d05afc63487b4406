#include "services/contacts/xlsx_package.h"

#include <expat.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "libs/base/status.h"

namespace kabar::contacts {
namespace {

constexpr zip_int64_t kMaxEntries = 10'000;
constexpr int kMaxDepth = 64;
// Of a tag that has begun and not ended: the parser keeps it in memory.
constexpr XML_Index kMaxTag = 1 << 20;

absl::string_view LocalName(absl::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == absl::string_view::npos ? name : name.substr(colon + 1);
}

// What the parser's callbacks share.
struct Parsing {
  const XmlHandler* handler = nullptr;
  XML_Parser parser = nullptr;
  absl::Status status = {};
  int depth = 0;

  void Take(absl::Status next) {
    if (next.ok() || !status.ok()) return;
    status = std::move(next);
    XML_StopParser(parser, XML_FALSE);
  }
};

void OnStart(void* data, const XML_Char* name, const XML_Char** attributes) {
  auto& parsing = *static_cast<Parsing*>(data);
  if (++parsing.depth > kMaxDepth) return parsing.Take(NotXlsx("its XML is nested too deep"));
  parsing.Take(parsing.handler->start(LocalName(name), XmlAttributes(attributes)));
}

void OnEnd(void* data, const XML_Char* name) {
  auto& parsing = *static_cast<Parsing*>(data);
  --parsing.depth;
  if (parsing.handler->end) parsing.Take(parsing.handler->end(LocalName(name)));
}

void OnText(void* data, const XML_Char* text, int size) {
  auto& parsing = *static_cast<Parsing*>(data);
  if (parsing.handler->text && parsing.status.ok()) {
    parsing.handler->text({text, static_cast<std::size_t>(size)});
  }
}

void OnDoctype(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Parsing*>(data)->Take(NotXlsx("it declares a document type, which no workbook does"));
}

struct ParserDeleter {
  void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
struct FileDeleter {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

absl::Status NotXlsx(absl::string_view what) {
  return base::Error(absl::StatusCode::kInvalidArgument, "FILE_NOT_XLSX",
                     absl::StrCat("the file is no Excel workbook that can be read: ", what,
                                  "; open it in Excel and save it as .xlsx or as \"CSV UTF-8\""));
}

absl::Status UnpacksTooLarge() {
  return base::Error(absl::StatusCode::kInvalidArgument, "FILE_UNPACKS_TOO_LARGE",
                     "the workbook unpacks to far more than a list of contacts has; keep only the "
                     "sheet with the list, or save it as \"CSV UTF-8\"");
}

absl::string_view XmlAttributes::Get(absl::string_view name) const {
  for (const char** pair = pairs_; *pair != nullptr; pair += 2) {
    if (LocalName(pair[0]) == name) return pair[1];
  }
  return "";
}

struct XlsxPackage::Archive {
  zip_t* zip = nullptr;
  ~Archive() {
    if (zip != nullptr) zip_discard(zip);
  }
};

XlsxPackage::XlsxPackage(std::unique_ptr<Archive> archive, XlsxLimits limits)
    : archive_(std::move(archive)), limits_(limits) {}

XlsxPackage::~XlsxPackage() = default;

absl::StatusOr<std::unique_ptr<XlsxPackage>> XlsxPackage::Open(std::FILE* file, XlsxLimits limits) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_filep_create(file, 0, 0, &error);
  if (source == nullptr) {
    std::fclose(file);
    zip_error_fini(&error);
    return absl::InternalError("the spooled workbook cannot be read");
  }
  auto archive = std::make_unique<Archive>();
  archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
  zip_error_fini(&error);
  if (archive->zip == nullptr) {
    zip_source_free(source);
    return NotXlsx("the archive is damaged or cut off");
  }
  if (zip_get_num_entries(archive->zip, 0) > kMaxEntries) {
    return NotXlsx("it holds too many files");
  }
  return std::unique_ptr<XlsxPackage>(new XlsxPackage(std::move(archive), limits));
}

absl::Status XlsxPackage::Parse(const std::string& part, const XmlHandler& handler) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat(archive_->zip, part.c_str(), 0, &stat) != 0) {
    return NotXlsx(absl::StrCat("its part ", part, " is missing"));
  }
  const std::unique_ptr<zip_file_t, FileDeleter> file(zip_fopen(archive_->zip, part.c_str(), 0));
  const std::unique_ptr<XML_ParserStruct, ParserDeleter> parser(XML_ParserCreate(nullptr));
  if (file == nullptr) return NotXlsx("it is protected by a password, or damaged");
  Parsing parsing{.handler = &handler, .parser = parser.get()};
  XML_SetUserData(parser.get(), &parsing);
  XML_SetElementHandler(parser.get(), OnStart, OnEnd);
  XML_SetCharacterDataHandler(parser.get(), OnText);
  XML_SetStartDoctypeDeclHandler(parser.get(), OnDoctype);
  const auto packed = static_cast<int64_t>(std::max<zip_uint64_t>(stat.comp_size, 1));
  int64_t read = 0;
  std::array<char, 64 * 1024> buffer;
  while (true) {
    const zip_int64_t n = zip_fread(file.get(), buffer.data(), buffer.size());
    if (n < 0) return NotXlsx("the archive is damaged");
    read += n;
    unpacked_ += n;
    if (unpacked_ > limits_.max_unpacked ||
        (read > limits_.ratio_from && read / packed > limits_.max_ratio)) {
      return UnpacksTooLarge();
    }
    const bool parsed =
        XML_Parse(parser.get(), buffer.data(), static_cast<int>(n), n == 0) == XML_STATUS_OK;
    if (!parsing.status.ok()) return parsing.status;
    if (!parsed) return NotXlsx(absl::StrCat("the XML of its part ", part, " is damaged"));
    if (n == 0) return absl::OkStatus();
    if (read - XML_GetCurrentByteIndex(parser.get()) > kMaxTag) {
      return NotXlsx("it holds a tag far longer than any workbook has");
    }
  }
}

}  // namespace kabar::contacts
