#include "libs/log/line.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/log/json.h"

namespace kabar::log {
namespace {

constexpr absl::string_view kRedacted = "\"[redacted]\"";

constexpr absl::string_view kPrivateWords[] = {"token", "secret", "phone",   "phones",   "text",
                                               "texts", "key",    "keys",    "password", "tokens",
                                               "body",  "name",   "address", "recipient"};
constexpr absl::string_view kHarmlessEndings[] = {"id", "count", "bytes", "file", "path"};

constexpr absl::string_view kLevelNames[] = {"debug", "info", "warn", "error"};

// Keys that every line has; a field of that name would make the object say two things.
bool IsReserved(absl::string_view key) {
  return key == "ts" || key == "level" || key == "service" || key == "msg";
}

void AppendKey(absl::string_view key, std::string& out) {
  out.push_back(',');
  AppendJsonString(IsReserved(key) ? absl::StrCat("field_", key) : std::string(key), out);
  out.push_back(':');
}

bool HasKey(const Field* fields, std::size_t count, absl::string_view key) {
  for (std::size_t i = 0; i < count; ++i) {
    if (fields[i].key == key) return true;
  }
  return false;
}

std::string FormatUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ", time, absl::UTCTimeZone());
}

bool IsShadowed(const std::vector<ScopeField>& scope, std::size_t at) {
  for (std::size_t inner = at + 1; inner < scope.size(); ++inner) {
    if (scope[inner].key == scope[at].key) return true;
  }
  return false;
}

}  // namespace

bool ParseLevel(absl::string_view text, Level* level) {
  for (std::size_t i = 0; i < std::size(kLevelNames); ++i) {
    if (kLevelNames[i] != text) continue;
    *level = static_cast<Level>(i);
    return true;
  }
  return false;
}

bool IsRedactedKey(absl::string_view key) {
  std::vector<std::string> words =
      absl::StrSplit(absl::AsciiStrToLower(key), absl::ByAnyChar("_.-"));
  for (absl::string_view ending : kHarmlessEndings) {
    if (words.size() > 1 && words.back() == ending) return false;
  }
  for (const std::string& word : words) {
    for (absl::string_view private_word : kPrivateWords) {
      if (word == private_word) return true;
    }
  }
  return false;
}

Value::Value(absl::Duration value) : kind_(Kind::kOwned), owned_(absl::FormatDuration(value)) {}

Value::Value(absl::Time value) : kind_(Kind::kOwned), owned_(FormatUtc(value)) {}

Value::Value(const absl::Status& value)
    : kind_(Kind::kOwned), owned_(absl::StatusCodeToString(value.code())) {
  std::string reason = base::GetReason(value);
  if (!value.message().empty()) absl::StrAppend(&owned_, ": ", value.message());
  if (!reason.empty()) absl::StrAppend(&owned_, " [", reason, "]");
}

std::string FormatValue(const Value& value) {
  std::string out;
  switch (value.kind_) {
    case Value::Kind::kBool:
      return value.signed_ != 0 ? "true" : "false";
    case Value::Kind::kSigned:
      return absl::StrCat(value.signed_);
    case Value::Kind::kUnsigned:
      return absl::StrCat(value.unsigned_);
    case Value::Kind::kReal:
      AppendJsonNumber(value.real_, out);
      return out;
    case Value::Kind::kView:
      AppendJsonString(value.view_, out);
      return out;
    case Value::Kind::kOwned:
      AppendJsonString(value.owned_, out);
      return out;
  }
  return out;
}

std::string RenderValue(const Field& field) {
  if (IsRedactedKey(field.key)) return std::string(kRedacted);
  return FormatValue(field.value);
}

std::string RenderLine(absl::Time time, Level level, absl::string_view service,
                       absl::string_view message, const std::vector<ScopeField>& scope,
                       const Field* fields, std::size_t count) {
  std::string line = absl::StrCat("{\"ts\":\"", FormatUtc(time), "\",\"level\":\"",
                                  kLevelNames[static_cast<std::size_t>(level)], "\"");
  absl::StrAppend(&line, ",\"service\":");
  AppendJsonString(service, line);
  absl::StrAppend(&line, ",\"msg\":");
  AppendJsonString(message, line);
  for (std::size_t i = 0; i < scope.size(); ++i) {
    if (IsShadowed(scope, i) || HasKey(fields, count, scope[i].key)) continue;
    AppendKey(scope[i].key, line);
    line += scope[i].json;
  }
  for (std::size_t i = 0; i < count; ++i) {
    // The later of two fields with one key wins, as between scopes.
    if (HasKey(fields + i + 1, count - i - 1, fields[i].key)) continue;
    AppendKey(fields[i].key, line);
    line += RenderValue(fields[i]);
  }
  line.push_back('}');
  return line;
}

}  // namespace kabar::log
