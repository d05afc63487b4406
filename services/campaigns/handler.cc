#include "services/campaigns/handler.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "libs/audit/audit.h"
#include "libs/base/clock.h"
#include "libs/base/ids.h"
#include "libs/base/rate.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/campaigns/convert.h"
#include "services/campaigns/mutate.h"
#include "services/campaigns/schedule.h"
#include "services/campaigns/troubles.h"

namespace kabar::campaigns {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 100;
constexpr absl::string_view kTokenPrefix = "campaigns\n";

absl::StatusOr<std::string> LastOf(absl::string_view token) {
  if (token.empty()) return std::string();
  std::string plain;
  absl::string_view last;
  if (absl::WebSafeBase64Unescape(token, &plain)) {
    last = plain;
    if (absl::ConsumePrefix(&last, kTokenPrefix)) return std::string(last);
  }
  return base::InvalidField("page_token",
                            "is not one of this list: pass next_page_token of the page before");
}

// The lane does not exist before the runner opened it, and may be over before the campaign is: the
// events are on their way, or UNKNOWN messages wait for their webhooks.
absl::Status Excuse(absl::Status status) {
  return NothingToStop(status) ? absl::OkStatus() : status;
}

bool Started(const Campaign& c) {
  return !c.recurs() && (c.state == State::kRunning || c.state == State::kPaused);
}

// Of a campaign that recurs: its next occurrence after now.
absl::Status FindNext(Store::Unit& unit, Campaign& campaign, absl::Time now) {
  KABAR_ASSIGN_OR_RETURN(const Holidays holidays,
                         unit.ListHolidays(absl::ToCivilDay(now, absl::UTCTimeZone()) - 2));
  return ScheduleNext(campaign, now, holidays, now);
}

absl::Status CanChange(const Campaign& c, const std::vector<std::string>& paths) {
  if (c.state == State::kDraft || c.state == State::kScheduled) return absl::OkStatus();
  if (c.recurs() && c.state == State::kPaused) return absl::OkStatus();
  if (Started(c) && paths == std::vector<std::string>{"rate"}) return absl::OkStatus();
  return base::Error(
      absl::StatusCode::kFailedPrecondition, "WRONG_CAMPAIGN_STATE",
      absl::StrCat("campaign ", c.id, " is ", Name(c.state), "; drafts and scheduled ones can be ",
                   "changed, of RUNNING and PAUSED ones the rate alone (update_mask: rate)"));
}

// What people chose, as the audit log shows it.
audit::Fields FieldsOf(const Campaign& c) {
  return {{"name", c.name},
          {"template", c.template_id},
          {"segment", c.segment_id},
          {"sender", c.sender_id},
          {"rate", c.rate},
          {"batch_size", absl::StrCat(c.batch_size)},
          {"max_attempts", absl::StrCat(c.max_attempts)},
          {"purpose", absl::StrCat(c.purpose)},
          {"subject", absl::StrCat(c.subject)},
          {"start", c.start_text},
          {"end", c.end_text},
          {"unknown_policy", absl::StrCat(c.unknown_policy)},
          {"max_data_age_hours", absl::StrCat(c.max_data_age_hours)},
          {"weekdays", absl::StrCat(c.weekdays)},
          {"skip_holidays", absl::StrCat(c.skip_holidays)},
          {"accepted_troubles", c.accepted_troubles},
          {"state", std::string(Name(c.state))}};
}

// What differs between the two.
audit::Entry EntryOf(absl::string_view action, const Campaign& before, const Campaign& after) {
  audit::Entry entry{.outlet = after.outlet_id,
                     .action = std::string(action),
                     .target = absl::StrCat("campaign/", after.id)};
  const audit::Fields was = FieldsOf(before), became = FieldsOf(after);
  for (std::size_t i = 0; i < was.size(); ++i) {
    if (was[i] == became[i]) continue;
    entry.before.push_back(was[i]);
    entry.after.push_back(became[i]);
  }
  return entry;
}

}  // namespace

