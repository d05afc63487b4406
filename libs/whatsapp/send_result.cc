#include "libs/whatsapp/send_result.h"

#include <optional>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "libs/whatsapp/error_policy.h"
#include "libs/whatsapp/graph_error.h"
#include "libs/whatsapp/json_reader.h"

namespace kabar::whatsapp {
namespace {

SendOutcome Ambiguous(std::string reason) {
  return SendOutcome{.kind = SendOutcome::Kind::kAmbiguous, .reason = std::move(reason)};
}

// An id goes into the ledger as it is, so it must be something that a ledger can hold.
bool IsMessageId(const std::string& id) {
  constexpr std::size_t kLongest = 512;
  return !id.empty() && id.size() <= kLongest && absl::c_all_of(id, absl::ascii_isgraph);
}

std::optional<SendOutcome> ReadAccepted(const JsonObject& root) {
  JsonArray messages;
  JsonObject message;
  if (!Find(root, "messages", &messages)) return std::nullopt;
  if (messages.at(0).get(message) != simdjson::SUCCESS) return std::nullopt;
  SendOutcome outcome{.kind = SendOutcome::Kind::kAccepted, .wamid = TextOf(message, "id")};
  if (!IsMessageId(outcome.wamid)) return std::nullopt;
  JsonArray contacts;
  JsonObject contact;
  if (Find(root, "contacts", &contacts) && contacts.at(0).get(contact) == simdjson::SUCCESS) {
    outcome.wa_id = TextOf(contact, "wa_id");
    outcome.user_id = TextOf(contact, "user_id");
  }
  return outcome;
}

}  // namespace

absl::string_view SendOutcomeKindName(SendOutcome::Kind kind) {
  switch (kind) {
    case SendOutcome::Kind::kNotSent:
      return "NOT_SENT";
    case SendOutcome::Kind::kAccepted:
      return "ACCEPTED";
    case SendOutcome::Kind::kRejected:
      return "REJECTED";
    case SendOutcome::Kind::kAmbiguous:
      return "AMBIGUOUS";
  }
  return "?";
}

namespace {

SendOutcome Parse(int http_status, absl::string_view body, const ErrorPolicy& policy) {
  JsonObject root;
  if (ThreadParser().parse(body.data(), body.size()).get(root) != simdjson::SUCCESS) {
    return Ambiguous(absl::StrCat("HTTP ", http_status, " whose body is no JSON object"));
  }
  const bool success = http_status >= 200 && http_status < 300;
  if (success) {
    if (auto accepted = ReadAccepted(root)) return *std::move(accepted);
  }
  if (auto error = ReadGraphError(root, http_status)) {
    const bool refused = http_status >= 400 && http_status < 500;
    if (!refused && !policy.IsKnown(error->code)) {
      return Ambiguous(absl::StrCat("HTTP ", http_status, " with the unknown code ", error->code));
    }
    return SendOutcome{.kind = SendOutcome::Kind::kRejected, .error = *std::move(error)};
  }
  return Ambiguous(absl::StrCat("HTTP ", http_status,
                                success ? " without a message id" : " without a Graph error"));
}

}  // namespace

SendOutcome ParseSendResponse(int http_status, absl::string_view body, const ErrorPolicy& policy) {
  SendOutcome outcome = Parse(http_status, body, policy);
  outcome.http_status = http_status;
  return outcome;
}

}  // namespace kabar::whatsapp
