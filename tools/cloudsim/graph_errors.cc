#include "tools/cloudsim/graph_errors.h"

#include <cstdint>

#include "tools/cloudsim/draw.h"
#include "tools/cloudsim/json_text.h"

namespace kabar::cloudsim {
namespace {

constexpr GraphErrorClass kClasses[] = {
    {0, 401, "AuthException", "We were unable to authenticate the app user."},
    {1, 400, "API Unknown", "Invalid request or possible server error."},
    {2, 503, "API Service", "Temporary due to downtime or due to being overloaded."},
    {3, 500, "API Method", "Capability or permissions issue."},
    {4, 400, "API Too Many Calls", "The app has reached its API call rate limit."},
    {10, 403, "Permission Denied", "Permission is either not granted or has been removed."},
    {33, 400, "Parameter value is not valid", "The business phone number has been deleted."},
    {100, 400, "Invalid parameter", ""},
    {190, 401, "Access token has expired", ""},
    {200, 403, "API Permission", "Permission is either not granted or has been removed."},
    {368, 403, "Temporarily blocked for policies violations",
     "The WhatsApp Business Account has been restricted or disabled."},
    {80007, 400, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."},
    {130429, 400, "Rate limit hit", "Cloud API message throughput has been reached."},
    {130472, 400, "User's number is part of an experiment",
     "Message was not sent as part of an experiment."},
    {130497, 403, "Business account is restricted from messaging users in this country.",
     "The WhatsApp Business Account is restricted from messaging users in certain countries."},
    {131000, 500, "Something went wrong", "Message failed to send due to an unknown error."},
    {131005, 403, "Access denied", "Permission is either not granted or has been removed."},
    {131008, 400, "Required parameter is missing", ""},
    {131009, 400, "Parameter value is not valid", ""},
    {131016, 500, "Service unavailable", "A service is temporarily unavailable."},
    {131021, 400, "Recipient cannot be sender", "Sender and recipient phone number is the same."},
    {131026, 400, "Message undeliverable",
     "Unable to deliver message. The recipient phone number is not a WhatsApp phone number."},
    {131031, 403, "Account has been locked", "The WhatsApp Business Account has been locked."},
    {131042, 400, "Business eligibility payment issue",
     "There was an error related to your payment method."},
    {131045, 500, "Incorrect certificate", "Phone number registration error."},
    {131047, 400, "Re-engagement message",
     "Message failed to send because more than 24 hours have passed since the customer last "
     "replied "
     "to this number."},
    {131048, 400, "Spam rate limit hit",
     "Message failed to send because there are restrictions on how many messages can be sent from "
     "this phone number."},
    {131049, 400, "This message was not delivered to maintain healthy ecosystem engagement.",
     "In order to maintain a healthy ecosystem engagement, the message failed to be delivered."},
    {131050, 400, "User has stopped marketing messages from this business",
     "Unable to deliver the message. This recipient has chosen to stop receiving marketing "
     "messages on WhatsApp from your business."},
    {131051, 400, "Unsupported message type", "Message type is not currently supported."},
    {131052, 400, "Media download error", "Unable to download the media sent by the user."},
    {131053, 400, "Media upload error", "Unable to upload the media used in the message."},
    {131056, 400, "(Business Account, Consumer Account) pair rate limit hit",
     "Message failed to send because there were too many messages sent from this phone number to "
     "the same phone number in a short period of time."},
    {131057, 500, "Account in maintenance mode",
     "The WhatsApp Business Account is in maintenance mode, e.g. a throughput upgrade."},
    {132000, 400, "Number of parameters does not match the expected number of params", ""},
    {132001, 404, "Template name does not exist in the translation", ""},
    {132005, 400, "Template text too long", ""},
    {132007, 400, "Template content policy violated",
     "Template content violates a WhatsApp policy."},
    {132012, 400, "Parameter format does not match format in the created template", ""},
    {132015, 400, "Template is paused",
     "Template is paused due to low quality so it cannot be sent in a template message."},
    {132016, 400, "Template is disabled",
     "Template has been paused too many times due to low quality and is now permanently disabled."},
    {132018, 400, "There's an issue with the parameters in your template", ""},
    {133000, 500, "Incomplete deregistration", "A previous deregistration attempt failed."},
    {133004, 503, "Server temporarily unavailable", "Server is temporarily unavailable."},
    {133010, 400, "Phone number not registered",
     "Phone number not registered on the WhatsApp Business Platform."},
    {135000, 400, "Generic user error", "Message failed to send because of an unknown error."},
};

constexpr GraphErrorClass kUnknown = {-1, 400, "An unknown error has occurred.", ""};

void AppendTraceId(uint64_t trace, std::string* out) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  out->push_back('A');
  for (int i = 0; i < 22; ++i) {
    out->push_back(kAlphabet[Mix(trace + static_cast<uint64_t>(i)) & 63]);
  }
}

}  // namespace

const GraphErrorClass& FindGraphError(int code) {
  for (const GraphErrorClass& known : kClasses) {
    if (known.code == code) return known;
  }
  if (code > 200 && code < 300) return FindGraphError(200);
  return kUnknown;
}

void AppendErrorBody(const GraphError& error, uint64_t trace, std::string* out) {
  const GraphErrorClass& known = FindGraphError(error.code);
  std::string message = error.message;
  if (message.empty()) {
    message = "(#" + std::to_string(error.code) + ") " + known.title;
  }
  out->append("{\"error\":{");
  AppendJsonField("message", message, out);
  // Meta names object look-ups that fail differently from everything else.
  const bool missing_object = error.code == 100 && error.subcode == 33;
  out->append(missing_object ? ",\"type\":\"GraphMethodException\",\"code\":"
                             : ",\"type\":\"OAuthException\",\"code\":");
  AppendInt(error.code, out);
  const absl::string_view details =
      error.details.empty() ? absl::string_view(known.details) : absl::string_view(error.details);
  if (!details.empty() && !missing_object) {
    out->append(",\"error_data\":{\"messaging_product\":\"whatsapp\",");
    AppendJsonField("details", details, out);
    out->push_back('}');
  }
  if (error.subcode != 0) {
    out->append(",\"error_subcode\":");
    AppendInt(error.subcode, out);
  }
  out->append(",\"fbtrace_id\":\"");
  AppendTraceId(trace, out);
  out->append("\"}}");
}

}  // namespace kabar::cloudsim