template <typename Request>
grpc::Status Handler::Verb(
    grpc::ServerContext* context, const char* method, const Request* request,
    v1::Campaign* response,
    absl::FunctionRef<absl::Status(Store::Unit&, Campaign&, absl::Time, audit::Entry&)> change) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite,
      [&](const rpc::Call& call) -> absl::Status {
        return Mutate(call, method, *request, response, [&](Store::Unit& unit) -> absl::Status {
          const absl::Time now = clock_.Now();
          KABAR_ASSIGN_OR_RETURN(Campaign campaign, unit.Lock(request->id()));
          const Campaign before = campaign;
          audit::Entry besides;
          KABAR_RETURN_IF_ERROR(change(unit, campaign, now, besides));
          std::optional<absl::Time> due;
          if (!campaign.ended() && campaign.state != State::kDraft) due = now;
          KABAR_RETURN_IF_ERROR(unit.Save(campaign, due));
          audit::Entry entry = EntryOf(method, before, campaign);
          entry.after.insert(entry.after.end(), besides.after.begin(), besides.after.end());
          unit.Audit(audit::ActorOf(call, request->request_id()), entry);
          ToProto(campaign, response);
          return absl::OkStatus();
        });
      },
      method);
}

grpc::Status Handler::CreateCampaign(grpc::ServerContext* context,
                                     const v1::CreateCampaignRequest* request,
                                     v1::Campaign* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        Campaign campaign = FromProto(request->campaign());
        campaign.outlet_id = call.outlet;
        const absl::Time now = clock_.Now();
        KABAR_RETURN_IF_ERROR(Check(campaign, now));
        KABAR_RETURN_IF_ERROR(peers_.CheckReferences(campaign));
        campaign.id = base::NewId("cmp");
        campaign.created_at = campaign.updated_at = now;
        return Mutate(call, "CreateCampaign", *request, response, [&](Store::Unit& unit) {
          ToProto(campaign, response);
          unit.Audit(audit::ActorOf(call, request->request_id()),
                     {.outlet = call.outlet,
                      .action = "CreateCampaign",
                      .target = absl::StrCat("campaign/", campaign.id),
                      .after = FieldsOf(campaign)});
          return unit.Insert(campaign);
        });
      });
}

grpc::Status Handler::GetCampaign(grpc::ServerContext* context,
                                  const v1::GetCampaignRequest* request, v1::Campaign* response) {
  return rpc::Serve(context, guard_, rpc::Access::kRead,
                    [&](const rpc::Call& call) -> absl::Status {
                      KABAR_ASSIGN_OR_RETURN(const Campaign campaign,
                                             store_.Get(call.outlet, request->id(), call.deadline));
                      ToProto(campaign, response);
                      return absl::OkStatus();
                    });
}

grpc::Status Handler::ListCampaigns(grpc::ServerContext* context,
                                    const v1::ListCampaignsRequest* request,
                                    v1::ListCampaignsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        if (request->page_size() < 0) {
          return base::InvalidField("page_size", "must not be negative");
        }
        const int size = request->page_size() == 0 ? kDefaultPageSize
                                                   : std::min(request->page_size(), kMaxPageSize);
        KABAR_ASSIGN_OR_RETURN(const std::string after, LastOf(request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::vector<Campaign> found,
                               store_.List(call.outlet, request->state(), request->show_runs(),
                                           after, size + 1, call.deadline));
        const std::size_t shown = std::min<std::size_t>(found.size(), size);
        for (std::size_t i = 0; i < shown; ++i) ToProto(found[i], response->add_campaigns());
        if (found.size() > shown) {
          response->set_next_page_token(
              absl::WebSafeBase64Escape(absl::StrCat(kTokenPrefix, found[shown - 1].id)));
        }
        return absl::OkStatus();
      });
}

// Of a started campaign the lane is what sends, so it is told before the campaign is saved: if that
// fails, the call is repeated.
absl::Status Handler::ChangeRate(const Campaign& campaign) {
  if (const auto rate = base::ParseRate(campaign.rate); !rate.ok()) {
    return base::InvalidField("campaign.rate", rate.status().message());
  }
  const absl::Status told = peers_.SetLaneRate(campaign);
  if (!absl::IsNotFound(told)) return told;
  return base::Error(absl::StatusCode::kUnavailable, "CAMPAIGN_STARTING",
                     absl::StrCat("campaign ", campaign.id,
                                  " is being started; change its rate again in a few seconds"));
}

