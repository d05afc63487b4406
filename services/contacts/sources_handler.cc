#include "services/contacts/sources_handler.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "libs/base/clock.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/paging.h"
#include "services/contacts/store.h"

namespace kabar::contacts {
namespace {

constexpr int kMaxRefusedPage = 100;

constexpr std::pair<Paging, v1::Source::Paging> kPagings[] = {
    {Paging::kNone, v1::Source::PAGING_UNSPECIFIED},
    {Paging::kPageNumber, v1::Source::PAGE_NUMBER},
    {Paging::kCursor, v1::Source::CURSOR},
    {Paging::kNextLink, v1::Source::NEXT_LINK}};

absl::StatusOr<Source> FromProto(const v1::Source& from) {
  Source to;
  to.name = from.name();
  SourceSettings& s = to.settings;
  s.url = from.url();
  s.auth_header = from.auth_header();
  s.auth_secret = from.auth_secret();
  bool known = false;
  for (const auto& [paging, name] : kPagings) {
    if (name != from.paging()) continue;
    s.paging = paging;
    known = true;
  }
  if (!known) return base::InvalidField("source.paging", "is no kind of paging");
  s.page_parameter = from.page_parameter();
  s.first_page = from.first_page();
  s.next_path = from.next_path();
  s.items_path = from.items_path();
  s.mapping.insert(from.mapping().begin(), from.mapping().end());
  s.since_parameter = from.since_parameter();
  s.since_path = from.since_path();
  to.schedule = from.schedule();
  to.time_zone = from.time_zone();
  to.paused = from.paused();
  return to;
}

void ToProto(const Source& from, absl::Time now, v1::Source* to) {
  const SourceSettings& s = from.settings;
  to->set_name(from.name);
  to->set_url(s.url);
  to->set_auth_header(s.auth_header);
  to->set_auth_secret(s.auth_secret);
  for (const auto& [paging, name] : kPagings) {
    if (paging == s.paging) to->set_paging(name);
  }
  to->set_page_parameter(s.page_parameter);
  to->set_first_page(s.first_page);
  to->set_next_path(s.next_path);
  to->set_items_path(s.items_path);
  to->mutable_mapping()->insert(s.mapping.begin(), s.mapping.end());
  to->set_since_parameter(s.since_parameter);
  to->set_since_path(s.since_path);
  to->set_schedule(from.schedule);
  to->set_time_zone(from.time_zone);
  to->set_paused(from.paused);
  SetTime(from.next_at, to->mutable_next_time());
  if (from.last_attempt_at) SetTime(*from.last_attempt_at, to->mutable_last_attempt_time());
  if (from.last_success_at) SetTime(*from.last_success_at, to->mutable_last_success_time());
  to->set_failures(from.failures);
  to->set_error(from.error);
  to->set_import_id(from.import_id);
  to->set_pulling(from.leased_until > now);
  to->set_last_rows(from.last_rows);
  to->set_last_refused(from.last_refused);
  for (const std::string& place : from.missing_places) to->add_missing_places(place);
}

void Note(Store::Unit& unit, const rpc::Call& call, const char* action, const std::string& name) {
  unit.Audit(audit::ActorOf(call),
             {.outlet = call.outlet, .action = action, .target = absl::StrCat("source/", name)});
}

// "1795305600000000 parcel R1": the last row of a page.
absl::StatusOr<std::optional<RefusedRow>> PlaceOf(const std::string& last) {
  if (last.empty()) return std::optional<RefusedRow>();
  const std::size_t blank = last.find(' ');
  int64_t micros = 0;
  if (blank == std::string::npos || !absl::SimpleAtoi(last.substr(0, blank), &micros)) {
    return base::InvalidField("page_token", "is not from an answer to the same list");
  }
  RefusedRow place;
  place.at = absl::FromUnixMicros(micros);
  place.key = last.substr(blank + 1);
  return std::optional<RefusedRow>(std::move(place));
}

}  // namespace

grpc::Status SourcesHandler::PutSource(grpc::ServerContext* context,
                                       const v1::PutSourceRequest* request, v1::Source* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(Source source, FromProto(request->source()));
        KABAR_RETURN_IF_ERROR(CheckSource(rules_, source));
        const absl::Time now = clock_.Now();
        KABAR_ASSIGN_OR_RETURN(source.next_at, NextPull(source, now));
        return store_.Write(call.outlet, "PutSource", call.deadline,
                            [&](Store::Unit& unit) -> absl::Status {
                              KABAR_ASSIGN_OR_RETURN(const Source put, unit.PutSource(source, now));
                              ToProto(put, now, response);
                              Note(unit, call, "PutSource", put.name);
                              return absl::OkStatus();
                            });
      });
}

