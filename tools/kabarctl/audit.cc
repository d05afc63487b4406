#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/time_util.h"
#include "kabar/audit/v1/audit.grpc.pb.h"
#include "tools/kabarctl/api.h"
#include "tools/kabarctl/command.h"
#include "tools/kabarctl/output.h"

namespace kabar::kabarctl {
namespace {

using audit::v1::AuditEntry;
using audit::v1::AuditService;
using audit::v1::ListAuditLogRequest;
using audit::v1::ListAuditLogResponse;

absl::StatusOr<ListAuditLogResponse> ListOf(Session& session, Area area,
                                            ListAuditLogRequest request, std::int64_t limit) {
  Api<AuditService> api(session, area);
  return api.List(&AuditService::Stub::ListAuditLog, std::move(request), {.limit = limit});
}

bool Later(const AuditEntry& a, const AuditEntry& b) {
  return google::protobuf::util::TimeUtil::TimestampToMicroseconds(a.time()) >
         google::protobuf::util::TimeUtil::TimestampToMicroseconds(b.time());
}

// What changed, in one cell.
std::string Change(const AuditEntry& entry) {
  if (entry.before() == "{}") return entry.after();
  return absl::StrCat(entry.before(), " -> ", entry.after());
}

absl::StatusOr<int> Audit(Session& session, const Arguments& arguments) {
  KABAR_ASSIGN_OR_RETURN(const std::int64_t limit, arguments.Integer("limit", 50));
  KABAR_ASSIGN_OR_RETURN(const absl::Duration since,
                         arguments.Duration("since", absl::ZeroDuration()));
  if (limit < 1) return UsageError("--limit must be at least 1");
  ListAuditLogRequest request;
  request.set_action(arguments.Get("action"));
  request.set_who(arguments.Get("who"));
  request.set_target(arguments.Get("target"));
  request.set_all_outlets(arguments.Has("all-outlets"));
  if (arguments.Has("since")) {
    request.mutable_since()->set_seconds(absl::ToUnixSeconds(absl::Now() - since));
  }
  KABAR_ASSIGN_OR_RETURN(const ListAuditLogResponse sending,
                         ListOf(session, Area::kDispatcher, request, limit));
  KABAR_ASSIGN_OR_RETURN(const ListAuditLogResponse campaigns,
                         ListOf(session, Area::kCampaigns, request, limit));
  KABAR_ASSIGN_OR_RETURN(const ListAuditLogResponse contacts,
                         ListOf(session, Area::kContacts, request, limit));
  std::vector<AuditEntry> entries;
  for (const ListAuditLogResponse* of : {&sending, &campaigns, &contacts}) {
    entries.insert(entries.end(), of->entries().begin(), of->entries().end());
  }
  std::stable_sort(entries.begin(), entries.end(), Later);
  if (static_cast<std::int64_t>(entries.size()) > limit) {
    entries.resize(static_cast<std::size_t>(limit));
  }
  ListAuditLogResponse all;
  Table table({{"TIME"}, {"OUTLET"}, {"WHO"}, {"ACTION"}, {"TARGET"}, {"REASON"}, {"CHANGE"}});
  for (AuditEntry& entry : entries) {
    table.Row({FormatTime(entry.time()), entry.outlet().empty() ? "(all)" : entry.outlet(),
               absl::StrCat(entry.who(), " (", entry.role(), ")"), entry.action(), entry.target(),
               Shortened(entry.reason(), 40), Shortened(Change(entry), 60)});
    *all.add_entries() = std::move(entry);
  }
  PrintList(session, all, table, "");
  return kExitOk;
}

}  // namespace

Commands AuditCommands() {
  return {
      {.noun = "audit",
       .verb = "",
       .summary = "Shows what operators did, newest first: who, when, what, why, from and to.",
       .details = "Of dispatcher (numbers, limits, lanes, pauses, dead letters), campaigns\n"
                  "and contacts together. Entries are written with their effect and never changed.",
       .options = {{.name = "action", .value = "CALL", .help = "only this, e.g. PauseSending"},
                   {.name = "who", .value = "NAME", .help = "only of the key with this name"},
                   {.name = "target", .value = "TARGET", .help = "only of e.g. campaign/cmp_..."},
                   {.name = "since", .value = "TIME", .help = "only the last 90s, 15m, 24h"},
                   {.name = "limit", .value = "N", .help = "at most so many (default 50)"},
                   {.name = "all-outlets", .help = "of every outlet; needs a SERVICE key"}},
       .run = Audit},
  };
}

}  // namespace kabar::kabarctl
