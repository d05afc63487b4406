#include "services/dispatcher/convert.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/message_id.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "services/dispatcher/convert_checks.h"

namespace kabar::dispatcher {
namespace {

constexpr int kMaxPayloads = 1000;
constexpr std::size_t kMaxPayloadBytes = 8 * 1024 * 1024;

}  // namespace

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
  to->set_held(from.held);
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

absl::Status SetNextPlace(absl::string_view list, const std::string& message_id, std::int64_t seq,
                          std::string* page_token) {
  KABAR_ASSIGN_OR_RETURN(const absl::CivilDay day, base::ParseMessageDay(message_id));
  *page_token = MakePageToken(list, absl::StrCat(absl::FormatCivilTime(day), "/", seq));
  return absl::OkStatus();
}

absl::StatusOr<LanePlace> PlaceOfPageToken(absl::string_view list, absl::string_view token) {
  LanePlace place;
  KABAR_ASSIGN_OR_RETURN(const std::string last, LastOfPageToken(list, token));
  if (last.empty()) return place;
  const std::vector<std::string> parts = absl::StrSplit(last, '/');
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &place.seq)) {
    return base::InvalidField("page_token", "is not from an answer to the same list");
  }
  place.day = parts[0];
  return place;
}

}  // namespace kabar::dispatcher