grpc::Status Handler::UpdateCampaign(grpc::ServerContext* context,
                                     const v1::UpdateCampaignRequest* request,
                                     v1::Campaign* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        return Mutate(
            call, "UpdateCampaign", *request, response, [&](Store::Unit& unit) -> absl::Status {
              const absl::Time now = clock_.Now();
              KABAR_ASSIGN_OR_RETURN(Campaign campaign, unit.Lock(request->campaign().id()));
              const Campaign before = campaign;
              const auto& paths = request->update_mask().paths();
              KABAR_RETURN_IF_ERROR(CanChange(campaign, {paths.begin(), paths.end()}));
              KABAR_RETURN_IF_ERROR(
                  ApplyMask(request->campaign(), {paths.begin(), paths.end()}, &campaign));
              if (before.state == State::kPaused && before.recurs() != campaign.recurs()) {
                return base::InvalidField("campaign.weekdays",
                                          "resume the schedule before it stops to recur");
              }
              std::optional<absl::Time> due;
              if (Started(campaign)) {
                KABAR_RETURN_IF_ERROR(ChangeRate(campaign));
                due = now;
              } else {
                KABAR_RETURN_IF_ERROR(Check(campaign, now));
                KABAR_RETURN_IF_ERROR(peers_.CheckReferences(campaign));
              }
              if (campaign.state == State::kScheduled) {
                campaign.state = State::kDraft;
                KABAR_RETURN_IF_ERROR(campaign.recurs() ? FindNext(unit, campaign, now)
                                                        : Schedule(campaign, now));
                due = campaign.start_at;
              }
              campaign.updated_at = now;
              KABAR_RETURN_IF_ERROR(unit.Save(campaign, due));
              unit.Audit(audit::ActorOf(call, request->request_id()),
                         EntryOf("UpdateCampaign", before, campaign));
              ToProto(campaign, response);
              return absl::OkStatus();
            });
      });
}

grpc::Status Handler::ScheduleCampaign(grpc::ServerContext* context,
                                       const v1::ScheduleCampaignRequest* request,
                                       v1::Campaign* response) {
  return Verb(
      context, "ScheduleCampaign", request, response,
      [&](Store::Unit& unit, Campaign& campaign, absl::Time now, audit::Entry&) -> absl::Status {
        if (!campaign.recurs() || campaign.state != State::kDraft) {
          return Schedule(campaign, now);
        }
        KABAR_RETURN_IF_ERROR(Check(campaign, now));
        return FindNext(unit, campaign, now);
      });
}

grpc::Status Handler::StartCampaign(grpc::ServerContext* context,
                                    const v1::StartCampaignRequest* request,
                                    v1::Campaign* response) {
  return Verb(context, "StartCampaign", request, response,
              [](Store::Unit&, Campaign& campaign, absl::Time now, audit::Entry&) {
                return Start(campaign, now);
              });
}

grpc::Status Handler::PauseCampaign(grpc::ServerContext* context,
                                    const v1::PauseCampaignRequest* request,
                                    v1::Campaign* response) {
  return Verb(context, "PauseCampaign", request, response,
              [&](Store::Unit&, Campaign& campaign, absl::Time now, audit::Entry&) -> absl::Status {
                if (campaign.recurs()) return PauseSchedule(campaign, now);
                KABAR_RETURN_IF_ERROR(Pause(campaign, "", now));
                campaign.accepted_troubles.clear();  // whoever resumes it is asked again
                return Excuse(peers_.PauseLane(campaign));
              });
}

absl::StatusOr<bool> Handler::SettleTroubles(Campaign& campaign, bool accept, audit::Entry& entry) {
  const bool stopped_for_it = absl::StartsWith(campaign.state_reason, kTroubleReasons);
  KABAR_ASSIGN_OR_RETURN(const PinnedTemplate pinned,
                         peers_.GetTemplate(campaign, campaign.template_version));
  const auto troubles = Unaccepted(campaign, pinned);
  if (troubles.empty()) return stopped_for_it;
  if (!accept) return NotResumed(campaign, troubles);
  for (const auto& [key, provider] : pinned.providers) {
    if (provider.trouble != kRecategorised) continue;
    KABAR_RETURN_IF_ERROR(peers_.AgreeToCategory(campaign, key.first, key.second));
    entry.after.emplace_back(absl::StrCat("agreed_category of ", key.first, "/", key.second),
                             provider.category);
  }
  campaign.accepted_troubles = AllAccepted(pinned);
  return true;
}

