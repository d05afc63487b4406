#include "services/contacts/source_pages.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "nlohmann/json.hpp"
#include "services/contacts/contact.h"

namespace kabar::contacts {
namespace {

using Json = nlohmann::json;

constexpr int kMaxPages = 10'000;
// A value costs far more in memory than its two bytes in the answer.
constexpr int kMaxValues = 400'000;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxToken = 2000;

absl::Status Answer(absl::string_view what) {
  return base::Error(absl::StatusCode::kFailedPrecondition, "SOURCE_ANSWER",
                     absl::StrCat("the tracking API's answer ", what));
}

// Whether it can be read into memory without harm; what is no JSON, the parser says.
bool IsSmall(absl::string_view body) {
  int values = 1;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == ',' || c == '[' || c == '{') ++values;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (values > kMaxValues || depth > kMaxDepth) return false;
  }
  return true;
}

// The code of "\\uD83D" at the front; 0: it is no such escape.
int EscapedCode(absl::string_view text) {
  int code = 0;
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return 0;
  return absl::SimpleHexAtoi(text.substr(2, 4), &code) ? code : 0;
}

// With U+FFFD for what is no character: bytes that are no UTF-8, and halves of one, which are left
// where a text was cut within an emoji. One such name must not keep a whole list out.
std::string Mended(absl::string_view body) {
  std::string text;
  while (!body.empty()) {
    const std::size_t good = std::min(base::FirstInvalidUtf8(body), body.size());
    absl::StrAppend(&text, body.substr(0, good), good < body.size() ? "\uFFFD" : "");
    body.remove_prefix(std::min(good + 1, body.size()));
  }
  std::string out;
  for (absl::string_view rest = text; !rest.empty();) {
    std::size_t taken = rest[0] == '\\' ? std::min<std::size_t>(2, rest.size()) : 1;
    const int code = EscapedCode(rest);
    const int next = code == 0 ? 0 : EscapedCode(rest.substr(6));
    const bool whole = code >= 0xD800 && code <= 0xDBFF && next >= 0xDC00 && next <= 0xDFFF;
    if (whole) taken = 12;
    if (!whole && code >= 0xD800 && code <= 0xDFFF) {
      out += "\uFFFD";
      taken = 6;
    } else {
      absl::StrAppend(&out, rest.substr(0, taken));
    }
    rest.remove_prefix(taken);
  }
  return out;
}

// "meta.next" in {"meta": {"next": 7}}; the value itself for "". Null where it is not there.
const Json* At(const Json& value, absl::string_view path) {
  const Json* at = &value;
  if (path.empty()) return at;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(name));
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

// What a cell would say of a value that is neither a list nor an object.
std::string Text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "ya" : "tidak";
  // 15000.0 is 15000: a point would be taken for one of thousands.
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::abs(number) < 1e15 && std::floor(number) == number) {
      return absl::StrCat(static_cast<int64_t>(number));
    }
  }
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// What leads to the next page, or the since-token: false is what many say for "none".
std::string Token(const Json* value) {
  if (value == nullptr || value->is_structured() || value->is_boolean()) return "";
  return Text(*value);
}

}  // namespace

SourcePages::SourcePages(const Source& source, const SourceHosts& hosts)
    : source_(source), hosts_(hosts), page_(source.settings.first_page) {
  next_ = source.settings.paging == Paging::kPageNumber
              ? WithParameter(First(), source.settings.page_parameter, absl::StrCat(page_))
              : First();
}

std::string SourcePages::First() const {
  const SourceSettings& s = source_.settings;
  return source_.since.empty() ? s.url : WithParameter(s.url, s.since_parameter, source_.since);
}

CsvRecord SourcePages::Header() const {
  CsvRecord header;
  header.number = 1;
  for (const auto& [place, field] : source_.settings.mapping) header.fields.push_back(field);
  return header;
}

