// Runs of schedules, and holidays.
#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "libs/audit/audit.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "libs/rpc/guard.h"
#include "services/campaigns/convert.h"
#include "services/campaigns/handler.h"
#include "services/campaigns/mutate.h"

namespace kabar::campaigns {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 100;
constexpr int kMaxHolidays = 1000;
constexpr std::size_t kMaxName = 200;
constexpr absl::string_view kTokenPrefix = "runs\n";

// Those before this moment.
absl::StatusOr<absl::Time> BeforeOf(absl::string_view token) {
  if (token.empty()) return absl::InfiniteFuture();
  std::string plain;
  std::int64_t micros = 0;
  absl::string_view last;
  if (absl::WebSafeBase64Unescape(token, &plain)) {
    last = plain;
    if (absl::ConsumePrefix(&last, kTokenPrefix) && absl::SimpleAtoi(last, &micros)) {
      return absl::FromUnixMicros(micros);
    }
  }
  return base::InvalidField("page_token",
                            "is not one of this list: pass next_page_token of the page before");
}

absl::StatusOr<std::vector<Holiday>> FromProto(const v1::PutHolidaysRequest& request) {
  if (request.holidays().empty()) return base::InvalidField("holidays", "name at least one");
  if (request.holidays_size() > kMaxHolidays) {
    return base::InvalidField("holidays", absl::StrCat("at most ", kMaxHolidays, " at once"));
  }
  absl::Status faults;
  std::set<absl::CivilDay> days;
  std::vector<Holiday> holidays;
  for (int i = 0; i < request.holidays_size(); ++i) {
    const v1::Holiday& from = request.holidays(i);
    const std::string field = absl::StrCat("holidays[", i, "]");
    Holiday holiday{.day = {}, .name = std::string(base::Trim(from.name()))};
    if (from.date().size() != 10 || !absl::ParseCivilTime(from.date(), &holiday.day)) {
      base::AddFieldViolation(faults, field + ".date", "must be a date such as 2026-12-25");
    } else if (!days.insert(holiday.day).second) {
      base::AddFieldViolation(faults, field + ".date", "comes twice");
    }
    if (holiday.name.empty() || holiday.name.size() > kMaxName ||
        !base::IsValidUtf8(holiday.name) || holiday.name.find('\0') != std::string::npos) {
      base::AddFieldViolation(faults, field + ".name", "must be a text of 1 to 200 bytes");
    }
    holidays.push_back(std::move(holiday));
  }
  KABAR_RETURN_IF_ERROR(faults);
  return holidays;
}

}  // namespace

grpc::Status Handler::ListRuns(grpc::ServerContext* context, const v1::ListRunsRequest* request,
                               v1::ListRunsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        if (request->page_size() < 0) {
          return base::InvalidField("page_size", "must not be negative");
        }
        const int size = request->page_size() == 0 ? kDefaultPageSize
                                                   : std::min(request->page_size(), kMaxPageSize);
        KABAR_ASSIGN_OR_RETURN(const absl::Time before, BeforeOf(request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const Campaign campaign,
                               store_.Get(call.outlet, request->id(), call.deadline));
        if (!campaign.recurs() && !campaign.run_id.empty()) {
          ToProto(campaign, response->add_campaigns());
          return absl::OkStatus();
        }
        KABAR_ASSIGN_OR_RETURN(
            const std::vector<Campaign> found,
            store_.ListRuns(call.outlet, campaign.id, before, size + 1, call.deadline));
        const std::size_t shown = std::min<std::size_t>(found.size(), size);
        for (std::size_t i = 0; i < shown; ++i) ToProto(found[i], response->add_campaigns());
        if (found.size() > shown) {
          response->set_next_page_token(absl::WebSafeBase64Escape(
              absl::StrCat(kTokenPrefix, absl::ToUnixMicros(*found[shown - 1].occurrence_at))));
        }
        return absl::OkStatus();
      });
}

grpc::Status Handler::PutHolidays(grpc::ServerContext* context,
                                  const v1::PutHolidaysRequest* request,
                                  v1::PutHolidaysResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const std::vector<Holiday> holidays, FromProto(*request));
        std::set<std::int64_t> years;
        for (const Holiday& holiday : holidays) years.insert(holiday.day.year());
        return Mutate(call, "PutHolidays", *request, response,
                      [&](Store::Unit& unit) -> absl::Status {
                        KABAR_ASSIGN_OR_RETURN(const std::int64_t count,
                                               unit.PutHolidays(holidays, clock_.Now()));
                        unit.Audit(audit::ActorOf(call, request->request_id()),
                                   {.outlet = call.outlet,
                                    .action = "PutHolidays",
                                    .target = absl::StrCat("holidays/", absl::StrJoin(years, ",")),
                                    .after = {{"holidays", absl::StrCat(count)}}});
                        response->set_holidays(count);
                        for (const std::int64_t year : years) {
                          response->add_years(static_cast<std::int32_t>(year));
                        }
                        return absl::OkStatus();
                      });
      });
}

grpc::Status Handler::ListHolidays(grpc::ServerContext* context,
                                   const v1::ListHolidaysRequest* request,
                                   v1::ListHolidaysResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const std::vector<Holiday> found,
                               store_.ListHolidays(call.outlet, request->year(), call.deadline));
        for (const Holiday& holiday : found) {
          v1::Holiday& told = *response->add_holidays();
          told.set_date(absl::FormatCivilTime(holiday.day));
          told.set_name(holiday.name);
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::campaigns
