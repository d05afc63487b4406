#include "services/analytics/convert.h"

#include "google/protobuf/timestamp.pb.h"
#include "kabar/analytics/v1/analytics.pb.h"
#include "kabar/events/v1/events.pb.h"

namespace kabar::analytics {
namespace {

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1000000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
}

}  // namespace

void ToProto(const std::string& run_id, const LaneFigures& figures, v1::CampaignStats* stats) {
  const auto present = [&](events::v1::MessageState state) { return figures.states[state - 1]; };
  stats->Clear();
  stats->set_run_id(run_id);
  stats->set_asked(figures.asked);
  stats->set_queued(present(events::v1::QUEUED));
  stats->set_sending(present(events::v1::SENDING));
  stats->set_sent(present(events::v1::SENT));
  stats->set_delivered(present(events::v1::DELIVERED));
  stats->set_read(present(events::v1::READ));
  stats->set_failed(present(events::v1::FAILED));
  stats->set_unknown(present(events::v1::UNKNOWN));
  stats->set_cancelled(present(events::v1::CANCELLED));
  stats->set_expired(present(events::v1::EXPIRED));
  stats->set_suppressed(present(events::v1::SUPPRESSED));
  stats->set_not_expanded(figures.not_expanded());
  stats->set_reached_sent(figures.reached_sent);
  stats->set_reached_delivered(figures.reached_delivered);
  stats->set_reached_read(figures.reached_read);
  for (const auto& [reason, count] : figures.failed_by_reason) {
    (*stats->mutable_failed_by_reason())[reason] = count;
  }
  stats->set_answers_yes(figures.answers_yes);
  stats->set_answers_no(figures.answers_no);
  stats->set_answers_other(figures.answers_other);
  stats->set_rate_per_min(60 * figures.RatePerS());
  stats->set_eta_seconds(figures.EtaSeconds().value_or(-1));
  stats->set_lane_state(static_cast<events::v1::LaneState>(figures.lane_state));
  if (figures.first_sent) Set(*figures.first_sent, stats->mutable_first_sent_time());
  if (figures.last_sent) Set(*figures.last_sent, stats->mutable_last_sent_time());
  for (const auto& [source, number] : figures.positions) {
    (*stats->mutable_event_numbers())[source] = number;
  }
}

}  // namespace kabar::analytics