grpc::Status SourcesHandler::ListSources(grpc::ServerContext* context,
                                         const v1::ListSourcesRequest*,
                                         v1::ListSourcesResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        std::vector<SourceState> sources;
        KABAR_RETURN_IF_ERROR(store_.Read(call.outlet, "ListSources", call.deadline,
                                          [&](Store::Unit& unit) -> absl::Status {
                                            KABAR_ASSIGN_OR_RETURN(sources, unit.ListSources());
                                            return absl::OkStatus();
                                          }));
        for (const SourceState& state : sources) {
          v1::Source* to = response->add_sources();
          ToProto(state.source, clock_.Now(), to);
          to->set_open_refused(state.open_refused);
          for (const RefusedReason& reason : state.reasons) {
            auto* said = to->add_refused_reasons();
            said->set_column(reason.field);
            said->set_reason(reason.reason);
            said->set_rows(reason.rows);
          }
        }
        return absl::OkStatus();
      });
}

grpc::Status SourcesHandler::DeleteSource(grpc::ServerContext* context,
                                          const v1::DeleteSourceRequest* request,
                                          v1::DeleteSourceResponse*) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return store_.Write(call.outlet, "DeleteSource", call.deadline,
                        [&](Store::Unit& unit) -> absl::Status {
                          KABAR_RETURN_IF_ERROR(unit.DeleteSource(request->name()));
                          Note(unit, call, "DeleteSource", request->name());
                          return absl::OkStatus();
                        });
  });
}

grpc::Status SourcesHandler::PullSource(grpc::ServerContext* context,
                                        const v1::PullSourceRequest* request,
                                        v1::Source* response) {
  return rpc::Serve(context, guard_, rpc::Access::kWrite, [&](const rpc::Call& call) {
    return store_.Write(
        call.outlet, "PullSource", call.deadline, [&](Store::Unit& unit) -> absl::Status {
          const absl::Time now = clock_.Now();
          KABAR_ASSIGN_OR_RETURN(const Source due,
                                 unit.PullSourceNow(request->name(), request->from_start(), now));
          ToProto(due, now, response);
          Note(unit, call, "PullSource", due.name);
          return absl::OkStatus();
        });
  });
}

// Raw names and addresses: noted, as an export is.
grpc::Status SourcesHandler::ListRefusedRows(grpc::ServerContext* context,
                                             const v1::ListRefusedRowsRequest* request,
                                             v1::ListRefusedRowsResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int limit,
                               PageSize(request->page_size(), kMaxRefusedPage, kMaxRefusedPage));
        const std::string list = absl::StrCat("refused/", request->name());
        KABAR_ASSIGN_OR_RETURN(const std::string last,
                               LastOfPageToken(list, request->page_token()));
        KABAR_ASSIGN_OR_RETURN(const std::optional<RefusedRow> after, PlaceOf(last));
        std::vector<RefusedRow> rows;
        KABAR_RETURN_IF_ERROR(store_.Write(
            call.outlet, "ListRefusedRows", call.deadline, [&](Store::Unit& unit) -> absl::Status {
              KABAR_ASSIGN_OR_RETURN(rows, unit.ListRefusedRows(request->name(), after, limit));
              if (!after) Note(unit, call, "ListRefusedRows", request->name());
              return absl::OkStatus();
            }));
        for (const RefusedRow& row : rows) ToProto(row, response->add_rows());
        if (static_cast<int>(rows.size()) == limit) {
          response->set_next_page_token(MakePageToken(
              list, absl::StrCat(absl::ToUnixMicros(rows.back().at), " ", rows.back().key)));
        }
        return absl::OkStatus();
      });
}

}  // namespace kabar::contacts
