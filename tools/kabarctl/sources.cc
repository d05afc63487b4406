#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "kabar/contacts/v1/sources.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using contacts::v1::Source;
using contacts::v1::SourcesService;

// How old a source's data is.
std::string Age(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "never";
  const absl::Duration age = absl::Now() - absl::FromUnixSeconds(time.seconds());
  if (age < absl::Minutes(2)) return "just now";
  if (age < absl::Hours(2)) return absl::StrCat(age / absl::Minutes(1), " min ago");
  if (age < absl::Hours(48)) return absl::StrCat(age / absl::Hours(1), " h ago");
  return absl::StrCat(age / absl::Hours(24), " days ago");
}

// "3: phone REQUIRED (2), status TOO_LONG (1)"
std::string Refused(const Source& source) {
  if (source.open_refused() == 0) return "0";
  const std::string more = source.last_refused() > source.open_refused()
                               ? absl::StrCat(" (the last pull refused ", source.last_refused(),
                                              "; mended, pull --from-start)")
                               : "";
  return absl::StrCat(source.open_refused(), ": ",
                      absl::StrJoin(source.refused_reasons(), ", ",
                                    [](std::string* out, const Source::RefusedReason& reason) {
                                      absl::StrAppend(out, reason.column(),
                                                      reason.column().empty() ? "" : " ",
                                                      reason.reason(), " (", reason.rows(), ")");
                                    }),
                      more);
}

// What went wrong, or looks as if it did.
std::string Trouble(const Source& source) {
  if (!source.error().empty() || source.missing_places().empty()) return source.error();
  return absl::StrCat("no item has: ", absl::StrJoin(source.missing_places(), ", "));
}

std::string Next(const Source& source) {
  if (source.pulling()) return "is being pulled";
  return source.paused() ? "paused" : FormatTime(source.next_time());
}

absl::StatusOr<int> List(Session& session, const Arguments&) {
  Api<SourcesService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(
      const contacts::v1::ListSourcesResponse response,
      api.Call(&SourcesService::Stub::ListSources, contacts::v1::ListSourcesRequest()));
  Table table({{"NAME"},
               {"LAST SUCCESS"},
               {"ROWS", true},
               {"REFUSED"},
               {"NEXT"},
               {"FAILURES", true},
               {"ERROR"}});
  for (const Source& source : response.sources()) {
    table.Row({OneLine(source.name()), Age(source.last_success_time()),
               absl::StrCat(source.last_rows()), Shortened(Refused(source), 60), Next(source),
               absl::StrCat(source.failures()), Shortened(Trouble(source), 60)});
  }
  PrintList(session, response, table, "");
  return kExitOk;
}

absl::StatusOr<int> ListRefused(Session& session, const Arguments& arguments) {
  contacts::v1::ListRefusedRowsRequest request;
  request.set_name(arguments.Get("NAME"));
  Api<SourcesService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Paging paging, ReadPaging(arguments));
  KABAR_ASSIGN_OR_RETURN(const contacts::v1::ListRefusedRowsResponse response,
                         api.List(&SourcesService::Stub::ListRefusedRows, request, paging));
  Table table({{"TIME"}, {"COLUMN"}, {"REASON"}, {"MESSAGE"}, {"ROW"}});
  for (const auto& row : response.rows()) {
    const std::map<std::string, std::string> values(row.values().begin(), row.values().end());
    table.Row({FormatTime(row.time()), row.column(), row.reason(), Shortened(row.message(), 60),
               Shortened(absl::StrJoin(values, " ", absl::PairFormatter("=")), 120)});
  }
  PrintList(session, response, table, response.next_page_token());
  return kExitOk;
}

void Print(Session& session, const Source& source) {
  if (session.json()) {
    session.out() << Json(source);
    return;
  }
  session.out() << Details({{"name", OneLine(source.name())},
                            {"url", OneLine(source.url())},
                            {"each day", absl::StrCat(source.schedule(), " ", source.time_zone())},
                            {"next", Next(source)},
                            {"last success", Age(source.last_success_time())},
                            {"error", OneLine(Trouble(source))}});
}

absl::StatusOr<Source::Paging> PagingOf(const std::string& name) {
  static const auto* const kNames =
      new std::map<std::string, Source::Paging>{{"", Source::PAGING_UNSPECIFIED},
                                                {"none", Source::PAGING_UNSPECIFIED},
                                                {"number", Source::PAGE_NUMBER},
                                                {"cursor", Source::CURSOR},
                                                {"link", Source::NEXT_LINK}};
  const auto found = kNames->find(name);
  if (found == kNames->end()) return UsageError("--paging: is none, number, cursor or link");
  return found->second;
}

