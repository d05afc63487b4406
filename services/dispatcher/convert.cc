#include "services/dispatcher/convert.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "libs/base/ids.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/base/text.h"

namespace kabar::dispatcher {

namespace {

constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxTextBytes = 16 * 1024;
constexpr int kMaxMessages = 1000;
constexpr int kMaxPayloads = 1000;
constexpr std::size_t kMaxPayloadBytes = 8 * 1024 * 1024;

void SetTime(absl::Time time, google::protobuf::Timestamp* to) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  *to = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(micros);
}

absl::Time ToTime(const google::protobuf::Timestamp& from) {
  return absl::FromUnixSeconds(from.seconds()) + absl::Nanoseconds(from.nanos());
}

// Ids of callers: whatever they like that fits Redis keys and logs.
bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '{' && c != '}';
  });
}

class Faults {
 public:
  void Add(absl::string_view field, absl::string_view what) {
    base::AddFieldViolation(status_, field, what);
  }
  void Text(absl::string_view field, absl::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
      Add(field, absl::StrCat("is ", text.size(), " bytes long; at most ", max_bytes));
    } else if (!base::IsValidUtf8(text) || text.find('\0') != absl::string_view::npos) {
      Add(field, "is not valid UTF-8 text");
    }
  }
  void Id(absl::string_view field, absl::string_view id) {
    if (!IsId(id)) {
      Add(field, "must be 1 to 128 visible ASCII characters other than braces");
    }
  }
  base::Rate Rate(absl::string_view field, absl::string_view text, absl::string_view standard) {
    const auto rate = base::ParseRate(text.empty() ? standard : text);
    if (!rate.ok()) {
      Add(field, rate.status().message());
      return {};
    }
    return *rate;
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

bool IsE164(absl::string_view phone) {
  return phone.size() >= 8 && phone.size() <= 16 && phone[0] == '+' &&
         std::all_of(phone.begin() + 1, phone.end(), [](char c) { return c >= '0' && c <= '9'; });
}

ProviderForm FormFromProto(const v1::ProviderForm& from) {
  return {.name = from.name(),
          .language = from.language(),
          .parameters = {from.parameters().begin(), from.parameters().end()}};
}

void CheckAddressAndContent(const v1::OutgoingMessage& from, const std::string& field,
                            Faults& faults) {
  if (from.phone().empty() && from.bsuid().empty()) {
    faults.Add(field + ".phone", "phone or bsuid must be set");
  }
  if (!from.phone().empty() && !IsE164(from.phone())) {
    faults.Add(field + ".phone", "must be E.164, such as +6281234567890");
  }
  if (from.text().empty() && from.provider_form().name().empty()) {
    faults.Add(field + ".text", "text or provider_form must be set, or a refusal");
  }
  if (!from.has_render_time()) faults.Add(field + ".render_time", "must be set");
}

NewMessage MessageFromProto(const v1::OutgoingMessage& from, const std::string& field,
                            Faults& faults) {
  NewMessage message{.id = from.id(),
                     .ordinal = from.ordinal(),
                     .contact_id = from.contact_id(),
                     .subject = from.subject(),
                     .phone = from.phone(),
                     .bsuid = from.bsuid(),
                     .text = from.text(),
                     .form = FormFromProto(from.provider_form()),
                     .rendered_at = ToTime(from.render_time()),
                     .refusal = static_cast<MessageState>(from.refusal().state()),
                     .reason = from.refusal().reason()};
  if (!base::ParseMessageDay(from.id()).ok()) {
    faults.Add(field + ".id", "is no message id; make it with base::MakeMessageId");
  }
  faults.Text(field + ".contact_id", from.contact_id(), kMaxIdBytes);
  faults.Text(field + ".subject", from.subject(), 512);
  faults.Text(field + ".bsuid", from.bsuid(), 160);
  faults.Text(field + ".text", from.text(), kMaxTextBytes);
  faults.Text(field + ".provider_form.name", message.form.name, 512);
  faults.Text(field + ".provider_form.language", message.form.language, 16);
  for (const std::string& parameter : message.form.parameters) {
    faults.Text(field + ".provider_form.parameters", parameter, kMaxTextBytes);
  }
  if (!from.has_refusal()) {
    CheckAddressAndContent(from, field, faults);
    return message;
  }
  if (message.refusal != MessageState::kFailed && message.refusal != MessageState::kSuppressed) {
    faults.Add(field + ".refusal.state", "must be FAILED or SUPPRESSED");
  }
  if (message.reason.empty() || message.reason.size() > 64) {
    faults.Add(field + ".refusal.reason", "must be a name of at most 64 characters");
  }
  if (!message.phone.empty() && !IsE164(message.phone)) message.phone.clear();
  if (!from.has_render_time()) message.rendered_at = absl::UnixEpoch();
  return message;
}

template <typename Request>
bool Masked(const Request& request, absl::string_view path, bool set) {
  if (!request.has_update_mask() || request.update_mask().paths_size() == 0) return set;
  for (const std::string& named : request.update_mask().paths()) {
    if (named == path) return true;
    if (named == "*") return set;
  }
  return false;
}

std::optional<std::int64_t> ReserveFromProto(const v1::Portfolio& from, Faults& faults) {
  if (!from.has_trigger_reserve()) return std::nullopt;
  if (from.trigger_reserve() < 0) {
    faults.Add("portfolio.trigger_reserve",
               "must be 0 (campaigns may use the whole messaging limit) or more");
  }
  return from.trigger_reserve();
}

template <typename Request>
void CheckMask(const Request& request, const std::set<std::string>& known, Faults& faults) {
  for (const std::string& path : request.update_mask().paths()) {
    if (path != "*" && known.count(path) == 0) {
      faults.Add("update_mask", absl::StrCat("\"", path, "\" cannot be updated"));
    }
  }
}

}  // namespace