grpc::Status Handler::ResumeCampaign(grpc::ServerContext* context,
                                     const v1::ResumeCampaignRequest* request,
                                     v1::Campaign* response) {
  return Verb(context, "ResumeCampaign", request, response,
              [&](Store::Unit& unit, Campaign& campaign, absl::Time now,
                  audit::Entry& entry) -> absl::Status {
                if (campaign.recurs() && campaign.state == State::kPaused) {
                  return FindNext(unit, campaign, now);
                }
                bool render_again = false;
                if (campaign.state == State::kPaused) {
                  KABAR_ASSIGN_OR_RETURN(
                      render_again, SettleTroubles(campaign, request->accept_troubles(), entry));
                }
                KABAR_RETURN_IF_ERROR(Resume(campaign, now));
                return Excuse(peers_.ResumeLane(campaign, render_again));
              });
}

grpc::Status Handler::CancelCampaign(grpc::ServerContext* context,
                                     const v1::CancelCampaignRequest* request,
                                     v1::Campaign* response) {
  return Verb(context, "CancelCampaign", request, response,
              [&](Store::Unit&, Campaign& campaign, absl::Time now, audit::Entry&) -> absl::Status {
                KABAR_RETURN_IF_ERROR(Cancel(campaign, now));
                campaign.accepted_troubles.clear();  // nor does the next run inherit it
                if (campaign.run_id.empty()) return absl::OkStatus();
                KABAR_RETURN_IF_ERROR(Excuse(peers_.CancelLane(campaign)));
                // The runner may have died before it noted its last batch. If the lane cannot be
                // asked, the events will tell.
                if (const auto lane = peers_.GetLane(campaign); lane.ok()) {
                  campaign.cursor = std::max(campaign.cursor, lane->enqueued);
                }
                return absl::OkStatus();
              });
}

grpc::Status Handler::RetryFailed(grpc::ServerContext* context,
                                  const v1::RetryFailedRequest* request,
                                  v1::RetryFailedResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        // The dispatcher needs an id under which a repeat after a lost answer is the same retry.
        const std::string retry_id =
            request->request_id().empty() ? base::NewId("rty") : request->request_id();
        // What the events have told of it before the repeat must not count twice.
        std::optional<std::int64_t> before;
        KABAR_RETURN_IF_ERROR(store_.Write(
            call.outlet, "NoteRetry", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(before, unit.NoteRetry(request->id(), retry_id));
              return absl::OkStatus();
            }));
        return Mutate(call, "RetryFailed", *request, response,
                      [&](Store::Unit& unit) -> absl::Status {
                        const absl::Time now = clock_.Now();
                        KABAR_ASSIGN_OR_RETURN(Campaign campaign, unit.Lock(request->id()));
                        KABAR_RETURN_IF_ERROR(CheckRetry(campaign, now));
                        KABAR_ASSIGN_OR_RETURN(const std::int64_t retried,
                                               peers_.RetryFailed(campaign, retry_id));
                        KABAR_RETURN_IF_ERROR(campaigns::RetryFailed(
                            campaign, before.value_or(campaign.retried), retried, now));
                        std::optional<absl::Time> due;
                        if (!campaign.ended()) due = now;
                        KABAR_RETURN_IF_ERROR(unit.Save(campaign, due));
                        unit.Audit(audit::ActorOf(call, request->request_id()),
                                   {.outlet = call.outlet,
                                    .action = "RetryFailed",
                                    .target = absl::StrCat("campaign/", campaign.id),
                                    .after = {{"retried", absl::StrCat(retried)}}});
                        response->set_retried(retried);
                        ToProto(campaign, response->mutable_campaign());
                        return absl::OkStatus();
                      });
      });
}

}  // namespace kabar::campaigns
