#include "tools/kabarctl/campaigns_schedule.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "kabar/campaigns/v1/campaigns.grpc.pb.h"
#include "libs/base/status.h"
#include "libs/base/text.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/files.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using campaigns::v1::CampaignsService;
using campaigns::v1::Weekday;

constexpr absl::string_view kDays[7][2] = {{"mon", "senin"}, {"tue", "selasa"}, {"wed", "rabu"},
                                           {"thu", "kamis"}, {"fri", "jumat"},  {"sat", "sabtu"},
                                           {"sun", "minggu"}};

// 1 for Monday; whole English names too.
absl::StatusOr<int> DayOf(absl::string_view word) {
  const std::string lower = absl::AsciiStrToLower(word);
  for (int i = 0; i < 7; ++i) {
    const std::string whole =
        absl::AsciiStrToLower(campaigns::v1::Weekday_Name(static_cast<Weekday>(i + 1)));
    if (lower == kDays[i][0] || lower == kDays[i][1] || lower == whole) return i + 1;
  }
  return UsageError(absl::StrCat("\"", word,
                                 "\" is no day: write mon, tue, wed, thu, fri, sat, sun, "
                                 "a span such as mon-fri, or daily"));
}

absl::StatusOr<int> Runs(Session& session, const Arguments& arguments) {
  campaigns::v1::ListRunsRequest request;
  request.set_id(arguments.Get("ID"));
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::ListRunsResponse response,
                         api.List(&CampaignsService::Stub::ListRuns, request, paging));
  Table table({{"ID"}, {"NAME"}, {"STATE"}, {"STARTED"}, {"ASKED", true}, {"WHY"}});
  for (const auto& run : response.campaigns()) {
    table.Row({run.id(), Shortened(run.name(), 40), CampaignState_Name(run.state()),
               FormatTime(run.start_time()), absl::StrCat(run.asked()),
               Shortened(run.state_reason(), 80)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

absl::StatusOr<int> Import(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const std::string text, ReadText(session, arguments.Get("FILE")));
  campaigns::v1::PutHolidaysRequest request;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    const absl::string_view line = base::Trim(raw);
    if (line.empty() || line[0] == '#' || line == "date,name") continue;
    const std::vector<std::string> cells = absl::StrSplit(line, absl::MaxSplits(',', 1));
    auto& holiday = *request.add_holidays();
    holiday.set_date(std::string(base::Trim(cells[0])));
    if (cells.size() == 2) holiday.set_name(std::string(base::Trim(cells[1])));
  }
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::PutHolidaysResponse response,
                         api.Call(&CampaignsService::Stub::PutHolidays, request));
  if (session.json()) {
    session.out() << Json(response);
    return kExitOk;
  }
  session.out() << Count(response.holidays(), "holiday") << " of";
  for (const int year : response.years()) session.out() << " " << year;
  session.out() << "; those of before are replaced\n";
  return kExitOk;
}

absl::StatusOr<int> ListHolidays(Session& session, const Arguments& arguments) {
  campaigns::v1::ListHolidaysRequest request;
  KABAR_ASSIGN_OR_RETURN(const std::int64_t year, arguments.Integer("year", 0));
  request.set_year(static_cast<std::int32_t>(std::min<std::int64_t>(year, 9999)));
  Api<CampaignsService> api(session, Area::kCampaigns);
  KABAR_ASSIGN_OR_RETURN(const campaigns::v1::ListHolidaysResponse response,
                         api.Call(&CampaignsService::Stub::ListHolidays, request));
  Table table({{"DATE"}, {"NAME"}});
  for (const auto& holiday : response.holidays()) {
    table.Row({holiday.date(), OneLine(holiday.name())});
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

}  // namespace

absl::StatusOr<std::vector<Weekday>> ParseWeekdays(absl::string_view text) {
  bool wanted[7] = {};
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    if (absl::EqualsIgnoreCase(part, "daily")) {
      for (bool& day : wanted) day = true;
      continue;
    }
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    if (ends.size() > 2) return UsageError(absl::StrCat("\"", part, "\" is no span of days"));
    KABAR_ASSIGN_OR_RETURN(const int first, DayOf(ends.front()));
    KABAR_ASSIGN_OR_RETURN(const int last, DayOf(ends.back()));
    for (int day = first;; day = day % 7 + 1) {  // fri-mon goes over the week end
      wanted[day - 1] = true;
      if (day == last) break;
    }
  }
  std::vector<Weekday> days;
  for (int i = 0; i < 7; ++i) {
    if (wanted[i]) days.push_back(static_cast<Weekday>(i + 1));
  }
  return days;
}

std::string WeekdaysText(const campaigns::v1::Campaign& campaign) {
  std::string text;
  for (const int day : campaign.weekdays()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", kDays[day - 1][0]);
  }
  if (!text.empty() && campaign.skip_holidays()) text += ", not on holidays";
  return text;
}

Command RunsCommand() {
  return {.noun = "campaigns",
          .verb = "runs",
          .summary = "Lists the runs of a campaign that recurs, newest first.",
          .details = "Each is a campaign: campaigns get, report, pause and cancel take its id.",
          .positionals = {{"ID", "the campaign", "id"}},
          .options = WithPaging({}),
          .run = Runs};
}

Commands HolidayCommands() {
  return {{.noun = "holidays",
           .verb = "import",
           .summary = "Sets the holidays of the years that a file names.",
           .details = "Lines of date,name (2026-12-25,Natal). What was there of these years is\n"
                      "replaced. Campaigns with --skip-holidays do not run on them.",
           .positionals = {{"FILE", "the list; - for standard input", "holidays"}},
           .run = Import},
          {.noun = "holidays",
           .verb = "list",
           .summary = "Lists the holidays.",
           .options = {{.name = "year", .value = "YEAR", .help = "only of this year"}},
           .run = ListHolidays}};
}

}  // namespace kabar::kabarctl
