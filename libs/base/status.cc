#include "libs/base/status.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace kabar::base {
namespace {

// Between a violation's field and its description; a field path holds no such byte.
constexpr char kSeparator = '\0';

std::string FieldUrl(std::size_t index) {
  return absl::StrFormat("%s%06d", kFieldUrlPrefix, index);
}

// All payloads under a prefix, sorted by what follows it: absl visits them in no fixed order.
std::vector<std::pair<std::string, std::string>> PayloadsUnder(const absl::Status& status,
                                                               absl::string_view prefix) {
  std::vector<std::pair<std::string, std::string>> found;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (absl::ConsumePrefix(&url, prefix)) {
      found.emplace_back(std::string(url), std::string(payload));
    }
  });
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status WithMessage(const absl::Status& status, absl::string_view message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload([&changed](absl::string_view url, const absl::Cord& payload) {
    changed.SetPayload(url, payload);
  });
  return changed;
}

}  // namespace

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view description) {
  absl::Status status = Error(absl::StatusCode::kInvalidArgument, kInvalidFieldReason,
                              absl::StrCat(field, ": ", description));
  AddFieldViolation(status, field, description);
  return status;
}

void AddFieldViolation(absl::Status& status, absl::string_view field,
                       absl::string_view description) {
  if (status.ok()) {
    status = InvalidField(field, description);
    return;
  }
  std::size_t count = PayloadsUnder(status, kFieldUrlPrefix).size();
  // The message tells each of them, for those who see nothing but the message.
  if (count > 0)
    status = WithMessage(status, absl::StrCat(status.message(), "; ", field, ": ", description));
  status.SetPayload(FieldUrl(count),
                    absl::Cord(absl::StrCat(field, std::string(1, kSeparator), description)));
}

absl::Status WithMeta(absl::Status status, absl::string_view key, absl::string_view value) {
  if (!status.ok()) status.SetPayload(absl::StrCat(kMetaUrlPrefix, key), absl::Cord(value));
  return status;
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return WithMessage(status, absl::StrCat(context, ": ", status.message()));
}

std::string GetReason(const absl::Status& status) {
  auto payload = status.GetPayload(kReasonUrl);
  return payload ? std::string(*payload) : std::string();
}

std::string GetMeta(const absl::Status& status, absl::string_view key) {
  auto payload = status.GetPayload(absl::StrCat(kMetaUrlPrefix, key));
  return payload ? std::string(*payload) : std::string();
}

std::vector<std::pair<std::string, std::string>> GetAllMeta(const absl::Status& status) {
  return PayloadsUnder(status, kMetaUrlPrefix);
}

std::vector<FieldViolation> GetFieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  for (const auto& [index, payload] : PayloadsUnder(status, kFieldUrlPrefix)) {
    std::size_t end = payload.find(kSeparator);
    if (end == std::string::npos) continue;
    violations.push_back({payload.substr(0, end), payload.substr(end + 1)});
  }
  return violations;
}

}  // namespace kabar::base
