// The timeline.
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "libs/base/status.h"
#include "libs/rpc/guard.h"
#include "services/contacts/convert.h"
#include "services/contacts/handler.h"
#include "services/contacts/paging.h"

namespace kabar::contacts {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

std::string TokenOf(const std::string& list, const TimelineEntry& last) {
  return MakePageToken(list,
                       absl::StrCat(absl::ToUnixMicros(last.time), " ", last.kind, " ", last.id));
}

absl::StatusOr<std::optional<TimelinePlace>> PlaceOf(const std::string& list,
                                                     const std::string& token) {
  KABAR_ASSIGN_OR_RETURN(const std::string last, LastOfPageToken(list, token));
  if (last.empty()) return std::optional<TimelinePlace>();
  const std::vector<std::string> parts = absl::StrSplit(last, absl::MaxSplits(' ', 2));
  int64_t micros = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &micros)) {
    return base::InvalidField("page_token", "is not one of this list");
  }
  return std::optional<TimelinePlace>({absl::FromUnixMicros(micros), parts[1], parts[2]});
}

}  // namespace

grpc::Status Handler::GetContactTimeline(grpc::ServerContext* context,
                                         const v1::GetContactTimelineRequest* request,
                                         v1::GetContactTimelineResponse* response) {
  return rpc::Serve(
      context, guard_, rpc::Access::kRead, [&](const rpc::Call& call) -> absl::Status {
        KABAR_ASSIGN_OR_RETURN(const int size,
                               PageSize(request->page_size(), kDefaultPage, kMaxPage));
        const std::string list = absl::StrCat("timeline ", request->contact_id());
        KABAR_ASSIGN_OR_RETURN(const std::optional<TimelinePlace> after,
                               PlaceOf(list, request->page_token()));
        return store_.Read(call.outlet, "GetContactTimeline", call.deadline,
                           [&](Store::Unit& unit) -> absl::Status {
                             KABAR_ASSIGN_OR_RETURN(
                                 std::vector<TimelineEntry> found,
                                 unit.ListTimeline(request->contact_id(), after, size + 1));
                             response->Clear();
                             const bool more = found.size() > static_cast<std::size_t>(size);
                             if (more) found.pop_back();
                             for (const TimelineEntry& one : found)
                               ToProto(one, response->add_entries());
                             if (more) response->set_next_page_token(TokenOf(list, found.back()));
                             return absl::OkStatus();
                           });
      });
}

}  // namespace kabar::contacts