void ToProto(const Portfolio& from, v1::Portfolio* to) {
  to->set_id(from.id);
  to->set_name(from.name);
  to->set_messaging_limit(from.messaging_limit);
  to->set_trigger_reserve(ReserveOf(from));
}

void ToProto(const Sender& from, v1::Sender* to) {
  to->set_id(from.id);
  to->set_portfolio_id(from.portfolio_id);
  to->set_phone_number_id(from.phone_number_id);
  to->set_display_phone(from.display_phone);
  to->set_throughput(base::FormatRate(from.throughput));
  to->set_pair_rate(base::FormatRate(from.pair_rate));
  to->set_state(static_cast<v1::SenderState>(from.state));
  to->set_state_reason(from.state_reason);
}

void ToProto(const SenderHealth& from, v1::SenderHealth* to) {
  to->set_speed(from.open ? 0 : from.fraction);
  to->set_failures(from.failures);
  to->set_circuit_open(from.open);
  if (from.open) {
    SetTime(from.open_until, to->mutable_circuit_probe_time());
    to->set_reason(
        absl::StrCat("the provider gave no answer, or errors of its own, ", from.failures,
                     " times in a row: its messages wait, and one probe is sent from time "
                     "to time"));
  } else if (from.fraction < 1) {
    to->set_reason(absl::StrCat("the provider refused its speed: it sends at ",
                                static_cast<int>(100 * from.fraction),
                                "% of its throughput and recovers by itself"));
  }
}