absl::StatusOr<std::vector<CsvRecord>> SourcePages::Read(absl::string_view body) {
  const SourceSettings& s = source_.settings;
  if (!IsSmall(body)) return Answer("has too many values, or too many in each other; ask for less");
  Json answer = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  if (answer.is_discarded()) {
    answer = Json::parse(Mended(body), nullptr, /*allow_exceptions=*/false);
  }
  if (answer.is_discarded()) return Answer("is no JSON");
  const Json* const items = At(answer, s.items_path);
  if (items == nullptr || !items->is_array()) {
    return Answer(absl::StrCat("has no list at \"", s.items_path, "\" (items_path)"));
  }
  // A record costs as much as a value for each place, whatever the item has.
  if (items->size() * s.mapping.size() > static_cast<std::size_t>(kMaxValues)) {
    return Answer("has too many items for one page; ask for smaller pages");
  }
  std::vector<CsvRecord> out;
  if (s.paging == Paging::kPageNumber && !items->empty()) {
    const base::Sha256Digest digest =
        base::Sha256(items->dump(-1, ' ', false, Json::error_handler_t::replace));
    if (before_ == digest) {
      // Some repeat the last page for every number behind it. That the parameter is known, earlier
      // pages or pulls have shown.
      next_.reset();
      if (pages_ > 1 || source_.last_success_at) return out;
      return Answer("is the same for two pages: the API does not seem to know the page_parameter");
    }
    before_ = digest;
  }
  out.reserve(items->size());
  for (const Json& item : *items) {
    CsvRecord record;
    record.number = ++items_ + 1;
    bool known = false;
    for (const auto& [place, field] : s.mapping) {
      const Json* const value = At(item, place);
      known = known || value != nullptr;
      if (value != nullptr) found_.insert(place);
      const bool text = value != nullptr && !value->is_structured();
      record.kinds.push_back(text               ? CellKind::kText
                             : value == nullptr ? CellKind::kAbsent
                                                : CellKind::kNoValue);
      record.fields.push_back(text ? Text(*value) : std::string());
    }
    if (!known) {
      return Answer(absl::StrCat("has an item (number ", items_,
                                 ") with none of the places of the mapping; compare them with what "
                                 "the API answers"));
    }
    out.push_back(std::move(record));
  }
  if (std::string since = Token(At(answer, s.since_path));
      !s.since_path.empty() && !since.empty()) {
    if (!TextFault(since, kMaxToken).empty()) {
      return Answer(absl::StrCat("has no text of 2,000 characters at most at \"", s.since_path,
                                 "\" (since_path)"));
    }
    since_ = std::move(since);
  }
  const std::string next = s.next_path.empty() ? "" : Token(At(answer, s.next_path));
  KABAR_RETURN_IF_ERROR(Follow(next, items->empty()));
  return out;
}

bool SourcePages::NoSuchPage() {
  if (source_.settings.paging != Paging::kPageNumber || pages_ == 0) return false;
  next_.reset();
  return true;
}

std::vector<std::string> SourcePages::MissingPlaces() const {
  std::vector<std::string> out;
  if (items_ == 0) return out;
  for (const auto& [place, field] : source_.settings.mapping) {
    if (found_.count(place) == 0) out.push_back(place);
  }
  return out;
}

absl::Status SourcePages::Follow(const std::string& next, bool empty) {
  const SourceSettings& s = source_.settings;
  const std::string asked = *next_;
  next_.reset();
  switch (s.paging) {
    case Paging::kNone:
      return absl::OkStatus();
    case Paging::kPageNumber: {
      if (empty) return absl::OkStatus();
      next_ = WithParameter(First(), s.page_parameter, absl::StrCat(++page_));
      break;
    }
    case Paging::kCursor:
    case Paging::kNextLink: {
      if (next.empty() || next == "0") return absl::OkStatus();  // 0: a mark of the end too
      if (!seen_.insert(next).second) {
        return Answer("names a page as the next that was read before");
      }
      if (s.paging == Paging::kCursor) {
        next_ = WithParameter(First(), s.page_parameter, next);
        break;
      }
      // The secret must not go elsewhere.
      std::optional<std::string> link = AtSameOrigin(s.url, ResolveLink(asked, next));
      if (!link || !UrlFault(*link, hosts_, !s.auth_secret.empty()).empty()) {
        return Answer("names a next page at another place than the source's own");
      }
      next_ = *std::move(link);
      break;
    }
  }
  if (++pages_ >= kMaxPages) return Answer("has no end: 10,000 pages");
  return absl::OkStatus();
}

}  // namespace kabar::contacts
