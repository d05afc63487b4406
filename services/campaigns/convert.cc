#include "services/campaigns/convert.h"

#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kabar/campaigns/v1/campaigns.pb.h"
#include "libs/base/status.h"

namespace kabar::campaigns {
namespace {

void Set(absl::Time time, google::protobuf::Timestamp* proto) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  proto->set_seconds(micros / 1000000);
  proto->set_nanos(static_cast<std::int32_t>(micros % 1000000) * 1000);
}

using Setter = std::function<void(const v1::Campaign&, Campaign*)>;

const std::map<std::string, Setter>& Setters() {
  static const auto* const setters = new std::map<std::string, Setter>{
      {"name", [](const auto& p, Campaign* c) { c->name = p.name(); }},
      {"template_id", [](const auto& p, Campaign* c) { c->template_id = p.template_id(); }},
      {"segment_id", [](const auto& p, Campaign* c) { c->segment_id = p.segment_id(); }},
      {"subject",
       [](const auto& p, Campaign* c) {
         c->subject = p.subject() == 0 ? contacts::v1::SHIPMENT : p.subject();
       }},
      {"purpose",
       [](const auto& p, Campaign* c) {
         c->purpose = p.purpose() == 0 ? contacts::v1::DELIVERY_UPDATES : p.purpose();
       }},
      {"sender_id", [](const auto& p, Campaign* c) { c->sender_id = p.sender_id(); }},
      {"rate", [](const auto& p, Campaign* c) { c->rate = p.rate(); }},
      {"batch_size", [](const auto& p, Campaign* c) { c->batch_size = p.batch_size(); }},
      {"max_attempts", [](const auto& p, Campaign* c) { c->max_attempts = p.max_attempts(); }},
      {"start", [](const auto& p, Campaign* c) { c->start_text = p.start(); }},
      {"end", [](const auto& p, Campaign* c) { c->end_text = p.end(); }},
      {"unknown_policy",
       [](const auto& p, Campaign* c) {
         c->unknown_policy = p.unknown_policy() == 0 ? v1::RESEND : p.unknown_policy();
       }},
      {"max_data_age_hours",
       [](const auto& p, Campaign* c) { c->max_data_age_hours = p.max_data_age_hours(); }},
      {"weekdays",
       [](const auto& p, Campaign* c) {
         c->weekdays = 0;
         // A day that there is none of makes the whole wrong, which Check tells.
         for (const int day : p.weekdays()) {
           c->weekdays |= day >= v1::MONDAY && day <= v1::SUNDAY ? 1 << (day - 1) : 1 << 7;
         }
       }},
      {"skip_holidays", [](const auto& p, Campaign* c) { c->skip_holidays = p.skip_holidays(); }},
  };
  return *setters;
}

}  // namespace

void ToProto(const Campaign& c, v1::Campaign* p) {
  p->Clear();
  p->set_id(c.id);
  p->set_name(c.name);
  p->set_template_id(c.template_id);
  p->set_template_version(c.template_version);
  p->set_segment_id(c.segment_id);
  p->set_subject(static_cast<contacts::v1::AudienceSubject>(c.subject));
  p->set_purpose(static_cast<contacts::v1::ConsentPurpose>(c.purpose));
  p->set_sender_id(c.sender_id);
  p->set_rate(c.rate);
  p->set_batch_size(c.batch_size);
  p->set_max_attempts(c.max_attempts);
  p->set_start(c.start_text);
  p->set_end(c.end_text);
  p->set_unknown_policy(static_cast<v1::UnknownPolicy>(c.unknown_policy));
  p->set_state(static_cast<v1::CampaignState>(c.state));
  p->set_state_reason(c.state_reason);
  p->set_run_id(c.run_id);
  if (c.start_at) Set(*c.start_at, p->mutable_start_time());
  if (c.end_at) Set(*c.end_at, p->mutable_end_time());
  p->set_asked(c.asked.value_or(0));
  p->set_expanded(c.cursor);
  p->set_not_expanded(c.not_expanded());
  Set(c.created_at, p->mutable_create_time());
  Set(c.updated_at, p->mutable_update_time());
  if (c.finished_at) Set(*c.finished_at, p->mutable_finish_time());
  p->set_max_data_age_hours(c.max_data_age_hours);
  for (int day = v1::MONDAY; day <= v1::SUNDAY; ++day) {
    if (c.weekdays & 1 << (day - 1)) p->add_weekdays(static_cast<v1::Weekday>(day));
  }
  p->set_skip_holidays(c.skip_holidays);
  p->set_parent_id(c.parent_id);
  if (c.occurrence_at) Set(*c.occurrence_at, p->mutable_occurrence_time());
}

void ToProto(const Campaign& c, std::int64_t messages, const QuotaView& plan,
             v1::PlanCampaignResponse* p) {
  p->set_messages(messages);
  if (c.start_at) Set(*c.start_at, p->mutable_start_time());
  if (c.end_at) Set(*c.end_at, p->mutable_end_time());
  p->set_messaging_limit(plan.limit);
  p->set_trigger_reserve(plan.reserve);
  p->set_used(plan.used);
  p->set_others(plan.others);
  p->set_fits_now(plan.fits_now);
  for (const QuotaView::Day& day : plan.days) {
    v1::PlanCampaignResponse::Day& told = *p->add_days();
    Set(day.start, told.mutable_start_time());
    told.set_messages(day.messages);
  }
  if (plan.finish) Set(*plan.finish, p->mutable_finish_time());
  p->set_left_over(plan.left_over);
  if (plan.next_place) Set(*plan.next_place, p->mutable_next_place_time());
  for (const QuotaView::OtherNumber& number : plan.other_numbers) {
    v1::PlanCampaignResponse::OtherNumber& told = *p->add_other_numbers();
    told.set_sender_id(number.sender_id);
    told.set_display_phone(number.phone);
    told.set_free(number.free);
    told.set_unlimited(number.unlimited);
  }
}

Campaign FromProto(const v1::Campaign& proto) {
  Campaign campaign;
  for (const auto& [name, set] : Setters()) set(proto, &campaign);
  return campaign;
}

absl::Status ApplyMask(const v1::Campaign& proto, const std::vector<std::string>& paths,
                       Campaign* campaign) {
  if (paths.empty()) {
    for (const auto& [name, set] : Setters()) set(proto, campaign);
    return absl::OkStatus();
  }
  absl::Status faults;
  for (const auto& path : paths) {
    const auto setter = Setters().find(path);
    if (setter == Setters().end()) {
      base::AddFieldViolation(faults, "update_mask",
                              absl::StrCat(path, " is no field that can be changed"));
    } else {
      setter->second(proto, campaign);
    }
  }
  return faults;
}

}  // namespace kabar::campaigns