void ToProto(const Lane& from, v1::Lane* to) {
  to->set_id(from.id);
  to->set_sender_id(from.sender_id);
  to->set_priority(from.priority);
  if (from.rate) to->set_rate(base::FormatRate(*from.rate));
  to->set_run_id(from.run_id);
  to->set_asked(from.asked);
  if (from.end_time) SetTime(*from.end_time, to->mutable_end_time());
  to->set_fresh_for_seconds(absl::ToInt64Seconds(from.fresh_for));
  to->set_max_attempts(from.max_attempts);
  to->set_unknown_policy(static_cast<v1::UnknownPolicy>(from.unknown_policy));
  to->set_purpose(from.purpose);
  to->set_state(static_cast<events::v1::LaneState>(from.state));
  to->set_state_reason(from.state_reason);
  to->set_enqueued(from.enqueued);
  to->set_rate_per_s(from.rate_per_s);
}

void ToProto(const LedgerMessage& from, v1::Message* to) {
  to->set_id(from.id);
  to->set_lane_id(from.lane_id);
  to->set_run_id(from.run_id);
  to->set_contact_id(from.contact_id);
  to->set_subject(from.subject);
  to->set_state(static_cast<events::v1::MessageState>(from.state));
  to->set_reason(from.reason);
  to->set_attempt(from.attempt);
  to->set_revision(from.revision);
  to->set_text(from.text);
  if (!from.form.empty()) {
    v1::ProviderForm& form = *to->mutable_provider_form();
    form.set_name(from.form.name);
    form.set_language(from.form.language);
    for (const std::string& parameter : from.form.parameters) form.add_parameters(parameter);
  }
  to->set_provider_id(from.provider_id);
  SetTime(from.create_time, to->mutable_create_time());
  SetTime(from.update_time, to->mutable_update_time());
  to->set_ordinal(from.ordinal);
}

void ToProto(const DeadLetter& from, v1::DeadLetter* to) {
  to->set_id(absl::StrCat(from.id));
  to->set_kind(from.kind);
  to->set_reason(from.reason);
  to->set_payload(from.payload);
  SetTime(from.time, to->mutable_time());
  to->set_phone_number_id(from.phone_number_id);
  to->set_state(static_cast<v1::DeadLetter::State>(from.state));
  to->set_retries(from.retries);
  to->set_handled_by(from.handled_by);
  to->set_handled_reason(from.handled_reason);
  if (from.handled_time) SetTime(*from.handled_time, to->mutable_handle_time());
}