absl::StatusOr<int> Put(Session& session, const Arguments& arguments) {
  contacts::v1::PutSourceRequest request;
  Source& source = *request.mutable_source();
  source.set_name(arguments.Get("NAME"));
  source.set_url(arguments.Get("url"));
  source.set_auth_header(arguments.Get("auth-header"));
  source.set_auth_secret(arguments.Get("auth-secret"));
  KABAR_ASSIGN_OR_RETURN(const Source::Paging paging, PagingOf(arguments.Get("paging")));
  source.set_paging(paging);
  source.set_page_parameter(arguments.Get("page-parameter"));
  int first = 1;
  if (arguments.Has("first-page") && !absl::SimpleAtoi(arguments.Get("first-page"), &first)) {
    return UsageError("--first-page: is no number");
  }
  source.set_first_page(first);
  source.set_next_path(arguments.Get("next-path"));
  source.set_items_path(arguments.Get("items-path"));
  KABAR_ASSIGN_OR_RETURN(const auto mapping, arguments.Pairs("map"));
  for (const auto& [place, field] : mapping) (*source.mutable_mapping())[place] = field;
  source.set_since_parameter(arguments.Get("since-parameter"));
  source.set_since_path(arguments.Get("since-path"));
  source.set_schedule(arguments.Get("at"));
  source.set_time_zone(arguments.Get("zone"));
  source.set_paused(arguments.Has("paused"));
  Api<SourcesService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Source put, api.Call(&SourcesService::Stub::PutSource, request));
  Print(session, put);
  return kExitOk;
}

absl::StatusOr<int> Pull(Session& session, const Arguments& arguments) {
  contacts::v1::PullSourceRequest request;
  request.set_name(arguments.Get("NAME"));
  request.set_from_start(arguments.Has("from-start"));
  Api<SourcesService> api(session, Area::kContacts);
  KABAR_ASSIGN_OR_RETURN(const Source due, api.Call(&SourcesService::Stub::PullSource, request));
  Print(session, due);
  return kExitOk;
}

absl::StatusOr<int> Delete(Session& session, const Arguments& arguments) {
  contacts::v1::DeleteSourceRequest request;
  request.set_name(arguments.Get("NAME"));
  Api<SourcesService> api(session, Area::kContacts);
  KABAR_RETURN_IF_ERROR(api.Call(&SourcesService::Stub::DeleteSource, request).status());
  if (!session.json()) session.out() << "deleted; what was pulled stays\n";
  return kExitOk;
}

std::vector<Option> PutOptions() {
  return {{.name = "url", .value = "URL", .help = "of the list", .field = "source.url"},
          {.name = "map",
           .value = "PLACE=FIELD",
           .help = "where in an item a field stands, e.g. consignee.phone=phone",
           .field = "source.mapping",
           .repeated = true},
          {.name = "items-path",
           .value = "PLACE",
           .help = "of the list in an answer (default: the answer is the list)",
           .field = "source.items_path"},
          {.name = "auth-header",
           .value = "NAME",
           .help = "default Authorization",
           .field = "source.auth_header"},
          {.name = "auth-secret",
           .value = "FILE",
           .help = "name of the file with the header's value",
           .field = "source.auth_secret"},
          {.name = "paging",
           .value = "KIND",
           .help = "none (default), number, cursor or link",
           .field = "source.paging"},
          {.name = "page-parameter",
           .value = "NAME",
           .help = "takes the page's number or the cursor",
           .field = "source.page_parameter"},
          {.name = "first-page", .value = "N", .help = "default 1", .field = "source.first_page"},
          {.name = "next-path",
           .value = "PLACE",
           .help = "of the next cursor or link in an answer",
           .field = "source.next_path"},
          {.name = "since-parameter",
           .value = "NAME",
           .help = "takes the since-token: only what changed is pulled",
           .field = "source.since_parameter"},
          {.name = "since-path",
           .value = "PLACE",
           .help = "of the token in an answer (default: the time of the pull before)",
           .field = "source.since_path"},
          {.name = "at",
           .value = "TIME",
           .help = "each day, default 07:00",
           .field = "source.schedule"},
          {.name = "zone",
           .value = "ZONE",
           .help = "WIB, WITA, WIT or an IANA name",
           .field = "source.time_zone"},
          {.name = "paused", .help = "is not pulled", .field = "source.paused"}};
}

}  // namespace

Commands SourceCommands() {
  const std::vector<Positional> name = {{"NAME", "the source's name", "source.name"}};
  return {
      {.noun = "sources",
       .verb = "put",
       .summary = "Adds a tracking API that is pulled each morning, or replaces it.",
       .details =
           "Every answer is JSON; what it lists becomes rows as of a file. Its host must be among\n"
           "the installation's --source-hosts. The auth header's value is never given here: it\n"
           "stands in a file below the service's --source-secrets/<outlet>/. Other settings of\n"
           "what is pulled begin anew, without the since-token.\n"
           "  kabarctl sources put kurir --url https://api.kurir.id/v1/parcels --auth-secret kurir "
           "\\\n"
           "      --paging number --page-parameter page --items-path data \\\n"
           "      --map awb=tracking_number --map consignee.phone=phone --map state=status",
       .positionals = name,
       .options = PutOptions(),
       .run = Put},
      {.noun = "sources",
       .verb = "list",
       .summary = "Lists tracking APIs, how fresh their data is and what was refused.",
       .run = List},
      {.noun = "sources",
       .verb = "refused",
       .summary = "Lists the rows that were refused and did not come in order since.",
       .positionals = name,
       .options = WithPaging(),
       .run = ListRefused},
      {.noun = "sources",
       .verb = "pull",
       .summary = "Pulls one now, beside its schedule.",
       .positionals = name,
       .options = {{.name = "from-start",
                    .help = "everything that the API has, not only what changed",
                    .field = "from_start"}},
       .run = Pull},
      {.noun = "sources",
       .verb = "delete",
       .summary = "Pulls one no more; what was pulled stays.",
       .positionals = name,
       .run = Delete},
  };
}

}  // namespace kabar::kabarctl
