#include "tools/kabarctl/errors.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "libs/base/status.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

constexpr char kServiceMeta[] = "kabarctl_service";
constexpr char kAddressMeta[] = "kabarctl_address";
constexpr char kTimeoutMeta[] = "kabarctl_timeout";
constexpr char kHintMeta[] = "kabarctl_hint";

absl::string_view LastPart(absl::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == absl::string_view::npos ? path : path.substr(dot + 1);
}

// "--rate" or "FILTER"; "" if no argument of the command fills the field.
std::string ArgumentOf(absl::string_view field, const Command* command) {
  if (command == nullptr || field.empty()) return "";
  for (const Option& option : command->options) {
    if (!option.field.empty() && LastPart(option.field) == LastPart(field)) {
      return absl::StrCat("--", option.name);
    }
  }
  for (const Positional& positional : command->positionals) {
    if (!positional.field.empty() && LastPart(positional.field) == LastPart(field)) {
      return positional.name;
    }
  }
  return "";
}

std::string Fields(const absl::Status& status, const Command* command) {
  std::vector<std::string> sentences;
  for (const base::FieldViolation& violation : base::GetFieldViolations(status)) {
    std::string name = ArgumentOf(violation.field, command);
    if (name.empty()) name = violation.field;
    sentences.push_back(name.empty() ? violation.description
                                     : absl::StrCat(name, ": ", violation.description));
  }
  return absl::StrJoin(sentences, "; ");
}

// gRPC tells the whole way down ("connections to all backends failing; last error: ...:
// Connection refused"); the last part is what a person can act upon.
absl::string_view LastCause(absl::string_view message) {
  const std::size_t colon = message.rfind(": ");
  return colon == absl::string_view::npos ? message : message.substr(colon + 2);
}

// The wire itself failed: nobody answered, so there is no reason of a service's own.
std::string TransportSentence(const absl::Status& status) {
  const std::string service = base::GetMeta(status, kServiceMeta);
  const std::string address = base::GetMeta(status, kAddressMeta);
  const std::string variable = absl::StrCat("KABAR_", absl::AsciiStrToUpper(service), "_ADDRESS");
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return absl::StrCat(service, " cannot be reached at ", address, " (",
                          LastCause(status.message()), "); start it, or give its address in ",
                          variable, " or --", service, "-address");
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat(service, " at ", address, " did not answer within ",
                          base::GetMeta(status, kTimeoutMeta),
                          "; try again, or give it more time with --timeout");
    case absl::StatusCode::kUnimplemented:
      return absl::StrCat("what answers at ", address, " does not know this call; check that ",
                          variable, " names ", service, " and that it is as new as kabarctl");
    default:
      return "";
  }
}

std::string ServiceSentence(const absl::Status& status, const Command* command) {
  const std::string reason = base::GetReason(status);
  std::string sentence = Fields(status, command);
  if (sentence.empty()) {
    sentence = std::string(status.message());
    if (sentence.empty()) sentence = absl::StatusCodeToString(status.code());
  }
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
      absl::StrAppend(&sentence, "; check KABAR_API_KEY or --api-key-file");
      break;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      absl::StrAppend(&sentence, "; try again in a moment");
      break;
    default:
      break;
  }
  if (!reason.empty() && reason != kUsage && reason != base::kInvalidFieldReason) {
    absl::StrAppend(&sentence, " [", reason, "]");
  }
  return sentence;
}

}  // namespace

absl::Status FromCall(absl::Status status, absl::string_view service, absl::string_view address,
                      absl::Duration timeout) {
  status = base::WithMeta(std::move(status), kServiceMeta, service);
  status = base::WithMeta(std::move(status), kAddressMeta, address);
  return base::WithMeta(std::move(status), kTimeoutMeta, absl::FormatDuration(timeout));
}

absl::Status WithHint(absl::Status status, absl::string_view hint) {
  return base::WithMeta(std::move(status), kHintMeta, hint);
}

std::string ErrorSentence(const absl::Status& status, const Command* command) {
  std::string sentence;
  if (base::GetReason(status).empty() && !base::GetMeta(status, kServiceMeta).empty()) {
    sentence = TransportSentence(status);
  }
  if (sentence.empty()) sentence = ServiceSentence(status, command);
  const std::string hint = base::GetMeta(status, kHintMeta);
  if (!hint.empty()) absl::StrAppend(&sentence, "; ", hint);
  return OneLine(sentence);
}

std::string ErrorJson(const absl::Status& status, const Command* command) {
  nlohmann::json error = {{"code", absl::StatusCodeToString(status.code())},
                          {"reason", base::GetReason(status)},
                          {"message", ErrorSentence(status, command)},
                          {"fields", nlohmann::json::array()}};
  for (const base::FieldViolation& violation : base::GetFieldViolations(status)) {
    error["fields"].push_back({{"field", violation.field},
                               {"option", ArgumentOf(violation.field, command)},
                               {"description", violation.description}});
  }
  return nlohmann::json{{"error", error}}.dump(2, ' ', false,
                                               nlohmann::json::error_handler_t::replace);
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  if (IsUsageError(status)) return kExitUsage;
  const bool from_call = !base::GetMeta(status, kServiceMeta).empty();
  if (from_call && (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status))) {
    return kExitUnreachable;
  }
  return kExitRefused;
}

}  // namespace kabar::kabarctl