absl::StatusOr<Portfolio> FromProto(const v1::Portfolio& from, const std::string& outlet) {
  Faults faults;
  Portfolio portfolio{.id = from.id().empty() ? base::NewId("pf") : from.id(),
                      .outlet_id = outlet,
                      .name = from.name(),
                      .messaging_limit = from.messaging_limit(),
                      .trigger_reserve = ReserveFromProto(from, faults)};
  faults.Id("portfolio.id", portfolio.id);
  if (from.name().empty()) faults.Add("portfolio.name", "must be set");
  faults.Text("portfolio.name", from.name(), 256);
  if (from.messaging_limit() < 0) {
    faults.Add("portfolio.messaging_limit", "must be 0 (unlimited) or more");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return portfolio;
}

absl::StatusOr<Sender> FromProto(const v1::Sender& from, const std::string& outlet) {
  Faults faults;
  Sender sender;
  sender.id = from.id().empty() ? base::NewId("snd") : from.id();
  sender.outlet_id = outlet;
  sender.portfolio_id = from.portfolio_id();
  sender.phone_number_id = from.phone_number_id();
  sender.display_phone = from.display_phone();
  sender.throughput = faults.Rate("sender.throughput", from.throughput(), "80/s");
  sender.pair_rate = faults.Rate("sender.pair_rate", from.pair_rate(), "1/6s");
  faults.Id("sender.id", sender.id);
  faults.Id("sender.portfolio_id", from.portfolio_id());
  faults.Id("sender.phone_number_id", from.phone_number_id());
  faults.Text("sender.display_phone", from.display_phone(), 64);
  if (from.access_token().empty()) faults.Add("sender.access_token", "must be set");
  if (from.access_token().size() > 4096) faults.Add("sender.access_token", "is too long");
  if (from.state() != v1::SENDER_STATE_UNSPECIFIED) {
    sender.state = static_cast<SenderState>(from.state());
    if (!v1::SenderState_IsValid(from.state())) faults.Add("sender.state", "is no known state");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return sender;
}

absl::StatusOr<Lane> FromProto(const v1::Lane& from, const std::string& outlet) {
  Faults faults;
  Lane lane;
  lane.id = from.id();
  lane.outlet_id = outlet;
  lane.sender_id = from.sender_id();
  lane.priority = from.priority();
  if (!from.rate().empty()) lane.rate = faults.Rate("lane.rate", from.rate(), "");
  lane.run_id = from.run_id();
  lane.asked = from.asked();
  if (from.has_end_time()) lane.end_time = ToTime(from.end_time());
  if (from.fresh_for_seconds() != 0) lane.fresh_for = absl::Seconds(from.fresh_for_seconds());
  if (from.max_attempts() != 0) lane.max_attempts = from.max_attempts();
  if (from.unknown_policy() != v1::UNKNOWN_POLICY_UNSPECIFIED) {
    lane.unknown_policy = static_cast<UnknownPolicy>(from.unknown_policy());
  }
  lane.purpose = from.purpose().empty() ? "DELIVERY_UPDATES" : from.purpose();

  faults.Id("lane.id", lane.id);
  faults.Id("lane.sender_id", lane.sender_id);
  if (!lane.run_id.empty()) faults.Id("lane.run_id", lane.run_id);
  if (lane.priority < 0 || lane.priority > 100) faults.Add("lane.priority", "must be 0 to 100");
  if (lane.asked < 0) faults.Add("lane.asked", "must be 0 or more");
  if (from.fresh_for_seconds() < 0 || lane.fresh_for > absl::Hours(24 * 365)) {
    faults.Add("lane.fresh_for_seconds", "must be 0 (the default, 600) or up to a year");
  }
  if (lane.max_attempts < 1 || lane.max_attempts > 20) {
    faults.Add("lane.max_attempts", "must be 0 (the default, 3) or up to 20");
  }
  if (!v1::UnknownPolicy_IsValid(from.unknown_policy())) {
    faults.Add("lane.unknown_policy", "is no known policy");
  }
  if (lane.purpose != "DELIVERY_UPDATES" && lane.purpose != "MARKETING") {
    faults.Add("lane.purpose", "must be DELIVERY_UPDATES or MARKETING");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return lane;
}

absl::StatusOr<PortfolioChange> ChangeFromProto(const v1::UpdatePortfolioRequest& request) {
  Faults faults;
  CheckMask(request, {"name", "messaging_limit", "trigger_reserve"}, faults);
  PortfolioChange change;
  const v1::Portfolio& from = request.portfolio();
  if (Masked(request, "name", !from.name().empty())) {
    if (from.name().empty()) faults.Add("portfolio.name", "must be set");
    faults.Text("portfolio.name", from.name(), 256);
    change.name = from.name();
  }
  if (Masked(request, "messaging_limit", from.messaging_limit() != 0)) {
    if (from.messaging_limit() < 0) {
      faults.Add("portfolio.messaging_limit", "must be 0 (unlimited) or more");
    }
    change.messaging_limit = from.messaging_limit();
  }
  if (Masked(request, "trigger_reserve", from.has_trigger_reserve())) {
    change.trigger_reserve = ReserveFromProto(from, faults);
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return change;
}

absl::StatusOr<SenderChange> ChangeFromProto(const v1::UpdateSenderRequest& request) {
  Faults faults;
  CheckMask(request, {"display_phone", "access_token", "throughput", "pair_rate", "state"}, faults);
  SenderChange change;
  const v1::Sender& from = request.sender();
  if (Masked(request, "display_phone", !from.display_phone().empty())) {
    faults.Text("sender.display_phone", from.display_phone(), 64);
    change.display_phone = from.display_phone();
  }
  if (Masked(request, "throughput", !from.throughput().empty())) {
    change.throughput = faults.Rate("sender.throughput", from.throughput(), "80/s");
  }
  if (Masked(request, "pair_rate", !from.pair_rate().empty())) {
    change.pair_rate = faults.Rate("sender.pair_rate", from.pair_rate(), "1/6s");
  }
  if (Masked(request, "state", from.state() != v1::SENDER_STATE_UNSPECIFIED)) {
    if (from.state() == v1::SENDER_STATE_UNSPECIFIED || !v1::SenderState_IsValid(from.state())) {
      faults.Add("sender.state", "must be ACTIVE, SENDER_PAUSED or STOPPED");
    }
    change.state = static_cast<SenderState>(from.state());
  }
  if (ChangesToken(request) && (from.access_token().empty() || from.access_token().size() > 4096)) {
    faults.Add("sender.access_token", "must be set, up to 4096 bytes");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return change;
}

bool ChangesToken(const v1::UpdateSenderRequest& request) {
  return Masked(request, "access_token", !request.sender().access_token().empty());
}

absl::StatusOr<std::vector<NewMessage>> FromProto(const v1::EnqueueRequest& request) {
  if (request.messages_size() > kMaxMessages) {
    return base::InvalidField("messages", absl::StrCat("holds ", request.messages_size(),
                                                       " messages; at most ", kMaxMessages));
  }
  Faults faults;
  std::vector<NewMessage> messages;
  std::set<absl::string_view> ids;
  messages.reserve(static_cast<std::size_t>(request.messages_size()));
  for (int i = 0; i < request.messages_size(); ++i) {
    const std::string field = absl::StrCat("messages[", i, "]");
    messages.push_back(MessageFromProto(request.messages(i), field, faults));
    if (!ids.insert(request.messages(i).id()).second) {
      faults.Add(field + ".id", "comes twice in the batch");
    }
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return messages;
}

absl::StatusOr<UnknownToResolve> FromProto(const v1::ResolveUnknownRequest& request) {
  Faults faults;
  UnknownToResolve what{.message_ids = {request.message_ids().begin(), request.message_ids().end()},
                        .lane_id = request.lane_id(),
                        .min_age = absl::Seconds(request.min_age_seconds())};
  if (request.decision() == v1::ResolveUnknownRequest::RESEND) {
    what.decision = UnknownDecision::kResend;
  } else if (request.decision() != v1::ResolveUnknownRequest::FAILED) {
    faults.Add("decision", "must be RESEND or FAILED");
  }
  if (what.message_ids.empty() == what.lane_id.empty()) {
    faults.Add("message_ids", "name either messages or a lane_id");
  }
  if (request.message_ids_size() > kMaxMessages) {
    faults.Add("message_ids", absl::StrCat("at most ", kMaxMessages, " at once"));
  }
  for (int i = 0; i < request.message_ids_size() && i < kMaxMessages; ++i) {
    faults.Id(absl::StrCat("message_ids[", i, "]"), request.message_ids(i));
  }
  if (!what.lane_id.empty()) faults.Id("lane_id", what.lane_id);
  if (request.min_age_seconds() < 0) faults.Add("min_age_seconds", "must not be below 0");
  if (request.min_age_seconds() > 0 && what.lane_id.empty()) {
    faults.Add("min_age_seconds", "goes with lane_id only");
  }
  if (request.request_id().empty()) {
    faults.Add("request_id", "must be set: a repeat without it would send everything once more");
  }
  KABAR_RETURN_IF_ERROR(faults.status());
  return what;
}

void ToProto(const ResolveResult& from, v1::ResolveUnknownResponse* to) {
  to->set_resolved(from.resolved);
  to->set_more(from.more);
  for (const ResolveResult::Refused& refused : from.refused) {
    v1::ResolveUnknownResponse::Refused& written = *to->add_refused();
    written.set_message_id(refused.message_id);
    written.set_state(static_cast<events::v1::MessageState>(refused.state));
    written.set_reason(refused.reason);
    if (refused.reason == "MESSAGE_NOT_FOUND") {
      written.set_detail("there is no such message");
    } else if (refused.reason == "NOT_UNKNOWN") {
      written.set_detail(absl::StrCat("the message is ", Name(refused.state),
                                      ": only UNKNOWN ones wait for a decision"));
    } else {
      written.set_detail("its lane is over and sends nothing more: it can only become FAILED");
    }
  }
}

absl::StatusOr<SendingTarget> FromProto(const v1::SendingTarget& from, const std::string& outlet) {
  SendingTarget target{.id = from.id()};
  switch (from.scope()) {
    case v1::SendingTarget::LANE:
    case v1::SendingTarget::SENDER:
      if (!IsId(from.id())) return base::InvalidField("target.id", "names no lane or sender");
      break;
    case v1::SendingTarget::OUTLET:
      if (!from.id().empty() && from.id() != outlet) {
        return base::InvalidField("target.id", "is not the outlet you act for; leave it empty");
      }
      target.id = outlet;
      break;
    case v1::SendingTarget::ALL:
      if (!from.id().empty()) return base::InvalidField("target.id", "must be empty for ALL");
      break;
    default:
      return base::InvalidField("target.scope", "must be LANE, SENDER, OUTLET or ALL");
  }
  target.scope = static_cast<SendingTarget::Scope>(from.scope());
  return target;
}

void ToProto(const SendingTarget& from, v1::SendingTarget* to) {
  to->set_scope(static_cast<v1::SendingTarget::Scope>(from.scope));
  to->set_id(from.id);
}

void ToProto(const SendingPause& from, v1::Pause* to) {
  ToProto(from.target, to->mutable_target());
  to->set_reason(from.reason);
  to->set_by(from.who);
  SetTime(from.since, to->mutable_time());
}

void ToProto(const Sending& from, v1::Sending* to) {
  ToProto(from.target, to->mutable_target());
  for (const SendingPause& pause : from.pauses) ToProto(pause, to->add_pauses());
  to->set_in_flight(from.in_flight);
  to->set_drained(from.drained);
}

absl::StatusOr<std::vector<JournalEntry>> FromProto(const v1::AppendWebhooksRequest& request,
                                                    absl::Time now) {
  std::size_t bytes = 0;
  std::vector<JournalEntry> entries;
  for (const v1::AppendWebhooksRequest::Payload& payload : request.payloads()) {
    bytes += payload.body().size();
    const absl::Time received = payload.has_receive_time() ? ToTime(payload.receive_time()) : now;
    entries.push_back({.received_at = received, .body = payload.body()});
  }
  if (request.payloads_size() > kMaxPayloads || bytes > kMaxPayloadBytes) {
    return base::InvalidField(
        "payloads", absl::StrCat("holds ", request.payloads_size(), " payloads of ", bytes,
                                 " bytes; at most 1000 and 8 MiB"));
  }
  return entries;
}

absl::StatusOr<int> PageSize(std::int32_t requested, int standard, int most) {
  if (requested < 0) return base::InvalidField("page_size", "must be 0 (the default) or more");
  return requested == 0 ? standard : std::min<int>(requested, most);
}

std::string MakePageToken(absl::string_view list, absl::string_view last) {
  return base::HexEncode(absl::StrCat(list, "\n", last));
}

absl::StatusOr<std::string> LastOfPageToken(absl::string_view list, absl::string_view token) {
  if (token.empty()) return "";
  const auto text = base::HexDecode(token);
  const std::string prefix = absl::StrCat(list, "\n");
  if (!text.ok() || !absl::StartsWith(*text, prefix)) {
    return base::InvalidField("page_token", "is not from an answer to the same list");
  }
  return text->substr(prefix.size());
}

}  // namespace kabar::dispatcher
